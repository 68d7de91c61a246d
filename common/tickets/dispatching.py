"""Dispatch: who goes, when; a broken rule needs a reason, work under way is left alone (R046–R051).

Owns assignments. Whether a rule is broken is judged by `dispatch_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.kernel.clock import millis
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Id, Instant, Needed, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.people.person import Person, roles_of
from common.sla.clocks import clock_event
from common.tickets.dispatch_facts import breaks_of
from common.tickets.events import (
    active_assignments,
    is_under_way,
    notify,
    office_move,
    write_event,
)
from common.tickets.ticket import OPEN, WAITING, Assignment, Ticket, ticket_agg

LEADS = (Role.DISPATCHER, Role.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class AssignTicket:
    """Send an engineer in a window; a second one helps the first (R046 R047)."""

    ticket_id: Id
    assignment_id: Id
    engineer_id: Id
    from_at: Instant
    until_at: Instant
    override_reason: Note = ""


@command(
    AssignTicket, nature=Nature.INTENT, roles=LEADS, places=OFFICE, about=lambda c: ticket_agg(c.ticket_id)
)
def assign_ticket(work: Work, c: AssignTicket) -> Outcome:
    """Send him. Refuses `assignment_breaks_rules` without a reason, `not_an_engineer`, `ticket_not_open`,
    `ticket_on_hold`, `already_assigned`, `window_backwards`."""
    if work.has(Assignment, c.assignment_id):
        return NOOP
    ticket, engineer = _open_and_fit(work, c.ticket_id, c.engineer_id, c.from_at, c.until_at)
    others = active_assignments(work, ticket.id)
    if any(a.engineer_id == engineer.id for a in others):
        raise Refused("already_assigned", number=ticket.number, name=engineer.name)
    broken = _judge(work, ticket, engineer, c.from_at, c.until_at, c.override_reason, "")
    _send(work, ticket, c.assignment_id, engineer.id, c.from_at, c.until_at, c.override_reason, broken)
    if ticket.assignee_id is None or not others:
        ticket.assignee_id = engineer.id
    if ticket.state in WAITING:
        office_move(work, ticket, "dispatched")
        clock_event(work, ticket, "first_response")
        clock_event(work, ticket, "dispatched")
    write_event(
        work,
        ticket,
        "assigned",
        c.override_reason,
        engineer=engineer.name,
        from_ms=millis(c.from_at),
        until_ms=millis(c.until_at),
        breaks=" ".join(broken),
    )
    notify(work, engineer.id, "notice_assigned", ticket, from_ms=millis(c.from_at))
    return OK


@dataclass(frozen=True, slots=True)
class MoveAssignment:
    """Give an assignment another engineer or another time, with the reason (R047 R050)."""

    ticket_id: Id
    assignment_id: Id
    engineer_id: Id
    from_at: Instant
    until_at: Instant
    reason: Needed
    override_reason: Note = ""


@command(
    MoveAssignment, nature=Nature.INTENT, roles=LEADS, places=OFFICE, about=lambda c: ticket_agg(c.ticket_id)
)
def move_assignment(work: Work, c: MoveAssignment) -> Outcome:
    """Move it; a new engineer gets a new assignment, the old one ends. Refuses as `assign_ticket` does,
    `work_under_way` always, and `assignment_ended`."""
    held = work.need(Assignment, c.assignment_id)
    if held.ticket_id != c.ticket_id:
        raise Refused("assignment_unknown")
    new_id = work.derive("assignment")
    if work.has(Assignment, new_id):
        return NOOP
    if held.state != "active":
        raise Refused("assignment_ended")
    ticket, engineer = _open_and_fit(work, c.ticket_id, c.engineer_id, c.from_at, c.until_at)
    old_id = held.engineer_id
    if (old_id, held.from_at, held.until_at) == (engineer.id, c.from_at, c.until_at):
        return NOOP
    window = {"from_ms": millis(c.from_at), "until_ms": millis(c.until_at)}
    broken = _judge(work, ticket, engineer, c.from_at, c.until_at, c.override_reason, old_id)
    if old_id == engineer.id:
        held.from_at, held.until_at = c.from_at, c.until_at
        held.override_reason, held.rule_breaks = c.override_reason, broken
        write_event(work, ticket, "assignment_moved", c.reason, engineer=engineer.name, **window)
        notify(work, engineer.id, "notice_moved", ticket, reason=c.reason, **window)
        return OK
    if any(a.engineer_id == engineer.id for a in active_assignments(work, ticket.id)):
        raise Refused("already_assigned", number=ticket.number, name=engineer.name)
    held.state, held.ended_at = "ended", work.at
    _send(work, ticket, new_id, engineer.id, c.from_at, c.until_at, c.override_reason, broken)
    if ticket.assignee_id == old_id:
        ticket.assignee_id = engineer.id
        office_move(work, ticket, "dispatched")
    write_event(work, ticket, "reassigned", c.reason, engineer=engineer.name, **window)
    notify(work, old_id, "notice_taken_away", ticket, reason=c.reason)
    notify(work, engineer.id, "notice_assigned", ticket, from_ms=millis(c.from_at))
    return OK


@dataclass(frozen=True, slots=True)
class UnassignTicket:
    """Take a ticket back from an engineer, with the reason; work under way is left alone (R047)."""

    ticket_id: Id
    assignment_id: Id
    reason: Needed


@command(
    UnassignTicket, nature=Nature.INTENT, roles=LEADS, places=OFFICE, about=lambda c: ticket_agg(c.ticket_id)
)
def unassign_ticket(work: Work, c: UnassignTicket) -> Outcome:
    """Take it back; with the last one it goes to the tray. Refuses `work_under_way`, `ticket_not_open`."""
    ticket, held = work.need(Ticket, c.ticket_id), work.need(Assignment, c.assignment_id)
    if held.ticket_id != ticket.id:
        raise Refused("assignment_unknown")
    if held.state != "active":
        return NOOP
    if ticket.state not in OPEN:
        raise Refused("ticket_not_open", number=ticket.number)
    if is_under_way(ticket) and held.engineer_id == ticket.assignee_id:
        raise Refused("work_under_way", number=ticket.number)
    held.state, held.ended_at = "ended", work.at
    work.session.flush()
    left = active_assignments(work, ticket.id)
    if ticket.assignee_id == held.engineer_id:
        ticket.assignee_id = left[0].engineer_id if left else None
    if not left and ticket.state not in WAITING:
        office_move(work, ticket, "triaged")
    write_event(work, ticket, "unassigned", c.reason)
    notify(work, held.engineer_id, "notice_taken_away", ticket, reason=c.reason)
    return OK


def _open_and_fit(
    work: Work, ticket_id: str, engineer_id: str, from_at: datetime, until_at: datetime
) -> tuple[Ticket, Person]:
    ticket, engineer = work.need(Ticket, ticket_id), work.need(Person, engineer_id)
    if until_at <= from_at:
        raise Refused("window_backwards")
    if ticket.state not in OPEN:
        raise Refused("ticket_not_open", number=ticket.number)
    if ticket.hold_reason:
        raise Refused("ticket_on_hold", number=ticket.number)
    if Role.ENGINEER not in roles_of(engineer):
        raise Refused("not_an_engineer", name=engineer.name)
    return ticket, engineer


def _judge(
    work: Work,
    ticket: Ticket,
    engineer: Person,
    from_at: datetime,
    until_at: datetime,
    override: str,
    old: str,
) -> list[str]:
    """Return the broken rules. Refuses `work_under_way`, without a reason `assignment_breaks_rules`."""
    broken = breaks_of(work.session, ticket, engineer, from_at, until_at, old, now=work.at)
    if any(one.is_blocking for one in broken):
        raise Refused("work_under_way", number=ticket.number)
    codes = sorted({one.code for one in broken})
    if codes and not override:
        raise Refused("assignment_breaks_rules", breaks=" ".join(codes), name=engineer.name)
    return codes


def _send(
    work: Work,
    ticket: Ticket,
    assignment_id: str,
    engineer_id: str,
    from_at: datetime,
    until_at: datetime,
    override: str,
    broken: list[str],
) -> None:
    work.add(
        Assignment(
            id=assignment_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            engineer_id=engineer_id,
            from_at=from_at,
            until_at=until_at,
            state="active",
            assigned_by=work.actor.person_id,
            assigned_at=work.at,
            ended_at=None,
            override_reason=override,
            rule_breaks=broken,
            seen_at=None,
        )
    )
