"""The stop-use notice: the engineer writes the danger, the customer reads it in red and signs.

Owns this page. Every other page may wait; this one works without a network and without anything before it.
"""

from __future__ import annotations

import flet as ft

from common.i18n import translate
from field_app.i18n import LANGUAGES, NATIVE_NAMES, use_t
from field_app.screens.handing import InCustomersHands, NoTicket, Signature, Thanks, told
from field_app.state.stop_use import StopUse
from field_app.ui import use_app, use_session
from field_app.widgets.fields import ChoiceField, DraftField, MainButton, Option, TextInput, use_text
from field_app.widgets.layout import Screen
from field_app.widgets.safe import safe_component
from field_app.widgets.signing import Chips, Note, StepButtons
from field_app.widgets.states import TEXT, Card, EmptyState, Section
from field_app.widgets.theme import RADIUS_PX, State, use_palette

HAZARDS = ("electric", "dose", "fire", "mechanical")
INSTRUCTIONS = ("switch_off", "set_aside")


@safe_component
def StopUseScreen() -> ft.Control:
    """Give one notice."""
    app, session = use_app(), use_session()
    ticket_id = ft.use_route_params().get("id", "")
    model = ft.use_memo(lambda: StopUse(app, session.drafts, ticket_id), [ticket_id])
    return _Flow(model)


@safe_component
def _Flow(model: StopUse) -> ft.Control:
    if model.facts is None:
        return NoTicket()
    if not model.is_with_customer:
        return _Write(model)
    body = {"sign": lambda: _Sign(model, key="sign"), "done": lambda: _Done(model, key="done")}
    step = model.step if model.step in body else "sign"
    return InCustomersHands(
        model, f"app.stop_use.heading.{step}", body[step], f"/ticket/{model.ticket_id}", key="hands"
    )


@safe_component
def _Write(model: StopUse) -> ft.Control:
    t, page = use_t(), ft.context.page
    facts = model.facts
    assert facts is not None
    back = f"/ticket/{model.ticket_id}"
    if not facts.equipment_id:
        return EmptyState(
            ft.Icons.DEVICES_OTHER_OUTLINED,
            t("app.stop_use.no_unit"),
            t("app.stop_use.no_unit_hint"),
            t("app.back"),
            lambda _: page.navigate(back),
        )
    given = [
        Note("notice-given", ft.Icons.DANGEROUS_OUTLINED, State.DANGER, t("app.stop_use.given"))
        for _ in range(min(facts.notices, 1))
    ]
    return Screen(
        "stop-use",
        t("app.stop_use.title"),
        [
            Note(
                "notice-hint", ft.Icons.DANGEROUS_OUTLINED, State.DANGER, facts.unit, t("app.stop_use.hint")
            ),
            *given,
            ChoiceField(
                "customer-speaks",
                t("app.sign_off.language"),
                [Option(code, NATIVE_NAMES[code]) for code in LANGUAGES],
                model.language or t.language,
                model.choose_language,
            ),
            _Wording(model, "hazard", HAZARDS, t("app.stop_use.hazard_hint"), key="hazard-part"),
            _Wording(model, "instruction", INSTRUCTIONS, "", told(t, model.trouble), key="instruction-part"),
        ],
        subtitle=f"{facts.number} · {facts.customer}",
        on_back=lambda _: page.navigate(back),
        bottom=[
            MainButton(
                "hand-over",
                t("app.stop_use.hand_over"),
                lambda _: model.hand_over(),
                ft.Icons.LOCK_OUTLINE,
                kind="danger",
            )
        ],
    )


@safe_component
def _Wording(model: StopUse, name: str, codes: tuple[str, ...], hint: str, error: str = "") -> ft.Control:
    t, session = use_t(), use_session()
    version, set_version = ft.use_state(0)
    draft = DraftField(session.drafts, model.form.key, name)
    box = use_text("", draft, version)

    def add(word: str) -> None:
        before = model.form.text(name)
        if word not in before:
            model.form.keep(**{name: f"{before}\n{word}".strip()})
            set_version(version + 1)

    # What the customer will read is written in the customer's language.
    words = [(code, translate(model.language or t.language, f"app.stop_use.{name}.{code}")) for code in codes]
    return Card(
        Section(
            t(f"field.{name}"),
            [
                Chips(name, words, add),
                TextInput(
                    box, name, t(f"field.{name}"), draft, multiline=True, error=error, key=f"{name}-{version}"
                ),
            ],
            hint,
        )
    )


@safe_component
def _Sign(model: StopUse) -> ft.Control:
    t, palette = use_t(), use_palette()
    facts, form, tone = model.facts, model.form, palette.tone(State.DANGER)

    def fact(label: str, text: str) -> ft.Control:
        return ft.Column(
            [
                ft.Text(label, theme_style=TEXT.LABEL_MEDIUM, color=tone.fg),
                ft.Text(text, theme_style=TEXT.TITLE_MEDIUM, color=tone.fg),
            ],
            spacing=2,
            tight=True,
        )

    notice = ft.Container(
        bgcolor=tone.bg,
        border=ft.Border.all(3, tone.fg),
        border_radius=RADIUS_PX,
        padding=22,
        content=ft.Row(
            [
                ft.Icon(ft.Icons.DANGEROUS, size=56, color=tone.fg),
                ft.Column(
                    [
                        fact(t("app.stop_use.unit"), facts.unit if facts else ""),
                        fact(t("field.hazard"), form.text("hazard")),
                        fact(t("field.instruction"), form.text("instruction")),
                    ],
                    spacing=14,
                    tight=True,
                    expand=True,
                ),
            ],
            spacing=20,
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
    )
    return ft.Column(
        [
            notice,
            Signature(model, 130, key="signature-part"),
            ft.Text(t("app.stop_use.statement"), theme_style=TEXT.BODY_MEDIUM),
            StepButtons(
                lambda _: model.sign(),
                t("app.stop_use.sign"),
                ft.Icons.DRAW_OUTLINED,
                error=told(t, model.trouble),
                kind="danger",
            ),
        ],
        spacing=20,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def _Done(model: StopUse) -> ft.Control:
    t = use_t()
    return Thanks([t("app.stop_use.done", unit=model.facts.unit if model.facts else "")])
