"""Names behind ids: what a person calls the ticket, the part or the colleague a stored id stands for.

Owns the look-up. One query for each kind of thing, however many ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.kernel.ids import is_id
from common.people.person import Person
from common.stock.location import StockLocation
from common.stock.part import Part
from common.tickets.ticket import Ticket


def names_of(session: Session, ids: Iterable[object]) -> dict[str, str]:
    """Map those of the ids that are known to what people call them."""
    wanted = {one for one in ids if isinstance(one, str) and is_id(one)}
    if not wanted:
        return {}
    queries: tuple[Any, ...] = (
        select(Person.id, Person.name).where(Person.id.in_(wanted)),
        select(Ticket.id, Ticket.number).where(Ticket.id.in_(wanted)),
        select(Customer.id, Customer.name).where(Customer.id.in_(wanted)),
        select(Equipment.id, Equipment.serial).where(Equipment.id.in_(wanted)),
        select(EquipmentModel.id, EquipmentModel.name).where(EquipmentModel.id.in_(wanted)),
        select(Part.id, Part.number + " " + Part.name).where(Part.id.in_(wanted)),
        select(StockLocation.id, StockLocation.name).where(StockLocation.id.in_(wanted)),
    )
    return {row_id: name for query in queries for row_id, name in session.execute(query)}
