"""Today: the engineer's tickets as cards, the most pressing facts of each in words and colour.

Owns the list and its place beside the ticket. What a card says is `state/today.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flet as ft

from common.inbox.inbox_commands import MarkNoticeSeen
from common.inbox.records import InboxItem
from field_app.data import say_code, use_giving, use_loaded, use_tablet
from field_app.i18n import use_t
from field_app.screens.ready import ReadyLink
from field_app.screens.words import say_clock, say_window
from field_app.state.today import TodayCard, TodayView, load_today
from field_app.ui import use_session
from field_app.widgets.fields import MainButton
from field_app.widgets.layout import Screen, TwoPane, stack
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, Card, EmptyState, StatusChip, identified
from field_app.widgets.theme import TARGET_PX, State, use_palette

I = ft.Icons  # noqa: E741
NOTICES_SHOWN = 2


@safe_component
def TodayScreen() -> ft.Control:
    """Show the day, with room for a ticket beside it on wider screens."""
    return beside_today(None)


def beside_today(ticket: Any) -> ft.Control:
    """Lay the list of the day and one ticket out side by side; on a phone only one of them."""
    return TwoPane(TodayList, ticket, Nothing)


@safe_component
def Nothing() -> ft.Control:
    """Fill the place beside the list while no ticket is chosen."""
    t = use_t()
    return EmptyState(I.TOUCH_APP_OUTLINED, t("app.today.choose"), t("app.today.choose_do"), ident="choose")


@safe_component
def TodayList() -> ft.Control:
    """Show the cards in sections."""
    t, session, tablet = use_t(), use_session(), use_tablet()
    chosen = ft.use_route_params().get("id", "")
    person_id, now = tablet.person_id, tablet.now()
    view: TodayView = use_loaded(load_today(person_id, now, session.zone))
    body: list[ft.Control] = [NoticeList(view.notices, key="notices")]
    if view.is_empty:
        body.append(
            EmptyState(
                I.EVENT_AVAILABLE_OUTLINED,
                t("app.today.empty"),
                t("app.today.empty_do"),
                t("app.today.ask_office"),
                lambda _: tablet.sync_now(),
                "today-empty",
            )
        )
    for name, cards in view.sections:
        body.append(SectionHead(name, len(cards), key=f"head-{name}"))
        body.extend(TicketCard(card, card.ticket_id == chosen, key=card.ticket_id) for card in cards)
    return Screen(
        "today",
        t("app.nav.today"),
        body,
        subtitle=_subtitle(t, view),
        actions=[ReadyLink()],
        full_width=True,
    )


def _subtitle(t: Any, view: TodayView) -> str:
    counts = {name: len(cards) for name, cards in view.sections}
    if view.is_empty:
        return ""
    words = [t("app.today.count", n=counts.get("today", 0))]
    if view.unseen:
        words.append(t("app.today.unseen", n=view.unseen))
    return " · ".join(words)


@safe_component
def SectionHead(name: str, count: int) -> ft.Control:
    """Head a section."""
    t, palette = use_t(), use_palette()
    return ft.Semantics(
        header=True,
        heading_level=2,
        content=ft.Container(
            padding=ft.Padding.only(top=8),
            content=ft.Text(
                f"{t(f'app.today.section.{name}')} · {count}",
                theme_style=TEXT.TITLE_SMALL,
                color=palette.soft,
            ),
        ),
    )


@safe_component
def TicketCard(card: TodayCard, is_chosen: bool) -> ft.Control:
    """Show one ticket; a tap opens it."""
    t, palette, session, tablet = use_t(), use_palette(), use_session(), use_tablet()
    page, now = ft.context.page, tablet.now()
    unit = " · ".join(filter(None, (card.unit, card.serial)))
    head = ft.Row(
        [
            ft.Text(
                say_window(t, card.from_at, card.until_at, now, session.zone),
                theme_style=TEXT.TITLE_MEDIUM,
            ),
            StatusChip(State(card.tone), t(f"ticket.state.{card.state}")),
        ],
        spacing=8,
        run_spacing=4,
        wrap=True,  # the chip goes below rather than break a word
        alignment=ft.MainAxisAlignment.SPACE_BETWEEN,
    )
    lines: list[ft.Control] = [
        head,
        ft.Text(card.customer, theme_style=TEXT.TITLE_SMALL, max_lines=2, overflow=ft.TextOverflow.ELLIPSIS),
    ]
    if unit:
        lines.append(_line(I.PRECISION_MANUFACTURING_OUTLINED, unit, palette.ink))
    lines.append(
        ft.Text(
            f"{card.number} · {card.fault}",
            theme_style=TEXT.BODY_MEDIUM,
            color=palette.soft,
            max_lines=2,
            overflow=ft.TextOverflow.ELLIPSIS,
        )
    )
    if card.clock is not None:
        tone = palette.tone(State(card.clock.tone))
        lines.append(
            _line(I.TIMER_OUTLINED, say_clock(t, card.clock, now, session.zone), tone.fg, strong=True)
        )
    chips = _chips(t, card)
    if chips:
        lines.append(ft.Row(chips, spacing=6, run_spacing=6, wrap=True))
    content = stack(lines, 6)
    framed = Card(
        content,
        State(card.tone),
        f"ticket-{card.number}",
        lambda _: page.navigate(f"/ticket/{card.ticket_id}"),
    )
    return ft.Container(
        framed,
        border=ft.Border.all(2.5, palette.primary) if is_chosen else None,
        border_radius=16,
        opacity=0.78 if card.section == "earlier" else 1,
    )


def _line(icon: ft.IconData, text: str, color: str, *, strong: bool = False) -> ft.Control:
    style = TEXT.LABEL_MEDIUM if strong else TEXT.BODY_MEDIUM
    return ft.Row(
        [ft.Icon(icon, size=18, color=color), ft.Text(text, theme_style=style, color=color, expand=True)],
        spacing=8,
    )


def _chips(t: Any, card: TodayCard) -> list[ft.Control]:
    said: list[tuple[State, str]] = []
    if card.section == "taken_away":
        said.append((State.DANGER, t("app.today.taken_away")))
    if card.is_danger:
        said.append((State.DANGER, t("ticket.danger.true")))
    if card.is_urgent:
        said.append((State.LATE, t("ticket.urgent.true")))
    if card.is_unseen:
        said.append((State.INFO, t("app.today.not_seen")))
    if card.is_carried:
        said.append((State.WARN, t("app.today.carried")))
    if card.hold_reason:
        said.append((State.PAUSED, t(f"ticket.hold_reason.{card.hold_reason}")))
    if card.wants_help:
        said.append((State.WARN, t("ticket.help_wanted.true")))
    if card.parts_usual:
        ready = card.parts_here == card.parts_usual
        words = t("app.today.parts", n=card.parts_here, of=card.parts_usual)
        said.append((State.DONE if ready else State.WARN, words))
    if card.unsent:
        said.append((State.WAITING, t("app.today.not_sent", n=card.unsent)))
    return [StatusChip(state, words, key=words) for state, words in said]


@safe_component
def NoticeList(notices: Sequence[InboxItem]) -> ft.Control:
    """Show what the office changed and has not been read yet, in one card."""
    t, session, palette, guarded = use_t(), use_session(), use_palette(), use_guard()
    shown_all, show_all = ft.use_state(False)
    _, give, _ = use_giving()
    tone = palette.tone(State.WARN)

    def read(*items: InboxItem) -> None:
        give(*[MarkNoticeSeen(item.id) for item in items])

    if not notices:
        return ft.Container(height=0)
    shown = notices if shown_all else notices[:NOTICES_SHOWN]
    rows: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(
                    say_code(item.code, item.details, t.language, session.zone),
                    theme_style=TEXT.BODY_MEDIUM,
                    color=tone.fg,
                    expand=True,
                ),
                identified(
                    f"notice-{place}",
                    ft.IconButton(
                        ft.Icon(I.DONE, semantics_label=t("app.today.notice_read"), color=tone.fg),
                        key=f"notice-{place}",
                        width=TARGET_PX,
                        height=TARGET_PX,
                        on_click=guarded(lambda _, one=item: read(one)),
                    ),
                ),
            ],
            spacing=10,
            key=item.id,
        )
        for place, item in enumerate(shown)
    ]
    if len(notices) > len(shown):
        more = t("app.today.more_notices", n=len(notices) - len(shown))
        rows.append(MainButton("notices-more", more, lambda _: show_all(True), kind="other"))
    head: list[ft.Control] = [
        ft.Icon(I.CAMPAIGN_OUTLINED, color=tone.fg),
        ft.Text(t("app.today.office_changed"), theme_style=TEXT.TITLE_SMALL, color=tone.fg, expand=True),
    ]
    if len(notices) > 1:
        head.append(
            MainButton("notices-read", t("app.today.all_read"), lambda _: read(*notices), kind="other")
        )
    return identified(
        "notices",
        ft.Container(
            bgcolor=tone.bg,
            border=ft.Border.all(1, tone.edge),
            border_radius=14,
            padding=ft.Padding.only(left=14, right=8, top=8, bottom=10),
            content=ft.Column(
                [ft.Row(head, spacing=10), *rows],
                spacing=4,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
        ),
    )
