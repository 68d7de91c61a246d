"""Everything that is known of one ticket, read in one snapshot for its page (R018, R155).

Owns the reading. Who may see it, and how it looks, is the console's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.approvals.approval import decision_number
from common.coverage.coverage import Coverage, Entitlement
from common.coverage.entitlement import coverage_of
from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.files.attachment import Attachment, files_of
from common.inbox.records import Discrepancy, FieldConflict
from common.kernel.clock import millis
from common.people.person import Person
from common.policy.model import Policy
from common.policy.policy_set import find_policy
from common.sla.clock import ClockState
from common.sla.clock_record import SlaClock
from common.sla.clocks import KINDS, explain_stored, judge_stored
from common.sla.explain import ExplainLine
from common.stock.part_usage import PartUsage
from common.tickets.events import timeline
from common.tickets.ticket import OPEN, Assignment, Ticket, TicketEvent
from common.visit.records import (
    Demonstration,
    Diagnosis,
    RepairAgreement,
    RepairMeasure,
    ReportAddendum,
    ReportVoid,
    ServiceReport,
    StopUseNotice,
    TestValue,
    Visit,
)
from common.visit.seal import Verdict
from common.visit.sealed import reports_of, voids_of
from sync_server.db.file_tables import KeptFile
from sync_server.db.tables import Device

Judge = Callable[[Session, ServiceReport], Verdict]


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock, its verdict as of now, and its explanation line by line."""

    row: SlaClock
    state: ClockState
    lines: Sequence[ExplainLine]


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report with its corrections and how its seal stands."""

    row: ServiceReport
    addenda: Sequence[ReportAddendum]
    seal: Verdict | None = None
    void: ReportVoid | None = None

    @property
    def is_voided(self) -> bool:
        """Say whether two people have taken it back."""
        return self.void is not None

    @property
    def void_number(self) -> str:
        """Return the number of that decision, '' where there is none."""
        return decision_number(self.void.approval_id) if self.void else ""


@dataclass(frozen=True, slots=True)
class TicketFile:
    """One ticket whole. `people` maps ids to names; `devices` are the tablets of who is assigned.

    `previews` are the hashes of small pictures that are here though their photos are not yet.
    """

    ticket: Ticket
    customer: Customer | None
    unit: Equipment | None
    model: EquipmentModel | None
    policy: Policy | None
    coverage: Sequence[Coverage]
    entitlements: Sequence[Entitlement]
    clocks: Sequence[ClockView]
    assignments: Sequence[Assignment]
    events: Sequence[TicketEvent]
    visits: Sequence[Visit]
    diagnoses: Sequence[Diagnosis]
    agreements: Sequence[RepairAgreement]
    measures: Sequence[RepairMeasure]
    tests: Sequence[TestValue]
    demonstrations: Sequence[Demonstration]
    stop_use: Sequence[StopUseNotice]
    parts: Sequence[PartUsage]
    reports: Sequence[ReportView]
    files: Sequence[Attachment]
    previews: frozenset[str]
    conflicts: Sequence[FieldConflict]
    discrepancies: Sequence[Discrepancy]
    others: Sequence[Ticket]
    devices: Mapping[str, Device]
    people: Mapping[str, str]

    @property
    def active(self) -> list[Assignment]:
        """List who is on the ticket now."""
        return [held for held in self.assignments if held.state == "active"]

    @property
    def entitlement(self) -> Entitlement | None:
        """Return the newest judgement."""
        return self.entitlements[0] if self.entitlements else None

    def name(self, person_id: str | None) -> str:
        """Name a person; an id nobody has is shown as it is."""
        return self.people.get(person_id, person_id) if person_id else ""


def read_ticket_file(
    session: Session, ticket_id: str, now: datetime, judge: Judge | None = None
) -> TicketFile | None:
    """Read a ticket whole, None if there is none. `judge` checks the seals of its reports."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return None
    unit = session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    assignments = _rows(session, Assignment, ticket, Assignment.assigned_at)
    policy = find_policy(session)
    files = files_of(session, ticket.id, withdrawn=True)
    judged = select(Entitlement).where(Entitlement.ticket_id == ticket.id)
    return TicketFile(
        ticket=ticket,
        customer=session.get(Customer, ticket.customer_id),
        unit=unit,
        model=session.get(EquipmentModel, unit.model_id) if unit else None,
        policy=policy,
        coverage=coverage_of(session, unit.id) if unit else [],
        entitlements=session.scalars(
            judged.order_by(Entitlement.judged_at.desc(), Entitlement.id.desc())
        ).all(),
        clocks=_clocks(session, policy, ticket, now),
        assignments=assignments,
        events=timeline(session, ticket.id),
        visits=_rows(session, Visit, ticket, Visit.arrived_at),
        diagnoses=_rows(session, Diagnosis, ticket, Diagnosis.made_at),
        agreements=_rows(session, RepairAgreement, ticket, RepairAgreement.signed_at),
        measures=_rows(session, RepairMeasure, ticket, RepairMeasure.made_at),
        tests=_rows(session, TestValue, ticket, TestValue.measured_at),
        demonstrations=_rows(session, Demonstration, ticket, Demonstration.at),
        stop_use=_rows(session, StopUseNotice, ticket, StopUseNotice.given_at),
        parts=_rows(session, PartUsage, ticket, PartUsage.used_at),
        reports=_reports(session, ticket, judge),
        files=files,
        previews=_previews(session, files),
        conflicts=_conflicts(session, ticket),
        discrepancies=_discrepancies(session, ticket),
        others=_others(session, ticket),
        devices=_devices(session, [held.engineer_id for held in assignments]),
        people={row.id: row.name for row in session.execute(select(Person.id, Person.name))},
    )


