"""Intake: a fault report is registered at once, judged, promised, corrected or ended (R001–R008, R017).

Owns the office's first commands on a ticket. Who is sent is dispatching's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from common.coverage.entitlement import judge_for_ticket
from common.customers.customer import Customer
from common.equipment.equipment import Equipment
from common.inbox.edits import Changes, Winner, after_edit, apply_changes
from common.kernel.command import ANYWHERE, OFFICE, Nature, Role, command
from common.kernel.fields import Code, Day, Id, Line, Name, Needed, Note, OptionalCode
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.text import fold
from common.kernel.work import Work
from common.policy.policy_set import zone_for
from common.sla.clocks import clock_event, drop_clocks, expected_at, rechoose_rules
from common.tickets.events import notify_engineers, office_move, write_event
from common.tickets.ticket import Ticket, ticket_agg

DESK = (Role.SPECIALIST, Role.CLERK, Role.DISPATCHER, Role.SUPERVISOR)
Channel = Literal["phone", "email", "web", "wechat", "letter", "visit", "outlet"]
Severity = Literal["minor", "complex"]
Mode = Literal["visit", "phone", "send_in"]

# The plan is the office's; what can be seen on site is the engineer's (sync-protocol 3.7).
EDITABLE = {
    "caller": Winner.LATER,
    "caller_phone": Winner.LATER,
    "contact": Winner.LATER,
    "contact_phone": Winner.LATER,
    "address": Winner.OFFICE,
    "zone": Winner.OFFICE,
    "severity": Winner.OFFICE,
    "urgent": Winner.OFFICE,
    "mode": Winner.OFFICE,
    "plan": Winner.OFFICE,
    "equipment_id": Winner.FIELD,
    "fault_text": Winner.FIELD,
    "fault_code": Winner.FIELD,
    "fault_since_on": Winner.FIELD,
    "danger": Winner.FIELD,
}
CHOICES = {"severity": ("minor", "complex"), "mode": ("visit", "phone", "send_in")}


@dataclass(frozen=True, slots=True)
class ReportFault:
    """Register a call at once, with what the caller says, and promise a time (R001 R003 R005 R006 R008)."""

    ticket_id: Id
    number: Name
    channel: Channel
    customer_id: Id
    fault_text: Needed
    severity: Severity
    equipment_id: Id | None = None
    caller: Line = ""
    caller_phone: Line = ""
    fault_code: OptionalCode = ""
    fault_since_on: Day | None = None
    urgent: bool = False
    danger: bool = False
    address: Line = ""
    contact: Line = ""
    contact_phone: Line = ""
    mode: Mode = "visit"
    plan: Note = ""


@command(ReportFault, nature=Nature.FACT, roles=DESK, places=OFFICE, about=lambda c: ticket_agg(c.ticket_id))
def report_fault(work: Work, c: ReportFault) -> Outcome:
    """Open the ticket, judge it, start the clocks. Refuses `customer_unknown`, `equipment_unknown`."""
    if work.has(Ticket, c.ticket_id):
        return NOOP
    customer = work.need(Customer, c.customer_id)
    unit = work.need(Equipment, c.equipment_id) if c.equipment_id else None
    work.require(unit is None or unit.customer_id == customer.id, "equipment_of_another_customer")
    address = c.address or customer.address
    ticket = work.add(
        Ticket(
            id=c.ticket_id,
            agg=ticket_agg(c.ticket_id),
            number=c.number,
            state="triaged",
            state_since_at=work.at,
            round=1,
            channel=c.channel,
            caller=c.caller,
            caller_phone=c.caller_phone,
            received_at=work.at,
            taken_by=work.actor.person_id,
            customer_id=customer.id,
            equipment_id=c.equipment_id,
            fault_text=c.fault_text,
            fault_code=c.fault_code,
            fault_since_on=c.fault_since_on,
            severity=c.severity,
            urgent=c.urgent,
            danger=c.danger,
            zone=customer.zone or zone_for(work.session, address),
            address=address,
            contact=c.contact or customer.contact,
            contact_phone=c.contact_phone or customer.phone,
            mode=c.mode,
            plan=c.plan,
            promised_at=None,
            window_from_at=None,
            window_until_at=None,
            told_by="",
            assignee_id=None,
            service_type="",
            hold_reason="",
            help_wanted=False,
            outcome_note="",
            closed_at=None,
            archive_ref="",
            released_at=None,
            folded="",
            edited_by=None,
        )
    )
    ticket.folded = fold_ticket(work, ticket)
    entitlement = judge_for_ticket(work, ticket, None)
    clock_event(work, ticket, "received")
    clock_event(work, ticket, "accepted")
    ticket.promised_at = expected_at(work.session, ticket)
    write_event(work, ticket, "received", channel=c.channel, caller=c.caller)
    write_event(work, ticket, "accepted")
    write_event(
        work, ticket, "triaged", severity=c.severity, urgent=int(c.urgent), verdict=entitlement.verdict
    )
    return OK


@dataclass(frozen=True, slots=True)
class EditTicket:
    """Change what is known or planned, field by field; the old value travels along (R005 R046)."""

    ticket_id: Id
    changes: Changes


@command(
    EditTicket,
    nature=Nature.EDIT,
    roles=(*DESK, Role.ENGINEER),
    places=ANYWHERE,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def edit_ticket(work: Work, c: EditTicket) -> Outcome:
    """Merge the changes. Refuses `field_not_editable`, `value_not_readable`, `choice_unknown`, …"""
    ticket = work.need(Ticket, c.ticket_id)
    for change in c.changes:
        if change.new not in CHOICES.get(change.field, (change.new,)):
            raise Refused("choice_unknown", field=change.field)
        if change.field == "equipment_id" and change.new and work.look(Equipment, change.new) is None:
            raise Refused("equipment_unknown")
    before = {change.field: getattr(ticket, change.field, None) for change in c.changes}
    outcome = apply_changes(work, ticket, c.changes, EDITABLE, needed=("fault_text",))
    moved = sorted(name for name, old in before.items() if getattr(ticket, name) != old)
    if not moved:
        return outcome
    if "equipment_id" in moved:
        judge_for_ticket(work, ticket, None)
    write_event(work, ticket, "edited", fields=" ".join(moved))
    if not work.actor.is_field:
        notify_engineers(work, ticket, "notice_edited", fields=" ".join(moved))
    return outcome


@after_edit(Ticket)
def follow_edit(work: Work, ticket: Ticket) -> None:
    """Fold the search text anew and judge open clocks by the rules that fit now (severity, urgency, zone)."""
    ticket.folded = fold_ticket(work, ticket)
    rechoose_rules(work, ticket, "ticket_edited")


@dataclass(frozen=True, slots=True)
class SolveByPhone:
    """End a ticket that advice by phone has solved (在线解决, R007)."""

    ticket_id: Id
    outcome_note: Needed


@command(
    SolveByPhone, nature=Nature.INTENT, roles=DESK, places=OFFICE, about=lambda c: ticket_agg(c.ticket_id)
)
def solve_by_phone(work: Work, c: SolveByPhone) -> Outcome:
    """End it with the advice given. Refuses `move_not_allowed`."""
    ticket = work.need(Ticket, c.ticket_id)
    return _end(work, ticket, "remote_solved", "solved_by_phone", c.outcome_note)


@dataclass(frozen=True, slots=True)
class RefuseTicket:
    """Refuse a request with its reason (R017)."""

    ticket_id: Id
    reason: Needed


@command(
    RefuseTicket,
    nature=Nature.INTENT,
    roles=(Role.SPECIALIST, Role.DISPATCHER, Role.SUPERVISOR),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def refuse_ticket(work: Work, c: RefuseTicket) -> Outcome:
    """End it as refused. Refuses `move_not_allowed`."""
    return _end(work, work.need(Ticket, c.ticket_id), "refused", "refused", c.reason)


def _end(work: Work, ticket: Ticket, state: Code, kind: Code, note: str) -> Outcome:
    if not office_move(work, ticket, state):
        return NOOP
    ticket.outcome_note, ticket.closed_at = note, work.at
    clock_event(work, ticket, "first_response")
    if state == "remote_solved":
        clock_event(work, ticket, "fixed")
    clock_event(work, ticket, "closed")
    drop_clocks(work, ticket)
    write_event(work, ticket, kind, note)
    notify_engineers(work, ticket, f"notice_{kind}")
    return OK


def fold_ticket(work: Work, ticket: Ticket) -> str:
    """Make the text a ticket is found by. Rows that are not here are left out."""
    words = [
        ticket.number,
        ticket.caller,
        ticket.caller_phone,
        ticket.contact,
        ticket.contact_phone,
        ticket.address,
        ticket.fault_text,
        ticket.archive_ref,
    ]
    customer = work.session.get(Customer, ticket.customer_id)
    unit = work.session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    if customer is not None:
        words += [customer.number, customer.name, customer.pinyin]
        words += [customer.pinyin.replace(" ", ""), customer.initials]
    if unit is not None:
        words.append(unit.serial)
    return fold(" ".join(words))
