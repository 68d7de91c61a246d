"""How a ticket ends, pauses and comes back: cancel, hold, settle, write off, archive, reopen.

Owns the office's decisions about a ticket as a whole. What was done on site is never touched by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.command import OFFICE, Nature, Place, Role, command
from common.kernel.fields import Id, Line, Name, Needed, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.text import fold
from common.kernel.work import Work
from common.sla.clocks import clock_event, drop_clocks, pause_clocks, resume_clocks
from common.tickets.events import (
    active_assignments,
    is_under_way,
    notify_engineers,
    office_move,
    write_event,
)
from common.tickets.ticket import OPEN, SIGNED, WITH_ENGINEER, Ticket, ticket_agg
from common.visit.sealed import accepted_report, first_arrival

LEADS = (Role.DISPATCHER, Role.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class CancelTicket:
    """Cancel a ticket with its reason; work under way is protected unless overridden (R003 R085)."""

    ticket_id: Id
    reason: Needed
    override_reason: Note = ""


@command(
    CancelTicket,
    nature=Nature.INTENT,
    roles=(Role.SPECIALIST, *LEADS),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def cancel_ticket(work: Work, c: CancelTicket) -> Outcome:
    """Cancel it and tell its engineers. Refuses `work_under_way`, `move_not_allowed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if is_under_way(ticket) and not c.override_reason:
        raise Refused("work_under_way", number=ticket.number)
    if not office_move(work, ticket, "cancelled"):
        return NOOP
    ticket.outcome_note, ticket.closed_at = c.reason, work.at
    clock_event(work, ticket, "closed")
    drop_clocks(work, ticket)
    write_event(work, ticket, "cancelled", c.reason, override=c.override_reason)
    notify_engineers(work, ticket, "notice_cancelled", reason=c.reason)
    return OK


@dataclass(frozen=True, slots=True)
class HoldTicket:
    """Put a ticket on hold with its reason; its clocks pause (R014, waiting for parts: R089)."""

    ticket_id: Id
    reason: Literal["awaiting_parts", "awaiting_customer", "awaiting_decision", "site_not_accessible"]
    note: Note = ""


@command(
    HoldTicket, nature=Nature.INTENT, roles=LEADS, places=OFFICE, about=lambda c: ticket_agg(c.ticket_id)
)
def hold_ticket(work: Work, c: HoldTicket) -> Outcome:
    """Hold it. Refuses `ticket_not_open`."""
    ticket = work.need(Ticket, c.ticket_id)
    if ticket.state not in OPEN:
        raise Refused("ticket_not_open", number=ticket.number)
    if ticket.hold_reason == c.reason:
        return NOOP
    ticket.hold_reason = c.reason
    if c.reason == "awaiting_parts" and ticket.state in WITH_ENGINEER:
        office_move(work, ticket, "awaiting_parts")
    pause_clocks(work, ticket, c.note or c.reason)
    write_event(work, ticket, "held", c.note, reason=c.reason)
    notify_engineers(work, ticket, "notice_held", reason=c.reason)
    return OK


@dataclass(frozen=True, slots=True)
class ResumeTicket:
    """Let a held ticket go on; its clocks run again (R014)."""

    ticket_id: Id
    note: Note = ""


@command(
    ResumeTicket, nature=Nature.INTENT, roles=LEADS, places=OFFICE, about=lambda c: ticket_agg(c.ticket_id)
)
def resume_ticket(work: Work, c: ResumeTicket) -> Outcome:
    """Resume it: back to its engineer for a new journey, or to the tray."""
    ticket = work.need(Ticket, c.ticket_id)
    if not ticket.hold_reason:
        return NOOP
    ticket.hold_reason = ""
    if is_under_way(ticket):
        office_move(work, ticket, "dispatched" if active_assignments(work, ticket.id) else "triaged")
    resume_clocks(work, ticket)
    write_event(work, ticket, "resumed", c.note)
    notify_engineers(work, ticket, "notice_resumed")
    return OK


@dataclass(frozen=True, slots=True)
class AcceptFieldWork:
    """Take over a report signed while the office had cancelled or moved the ticket (§3.1, R065)."""

    ticket_id: Id
    note: Note = ""


@command(
    AcceptFieldWork,
    nature=Nature.INTENT,
    roles=LEADS,
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def accept_field_work(work: Work, c: AcceptFieldWork) -> Outcome:
    """Count the ticket as signed when the customer signed. Refuses `not_signed`."""
    ticket = work.need(Ticket, c.ticket_id)
    report = accepted_report(work.session, ticket)
    if report is None:
        raise Refused("not_signed", number=ticket.number)
    if ticket.state in SIGNED or not office_move(work, ticket, "signed"):
        return NOOP
    ticket.closed_at, ticket.hold_reason, ticket.service_type = None, "", report.service_type
    clock_event(work, ticket, "arrived", first_arrival(work.session, ticket) or report.signed_at)
    for event in ("first_response", "fixed", "signed"):
        clock_event(work, ticket, event, report.signed_at)
    write_event(work, ticket, "field_work_accepted", c.note, report=report.number)
    return OK


@dataclass(frozen=True, slots=True)
class SettleTicket:
    """Note that the fee of a signed ticket is settled, or that there was none (R068 R070)."""

    ticket_id: Id
    document: Line = ""


@command(
    SettleTicket,
    nature=Nature.FACT,
    roles=(Role.CLERK, Role.SUPERVISOR),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def settle_ticket(work: Work, c: SettleTicket) -> Outcome:
    """Settle it; `document` is the invoice or receipt. Refuses `move_not_allowed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if not office_move(work, ticket, "settled"):
        return NOOP
    write_event(work, ticket, "settled", document=c.document)
    return OK


