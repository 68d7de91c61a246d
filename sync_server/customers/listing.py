"""Customers as statements: the list with units and open tickets, and all that belongs to one.

Owns joins and filters. How words find a customer is `common.customers.search`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from common.customers.customer import Customer, CustomerContact
from common.customers.search import hits_of
from common.equipment.equipment import Equipment, EquipmentModel
from common.people.person import Person
from common.tickets.ticket import OPEN, Ticket


def customers_listed(search: str, filters: Mapping[str, str]) -> Select[Any]:
    """Select (customer, units, open tickets). Filters: `zone`, `key` yes, `active` true | false."""
    units = select(func.count()).where(Equipment.customer_id == Customer.id, Equipment.state != "retired")
    running = select(func.count()).where(Ticket.customer_id == Customer.id, Ticket.state.in_(OPEN))
    query: Any = select(
        Customer,
        units.correlate(Customer).scalar_subquery().label("units"),
        running.correlate(Customer).scalar_subquery().label("running"),
    ).where(*hits_of(search))
    if "zone" in filters:
        query = query.where(Customer.zone == filters["zone"])
    if "key" in filters:
        query = query.where(Customer.key_customer.is_(True))
    return query.where(Customer.active.is_(filters.get("active", "true") == "true"))


def contacts_of(session: Session, customer_id: str) -> list[CustomerContact]:
    """List the people to ask for, by name."""
    query = select(CustomerContact).where(CustomerContact.customer_id == customer_id)
    return list(session.scalars(query.order_by(CustomerContact.name, CustomerContact.id)))


def units_with_model(session: Session, customer_id: str) -> list[Any]:
    """List (unit, model) of a customer, those in use first."""
    query = (
        select(Equipment, EquipmentModel)
        .outerjoin(EquipmentModel, EquipmentModel.id == Equipment.model_id)
        .where(Equipment.customer_id == customer_id)
        .order_by(Equipment.state == "retired", Equipment.serial, Equipment.id)
    )
    return list(session.execute(query))


def tickets_about(
    session: Session, *, customer_id: str = "", equipment_id: str = "", limit: int = 30
) -> list[Any]:
    """List (ticket, engineer's name) of a customer or of one unit, newest first."""
    query = select(Ticket, Person.name).outerjoin(Person, Person.id == Ticket.assignee_id)
    about = Ticket.equipment_id == equipment_id if equipment_id else Ticket.customer_id == customer_id
    return list(
        session.execute(query.where(about).order_by(Ticket.received_at.desc(), Ticket.id).limit(limit))
    )


def customer_numbered(session: Session, number: str) -> Customer | None:
    """Find a customer by his exact number."""
    return session.scalars(select(Customer).where(Customer.number == number.strip()).limit(1)).first()
