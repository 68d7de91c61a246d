"""What pages share that go into the customer's hands: the lock, saying what is lacking, thanks.

Owns these three. What is signed stands on the page itself.
"""

from __future__ import annotations

from collections.abc import Callable

import flet as ft

from common.i18n import has_key, translate
from common.tickets.wording import say_reason
from field_app.i18n import Translator, use_t
from field_app.state.signing import Handing, Trouble, keep_strokes, strokes_of, take_back
from field_app.ui import use_app, use_session
from field_app.widgets.customer_mode import CustomerMode
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signing import SignBlock
from field_app.widgets.states import TEXT, EmptyState
from field_app.widgets.theme import State, use_palette


def told(t: Translator, trouble: Trouble | None, zone: str = "UTC") -> str:
    """Say what is lacking, or why something was refused."""
    if trouble is None:
        return ""
    if trouble.code == "sign_off_incomplete":
        words = [t(f"missing.{code}") for code in str(trouble.values.get("missing", "")).split()]
        return t("app.signing.lacking", missing=t("list.separator").join(words))
    if has_key(f"app.signing.trouble.{trouble.code}"):
        return t(f"app.signing.trouble.{trouble.code}")
    values = dict(trouble.values)
    for name in ("where", "field"):
        if has_key(f"field.{values.get(name)}"):
            values[name] = t(f"field.{values[name]}")
    return say_reason(trouble.code, values, t.language, zone)


@safe_component
def InCustomersHands(
    model: Handing, heading_key: str, body: Callable[[], ft.Control], lead_to: str
) -> ft.Control:
    """Show a page of the customer's, locked; `lead_to` is where the engineer goes when it is done."""
    t, page = use_t(), ft.context.page
    finished = model.step == "done"

    def left() -> None:
        model.take_back()
        if finished:
            page.navigate(lead_to)

    return CustomerMode(
        model.path,
        lambda language: translate(language, heading_key),
        body,
        model.opens_lock,
        left,
        model.language or t.language,
        model.choose_language,
        step=model.step,
    )


@safe_component
def Signature(model: Handing, pad_px: int = 200) -> ft.Control:
    """Ask for name, function and signature of this page."""
    session, form = use_session(), model.form
    width, height, strokes = ft.use_memo(lambda: strokes_of(form), [form.key])
    return SignBlock(
        session.drafts,
        form.key,
        width,
        height,
        strokes,
        lambda w, h, drawn: keep_strokes(form, w, h, drawn),
        pad_px,
    )


@safe_component
def Thanks(lines: list[str]) -> ft.Control:
    """Thank the customer and ask for the tablet back."""
    t, palette = use_t(), use_palette()
    tone = palette.tone(State.UNDER_WAY)
    return ft.Column(
        [
            ft.Container(height=24),
            ft.Container(
                width=132,
                height=132,
                border_radius=66,
                bgcolor=tone.bg,
                alignment=ft.Alignment.CENTER,
                content=ft.Icon(ft.Icons.CHECK_ROUNDED, size=84, color=tone.fg),
            ),
            *[ft.Text(line, theme_style=TEXT.BODY_LARGE, text_align=ft.TextAlign.CENTER) for line in lines],
            ft.Text(
                t("app.sign_off.hand_back"),
                theme_style=TEXT.TITLE_MEDIUM,
                text_align=ft.TextAlign.CENTER,
                color=palette.primary,
            ),
        ],
        key="thanks",
        spacing=18,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.CENTER,
    )


@safe_component
def NoTicket() -> ft.Control:
    """Say that the ticket is not here; nobody stays locked to a page that is no longer there."""
    t, page, lock, app = use_t(), ft.context.page, use_session().lock, use_app()
    lock.path = ""
    ft.use_effect(use_guard()(lambda: take_back(app.store)), [])  # or it would never lock itself again
    return EmptyState(
        ft.Icons.EXPLORE_OFF_OUTLINED,
        t("app.signing.no_ticket"),
        t("app.not_found.body"),
        t("app.not_found.action"),
        lambda _: page.navigate("/"),
        "no-ticket",
    )