@dataclass(frozen=True, slots=True)
class WriteOffTicket:
    """Write off the register entry once the signed voucher is in (注销, R065 R085)."""

    ticket_id: Id
    note: Note = ""


@command(
    WriteOffTicket,
    nature=Nature.INTENT,
    roles=(Role.CLERK, Role.SUPERVISOR),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def write_off_ticket(work: Work, c: WriteOffTicket) -> Outcome:
    """Write it off. Refuses `not_signed`, `move_not_allowed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if accepted_report(work.session, ticket) is None:
        raise Refused("not_signed", number=ticket.number)
    if not office_move(work, ticket, "written_off"):
        return NOOP
    ticket.closed_at = work.at
    clock_event(work, ticket, "closed")
    drop_clocks(work, ticket)
    write_event(work, ticket, "written_off", c.note)
    return OK


@dataclass(frozen=True, slots=True)
class ArchiveTicket:
    """File a closed ticket under its archive reference (归档, R085 R155)."""

    ticket_id: Id
    archive_ref: Name


@command(
    ArchiveTicket,
    nature=Nature.INTENT,
    roles=(Role.CLERK, Role.SPECIALIST, Role.SUPERVISOR),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def archive_ticket(work: Work, c: ArchiveTicket) -> Outcome:
    """Archive it; it stays searchable. Refuses `move_not_allowed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if not office_move(work, ticket, "archived"):
        return NOOP
    ticket.archive_ref = c.archive_ref
    ticket.folded = f"{ticket.folded} {fold(c.archive_ref)}"
    write_event(work, ticket, "archived", ref=c.archive_ref)
    return OK


@dataclass(frozen=True, slots=True)
class ReopenTicket:
    """Open a closed ticket again because the customer is not satisfied (R019, §3.1)."""

    ticket_id: Id
    reason: Needed


@command(
    ReopenTicket,
    nature=Nature.INTENT,
    roles=(Role.SPECIALIST, Role.SUPERVISOR),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def reopen_ticket(work: Work, c: ReopenTicket) -> Outcome:
    """Begin a new round: the sealed report stays, new clocks run. Refuses `move_not_allowed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if not office_move(work, ticket, "reopened"):
        return NOOP
    for assignment in active_assignments(work, ticket.id):
        assignment.state, assignment.ended_at = "ended", work.at
    ticket.round += 1
    ticket.assignee_id = ticket.closed_at = ticket.released_at = None
    ticket.window_from_at = ticket.window_until_at = None
    ticket.hold_reason = ticket.outcome_note = ticket.told_by = ""
    clock_event(work, ticket, "received")
    clock_event(work, ticket, "accepted")
    write_event(work, ticket, "reopened", c.reason, round=ticket.round)
    return OK


@dataclass(frozen=True, slots=True)
class ReleaseTicket:
    """Take a ticket closed some days ago off the tablets (retention on devices, R171)."""

    ticket_id: Id


@command(
    ReleaseTicket,
    nature=Nature.FACT,
    roles=(Role.SYSTEM,),
    places=frozenset({Place.SYSTEM}),
    about=lambda c: ticket_agg(c.ticket_id),
)
def release_ticket(work: Work, c: ReleaseTicket) -> Outcome:
    """Mark it released; its scope rule then grants it to no engineer."""
    ticket = work.need(Ticket, c.ticket_id)
    if ticket.closed_at is None or ticket.released_at is not None:
        return NOOP
    ticket.released_at = work.at
    return OK


def tickets_to_release(session: Session, now: datetime, days: int = 14, limit: int = 500) -> list[str]:
    """List tickets closed more than `days` days ago that tablets may still hold, longest closed first."""
    query = select(Ticket.id).where(
        Ticket.closed_at < now - timedelta(days=days), Ticket.released_at.is_(None)
    )
    return list(session.scalars(query.order_by(Ticket.closed_at, Ticket.id).limit(limit)))
