"""The engineer's day: a card for each ticket, in sections, and what the office has changed meanwhile.

Owns what a card says and in which section it stands. Plain values; words are made by the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.inbox.records import InboxItem
from common.tickets.ticket import ENDED, OPEN, UNDER_WAY
from field_app.state.clock_lines import ClockLine, clock_lines, most_pressing
from field_app.state.tablet import van_in_use
from field_app.store.queries_status import open_notices, unsent_by_ticket
from field_app.store.queries_today import Held, tickets_held, unit_and_model, usual_parts

SECTIONS = ("today", "later", "taken_away", "earlier")
EARLIER_AT_MOST = 30


@dataclass(frozen=True, slots=True)
class TodayCard:
    """One ticket as a card. `is_carried`: from an earlier day and still open; `clock`: what presses most."""

    ticket_id: str
    number: str
    section: str
    from_at: datetime | None
    until_at: datetime | None
    is_agreed: bool
    is_carried: bool
    customer: str
    unit: str
    serial: str
    fault: str
    address: str
    state: str
    tone: str
    is_urgent: bool
    is_danger: bool
    is_unseen: bool
    wants_help: bool
    hold_reason: str
    clock: ClockLine | None
    parts_usual: int
    parts_here: int
    unsent: int


@dataclass(frozen=True, slots=True)
class TodayView:
    """Cards by section, in the order of the day; sections without cards are left out."""

    sections: tuple[tuple[str, tuple[TodayCard, ...]], ...]
    notices: tuple[InboxItem, ...]
    person_id: str

    @property
    def is_empty(self) -> bool:
        """Say whether there is no ticket at all on this tablet."""
        return not self.sections

    @property
    def unseen(self) -> int:
        """Count tickets not yet confirmed as read."""
        return sum(card.is_unseen for _, cards in self.sections for card in cards)


def load_today(person_id: str, now: datetime, zone: tzinfo) -> Callable[[Session], TodayView]:
    """Return the query of the whole screen."""

    def load(session: Session) -> TodayView:
        unsent = unsent_by_ticket(session)
        van = van_in_use(session, person_id)
        there: dict[str, list[Held]] = {name: [] for name in SECTIONS}
        for held in tickets_held(session, person_id):
            there[section_of(held, now, zone)].append(held)
        # Years of old tickets are looked at no further than they are shown.
        there["earlier"] = there["earlier"][::-1][:EARLIER_AT_MOST]
        by_section: dict[str, list[TodayCard]] = {name: [] for name in SECTIONS}
        for section, some in there.items():
            for held in some:
                card = _card(session, held, section, now, zone, van.id if van else None)
                by_section[section].append(replace(card, unsent=unsent.get(card.ticket_id, 0)))
        by_section["today"].sort(key=lambda card: (card.from_at or now, card.number))
        sections = tuple((name, tuple(cards)) for name, cards in by_section.items() if cards)
        held_ids = {card.ticket_id for _, cards in sections for card in cards}
        # A new ticket already stands among the cards as "not confirmed".
        news = (
            n for n in open_notices(session) if n.code != "notice_assigned" or n.ticket_id not in held_ids
        )
        return TodayView(sections, tuple(news), person_id)

    return load


def section_of(held: Held, now: datetime, zone: tzinfo) -> str:
    """Say where a ticket stands: what is open and due stays under today until it is done."""
    ticket, assignment = held.ticket, held.assignment
    is_mine = assignment is not None and assignment.state == "active"
    ended_by_office = ticket.state in ("cancelled", "refused", "remote_solved")
    if ticket.state not in ENDED and not is_mine:
        return "taken_away"
    begins = ticket.window_from_at or (assignment.from_at if assignment else ticket.received_at)
    today = now.astimezone(zone).date()
    last = (ticket.state_since_at if ticket.state in ENDED else begins).astimezone(zone).date()
    if ended_by_office:
        return "taken_away" if last >= today else "earlier"
    if ticket.state in OPEN:
        return "later" if last > today and ticket.state not in UNDER_WAY else "today"
    return "today" if last == today else "earlier"


def _card(
    session: Session, held: Held, section: str, now: datetime, zone: tzinfo, van_id: str | None
) -> TodayCard:
    ticket, assignment = held.ticket, held.assignment
    customer = session.get(Customer, ticket.customer_id)
    unit, model = unit_and_model(session, ticket.equipment_id)
    is_agreed = ticket.window_from_at is not None
    from_at = ticket.window_from_at or (assignment.from_at if assignment else None)
    until_at = ticket.window_until_at if is_agreed else (assignment.until_at if assignment else None)
    is_open = section in ("today", "later") and ticket.state in OPEN
    usual, here = usual_parts(session, unit.id, van_id) if unit and is_open else (0, 0)
    lines = clock_lines(session, ticket, now, explain=False) if is_open else []
    return TodayCard(
        ticket_id=ticket.id,
        number=ticket.number,
        section=section,
        from_at=from_at,
        until_at=until_at,
        is_agreed=is_agreed,
        is_carried=is_open
        and from_at is not None
        and from_at.astimezone(zone).date() < now.astimezone(zone).date(),
        customer=customer.name if customer else ticket.caller,
        unit=model.name if model else "",
        serial=unit.serial if unit else "",
        fault=ticket.fault_text,
        address=ticket.address,
        state=ticket.state,
        tone=tone_of(ticket.state, section, held_back=bool(ticket.hold_reason)),
        is_urgent=ticket.urgent,
        is_danger=ticket.danger,
        is_unseen=bool(is_open and assignment and assignment.seen_at is None),
        wants_help=ticket.help_wanted,
        hold_reason=ticket.hold_reason,
        clock=most_pressing(lines),
        parts_usual=usual,
        parts_here=here,
        unsent=0,
    )


def tone_of(state: str, section: str, *, held_back: bool) -> str:
    """Name the tone a ticket is painted in."""
    if section == "taken_away":
        return "danger"
    if held_back or state == "awaiting_parts":
        return "paused"
    if state in UNDER_WAY:
        return "under_way"
    return "scheduled" if state in OPEN else "done"
