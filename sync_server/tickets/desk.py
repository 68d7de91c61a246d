"""What the person at the telephone sees while typing: customers, their units, what is open, what was done before.

Owns these reads for intake (R003 R005 R022). Finding a customer is the customers room's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.customers.customer import Customer, CustomerContact
from common.customers.search import find_customers
from common.equipment.equipment import Equipment, EquipmentModel, PastVoucher, units_of, vouchers_of
from common.kernel.search import matching
from common.kernel.text import fold
from common.tickets.ticket import OPEN, Ticket

FOUND_MOST = 8
UNITS_MOST = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit with its model."""

    row: Equipment
    model: EquipmentModel | None

    @property
    def name(self) -> str:
        """Name the unit as people do: model name, then code."""
        return self.model.title if self.model else ""


@dataclass(frozen=True, slots=True)
class Found:
    """A customer found, and which of his units the words hit."""

    customer: Customer
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The customer of a call, his units, the unit chosen, and what is known of it."""

    customer: Customer
    contacts: Sequence[CustomerContact]
    units: Sequence[Unit]
    unit: Unit | None
    open_tickets: Sequence[Ticket]
    vouchers: Sequence[PastVoucher]


def find_callers(session: Session, words: str) -> list[Found]:
    """Find customers by number, name, pinyin, telephone, contact, or the serial of a unit; '' finds none."""
    if not fold(words):
        return []
    customers = find_customers(session, words, FOUND_MOST)
    hits: dict[str, list[Equipment]] = {}
    query = select(Equipment).where(
        Equipment.customer_id.in_([customer.id for customer in customers]), *matching(Equipment.folded, words)
    )
    for unit in session.scalars(query.order_by(Equipment.serial)):
        hits.setdefault(unit.customer_id, []).append(unit)
    shown = {customer.id: hits.get(customer.id, [])[:UNITS_MOST] for customer in customers}
    models = _models(session, (unit for units in shown.values() for unit in units))
    return [
        Found(customer, tuple(Unit(unit, models.get(unit.model_id)) for unit in shown[customer.id]))
        for customer in customers
    ]


def choose(session: Session, customer_id: str, equipment_id: str) -> Chosen | None:
    """Read the customer of a call and the unit it is about; a unit alone names its customer."""
    row = session.get(Equipment, equipment_id) if equipment_id else None
    owner_id = customer_id or (row.customer_id if row is not None else "")
    customer = session.get(Customer, owner_id) if owner_id else None
    if customer is None:
        return None
    if row is not None and row.customer_id != customer.id:
        row = None
    owned = [unit for unit in units_of(session, customer.id) if unit.state != "retired"]
    models = _models(session, owned)
    units = [Unit(unit, models.get(unit.model_id)) for unit in owned]
    contacts = session.scalars(
        select(CustomerContact)
        .where(CustomerContact.customer_id == customer.id)
        .order_by(CustomerContact.name)
    ).all()
    about = Ticket.equipment_id == row.id if row is not None else Ticket.customer_id == customer.id
    open_tickets = session.scalars(
        select(Ticket).where(about, Ticket.state.in_(OPEN)).order_by(Ticket.received_at.desc()).limit(10)
    ).all()
    vouchers = vouchers_of(session, row.id, 5) if row is not None else []
    chosen = next((unit for unit in units if row is not None and unit.row.id == row.id), None)
    return Chosen(customer, contacts, units, chosen, open_tickets, vouchers)


def models_in_service(session: Session) -> list[EquipmentModel]:
    """List the product models that can be registered, by name."""
    query = select(EquipmentModel).where(EquipmentModel.active.is_(True))
    return list(session.scalars(query.order_by(EquipmentModel.name, EquipmentModel.code)))


def _models(session: Session, units: Iterable[Equipment]) -> dict[str, EquipmentModel]:
    ids = {unit.model_id for unit in units}
    found = session.scalars(select(EquipmentModel).where(EquipmentModel.id.in_(ids))) if ids else ()
    return {model.id: model for model in found}
