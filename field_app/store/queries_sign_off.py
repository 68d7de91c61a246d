"""What the sign-off, the agreement and the stop-use notice read from the store before somebody signs.

Owns these reads. Values only, no rows: nothing of a session leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.approvals.approval import decision_number
from common.customers.customer import Customer
from common.equipment.equipment import Equipment
from common.people.person import Person
from common.policy.model import Policy
from common.policy.policy_set import find_policy
from common.tickets.ticket import Ticket
from common.visit.completeness import missing_fields
from common.visit.records import ReportAddendum, ServiceReport, StopUseNotice, Visit
from common.visit.report import compose_report, model_of
from common.visit.sealed import accepted_report, reports_of, voids_of
from common.visit.voucher import SignedOff
from field_app.store.settings import setting_of
from field_app.store.store import state_of

NAME_SETTING = "person.name"  # kept by enrolment, until the person's own record has come


@dataclass(frozen=True, slots=True)
class Engineer:
    """Who works on this tablet; `number` is the staff number that opens the customer's lock, '' while unknown."""

    person_id: str
    name: str
    number: str


@dataclass(frozen=True, slots=True)
class Addendum:
    """A correction beside a sealed report."""

    reason: str
    text: str
    by_name: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Void:
    """That two people at the office took a report back."""

    number: str
    reason: str
    voided_at: datetime


@dataclass(frozen=True, slots=True)
class SealedReport:
    """A report as it was signed; `strokes` as JSON."""

    report_id: str
    signed: SignedOff
    content: Mapping[str, Any]
    language: str
    strokes: str
    addenda: tuple[Addendum, ...]
    void: Void | None = None


@dataclass(frozen=True, slots=True)
class SigningFacts:
    """The ticket as the screens of signing need it. `unit` is model and serial in one line, '' without equipment."""

    ticket_id: str
    number: str
    state: str
    customer: str
    customer_language: str
    equipment_id: str
    unit: str
    zone: str
    service_type: str
    policy: Policy | None
    engineer: Engineer
    accepted: SealedReport | None
    refused: tuple[SealedReport, ...]
    voided: SealedReport | None
    reports: int
    notices: int
    visit_id: str | None = None  # the engineer's visit that is open


def engineer_here(session: Session) -> Engineer:
    """Say who works on this tablet."""
    state = state_of(session)
    person = session.get(Person, state.person_id) if state.person_id else None
    if person is not None:
        return Engineer(person.id, person.name, person.number)
    return Engineer(state.person_id, setting_of(session, NAME_SETTING), "")


def signing_facts(session: Session, ticket_id: str) -> SigningFacts | None:
    """Gather what is known of a ticket for signing; None where the tablet does not hold it."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return None
    customer = session.get(Customer, ticket.customer_id)
    unit = session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    model = model_of(session, ticket)
    reports = reports_of(session, ticket_id)
    accepted = accepted_report(session, ticket)
    of_round = [r for r in reports if r.round == ticket.round and not r.accepted]
    voids = voids_of(session, ticket_id)
    taken_back = [r for r in reports if r.round == ticket.round and r.id in voids]
    notices = session.scalars(select(StopUseNotice.id).where(StopUseNotice.ticket_id == ticket_id)).all()
    return SigningFacts(
        ticket_id=ticket.id,
        number=ticket.number,
        state=ticket.state,
        customer=customer.name if customer else "",
        customer_language=customer.language if customer else "",
        equipment_id=ticket.equipment_id or "",
        unit=" · ".join(filter(None, (model.name if model else "", unit.serial if unit else ""))),
        zone=ticket.zone,
        service_type=ticket.service_type,
        policy=find_policy(session),
        engineer=engineer_here(session),
        accepted=_sealed(session, accepted) if accepted else None,
        refused=tuple(_sealed(session, report) for report in of_round if report.id not in voids),
        voided=_sealed(session, taken_back[-1]) if taken_back else None,
        reports=len(reports),
        notices=len(notices),
        visit_id=session.scalar(
            select(Visit.id)
            .where(Visit.ticket_id == ticket_id, Visit.left_at.is_(None))
            .order_by(Visit.arrived_at.desc())
            .limit(1)
        ),
    )


def _sealed(session: Session, report: ServiceReport) -> SealedReport:
    query = select(ReportAddendum).where(ReportAddendum.report_id == report.id)
    beside = session.scalars(query.order_by(ReportAddendum.made_at, ReportAddendum.id))
    signed = SignedOff(
        number=report.number,
        accepted=report.accepted,
        opinion=report.opinion,
        refusal_reason=report.refusal_reason,
        signer_name=report.signer_name,
        signer_role=report.signer_role,
        signed_at=report.signed_at,
        engineer_name=report.engineer_name,
        content_hash=report.content_hash,
    )
    addenda = tuple(Addendum(a.reason, a.text, a.by_name, a.made_at) for a in beside)
    void = voids_of(session, report.ticket_id).get(report.id)
    told = Void(decision_number(void.approval_id), void.reason, void.voided_at) if void else None
    return SealedReport(report.id, signed, report.content, report.language, report.strokes, addenda, told)


def lacking(session: Session, ticket_id: str, service_type: str) -> tuple[str, ...]:
    """List what the report still lacks; sentences `missing.<code>`."""
    return missing_fields(session, ticket_id, find_policy(session), service_type=service_type)


def report_now(session: Session, ticket_id: str, service_type: str) -> dict[str, Any]:
    """Compose the report as it would be signed now."""
    return compose_report(session, ticket_id, service_type=service_type)


def has_report(session: Session, report_id: str) -> bool:
    """Say whether a report was signed under this id."""
    return bool(report_id) and session.get(ServiceReport, report_id) is not None
