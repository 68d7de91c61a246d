"""Fields people fill in: text that survives a Chinese keyboard, quantities with big steps, choices.

Owns input behaviour and keeping half-typed text. Knows no rules: what is right or wrong comes in as `error`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import flet as ft

from common.kernel.quantity import parse_quantity
from field_app.i18n import use_t
from field_app.state.drafts import Drafts
from field_app.ui import use_session
from field_app.widgets.safe import guard, safe_component, use_guard
from field_app.widgets.states import TEXT, identified
from field_app.widgets.theme import MAIN_TARGET_PX, RADIUS_PX, TARGET_PX, Palette, State, use_palette


@dataclass(frozen=True, slots=True)
class DraftField:
    """Where a half-typed field is kept: `form` such as `diagnosis:<ticket_id>`, `name` such as `cause`."""

    drafts: Drafts
    form: str
    name: str


@dataclass(eq=False, slots=True)
class TextBox:
    """A live text: `value` is what stands in the field now, also between renders."""

    value: str

    def clean(self) -> str:
        """Return the text without blanks around it."""
        return self.value.strip()


def use_text(initial: str = "", draft: DraftField | None = None, reset: object = 0) -> TextBox:
    """Return the live text of a field; the half-typed draft wins over `initial`.

    A new `reset` value (such as a record id and version) starts afresh.
    """

    def make() -> TextBox:
        return TextBox(draft.drafts.get(draft.form, draft.name, initial) if draft else initial)

    return ft.use_memo(make, [reset, draft.form if draft else "", draft.name if draft else ""])


@safe_component
def TextInput(
    box: TextBox,
    ident: str,
    label: str,
    draft: DraftField | None = None,
    hint: str = "",
    error: str = "",
    multiline: bool = False,
    max_length: int | None = None,
    disabled: bool = False,
    password: bool = False,
    keyboard: ft.KeyboardType = ft.KeyboardType.TEXT,
    on_change: Callable[[str], Any] | None = None,
    on_submit: Callable[[str], Any] | None = None,
    autofocus: bool = False,
) -> ft.Control:
    """Show a text field that keeps the same control between renders: a re-render while a Chinese keyboard is
    composing would corrupt the text. Read the text from `box.value`; `on_change` must not re-render the form
    at every key unless it has to. `on_submit` is for short fields that a scanner fills."""
    session, palette = use_session(), use_palette()
    # The kept control calls what the newest render gave.
    told = ft.use_memo(dict[str, Callable[[str], Any] | None], [])
    told.update(change=on_change, submit=on_submit)

    def make() -> ft.TextField:
        def changed(event: ft.Event[ft.TextField]) -> None:
            box.value = event.control.value
            if draft:
                draft.drafts.put(draft.form, draft.name, box.value)
            tell = told["change"]
            if tell:
                tell(box.value)

        def submitted(event: ft.Event[ft.TextField]) -> None:
            box.value = event.control.value
            tell = told["submit"]
            if tell:
                tell(box.value)

        report = session.troubles.report
        return ft.TextField(
            key=ident,
            label=label,
            hint_text=hint or None,
            value=box.value,
            multiline=multiline,
            min_lines=3 if multiline else None,
            max_lines=8 if multiline else 1,
            max_length=max_length,
            disabled=disabled,
            password=password,
            keyboard_type=ft.KeyboardType.MULTILINE if multiline else keyboard,
            autofocus=autofocus,
            filled=True,
            fill_color=palette.card,
            border=_border(palette),
            content_padding=ft.Padding.symmetric(horizontal=16, vertical=16),
            align_label_with_hint=True,
            on_change=guard(changed, report),
            on_submit=guard(submitted, report) if on_submit else None,
        )

    field = ft.use_memo(make, [box, ident, label, hint, multiline, max_length, disabled, palette.dark])
    return _with_error(identified(ident, field), error, ident)


def _border(palette: Palette) -> dict[ft.ControlState, ft.InputBorder]:
    def line(width_px: float, color: str) -> ft.OutlineInputBorder:
        return ft.OutlineInputBorder(side=ft.BorderSide(width_px, color), border_radius=RADIUS_PX)

    return {
        ft.ControlState.DEFAULT: line(1.2, palette.soft),
        ft.ControlState.FOCUSED: line(2.5, palette.primary),
        ft.ControlState.DISABLED: line(1, palette.line),
    }


def _with_error(field: ft.Control, error: str, ident: str) -> ft.Control:
    # The line stands below the kept control: telling an error must not rebuild the field.
    parts = [field, *([_ErrorLine(error, ident)] if error else [])]
    return ft.Column(parts, tight=True, spacing=6, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@safe_component
def _ErrorLine(error: str, ident: str) -> ft.Control:
    tone = use_palette().tone(State.DANGER)
    return identified(
        f"{ident}-error",
        ft.Row(
            [
                ft.Icon(ft.Icons.ERROR_OUTLINE, size=20, color=tone.fg),
                ft.Text(error, color=tone.fg, theme_style=TEXT.LABEL_MEDIUM, expand=True),
            ],
            spacing=8,
        ),
        live_region=True,
    )


def read_decimal(text: str) -> Decimal | None:
    """Read a typed number of at most three places: full-width digits and a decimal comma are understood;
    None when it is no number."""
    plain = unicodedata.normalize("NFKC", text).replace("。", ".").replace(" ", "")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    try:
        return parse_quantity(plain)
    except ValueError:
        return None


def write_decimal(number: Decimal | None) -> str:
    """Write a number plainly, without exponent or needless zeros."""
    if number is None:
        return ""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _step_button(
    ident: str,
    words: str,
    icon: ft.IconData,
    palette: Palette,
    disabled: bool,
    on_click: Callable[[Any], Any],
) -> ft.Control:
    return identified(
        ident,
        ft.IconButton(
            ft.Icon(icon, semantics_label=words),
            key=ident,
            width=MAIN_TARGET_PX,
            height=MAIN_TARGET_PX,
            disabled=disabled,
            style=ft.ButtonStyle(
                bgcolor=palette.primary_soft,
                color=palette.on_primary_soft,
                shape=ft.RoundedRectangleBorder(radius=RADIUS_PX),
            ),
            on_click=on_click,
        ),
    )


@safe_component
def NumberField(
    ident: str,
    label: str,
    value: Decimal | None,
    on_change: Callable[[Decimal | None], Any],
    step: Decimal = Decimal(1),
    minimum: Decimal | None = Decimal(0),
    maximum: Decimal | None = None,
    unit: str = "",
    error: str = "",
    disabled: bool = False,
) -> ft.Control:
    """Show a number between two big step buttons. `on_change(None)` when the typed text is no number."""
    t, palette, guarded = use_t(), use_palette(), use_guard()
    typed, set_typed = ft.use_state(write_decimal(value))
    shown = typed if read_decimal(typed) == value else write_decimal(value)

    def clamp(number: Decimal) -> Decimal:
        low = number if minimum is None else max(number, minimum)
        return low if maximum is None else min(low, maximum)

    def stepped(by: Decimal) -> None:
        fresh = clamp((value or Decimal(0)) + by)
        set_typed(write_decimal(fresh))
        on_change(fresh)

    def changed(event: ft.Event[ft.TextField]) -> None:
        set_typed(event.control.value)
        on_change(read_decimal(event.control.value))

    def step_button(name: str, icon: ft.IconData, by: Decimal, at_end: bool) -> ft.Control:
        words = t(f"app.number.{name}", label=label)
        do = guarded(lambda _: stepped(by))
        return _step_button(f"{ident}-{name}", words, icon, palette, disabled or at_end, do)

    number = value if value is not None else Decimal(0)
    row = ft.Row(
        [
            step_button("less", ft.Icons.REMOVE, -step, minimum is not None and number <= minimum),
            ft.Container(
                width=150,
                content=identified(
                    ident,
                    ft.TextField(
                        key=ident,
                        label=label,
                        value=shown,
                        suffix=unit or None,
                        disabled=disabled,
                        text_align=ft.TextAlign.CENTER,
                        keyboard_type=ft.KeyboardType.NUMBER,
                        filled=True,
                        fill_color=palette.card,
                        border=_border(palette),
                        on_change=guarded(changed),
                    ),
                ),
            ),
            step_button("more", ft.Icons.ADD, step, maximum is not None and number >= maximum),
        ],
        spacing=10,
    )
    return _with_error(row, error, ident)


@dataclass(frozen=True, slots=True)
class Option:
    """One possible answer; `state` colours it when chosen (pass, fail …)."""

    value: str
    text: str
    icon: ft.IconData | None = None
    state: State | None = None


@safe_component
def ChoiceField(
    ident: str,
    label: str,
    options: Sequence[Option],
    value: str | None,
    on_change: Callable[[str], Any],
    error: str = "",
    disabled: bool = False,
    stacked: bool = False,
    equal: bool = False,
) -> ft.Control:
    """Show all answers as big buttons, the chosen one filled, with a tick and said to assistive tools.

    `stacked` puts one answer a line, for long texts; `equal` all on one line, for a few short ones.
    """
    palette, guarded = use_palette(), use_guard()

    def button(option: Option) -> ft.Control:
        chosen = option.value == value
        tone = palette.tone(option.state or State.INFO)
        # What cannot be chosen any more must not look as if it could: only what was chosen keeps its colour.
        ink, edge = (palette.soft, palette.line) if disabled else (palette.ink, palette.soft)
        style = ft.ButtonStyle(
            bgcolor=tone.bg if chosen else ft.Colors.TRANSPARENT if disabled else palette.card,
            color=tone.fg if chosen else ink,
            icon_color=tone.fg if chosen else edge,
            side=ft.BorderSide(2 if chosen else 1.2, tone.fg if chosen else edge),
            alignment=ft.Alignment.CENTER_LEFT if stacked else None,
            padding=ft.Padding.symmetric(horizontal=6, vertical=12) if equal else None,
        )
        icon = ft.Icons.CHECK_CIRCLE if chosen else option.icon or ft.Icons.CIRCLE_OUTLINED
        return identified(
            f"{ident}-{option.value}",
            ft.OutlinedButton(
                option.text,
                icon=icon,
                key=f"{ident}-{option.value}",
                style=style,
                disabled=disabled,
                height=None if stacked else MAIN_TARGET_PX,
                on_click=guarded(lambda _, picked=option.value: on_change(picked)),
            ),
            selected=chosen,
            expand=equal or None,
        )

    buttons = [button(option) for option in options]
    answers: ft.Control = (
        ft.Column(buttons, spacing=8, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
        if stacked
        else ft.Row(buttons, spacing=8, run_spacing=8, wrap=not equal)
    )
    head = [ft.Text(label, theme_style=TEXT.TITLE_SMALL)] if label else []
    return _with_error(ft.Column([*head, answers], spacing=8, tight=True), error, ident)


@safe_component
def MainButton(
    ident: str,
    text: str,
    on_click: Callable[[Any], Any],
    icon: ft.IconData | None = None,
    disabled: bool = False,
    kind: str = "main",
    expand: bool = False,
) -> ft.Control:
    """Show an action. `kind`: main (filled), other (outlined), danger (filled in the danger tone)."""
    palette, guarded = use_palette(), use_guard()
    common: dict[str, Any] = {
        "key": ident,
        "icon": icon,
        "disabled": disabled,
        "on_click": guarded(on_click),
        "height": MAIN_TARGET_PX if kind != "other" else max(TARGET_PX, 52),
    }
    if kind == "other":
        control: ft.Control = ft.OutlinedButton(text, **common)
    elif kind == "danger":
        tone = palette.tone(State.DANGER)
        control = ft.FilledButton(text, style=ft.ButtonStyle(bgcolor=tone.fg, color=palette.card), **common)
    else:
        control = ft.FilledButton(text, **common)
    return (
        identified(ident, control)
        if not expand
        else ft.Container(expand=True, content=identified(ident, control))
    )
