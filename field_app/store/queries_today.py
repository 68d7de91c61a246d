"""Which tickets an engineer has, had and will have, as this tablet knows.

Reads only. What stands in which section is the view's.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.equipment.equipment import Equipment, EquipmentModel, vouchers_of
from common.stock.movement import StockLevel
from common.stock.part import Part
from common.tickets.ticket import Assignment, Ticket
from common.visit.records import Visit


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket on this tablet with the engineer's newest assignment to it, None if he only was on site for it."""

    ticket: Ticket
    assignment: Assignment | None


def tickets_held(session: Session, person_id: str) -> list[Held]:
    """List the engineer's tickets on this tablet, by the window he was given, then by number."""
    newest: dict[str, Assignment] = {}
    mine = select(Assignment).where(Assignment.engineer_id == person_id)
    for assignment in session.scalars(mine.order_by(Assignment.assigned_at, Assignment.id)):
        known = newest.get(assignment.ticket_id)
        if known is None or assignment.state == "active" or known.state != "active":
            newest[assignment.ticket_id] = assignment
    been = set(session.scalars(select(Visit.ticket_id).where(Visit.engineer_id == person_id)))
    tickets = session.scalars(select(Ticket).where(Ticket.id.in_(been | newest.keys())))
    held = [Held(ticket, newest.get(ticket.id)) for ticket in tickets]
    return sorted(held, key=lambda h: (_begins(h), h.ticket.number, h.ticket.id))


def _begins(held: Held) -> float:
    at = held.ticket.window_from_at or (
        held.assignment.from_at if held.assignment else held.ticket.received_at
    )
    return at.timestamp()


def usual_parts(session: Session, equipment_id: str, van_id: str | None) -> tuple[int, int]:
    """Say how many kinds of parts were fitted to a unit before, and how many of them lie in the van now."""
    numbers = fitted_before(session, equipment_id)
    if not numbers:
        return 0, 0
    here = select(Part.id).join(StockLevel, StockLevel.part_id == Part.id)
    here = here.where(Part.number.in_(numbers), StockLevel.location_id == (van_id or ""), StockLevel.qty > 0)
    return len(numbers), len(set(session.scalars(here)))


def fitted_before(session: Session, equipment_id: str) -> frozenset[str]:
    """Return the numbers of the parts that past visits fitted to a unit, as its pouch tells."""
    lines = (line for voucher in vouchers_of(session, equipment_id) for line in voucher.parts)
    return frozenset(str(line.get("number", "")) for line in lines) - {""}


def unit_and_model(
    session: Session, equipment_id: str | None
) -> tuple[Equipment | None, EquipmentModel | None]:
    """Find a ticket's unit and its model, as far as this tablet holds them."""
    unit = session.get(Equipment, equipment_id) if equipment_id else None
    return unit, session.get(EquipmentModel, unit.model_id) if unit else None
