"""Commands about SLA clocks: approve an exception, and look whether an alarm is due.

Clocks are started and stopped by the commands of tickets and visits, never here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.command import Nature, Place, Role, command
from common.kernel.fields import Id, Instant, Needed
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.policy.policy_set import find_policy
from common.sla.clock import ClockException
from common.sla.clock_record import SlaClock
from common.sla.clocks import alarm_clock, except_clock
from common.sla.stored import exception_document
from common.tickets.events import write_event
from common.tickets.ticket import Ticket, ticket_agg


@dataclass(frozen=True, slots=True)
class ApproveClockException:
    """Take one clock out of the measure for a special reason (特殊情况除外, R014)."""

    ticket_id: Id
    clock_id: Id
    reason: Needed
    told_customer: bool = False


@command(
    ApproveClockException,
    nature=Nature.INTENT,
    roles=(Role.SUPERVISOR, Role.MANAGER),
    places=frozenset({Place.OFFICE}),
    about=lambda c: ticket_agg(c.ticket_id),
)
def approve_clock_exception(work: Work, c: ApproveClockException) -> Outcome:
    """Approve it. Refuses `sla_clock_unknown`; an exception once approved stays."""
    ticket, clock = work.need(Ticket, c.ticket_id), work.need(SlaClock, c.clock_id)
    if clock.ticket_id != ticket.id:
        raise Refused("sla_clock_unknown")
    if clock.exception is not None:
        return NOOP
    told_at = work.at if c.told_customer else None
    exception = ClockException(c.reason, work.actor.person_id, work.at, told_at)
    except_clock(work, ticket.number, clock, exception_document(exception))
    write_event(work, ticket, "clock_excepted", c.reason, clock=clock.kind, told=int(c.told_customer))
    return OK


@dataclass(frozen=True, slots=True)
class RaiseClockAlarms:
    """Warn before and at breach of a ticket's clocks (R015); the server's job gives it when one is due."""

    ticket_id: Id


@command(
    RaiseClockAlarms,
    nature=Nature.FACT,
    roles=(Role.SYSTEM,),
    places=frozenset({Place.SYSTEM}),
    about=lambda c: ticket_agg(c.ticket_id),
)
def raise_clock_alarms(work: Work, c: RaiseClockAlarms) -> Outcome:
    """Look at every clock of the ticket as of now. Repeating it raises nothing twice."""
    ticket, policy = work.need(Ticket, c.ticket_id), find_policy(work.session)
    if policy is None:
        return NOOP
    clocks = work.rows(select(SlaClock).where(SlaClock.ticket_id == ticket.id).order_by(SlaClock.id))
    changed = sum(alarm_clock(work, policy, ticket.number, clock, work.at) for clock in clocks)
    return OK if changed else NOOP


def tickets_with_due_alarms(session: Session, now: Instant, limit: int = 500) -> list[str]:
    """List the tickets whose clocks have passed a warning or a deadline that was not told yet."""
    open_clock = SlaClock.state.in_(("running", "paused"))
    warn = (
        open_clock & (SlaClock.warn_at <= now) & SlaClock.warned_at.is_(None) & SlaClock.breached_at.is_(None)
    )
    # The deadline itself is still in time.
    late = open_clock & (SlaClock.due_at <= now - timedelta(milliseconds=1)) & SlaClock.breached_at.is_(None)
    unexcepted = SlaClock.exception.is_(None)
    query = select(SlaClock.ticket_id).where((warn | late) & unexcepted).distinct().limit(limit)
    return sorted(session.scalars(query))
