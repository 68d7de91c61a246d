"""What an engineer records during a visit: tables only.

All rows but the rating belong to the ticket's aggregate. What was wrong is withdrawn, never deleted.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import (
    Base,
    Document,
    Key,
    Long,
    PrivateDocument,
    PrivateLong,
    PrivateShort,
    Short,
    Synced,
)


class Visit(Synced, Base):
    """One presence on site (R057). The engineer's name travels here: tablets hold no other persons."""

    __tablename__ = "visit"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    engineer_id: Mapped[Key] = mapped_column(index=True)
    engineer_name: Mapped[PrivateShort]
    travel_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime]
    badge_shown: Mapped[bool]
    left_at: Mapped[datetime | None]
    arrive_device_at: Mapped[datetime | None]
    arrive_clock_error_ms: Mapped[int]


class ChecklistAnswer(Synced, Base):
    """One answer on a checklist (R058)."""

    __tablename__ = "checklist_answer"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    template: Mapped[Short]
    item: Mapped[Short]
    answer: Mapped[Short]  # ok | not_ok | na
    value: Mapped[PrivateShort]  # what was read, for an item that asks for a value
    note: Mapped[PrivateLong]
    answered_at: Mapped[datetime]


class Diagnosis(Synced, Base):
    """What was found and why (R059, F05). A later one stands in front of an earlier one."""

    __tablename__ = "diagnosis"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    visit_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    phenomenon: Mapped[PrivateLong]
    customer_account: Mapped[PrivateLong]
    finding: Mapped[PrivateLong]
    cause_code: Mapped[Short]
    fault_code: Mapped[Short]
    evidence: Mapped[PrivateLong]
    made_at: Mapped[datetime]


class RepairAgreement(Synced, Base):
    """Plan and price the customer signed before paid work (维修协议, R060). Sealed."""

    __tablename__ = "repair_agreement"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    plan: Mapped[PrivateLong]
    lines: Mapped[PrivateDocument]  # [{kind, code, title, qty_milli, unit_price_minor, amount_minor}]
    total_minor: Mapped[int]
    currency: Mapped[Short]
    price_version: Mapped[int]
    signer_name: Mapped[PrivateShort]
    signer_role: Mapped[Short]
    strokes: Mapped[PrivateLong]
    content_hash: Mapped[Short]
    signed_at: Mapped[datetime]


class RepairMeasure(Synced, Base):
    """One thing done, with the time it took (R061)."""

    __tablename__ = "repair_measure"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    visit_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    text: Mapped[PrivateLong]
    minutes: Mapped[int]
    made_at: Mapped[datetime]
    withdrawn: Mapped[bool]


class TestValue(Synced, Base):
    """One measured value of the function test (R063). Values are kept as written, limits beside them."""

    __tablename__ = "test_value"
    __test__ = False  # a noun, not a test
    ticket_id: Mapped[Key] = mapped_column(index=True)
    visit_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    name: Mapped[Short]
    value: Mapped[Short]
    unit: Mapped[Short]
    low: Mapped[Short]
    high: Mapped[Short]
    passed: Mapped[bool]
    instrument: Mapped[Short]
    measured_at: Mapped[datetime]
    withdrawn: Mapped[bool]


class Demonstration(Synced, Base):
    """Correct use shown to the customer (R064)."""

    __tablename__ = "demonstration"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    visit_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    shown_to: Mapped[PrivateShort]
    points: Mapped[PrivateLong]
    at: Mapped[datetime]


class StopUseNotice(Synced, Base):
    """The customer was told to stop using dangerous equipment, and signed that he knows (R150). Sealed."""

    __tablename__ = "stop_use_notice"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    equipment_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    hazard: Mapped[PrivateLong]
    instruction: Mapped[PrivateLong]
    signer_name: Mapped[PrivateShort]
    signer_role: Mapped[Short]
    strokes: Mapped[PrivateLong]
    content_hash: Mapped[Short]
    given_at: Mapped[datetime]


class ServiceReport(Synced, Base):
    """The service voucher as the customer signed or refused it (服务凭证, R065–R066, F04). Sealed."""

    __tablename__ = "service_report"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    round: Mapped[int]
    number: Mapped[Short] = mapped_column(index=True)
    content: Mapped[PrivateDocument]
    content_hash: Mapped[Short]
    language: Mapped[Short]
    service_type: Mapped[Short]
    accepted: Mapped[bool]
    refusal_reason: Mapped[PrivateLong]
    opinion: Mapped[PrivateLong]
    signer_name: Mapped[PrivateShort]
    signer_role: Mapped[Short]
    strokes: Mapped[PrivateLong]
    signed_at: Mapped[datetime]
    device_at: Mapped[datetime | None]
    clock_error_ms: Mapped[int]
    engineer_id: Mapped[Key]
    engineer_name: Mapped[PrivateShort]
    supersedes: Mapped[Key | None]


class ReportSeal(Synced, Base):
    """The seal of a report under the report's own id: the tablet's signature, later the server's beside it (Q3)."""

    __tablename__ = "report_seal"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    seal: Mapped[Document]
    key: Mapped[Short]
    signature: Mapped[Short]
    counter: Mapped[Document | None]
    counter_key: Mapped[Short]
    counter_signature: Mapped[Short]


class ReportAddendum(Synced, Base):
    """A correction to a sealed report, beside it and never inside it."""

    __tablename__ = "report_addendum"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    report_id: Mapped[Key] = mapped_column(index=True)
    reason: Mapped[PrivateLong]
    text: Mapped[PrivateLong]
    by_id: Mapped[Key]
    by_name: Mapped[PrivateShort]
    made_at: Mapped[datetime]


class Rating(Synced, Base):
    """The customer's opinion card, sealed so that the rated person cannot read it (R108, R113)."""

    __tablename__ = "rating"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    sealed: Mapped[Long]
    given_at: Mapped[datetime]


class ReportVoid(Synced, Base):
    """That a sealed report does not count any more, who asked and who approved. The report stays as it was signed."""

    __tablename__ = "report_void"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    report_id: Mapped[Key] = mapped_column(index=True)
    approval_id: Mapped[Key]
    reason: Mapped[Long]
    asked_by: Mapped[Key]
    approved_by: Mapped[Key]
    voided_at: Mapped[datetime]
