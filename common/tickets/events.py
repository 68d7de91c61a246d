"""The timeline: every event is written once, and a ticket is moved where its lifecycle allows.

Owns what happens when work in the field meets what the office decided meanwhile: the fact is always written,
the ticket's state stays, and a person is told (sync-protocol 3.7). Nothing here knows a particular command.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.records import InboxItem
from common.kernel.clock import instant
from common.kernel.outcome import Detail, Refused
from common.kernel.work import Work
from common.tickets.ticket import ENDED, SIGNED, TICKET, UNDER_WAY, Assignment, Ticket, TicketEvent

PROGRESS = ("dispatched", "acknowledged", "en_route", "on_site", "diagnosed", "repairing", "tested", "signed")
STEPS = (
    "reopened",
    "received",
    "accepted",
    "triaged",
    "assigned",
    "acknowledged",
    "en_route",
    "arrived",
    "diagnosed",
    "measure",
    "test_passed",
    "signed",
    "left",
    "checked_out",
    "settled",
    "written_off",
    "archived",
)


def write_event(work: Work, ticket: Ticket, kind: str, note: str = "", **values: Detail) -> bool:
    """Write one line of the timeline; False when this command has written it before."""
    event_id = work.derive("event", kind)
    if work.has(TicketEvent, event_id):
        return False
    work.session.add(
        TicketEvent(
            id=event_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            kind=kind,
            at=work.at,
            device_at=instant(work.op.w) if work.actor.is_field else None,
            received_at=work.received_at if work.authority else None,
            clock_error_ms=work.clock_error_ms,
            actor_id=work.actor.person_id,
            values=values,
            note=note,
        )
    )
    return True


def timeline(session: Session, ticket_id: str) -> list[TicketEvent]:
    """List a ticket's events as they happened; of events of one instant the earlier step comes first."""
    rows = session.scalars(select(TicketEvent).where(TicketEvent.ticket_id == ticket_id))
    order = {kind: place for place, kind in enumerate(STEPS)}
    return sorted(rows, key=lambda event: (event.at, order.get(event.kind, len(order)), event.id))


def move(work: Work, ticket: Ticket, state: str) -> None:
    """Set a ticket's state as of the command's time."""
    if ticket.state != state:
        ticket.state, ticket.state_since_at = state, work.at


def office_move(work: Work, ticket: Ticket, state: str) -> bool:
    """Move a ticket for the office; False when it is there already. Refuses `move_not_allowed`."""
    verdict = TICKET.judge_move(ticket.state, state)
    if verdict == "illegal":
        raise Refused("move_not_allowed", number=ticket.number, state=ticket.state, wanted=state)
    move(work, ticket, state)
    return verdict == "apply"


def field_step(work: Work, ticket: Ticket, state: str, kind: str, note: str = "", **values: Detail) -> bool:
    """Write what an engineer did and move the ticket forward; True when the work counts for state and clocks.

    Overtaken work is kept and flagged: `overtaken_cancelled`, `overtaken_reassigned`, `overtaken_held`,
    `overtaken_signed`. A helper, or a step behind, moves nothing and needs nobody's attention.
    """
    if not write_event(work, ticket, kind, note, **values):
        return False
    if met := overtaken_by(work, ticket):
        work.flags[:] = [flag for flag in work.flags if flag.code != "no_longer_assigned"]
        work.require(False, met, number=ticket.number)
        return False
    here, wanted = ticket.state, state
    if here in PROGRESS and wanted in PROGRESS and PROGRESS.index(wanted) < PROGRESS.index(here):
        returns = wanted in ("en_route", "on_site") and work.actor.person_id == ticket.assignee_id
        if not returns:
            return True
    if TICKET.judge_move(here, wanted) == "illegal":
        work.require(False, "move_not_allowed", number=ticket.number, state=here, wanted=wanted)
        return False
    move(work, ticket, wanted)
    return True


def overtaken_by(work: Work, ticket: Ticket) -> str:
    """Name what the office decided that this work did not know of; '' when nothing stands against it."""
    if work.override:
        return ""
    if ticket.state in SIGNED:
        return "overtaken_signed"
    if ticket.state in ENDED:
        return "overtaken_cancelled"
    if work.actor.is_field and not is_assigned(work, ticket.id, work.actor.person_id):
        return "overtaken_reassigned"
    return "overtaken_held" if ticket.hold_reason else ""


def is_assigned(work: Work, ticket_id: str, person_id: str) -> bool:
    """Say whether a person is on the ticket now."""
    return any(a.engineer_id == person_id for a in active_assignments(work, ticket_id))


def active_assignments(work: Work, ticket_id: str) -> list[Assignment]:
    """List who is on the ticket now, the one who was sent first in front."""
    query = select(Assignment).where(Assignment.ticket_id == ticket_id, Assignment.state == "active")
    return work.rows(query.order_by(Assignment.assigned_at, Assignment.id))


def is_under_way(ticket: Ticket) -> bool:
    """Say whether someone is on the way or at work."""
    return ticket.state in UNDER_WAY


def notify(work: Work, person_id: str, code: str, ticket: Ticket, **details: Detail) -> None:
    """Tell one person that the office changed what he holds, in the sentence `reason.<code>`. Office only."""
    if not work.authority or person_id == work.actor.person_id:
        return
    work.add(
        InboxItem(
            id=work.derive("notice", person_id, code),
            agg=f"inbox:{person_id}",
            person_id=person_id,
            kind="notice",
            code=code,
            details={"number": ticket.number, **details},
            ticket_id=ticket.id,
            op_id=work.op.id,
            command=None,
            raised_at=work.at,
            state="open",
        )
    )


def notify_engineers(work: Work, ticket: Ticket, code: str, **details: Detail) -> None:
    """Tell everyone who is on the ticket."""
    for assignment in active_assignments(work, ticket.id):
        notify(work, assignment.engineer_id, code, ticket, **details)
