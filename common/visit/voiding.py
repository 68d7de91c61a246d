"""Voiding a sealed report: two people, a reason, and the report stays readable (register R065, ASVS 2.3.5).

Owns this command. The round can then be signed anew after the ticket is reopened; nothing is ever deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.approvals.approval import TWO_PEOPLE, decision_number, require_person, take_approval
from common.equipment.equipment import mark_void
from common.kernel.command import OFFICE, Nature, command
from common.kernel.fields import Id
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.tickets.events import write_event
from common.tickets.ticket import Ticket, ticket_agg
from common.visit.records import ReportVoid, ServiceReport


@dataclass(frozen=True, slots=True)
class VoidReport:
    """Say that a sealed report does not count any more, on an approved request (R065 R175)."""

    void_id: Id
    ticket_id: Id
    report_id: Id
    approval_id: Id


@command(
    VoidReport,
    nature=Nature.INTENT,
    roles=TWO_PEOPLE,
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def void_report(work: Work, c: VoidReport) -> Outcome:
    """Void it. Refuses `service_report_unknown`, `approval_missing`, `approval_ran_out`, `approval_needs_person`."""
    if work.get(ReportVoid, c.void_id) is not None:
        return NOOP
    ticket, report = work.need(Ticket, c.ticket_id), work.need(ServiceReport, c.report_id)
    if report.ticket_id != ticket.id:
        raise Refused("service_report_unknown")
    require_person(work)
    approval = take_approval(work, c.approval_id, "void_report", report.id)
    work.add(
        ReportVoid(
            id=c.void_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            report_id=report.id,
            approval_id=approval.id,
            reason=approval.reason,
            asked_by=approval.asked_by,
            approved_by=approval.decided_by or "",
            voided_at=work.at,
        )
    )
    number = decision_number(approval.id)
    mark_void(work, report.id, number)
    write_event(work, ticket, "report_voided", approval.reason, report=report.number, number=number)
    return OK
