"""Whose ticket it is: what an engineer may do, and what his tablet holds.

Owns the claim judged by `execute` and the scope of tickets, customers and equipment.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.execute import Claim, claims_from
from common.kernel.scope import Grant, scope_rule, user
from common.kernel.work import Work
from common.tickets.ticket import Assignment, Ticket
from common.visit.records import Visit


@claims_from
def claim_on_ticket(work: Work, ticket_id: str) -> Claim:
    """Say whether the actor is on the ticket now, was on it (or on site for it), or never."""
    mine = Assignment.engineer_id == work.actor.person_id
    states = set(
        work.session.scalars(select(Assignment.state).where(Assignment.ticket_id == ticket_id, mine))
    )
    if "active" in states:
        return "current"
    been = select(Visit.id).where(Visit.ticket_id == ticket_id, Visit.engineer_id == work.actor.person_id)
    return "former" if states or work.session.scalars(been).first() is not None else "none"


@scope_rule("ticket")
def ticket_scope(session: Session, agg: str) -> Iterable[Grant]:
    """Grant the ticket, its customer and its equipment to who is on it or has been on site for it."""
    ticket_id = agg.partition(":")[2]
    held = select(Ticket.customer_id, Ticket.equipment_id).where(
        Ticket.id == ticket_id, Ticket.released_at.is_(None)
    )
    for customer_id, equipment_id in session.execute(held):  # columns: a row read earlier may be older
        for person_id in holders(session, ticket_id):
            yield user(person_id), agg
            yield user(person_id), f"customer:{customer_id}"
            if equipment_id:
                yield user(person_id), f"equipment:{equipment_id}"


def holders(session: Session, ticket_id: str) -> list[str]:
    """List the engineers whose tablets hold the ticket."""
    active = select(Assignment.engineer_id).where(
        Assignment.ticket_id == ticket_id, Assignment.state == "active"
    )
    been = select(Visit.engineer_id).where(Visit.ticket_id == ticket_id)
    return sorted({*session.scalars(active), *session.scalars(been)})
