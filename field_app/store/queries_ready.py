"""Is everything on this tablet that the day needs (R021 R022)? Looks at what is held, ticket by ticket.

Reads only. `Item.is_here` False: it is missing; the sentence says what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel, PastVoucher, equipment_agg
from common.kernel.clock import instant
from common.people.person import Person
from common.policy.policy_set import find_policy
from common.stock.location import van_of
from common.stock.movement import StockLevel
from common.stock.part import Part, PriceItem, price_list_version
from common.tickets.ticket import OPEN, Ticket
from common.visit.report import checklists_for
from field_app.store.queries_today import tickets_held
from field_app.store.schema import HeldAgg
from field_app.store.store import state_of

FRESH = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is here or missing: sentence `app.ready.<code>.here` or `.missing` with its values."""

    code: str
    is_here: bool
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TicketReady:
    """One of today's tickets."""

    ticket_id: str
    number: str
    customer: str
    items: tuple[Item, ...]

    @property
    def is_ready(self) -> bool:
        """Say whether nothing is missing."""
        return all(item.is_here for item in self.items)


@dataclass(frozen=True, slots=True)
class Readiness:
    """The whole day: what every ticket needs, and each ticket."""

    common: tuple[Item, ...]
    tickets: tuple[TicketReady, ...]
    last_contact_at: datetime | None

    @property
    def is_ready(self) -> bool:
        """Say whether nothing is missing."""
        return all(item.is_here for item in self.common) and all(one.is_ready for one in self.tickets)

    @property
    def missing(self) -> int:
        """Count what is missing."""
        items = [*self.common, *(item for one in self.tickets for item in one.items)]
        return sum(not item.is_here for item in items)


def readiness(session: Session, now: datetime, zone: tzinfo) -> Readiness:
    """Look whether the day can begin without a network."""
    state = state_of(session)
    contact = instant(state.last_contact_ms) if state.last_contact_ms else None
    today = now.astimezone(zone).date()
    tickets = []
    for held in tickets_held(session, state.person_id):
        ticket, assignment = held.ticket, held.assignment
        if assignment is None or assignment.state != "active" or ticket.state not in OPEN:
            continue
        begins = ticket.window_from_at or assignment.from_at
        if begins.astimezone(zone).date() <= today:
            tickets.append(_ticket(session, ticket))
    return Readiness(_common(session, state.person_id, contact, now), tuple(tickets), contact)


def _common(session: Session, person_id: str, contact: datetime | None, now: datetime) -> tuple[Item, ...]:
    policy, van, me = find_policy(session), van_of(session, person_id), session.get(Person, person_id)
    charges = _count(session, select(func.count()).select_from(PriceItem).where(PriceItem.active.is_(True)))
    parts = _count(session, select(func.count()).select_from(Part))
    kinds = _count(
        session,
        select(func.count())
        .select_from(StockLevel)
        .where(StockLevel.location_id == (van.id if van else ""), StockLevel.qty > 0),
    )
    whole = state_of(session).position > 0
    return (
        Item("contact", contact is not None and whole and now - contact < FRESH),
        Item("person", me is not None, {"name": me.name if me else ""}),
        Item("policy", policy is not None, {"version": policy.version if policy else 0}),
        Item("prices", bool(charges or parts), {"version": price_list_version(session), "n": charges}),
        Item("parts", bool(parts), {"n": parts}),
        Item("van", van is not None, {"name": van.name if van else "", "n": kinds}),
    )


def _ticket(session: Session, ticket: Ticket) -> TicketReady:
    customer = session.get(Customer, ticket.customer_id)
    unit = session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    model = session.get(EquipmentModel, unit.model_id) if unit else None
    policy = find_policy(session)
    items = [
        Item("customer", customer is not None, {"name": customer.name if customer else ""}),
        Item("address", bool(ticket.address), {"address": ticket.address}),
    ]
    if ticket.equipment_id:
        agg = equipment_agg(ticket.equipment_id)
        pouch = session.scalar(select(HeldAgg.agg).where(HeldAgg.agg == agg, HeldAgg.detached == 0))
        past = _count(
            session,
            select(func.count())
            .select_from(PastVoucher)
            .where(PastVoucher.equipment_id == ticket.equipment_id),
        )
        words = " · ".join(filter(None, (model.name if model else "", unit.serial if unit else "")))
        items.append(Item("equipment", unit is not None and model is not None, {"unit": words}))
        items.append(Item("pouch", pouch is not None, {"n": past}))
    lists = checklists_for(policy, model) if policy else ()
    steps = sum(len(one.items) for one in lists)
    items.append(Item("checklist", policy is not None, {"n": steps}))
    return TicketReady(ticket.id, ticket.number, customer.name if customer else "", tuple(items))


def _count(session: Session, query: Any) -> int:
    return int(session.scalar(query) or 0)
