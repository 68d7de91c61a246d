"""The customers' opinion cards, opened for those who lead, never for those who are rated (R108 R112 R113).

Owns who may read a card beyond the role: nobody who was on the ticket. Owns no words and no page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.kernel.search import matching
from common.tickets.ticket import Assignment, Ticket
from common.visit.opinion_card import CardUnreadableError, OpinionCard, read_card
from common.visit.records import Rating, ServiceReport, Visit
from sync_server.followup.open_rating import SealBrokenError, open_sealed
from sync_server.keys import ServerKeys


@dataclass(frozen=True, slots=True)
class OpenedRating:
    """A rating and its card; `card` is None where the seal does not open here or holds something else."""

    row: Rating
    card: OpinionCard | None


def opened(row: Rating, keys: ServerKeys) -> OpenedRating:
    """Open one rating."""
    try:
        return OpenedRating(row, read_card(open_sealed(row.sealed, row.ticket_id, keys)))
    except (SealBrokenError, CardUnreadableError):
        return OpenedRating(row, None)


def ratings_of(session: Session, ticket_id: str, reader_id: str, keys: ServerKeys) -> list[OpenedRating]:
    """Open a ticket's ratings, earliest first; none for somebody who was on the ticket."""
    query = select(Rating).where(Rating.ticket_id == ticket_id, ~_rates(reader_id))
    return [opened(row, keys) for row in session.scalars(query.order_by(Rating.given_at, Rating.id))]


def ratings_listed(search: str, filters: Mapping[str, str], reader_id: str) -> Select[Any]:
    """Select (Rating, Ticket, customer, engineer) without those of the reader's own work.

    Filters: `engineer` (id of who had the report signed).
    """
    query = (
        select(Rating, Ticket, Customer.name.label("customer"), _signed_with(ServiceReport.engineer_name))
        .join(Ticket, Ticket.id == Rating.ticket_id)
        .outerjoin(Customer, Customer.id == Ticket.customer_id)
        .where(~_rates(reader_id), *matching(Ticket.folded, search))
    )
    engineer_id = filters.get("engineer")
    return query.where(_signed_with(ServiceReport.engineer_id) == engineer_id) if engineer_id else query


def sort_columns() -> dict[str, Any]:
    """Map the names the list may be sorted by to columns."""
    return {
        "given": Rating.given_at,
        "number": Ticket.number,
        "customer": Customer.name,
        "engineer": func.coalesce(_signed_with(ServiceReport.engineer_name), ""),
    }


def _rates(person_id: str) -> ColumnElement[bool]:
    """Say whether a rating is about a person's own work: he was there, or was to be."""
    visited = exists().where(Visit.ticket_id == Rating.ticket_id, Visit.engineer_id == person_id)
    held = exists().where(Assignment.ticket_id == Rating.ticket_id, Assignment.engineer_id == person_id)
    return visited.correlate(Rating) | held.correlate(Rating)


def _signed_with(column: Any) -> Any:
    """Read of the report that was signed just before the card was filled in."""
    before = select(column).where(
        ServiceReport.ticket_id == Rating.ticket_id, ServiceReport.signed_at <= Rating.given_at
    )
    newest = before.order_by(ServiceReport.signed_at.desc(), ServiceReport.id.desc()).limit(1)
    return newest.correlate(Rating).scalar_subquery().label("engineer")
