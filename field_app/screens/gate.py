"""The page before all others while the tablet is locked: choose a PIN, give it, or read why no PIN helps.

Owns this page. It shows nothing of the work but how much of it waits.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from field_app.data import use_tablet
from field_app.i18n import use_t
from field_app.screens.gate_key import AskForKey, KeyAgain, answer_to, ask_button, stacked
from field_app.screens.rescue import RescueButton
from field_app.state.gate import GateModel
from field_app.ui import Form, use_form, use_gate
from field_app.widgets.fields import MainButton, TextInput, use_text
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Banner, Card, ErrorCard, identified
from field_app.widgets.theme import State, use_palette

PAGE_PX = 480
SIGN_PX = 72


@safe_component
def GateScreen() -> ft.Control:
    """Stand before every screen until the tablet is open."""
    tablet, gate, palette, phone = use_tablet(), use_gate(), use_palette(), use_form() is Form.PHONE
    model = ft.use_memo(lambda: GateModel(tablet), [])
    body = {"choose": _Choose, "unlock": _Unlock}.get(gate.step, _Lost)
    if gate.asking and gate.step in ("unlock", "lost"):
        body = KeyAgain if gate.asking == "given" else AskForKey
    held = ft.Container(
        ft.Column(
            [_Head(gate.step, key="head"), body(model, key=gate.step)],
            spacing=24,
            tight=True,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
        expand=phone,
        width=None if phone else PAGE_PX,
        padding=ft.Padding.symmetric(horizontal=20, vertical=32 if phone else 72),
    )
    row = ft.Row([held], alignment=ft.MainAxisAlignment.CENTER)
    page = ft.Column([row], expand=True, scroll=ft.ScrollMode.AUTO)
    return identified(
        f"gate-{gate.step}", ft.Container(page, expand=True, bgcolor=palette.page), key=gate.step
    )


@safe_component
def _Head(step: str) -> ft.Control:
    t, palette = use_t(), use_palette()
    bad = step in ("lost", "stopped", "wiped")
    sign = ft.Container(
        width=SIGN_PX,
        height=SIGN_PX,
        border_radius=SIGN_PX // 2,
        bgcolor=palette.tone(State.DANGER).bg if bad else palette.primary,
        alignment=ft.Alignment.CENTER,
        content=ft.Icon(
            ft.Icons.LOCK_RESET if bad else ft.Icons.LOCK_OUTLINE,
            color=palette.tone(State.DANGER).fg if bad else palette.on_primary,
            size=36,
        ),
    )
    title = ft.Text(
        t(f"app.gate.{step}.title"), theme_style=TEXT.HEADLINE_MEDIUM, text_align=ft.TextAlign.CENTER
    )
    hint = ft.Text(
        t(f"app.gate.{step}.hint"),
        theme_style=TEXT.BODY_LARGE,
        color=palette.soft,
        text_align=ft.TextAlign.CENTER,
    )
    return ft.Column(
        [sign, ft.Semantics(header=True, heading_level=1, content=title), hint],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
    )


@safe_component
def _Unlock(model: GateModel) -> ft.Control:
    t, page = use_t(), ft.context.page
    round_, set_round = ft.use_state(0)
    pin = use_text("", reset=round_)

    async def unlock(_: Any = None) -> None:
        await model.unlock(pin.value)
        set_round(round_ + 1)

    parts: list[ft.Control] = [
        TextInput(
            pin, "gate-pin", t("app.gate.pin"), password=True, keyboard=ft.KeyboardType.VISIBLE_PASSWORD,
            on_submit=lambda _: page.run_task(unlock), autofocus=True, key=f"pin-{round_}",
        ),
        *answer_to(model),
    ]  # fmt: skip
    if not model.is_busy:
        parts.append(MainButton("gate-open", t("app.gate.open"), unlock, ft.Icons.LOCK_OPEN))
        parts.append(ask_button(model, "app.gate.forgotten"))
    parts.append(_Waiting(model))
    return Card(stacked(parts))


@safe_component
def _Choose(model: GateModel) -> ft.Control:
    t, page = use_t(), ft.context.page
    pin, again = use_text(""), use_text("")

    async def choose(_: Any = None) -> None:
        await model.choose(pin.value, again.value)

    parts: list[ft.Control] = [
        TextInput(
            pin, "gate-new", t("app.gate.new"), hint=t("app.gate.new_hint", n=model.fewest), password=True,
            keyboard=ft.KeyboardType.VISIBLE_PASSWORD, autofocus=True, key="new",
        ),
        TextInput(
            again, "gate-again", t("app.gate.again"), password=True,
            keyboard=ft.KeyboardType.VISIBLE_PASSWORD, on_submit=lambda _: page.run_task(choose), key="again",
        ),
    ]  # fmt: skip
    if not model.is_guarded:
        words = t("app.gate.unguarded"), t("app.gate.unguarded_do")
        parts.append(Banner(State.WARN, *words, ident="gate-unguarded"))
    parts += answer_to(model)
    if not model.is_busy:
        parts.append(MainButton("gate-take", t("app.gate.choose_go"), choose, ft.Icons.LOCK_OUTLINE))
    return Card(stacked(parts))


@safe_component
def _Lost(model: GateModel) -> ft.Control:
    t = use_t()
    step = use_gate().step
    why = model.why_lost if step == "lost" else model.why_away
    parts: list[ft.Control] = [ErrorCard(t("app.gate.why"), t(f"app.gate.{why}"), ident="gate-why")]
    parts.append(ft.Text(t(f"app.gate.{step}.do"), theme_style=TEXT.BODY_LARGE))
    if step == "stopped" and model.is_to_wipe:
        parts.append(ft.Text(t("app.gate.stopped.wipe"), theme_style=TEXT.BODY_LARGE))
    if step == "wiped":
        anew = MainButton(
            "gate-anew", t("app.gate.anew"), lambda _: model.tablet.begin_anew(), ft.Icons.RESTART_ALT
        )
        parts.append(anew)
    else:
        if step == "lost":
            parts += [*answer_to(model), ask_button(model, "app.gate.ask")]
        parts.append(_Waiting(model))
        if model.waiting:
            parts.append(RescueButton(model.tablet, wide=True, key="rescue"))
    return Card(stacked(parts), State.DANGER)


@safe_component
def _Waiting(model: GateModel) -> ft.Control:
    t, palette = use_t(), use_palette()
    n = model.waiting
    words = t("app.gate.waiting", n=n) if n else t("app.gate.nothing_waits")
    return ft.Text(words, theme_style=TEXT.BODY_MEDIUM, color=palette.soft)
