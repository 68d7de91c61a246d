"""The customer's equipment: models, units, and each unit's pouch of past vouchers (R022, R025).

Owns the tables and `file_voucher`, `stop_use`. Warranty and contract are the coverage room's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.lifecycle import Lifecycle
from common.kernel.record import Base, Document, Key, PrivateLong, PrivateShort, Short, Synced
from common.kernel.scope import EVERYONE, Grant, scope_rule
from common.kernel.text import fold
from common.kernel.work import Work

MODELS_AGG = "catalogue:models"
EQUIPMENT_LIFE = Lifecycle(
    "equipment",
    "in_use",
    {
        "in_use": frozenset({"stopped", "retired"}),
        "stopped": frozenset({"in_use", "retired"}),
        "retired": frozenset(),
    },
)


class EquipmentModel(Synced, Base):
    """A product model: what it takes to work on one (checklist, skill, certificate)."""

    __tablename__ = "equipment_model"
    code: Mapped[Short] = mapped_column(index=True)
    name: Mapped[Short]
    manufacturer: Mapped[Short]
    category: Mapped[Short]
    regulated: Mapped[bool]
    checklist: Mapped[Short]
    skill: Mapped[Short]
    certificate: Mapped[Short]
    active: Mapped[bool]

    @property
    def title(self) -> str:
        """Name the model with its code, once: makers often write the code into the name."""
        return self.name if self.code in self.name else f"{self.name} {self.code}"


class Equipment(Synced, Base):
    """One unit at a customer's, known by its serial."""

    __tablename__ = "equipment"
    serial: Mapped[Short] = mapped_column(index=True)
    udi: Mapped[Short]
    model_id: Mapped[Key] = mapped_column(index=True)
    customer_id: Mapped[Key] = mapped_column(index=True)
    location: Mapped[PrivateShort]
    sold_on: Mapped[date | None]
    accepted_on: Mapped[date | None]
    warranty_months: Mapped[int | None]
    software_version: Mapped[Short]
    state: Mapped[Short]  # EQUIPMENT_LIFE
    folded: Mapped[PrivateLong]
    edited_by: Mapped[Key | None]


class PastVoucher(Synced, Base):
    """One signed voucher in the unit's pouch (客户资料袋, R022): what was wrong, why, and what was done."""

    __tablename__ = "past_voucher"
    equipment_id: Mapped[Key] = mapped_column(index=True)
    ticket_number: Mapped[Short]
    service_on: Mapped[date]
    engineer_name: Mapped[PrivateShort]
    fault: Mapped[PrivateLong]
    cause_code: Mapped[Short]
    measures: Mapped[PrivateLong]
    parts: Mapped[Document]  # list of {"number", "name", "qty" in thousandths, "serial_in"}
    accepted: Mapped[bool]
    content_hash: Mapped[Short]
    void_number: Mapped[Short]  # of the decision by which it does not count any more, '' where it does


def equipment_agg(equipment_id: str) -> str:
    """Name a unit's aggregate."""
    return f"equipment:{equipment_id}"


def fold_equipment(equipment: Equipment, model: EquipmentModel | None) -> str:
    """Make the text a unit is found by: serial, UDI, place, and its model's code, name and maker."""
    words = [equipment.serial, equipment.udi, equipment.location]
    if model is not None:
        words += [model.code, model.name, model.manufacturer]
    return fold(" ".join(words))


@scope_rule("catalogue")
def catalogue_scope(session: Session, agg: str) -> Iterable[Grant]:
    """Show catalogues (models, parts, prices) to everyone."""
    return ((EVERYONE, agg),)


def file_voucher(
    work: Work,
    *,
    report_id: str,
    equipment_id: str,
    ticket_number: str,
    service_on: date,
    engineer_name: str,
    fault: str,
    cause_code: str,
    measures: str,
    parts: list[dict[str, str | int]],
    accepted: bool,
    content_hash: str,
) -> PastVoucher:
    """Put a signed report into the unit's pouch, once (R022). Works where the unit itself is not here."""
    return work.add(
        PastVoucher(
            id=report_id,
            agg=equipment_agg(equipment_id),
            equipment_id=equipment_id,
            ticket_number=ticket_number,
            service_on=service_on,
            engineer_name=engineer_name,
            fault=fault,
            cause_code=cause_code,
            measures=measures,
            parts=parts,
            accepted=accepted,
            content_hash=content_hash,
            void_number="",
        )
    )


def mark_void(work: Work, report_id: str, number: str) -> None:
    """Mark a voucher in its unit's pouch as voided; one that never came there stays away."""
    voucher = work.get(PastVoucher, report_id)
    if voucher is not None:
        voucher.void_number = number


def stop_use(work: Work, equipment_id: str) -> None:
    """Mark a unit as not to be used (R150). A unit not here, already stopped or retired stays as it is."""
    unit = work.get(Equipment, equipment_id)
    if unit is not None and EQUIPMENT_LIFE.judge_move(unit.state, "stopped") == "apply":
        unit.state = "stopped"


def vouchers_of(session: Session, equipment_id: str, limit: int = 20) -> list[PastVoucher]:
    """List a unit's past vouchers, newest first."""
    query = select(PastVoucher).where(PastVoucher.equipment_id == equipment_id)
    return list(
        session.scalars(query.order_by(PastVoucher.service_on.desc(), PastVoucher.id.desc()).limit(limit))
    )


def units_of(session: Session, customer_id: str) -> list[Equipment]:
    """List a customer's units by serial."""
    query = select(Equipment).where(Equipment.customer_id == customer_id)
    return list(session.scalars(query.order_by(Equipment.serial, Equipment.id)))
