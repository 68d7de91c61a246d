"""Being there: arriving with the badge shown, the checklist, showing correct use, leaving (R057 R058 R064).

Owns visits and checklist answers. All facts: kept even where the office has decided otherwise meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from common.kernel.clock import instant
from common.kernel.command import TABLET, Nature, Role, command
from common.kernel.fields import Code, Id, Line, Name, Needed, Note
from common.kernel.ids import derive_id
from common.kernel.outcome import NOOP, OK, Outcome
from common.kernel.work import Work
from common.sla.clocks import clock_event
from common.tickets.events import field_step, move, write_event
from common.tickets.ticket import TICKET, Ticket, TicketEvent, ticket_agg
from common.visit.records import ChecklistAnswer, Demonstration, Visit
from common.visit.sealed import require_unsealed


@dataclass(frozen=True, slots=True)
class ArriveOnSite:
    """Arrive and show the work badge; the event's time is what the arrival clock is judged by (R011 R057)."""

    visit_id: Id
    ticket_id: Id
    badge_shown: bool
    engineer_name: Name


@command(
    ArriveOnSite,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def arrive_on_site(work: Work, c: ArriveOnSite) -> Outcome:
    """Open a visit. Flags `overtaken_…`, `report_sealed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if work.has(Visit, c.visit_id):
        return NOOP
    require_unsealed(work, ticket)
    work.add(
        Visit(
            id=c.visit_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            round=ticket.round,
            engineer_id=work.actor.person_id,
            engineer_name=c.engineer_name,
            travel_at=_set_out_at(work, ticket.id),
            arrived_at=work.at,
            badge_shown=c.badge_shown,
            left_at=None,
            arrive_device_at=instant(work.op.w),
            arrive_clock_error_ms=work.clock_error_ms,
        )
    )
    if field_step(work, ticket, "on_site", "arrived", badge=int(c.badge_shown)):
        clock_event(work, ticket, "first_response")
        clock_event(work, ticket, "arrived")
    return OK


def _set_out_at(work: Work, ticket_id: str) -> datetime | None:
    """Find when the actor set out for this visit: his last start since his last arrival."""
    me = work.actor.person_id
    starts = select(TicketEvent.at).where(
        TicketEvent.ticket_id == ticket_id, TicketEvent.kind == "en_route", TicketEvent.actor_id == me
    )
    before = select(Visit.arrived_at).where(Visit.ticket_id == ticket_id, Visit.engineer_id == me)
    last_start = max(work.session.scalars(starts), default=None)
    last_arrival = max(work.session.scalars(before), default=None)
    if last_start is None or (last_arrival is not None and last_start <= last_arrival):
        return None
    return last_start


@dataclass(frozen=True, slots=True)
class LeaveSite:
    """Leave the customer's (R061)."""

    visit_id: Id
    ticket_id: Id


@command(
    LeaveSite,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def leave_site(work: Work, c: LeaveSite) -> Outcome:
    """Close the visit; a signed ticket is checked out when the last one leaves. Refuses `visit_unknown`."""
    ticket, visit = work.need(Ticket, c.ticket_id), work.need(Visit, c.visit_id)
    if visit.left_at is not None:
        return NOOP
    visit.left_at = work.at
    write_event(work, ticket, "left")
    still_there = select(Visit).where(
        Visit.ticket_id == ticket.id,
        Visit.round == ticket.round,
        Visit.left_at.is_(None),
        Visit.id != visit.id,
    )
    if TICKET.judge_move(ticket.state, "checked_out") == "apply" and not work.rows(still_there):
        move(work, ticket, "checked_out")
        write_event(work, ticket, "checked_out")
    return OK


@dataclass(frozen=True, slots=True)
class AnswerChecklist:
    """Answer one item of a checklist; answering again corrects it (R058)."""

    ticket_id: Id
    template: Code
    item: Code
    answer: Literal["ok", "not_ok", "na"]
    value: Line = ""
    note: Note = ""


@command(
    AnswerChecklist,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def answer_checklist(work: Work, c: AnswerChecklist) -> Outcome:
    """Keep the answer. Flags `report_sealed`."""
    ticket = work.need(Ticket, c.ticket_id)
    row_id = derive_id("checklist", ticket.id, str(ticket.round), c.template, c.item)
    row = work.session.get(ChecklistAnswer, row_id)
    if row is not None and (row.answer, row.value, row.note) == (c.answer, c.value, c.note):
        return NOOP
    require_unsealed(work, ticket)
    if row is None:
        work.add(
            ChecklistAnswer(
                id=row_id,
                agg=ticket.agg,
                ticket_id=ticket.id,
                round=ticket.round,
                template=c.template,
                item=c.item,
                answer=c.answer,
                value=c.value,
                note=c.note,
                answered_at=work.at,
            )
        )
    else:
        row.answer, row.value, row.note, row.answered_at = c.answer, c.value, c.note, work.at
    return OK


@dataclass(frozen=True, slots=True)
class RecordDemonstration:
    """Show correct use and upkeep to the customer (R064)."""

    demonstration_id: Id
    ticket_id: Id
    visit_id: Id
    shown_to: Name
    points: Needed


@command(
    RecordDemonstration,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def record_demonstration(work: Work, c: RecordDemonstration) -> Outcome:
    """Keep it. Flags `report_sealed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if work.has(Demonstration, c.demonstration_id):
        return NOOP
    require_unsealed(work, ticket)
    work.add(
        Demonstration(
            id=c.demonstration_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            visit_id=c.visit_id,
            round=ticket.round,
            shown_to=c.shown_to,
            points=c.points,
            at=work.at,
        )
    )
    return OK
