"""The time agreed with the customer: first agreed, then moved only after he was told (R049, R050).

Owns the window of a ticket. Who comes in that window is dispatching's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from common.kernel.clock import millis
from common.kernel.command import ANYWHERE, OFFICE, Nature, Role, command
from common.kernel.fields import Id, Instant, Name, Needed
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.sla.clocks import clock_event
from common.tickets.events import active_assignments, notify_engineers, write_event
from common.tickets.ticket import OPEN, Ticket, ticket_agg


@dataclass(frozen=True, slots=True)
class AgreeAppointment:
    """Note the window agreed with the customer, and who agreed it (约定时间, R049)."""

    ticket_id: Id
    from_at: Instant
    until_at: Instant
    told_by: Name


@command(
    AgreeAppointment,
    nature=Nature.INTENT,
    roles=(Role.SPECIALIST, Role.DISPATCHER, Role.SUPERVISOR),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def agree_appointment(work: Work, c: AgreeAppointment) -> Outcome:
    """Set the window. Refuses `ticket_not_open`, `window_backwards`, `window_agreed_already` (reschedule)."""
    ticket = _open_ticket(work, c.ticket_id, c.from_at, c.until_at)
    if (ticket.window_from_at, ticket.window_until_at) == (c.from_at, c.until_at):
        return NOOP
    if ticket.window_from_at is not None:
        raise Refused("window_agreed_already", number=ticket.number)
    ticket.window_from_at, ticket.window_until_at, ticket.told_by = c.from_at, c.until_at, c.told_by
    clock_event(work, ticket, "first_response")
    write_event(
        work,
        ticket,
        "appointment_agreed",
        from_ms=millis(c.from_at),
        until_ms=millis(c.until_at),
        by=c.told_by,
    )
    notify_engineers(
        work, ticket, "notice_appointment", from_ms=millis(c.from_at), until_ms=millis(c.until_at)
    )
    return OK


@dataclass(frozen=True, slots=True)
class RescheduleTicket:
    """Move the agreed window after the customer was told, with the reason (R050).

    `seen_from_at` is the window's start as the giver saw it: one moved meanwhile is not moved blindly.
    """

    ticket_id: Id
    from_at: Instant
    until_at: Instant
    reason: Needed
    told_customer: bool
    seen_from_at: Instant | None = None


@command(
    RescheduleTicket,
    nature=Nature.INTENT,
    roles=(Role.ENGINEER, Role.SPECIALIST, Role.DISPATCHER, Role.SUPERVISOR),
    places=ANYWHERE,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def reschedule_ticket(work: Work, c: RescheduleTicket) -> Outcome:
    """Move it. Refuses `customer_not_told`, `ticket_not_open`, `window_backwards`, `window_changed`.

    Flags `told_after_window`: the customer was told only when the old window had begun.
    """
    if not c.told_customer:
        raise Refused("customer_not_told")
    ticket = _open_ticket(work, c.ticket_id, c.from_at, c.until_at)
    old = ticket.window_from_at
    if (old, ticket.window_until_at) == (c.from_at, c.until_at):
        return NOOP
    if old != c.seen_from_at and not work.override:
        raise Refused("window_changed", number=ticket.number)
    if old is not None and work.at > old:
        work.flag("told_after_window", number=ticket.number)
    ticket.window_from_at, ticket.window_until_at = c.from_at, c.until_at
    for assignment in active_assignments(work, ticket.id):
        if assignment.engineer_id in (work.actor.person_id, ticket.assignee_id):
            assignment.from_at, assignment.until_at = c.from_at, c.until_at
    window = {"from_ms": millis(c.from_at), "until_ms": millis(c.until_at)}
    write_event(work, ticket, "rescheduled", c.reason, old_from_ms=millis(old) if old else 0, **window)
    if not work.actor.is_field:
        notify_engineers(work, ticket, "notice_rescheduled", reason=c.reason, **window)
    return OK


def _open_ticket(work: Work, ticket_id: str, from_at: datetime, until_at: datetime) -> Ticket:
    ticket = work.need(Ticket, ticket_id)
    if until_at <= from_at:
        raise Refused("window_backwards")
    if ticket.state not in OPEN:
        raise Refused("ticket_not_open", number=ticket.number)
    return ticket
