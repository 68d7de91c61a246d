"""What covers a unit, and what was judged for a ticket (R031–R038).

Owns the tables. The judgement itself is pure and stands in `common.coverage.judge`.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Base, Document, Key, PrivateLong, Short, Synced


class Coverage(Synced, Base):
    """A warranty or a maintenance contract over one unit, from its first to its last day (R031, R038)."""

    __tablename__ = "coverage"
    equipment_id: Mapped[Key] = mapped_column(index=True)
    kind: Mapped[Short]  # warranty | contract
    number: Mapped[Short]
    from_on: Mapped[date]
    until_on: Mapped[date]
    terms: Mapped[Document]
    cancelled: Mapped[bool]


class Entitlement(Synced, Base):
    """A judgement for a ticket: proposed by the rules, confirmed by a supervisor (R035)."""

    __tablename__ = "entitlement"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    verdict: Mapped[Short]
    reason: Mapped[Short]
    service_type: Mapped[Short]  # A paid | B contract | C free | D internal
    cause_code: Mapped[Short | None]
    values: Mapped[Document]  # fill the sentence `coverage.reason.<reason>`
    provisional: Mapped[bool]  # the cause is not known yet and may change the verdict
    data_version: Mapped[Short]
    judged_at: Mapped[datetime]
    judged_by: Mapped[Key]
    confirmed_by: Mapped[Key | None]
    note: Mapped[PrivateLong]
