"""The part of the gate that gets a lost key back: ask, read a code to the office, choose a new PIN.

Owns these cards and what all cards of the gate share. Shows nothing of the work.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from field_app.i18n import use_t
from field_app.state.gate import GateModel
from field_app.widgets.fields import MainButton, TextInput, use_text
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Banner, Card, ErrorCard, Working, identified
from field_app.widgets.theme import State, use_palette

CODE_PX = 40
BOLD = ft.FontWeight.BOLD


@safe_component
def AskForKey(model: GateModel) -> ft.Control:
    """Show the code to read out, and how the request stands."""
    t, palette = use_t(), use_palette()

    async def hear(_: Any) -> None:
        await model.hear()

    ink = palette.on_primary_soft
    code = ft.Text(model.code, size=CODE_PX, weight=BOLD, color=ink, text_align=ft.TextAlign.CENTER)
    parts: list[ft.Control] = [
        ft.Text(t("app.gate.code"), theme_style=TEXT.BODY_LARGE),
        identified(
            "gate-code", ft.Container(code, bgcolor=palette.primary_soft, border_radius=12, padding=16)
        ),
    ]
    tone, words = {
        "out": (State.WAITING, "app.gate.asked.out"),
        "declined": (State.DANGER, "app.gate.asked.declined"),
    }.get(model.asking, (State.WAITING, "app.gate.asked.waiting"))
    parts.append(Banner(tone, t(words), t(f"{words}_do"), ident="gate-asked"))
    parts += answer_to(model)
    if model.asking == "declined":
        parts.append(ask_button(model, "app.gate.ask_again"))
    elif not model.is_busy:
        parts.append(MainButton("gate-hear", t("app.gate.hear"), hear, ft.Icons.REFRESH))
    back = MainButton(
        "gate-back", t("app.gate.back"), lambda _: model.stop_asking(), ft.Icons.ARROW_BACK, kind="other"
    )
    parts.append(back)
    return Card(stacked(parts))


@safe_component
def KeyAgain(model: GateModel) -> ft.Control:
    """Let a new PIN be chosen: the key is back."""
    t, page = use_t(), ft.context.page
    pin, again = use_text(""), use_text("")

    async def recover(_: Any = None) -> None:
        await model.recover(pin.value, again.value)

    parts: list[ft.Control] = [
        Banner(State.SENT, t("app.gate.given"), t("app.gate.given_do"), ident="gate-given"),
        TextInput(
            pin, "gate-new", t("app.gate.new"), hint=t("app.gate.new_hint", n=model.fewest), password=True,
            keyboard=ft.KeyboardType.VISIBLE_PASSWORD, autofocus=True, key="new",
        ),
        TextInput(
            again, "gate-again", t("app.gate.again"), password=True,
            keyboard=ft.KeyboardType.VISIBLE_PASSWORD, on_submit=lambda _: page.run_task(recover), key="again",
        ),
        *answer_to(model),
    ]  # fmt: skip
    if not model.is_busy:
        parts.append(MainButton("gate-recover", t("app.gate.choose_go"), recover, ft.Icons.LOCK_OUTLINE))
    return Card(stacked(parts))


def ask_button(model: GateModel, words: str) -> ft.Control:
    """Make the button that asks the office for the key."""
    t = use_t()
    return MainButton(
        "gate-ask", t(words), lambda _: model.ask_for_key(), ft.Icons.SUPPORT_AGENT, kind="other"
    )


def answer_to(model: GateModel) -> list[ft.Control]:
    """Say what came of the last thing a person did at the gate."""
    t = use_t()
    if model.is_busy:
        return [Working(t("app.gate.busy"), ident="gate-busy")]
    trouble = model.trouble
    if trouble is None:
        return []
    told = t(f"app.gate.{trouble.code}", **dict(trouble.values))
    return [ErrorCard(t("app.gate.failed"), told, ident="gate-error")]


def stacked(parts: list[ft.Control]) -> ft.Control:
    """Put the parts of a card below one another."""
    return ft.Column(parts, spacing=16, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)
