"""Ready for today? Green, or what is missing, and one button to fetch it.

Owns this page.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from field_app.data import use_loaded
from field_app.i18n import Translator, use_t
from field_app.state.reach import Pulse
from field_app.state.ready import Ready
from field_app.state.status import local_moment, say_trouble
from field_app.store.queries_ready import Item, TicketReady, readiness
from field_app.ui import use_app, use_session
from field_app.widgets.fields import MainButton
from field_app.widgets.layout import Screen
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signing import Note
from field_app.widgets.states import TEXT, Banner, Card, Section, StatusChip, identified
from field_app.widgets.theme import TARGET_PX, State, use_palette


@safe_component
def ReadyScreen() -> ft.Control:
    """Say whether the day can begin."""
    app, session = use_app(), use_session()

    def make() -> Ready:
        model = Ready(app)
        model.refresh(session.now(), session.zone)
        return model

    return _Page(ft.use_memo(make, []), app.pulse)


@safe_component
def ReadyLink() -> ft.Control:
    """Say in a word whether the day is packed, and lead to the page that says more."""
    t, session, page, guarded = use_t(), use_session(), ft.context.page, use_guard()
    found = use_loaded(lambda store: readiness(store, session.now(), session.zone))
    word = t("app.ready.packed") if found.is_ready else t("app.ready.lacks", n=found.missing)
    return identified(
        "to-ready",
        ft.Container(
            key="to-ready",
            height=TARGET_PX,
            alignment=ft.Alignment.CENTER,
            border_radius=TARGET_PX // 2,
            ink=True,
            on_click=guarded(lambda _: page.navigate("/ready")),
            content=StatusChip(State.SENT if found.is_ready else State.WARN, word),
        ),
        button=True,
    )


@safe_component
def _Page(model: Ready, pulse: Pulse) -> ft.Control:
    t, session, page, guarded = use_t(), use_session(), ft.context.page, use_guard()

    def look() -> None:
        model.refresh(session.now(), session.zone)

    ft.use_effect(guarded(look), [pulse.beat])
    found = model.found
    assert found is not None
    contact = (
        local_moment(t.language, found.last_contact_at, session.now(), session.zone)
        if found.last_contact_at
        else ""
    )
    heard = t("app.strip.last_contact", moment=contact) if contact else t("app.strip.no_contact")
    if found.is_ready:
        head: ft.Control = Note(
            "ready", ft.Icons.VERIFIED_OUTLINED, State.UNDER_WAY, t("app.ready.yes"), t("app.ready.yes_body")
        )
    else:
        head = Note(
            "not-ready",
            ft.Icons.WARNING_AMBER_ROUNDED,
            State.WARN,
            t("app.ready.no", n=found.missing),
            t("app.ready.no_body"),
        )
    body: list[ft.Control] = [head]
    if model.asked and model.line.error:
        body.append(Banner(State.LATE, say_trouble(t.language, model.line.error), ident="ready-line"))
    body += [_TicketCard(one, key=one.ticket_id) for one in found.tickets]
    if not found.tickets:
        body.append(
            Card(ft.Text(t("app.ready.no_tickets"), theme_style=TEXT.BODY_LARGE), ident="ready-no-tickets")
        )
    rows: list[ft.Control] = [_ItemRow(item, key=item.code) for item in found.common]
    body.append(
        Card(
            Section(t("app.ready.common"), rows),
            State.UNDER_WAY if all(item.is_here for item in found.common) else State.WARN,
            "ready-common",
        )
    )

    def fetch(_: Any) -> None:
        model.fetch()
        look()

    return Screen(
        "ready",
        t("app.ready.title"),
        body,
        subtitle=heard,
        on_back=lambda _: page.navigate("/"),
        bottom=[
            MainButton(
                "fetch-now",
                t("app.ready.fetch"),
                fetch,
                ft.Icons.CLOUD_DOWNLOAD_OUTLINED,
                kind="other" if found.is_ready else "main",
            )
        ],
    )


@safe_component
def _TicketCard(one: TicketReady) -> ft.Control:
    t = use_t()
    state = State.UNDER_WAY if one.is_ready else State.WARN
    head = ft.Row(
        [
            ft.Text(
                " · ".join(filter(None, (one.number, one.customer))),
                theme_style=TEXT.TITLE_MEDIUM,
                expand=True,
            ),
            StatusChip(State.SENT if one.is_ready else State.WARN, t(f"app.ready.{_word(one)}")),
        ],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    rows: list[ft.Control] = [_ItemRow(item, key=item.code) for item in one.items]
    return Card(
        ft.Column([head, *rows], spacing=10, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        state,
        f"ready-{one.ticket_id}",
    )


def _word(one: TicketReady) -> str:
    return "packed" if one.is_ready else "incomplete"


@safe_component
def _ItemRow(item: Item) -> ft.Control:
    t, palette = use_t(), use_palette()
    tone = palette.tone(State.UNDER_WAY if item.is_here else State.WARN)
    icon = ft.Icons.CHECK_CIRCLE if item.is_here else ft.Icons.ERROR_OUTLINE
    return ft.Row(
        [
            ft.Icon(icon, size=24, color=tone.fg),
            ft.Text(
                say_item(t, item),
                theme_style=TEXT.BODY_LARGE,
                color=palette.ink if item.is_here else tone.fg,
                expand=True,
            ),
        ],
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def say_item(t: Translator, item: Item) -> str:
    """Say whether a thing is here, and what to do if it is not."""
    return t(f"app.ready.{item.code}.{'here' if item.is_here else 'missing'}", **dict(item.values))
