"""What a signed report seals: from then on the visit's rows stand as they are.

Owns finding the report in force and the guard every visit command passes. Writes nothing.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.work import Work
from common.tickets.ticket import Ticket
from common.visit.records import ReportVoid, ServiceReport, Visit


def reports_of(session: Session, ticket_id: str) -> list[ServiceReport]:
    """List a ticket's reports, earliest first: refused ones, the accepted one, those of earlier rounds."""
    query = select(ServiceReport).where(ServiceReport.ticket_id == ticket_id)
    return list(session.scalars(query.order_by(ServiceReport.signed_at, ServiceReport.id)))


def accepted_report(session: Session, ticket: Ticket) -> ServiceReport | None:
    """Find the accepted report of the ticket's current round; the first one signed if there are two.

    One that was voided does not count.
    """
    reports = reports_of(session, ticket.id)
    found = [r for r in reports if r.accepted and r.round == ticket.round]
    voided = voided_reports(session, ticket.id) if found else frozenset()
    return next((r for r in found if r.id not in voided), None)


def voided_reports(session: Session, ticket_id: str) -> frozenset[str]:
    """Return the reports of a ticket that two people have voided."""
    return frozenset(voids_of(session, ticket_id))


def voids_of(session: Session, ticket_id: str) -> dict[str, ReportVoid]:
    """Map the voided reports of a ticket to the decision on each."""
    query = select(ReportVoid).where(ReportVoid.ticket_id == ticket_id)
    return {void.report_id: void for void in session.scalars(query.order_by(ReportVoid.voided_at.desc()))}


def first_arrival(session: Session, ticket: Ticket) -> datetime | None:
    """Say when someone first stood at the customer's in the current round."""
    query = select(Visit.arrived_at).where(Visit.ticket_id == ticket.id, Visit.round == ticket.round)
    return min(session.scalars(query), default=None)


def require_unsealed(work: Work, ticket: Ticket) -> None:
    """Refuse a change of what the customer signed, `report_sealed`; what arrives late is kept and flagged."""
    report = accepted_report(work.session, ticket)
    work.require(report is None, "report_sealed", number=report.number if report else "")