def _rows(session: Session, record: type[Any], ticket: Ticket, order: Any) -> list[Any]:
    query = select(record).where(record.ticket_id == ticket.id)
    return list(session.scalars(query.order_by(order, record.id)))


def _clocks(session: Session, policy: Policy | None, ticket: Ticket, now: datetime) -> list[ClockView]:
    if policy is None:
        return []
    rows = _rows(session, SlaClock, ticket, SlaClock.round)
    rows.sort(key=lambda clock: (-clock.round, KINDS.index(clock.kind)))
    return [ClockView(row, judge_stored(policy, row, now), explain_stored(policy, row, now)) for row in rows]


def _reports(session: Session, ticket: Ticket, judge: Judge | None) -> list[ReportView]:
    voids = voids_of(session, ticket.id)
    addenda = _rows(session, ReportAddendum, ticket, ReportAddendum.made_at)
    reports = reports_of(session, ticket.id)
    return [
        ReportView(
            row,
            [one for one in addenda if one.report_id == row.id],
            judge(session, row) if judge else None,
            voids.get(row.id),
        )
        for row in reports
    ]


def _previews(session: Session, files: Sequence[Attachment]) -> frozenset[str]:
    hashes = [one.preview_sha256 for one in files if one.preview_sha256]
    here = select(KeptFile.sha256).where(KeptFile.sha256.in_(hashes), KeptFile.state == "stored")
    return frozenset(session.scalars(here)) if hashes else frozenset()


def _conflicts(session: Session, ticket: Ticket) -> list[FieldConflict]:
    query = select(FieldConflict).where(FieldConflict.agg == ticket.agg)
    return list(session.scalars(query.order_by(FieldConflict.raised_at.desc(), FieldConflict.id)))


def _discrepancies(session: Session, ticket: Ticket) -> list[Discrepancy]:
    query = select(Discrepancy).where(Discrepancy.ticket_id == ticket.id)
    return list(session.scalars(query.order_by(Discrepancy.raised_at.desc(), Discrepancy.id)))


def _others(session: Session, ticket: Ticket) -> list[Ticket]:
    """List other tickets of the same unit, newest first; of the customer where the unit is not known."""
    same = Ticket.equipment_id == ticket.equipment_id
    if ticket.equipment_id is None:
        same = (Ticket.customer_id == ticket.customer_id) & Ticket.state.in_(OPEN)
    query = select(Ticket).where(same, Ticket.id != ticket.id)
    return list(session.scalars(query.order_by(Ticket.received_at.desc()).limit(6)))


def _devices(session: Session, person_ids: Sequence[str]) -> dict[str, Device]:
    """Map persons to the tablet that was last in contact."""
    query = select(Device).where(Device.person_id.in_(person_ids), Device.state == "active")
    seen = sorted(
        session.scalars(query), key=lambda device: millis(device.last_contact_at or device.enrolled_at)
    )
    return {device.person_id: device for device in seen}
