"""What somebody reads and signs: the paper, the steps, name, function and signature.

Owns their looks, large enough for a customer. Knows no rules: what is lacking comes in as a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flet as ft

from common.visit.voucher import Row, Section
from field_app.i18n import use_t
from field_app.state.drafts import Drafts
from field_app.ui import Form, use_form
from field_app.widgets.fields import DraftField, MainButton, TextInput, use_text
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signature import SignaturePad
from field_app.widgets.states import TEXT, identified
from field_app.widgets.strokes import Signature
from field_app.widgets.theme import RADIUS_PX, State, use_palette

LABEL_PX = 210
ROLES = ("head_nurse", "department", "equipment_office", "user")
BUTTON_TEXT_MIN_PX = 64


@safe_component
def Steps(place: int, of: int) -> ft.Control:
    """Show how far one is: a bar a step, and words."""
    t, palette = use_t(), use_palette()
    bars = [
        ft.Container(
            height=6, border_radius=3, expand=True, bgcolor=palette.primary if n <= place else palette.line
        )
        for n in range(1, of + 1)
    ]
    return ft.Column(
        [
            ft.Row(list(bars), spacing=6),
            ft.Text(
                t("app.signing.step", place=place, of=of),
                theme_style=TEXT.BODY_SMALL,
                color=palette.soft,
            ),
        ],
        spacing=6,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def Paper(title: str, mark: str, sections: Sequence[Section], ident: str = "paper") -> ft.Control:
    """Show a document as it will be printed: head, then titled groups of label and value."""
    palette, phone = use_palette(), use_form() is Form.PHONE
    number = ft.Text(mark, theme_style=TEXT.TITLE_SMALL, color=palette.soft, selectable=True)
    heading = ft.Text(title, theme_style=TEXT.TITLE_LARGE, expand=not phone)
    head: ft.Control = (
        ft.Column([heading, number], spacing=2, tight=True)
        if phone
        else ft.Row([heading, number], spacing=12)
    )
    return identified(
        ident,
        ft.Container(
            bgcolor=palette.card,
            border=ft.Border.all(1, palette.line),
            border_radius=RADIUS_PX,
            clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
            content=ft.Column(
                [
                    ft.Container(height=6, bgcolor=palette.primary),
                    ft.Container(
                        padding=ft.Padding.symmetric(horizontal=18 if phone else 28, vertical=20),
                        content=ft.Column(
                            [head, *[_PaperSection(section) for section in sections]],
                            spacing=22,
                            tight=True,
                            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                        ),
                    ),
                ],
                spacing=0,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
        ),
    )


@safe_component
def _PaperSection(section: Section) -> ft.Control:
    palette = use_palette()
    head = ft.Container(
        border=ft.Border.only(bottom=ft.BorderSide(1.5, palette.line)),
        padding=ft.Padding.only(bottom=4),
        content=ft.Semantics(
            header=True,
            content=ft.Text(section.title, theme_style=TEXT.TITLE_MEDIUM, color=palette.primary),
        ),
    )
    return ft.Column(
        [head, *[_PaperRow(row) for row in section.rows]],
        spacing=8,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def _PaperRow(row: Row) -> ft.Control:
    palette, phone = use_palette(), use_form() is Form.PHONE
    weight = ft.FontWeight.W_600 if row.strong else None
    value = ft.Text(row.value, theme_style=TEXT.BODY_LARGE, weight=weight, expand=not phone)
    if not row.label:
        return value
    label = ft.Text(
        row.label, theme_style=TEXT.BODY_MEDIUM, color=palette.soft, width=None if phone else LABEL_PX
    )
    if phone:
        return ft.Column([label, value], spacing=0, tight=True)
    return ft.Row([label, value], spacing=16, vertical_alignment=ft.CrossAxisAlignment.START)


@safe_component
def Note(ident: str, icon: ft.IconData, state: State, title: str, body: str = "") -> ft.Control:
    """Show what matters on this page: icon, words, and a sentence more."""
    palette = use_palette()
    tone = palette.tone(state)
    words: list[ft.Control] = [ft.Text(title, theme_style=TEXT.TITLE_MEDIUM, color=tone.fg)]
    if body:
        words.append(ft.Text(body, theme_style=TEXT.BODY_MEDIUM, color=tone.fg))
    return identified(
        ident,
        ft.Container(
            bgcolor=tone.bg,
            border=ft.Border.all(1, tone.edge),
            border_radius=RADIUS_PX,
            padding=16,
            content=ft.Row(
                [
                    ft.Icon(icon, size=30, color=tone.fg),
                    ft.Column(words, spacing=2, tight=True, expand=True),
                ],
                spacing=14,
            ),
        ),
    )


@safe_component
def BigChoice(
    ident: str, icon: ft.IconData, title: str, body: str, state: State, chosen: bool, on_click: Callable[[Any], Any],
    disabled: bool = False,
) -> ft.Control:  # fmt: skip
    """Show one of few answers as a card to be touched: icon, word, explanation."""
    palette, guarded = use_palette(), use_guard()
    tone = palette.tone(state)
    ink = palette.soft if disabled else tone.fg
    words = ft.Column(
        [
            ft.Text(title, theme_style=TEXT.TITLE_MEDIUM, color=ink),
            ft.Text(body, theme_style=TEXT.BODY_MEDIUM, color=palette.soft if not chosen else tone.fg),
        ],
        spacing=2,
        tight=True,
        expand=True,
    )
    mark = ft.Icons.RADIO_BUTTON_CHECKED if chosen else ft.Icons.RADIO_BUTTON_UNCHECKED
    card = ft.Container(
        key=ident,
        bgcolor=tone.bg if chosen else palette.card,
        border=ft.Border.all(3 if chosen else 1.5, tone.fg if chosen else palette.line),
        border_radius=RADIUS_PX,
        padding=18,
        ink=not disabled,
        on_click=None if disabled else guarded(on_click),
        content=ft.Row(
            [ft.Icon(icon, size=40, color=ink), words, ft.Icon(mark, size=26, color=ink)],
            spacing=16,
        ),
    )
    return identified(ident, card, button=True, selected=chosen)


@safe_component
def SignBlock(
    drafts: Drafts,
    form_key: str,
    width_tenths: int,
    height_tenths: int,
    strokes: Sequence[Sequence[Sequence[int]]],
    on_strokes: Callable[[int, int, list[list[list[int]]]], Any],
    pad_px: int = 200,
) -> ft.Control:
    """Ask for name, function and signature. Texts are kept under `signer_name` and `signer_role` of the form."""
    t, phone = use_t(), use_form() is Form.PHONE
    version, set_version = ft.use_state(0)
    name_draft = DraftField(drafts, form_key, "signer_name")
    role_draft = DraftField(drafts, form_key, "signer_role")
    name, role = use_text("", name_draft), use_text("", role_draft, version)
    frozen = tuple(tuple((p[0], p[1], p[2]) for p in stroke) for stroke in strokes)
    begun = ft.use_memo(lambda: Signature(width_tenths, height_tenths, frozen), [form_key])

    def choose(word: str) -> None:
        drafts.put(form_key, "signer_role", word)
        set_version(version + 1)

    def drawn(signature: Signature) -> None:
        on_strokes(signature.width, signature.height, signature.as_lists())

    fields: list[ft.Control] = [
        TextInput(name, "signer-name", t("field.signer_name"), name_draft),
        TextInput(role, "signer-role", t("field.signer_role"), role_draft, key=f"role-{version}"),
    ]
    row: ft.Control = (
        ft.Column(fields, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        if phone
        else ft.Row([ft.Container(one, expand=True) for one in fields], spacing=16)
    )
    return ft.Column(
        [
            row,
            Chips("role", [(code, t(f"app.signing.role.{code}")) for code in ROLES], choose),
            SignaturePad("signature", drawn, height_px=pad_px, initial=begun),
        ],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def Chips(ident: str, words: Sequence[tuple[str, str]], on_choose: Callable[[str], Any]) -> ft.Control:
    """Show words that fill a field when touched."""
    palette, guarded, phone = use_palette(), use_guard(), use_form() is Form.PHONE

    def chip(code: str, word: str) -> ft.Control:
        return identified(
            f"{ident}-{code}",
            ft.OutlinedButton(
                ft.Text(word, theme_style=TEXT.LABEL_MEDIUM if phone else TEXT.LABEL_LARGE),
                key=f"{ident}-{code}",
                height=48,
                style=ft.ButtonStyle(
                    bgcolor=palette.primary_soft,
                    color=palette.on_primary_soft,
                    side=ft.BorderSide(1, palette.line),
                    shape=ft.RoundedRectangleBorder(radius=24),
                    padding=ft.Padding.symmetric(horizontal=12 if phone else 16),
                ),
                on_click=guarded(lambda _, text=word: on_choose(text)),
            ),
        )

    return ft.Row([chip(code, word) for code, word in words], spacing=8, run_spacing=8, wrap=True)


@safe_component
def StepButtons(
    on_next: Callable[[Any], Any],
    text: str,
    icon: ft.IconData,
    on_back: Callable[[Any], Any] | None = None,
    error: str = "",
    kind: str = "main",
) -> ft.Control:
    """Show the way on at the end of a step, the way back beside it, and above both what is still lacking."""
    t, palette, phone = use_t(), use_palette(), use_form() is Form.PHONE
    tone = palette.tone(State.DANGER)
    buttons: list[ft.Control] = [MainButton("step-next", text, on_next, icon, kind=kind)]
    if on_back is not None:
        buttons.insert(0, MainButton("step-back", t("app.back"), on_back, ft.Icons.ARROW_BACK, kind="other"))
    told: list[ft.Control] = []
    if error:
        told.append(
            identified(
                "step-error",
                ft.Container(
                    bgcolor=tone.bg,
                    border_radius=RADIUS_PX,
                    padding=14,
                    content=ft.Row(
                        [
                            ft.Icon(ft.Icons.ERROR_OUTLINE, color=tone.fg),
                            ft.Text(error, color=tone.fg, theme_style=TEXT.TITLE_SMALL, expand=True),
                        ],
                        spacing=10,
                    ),
                ),
                live_region=True,
            )
        )
    apart = ft.MainAxisAlignment.SPACE_BETWEEN if on_back else ft.MainAxisAlignment.END
    row: ft.Control = (
        ft.Column(list(reversed(buttons)), spacing=10, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        if phone
        else ft.Row(buttons, spacing=12, alignment=apart)
    )  # fmt: skip
    return ft.Column([*told, row], spacing=14, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
