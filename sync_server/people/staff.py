"""What pages read of people: the list, one person's qualifications, absences and sign-in.

Owns these reads. Who may do what is said by the commands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, exists, func, select, type_coerce
from sqlalchemy.orm import Session

from common.kernel.search import matching
from common.people.person import Absence, Person, Qualification
from common.stock.location import StockLocation
from common.tickets.ticket import OPEN, Assignment, Ticket
from sync_server.db.security_tables import Credential

EXPIRES_SOON = timedelta(days=60)


def people_listed(search: str, filters: Mapping[str, str], now: datetime) -> Select[Any]:
    """Select (person, login, van, is away now, certificates that end soon or have ended).

    Filters: `role`, `active` true | false, `away` yes.
    """
    away = exists().where(
        Absence.person_id == Person.id,
        Absence.cancelled.is_(False),
        Absence.from_at <= now,
        Absence.until_at > now,
    )
    ending = select(func.count()).where(
        Qualification.person_id == Person.id, Qualification.revoked.is_(False),
        Qualification.valid_until_on <= now.date() + EXPIRES_SOON,
    )  # fmt: skip
    query: Any = (
        select(
            Person,
            Credential.login,
            StockLocation.name,
            away.label("away"),
            ending.correlate(Person).scalar_subquery().label("ending"),
        )
        .outerjoin(Credential, Credential.person_id == Person.id)
        .outerjoin(StockLocation, StockLocation.id == Person.van_location_id)
        .where(*matching(Person.folded, search))
        .where(Person.active.is_(filters.get("active", "true") == "true"))
    )
    if "role" in filters:
        query = query.where(
            type_coerce(Person.roles, String).contains(f'"{filters["role"]}"', autoescape=True)
        )
    if "away" in filters:
        query = query.where(away)
    return query


def qualifications_of(session: Session, person_id: str) -> Sequence[Qualification]:
    """List what a person can do, certificates first, those revoked last."""
    query = select(Qualification).where(Qualification.person_id == person_id)
    return session.scalars(
        query.order_by(Qualification.revoked, Qualification.kind, Qualification.code)
    ).all()


def absences_of(session: Session, person_id: str, now: datetime) -> Sequence[Absence]:
    """List absences that are not long over, the next first."""
    recent = now - timedelta(days=90)
    query = select(Absence).where(Absence.person_id == person_id, Absence.until_at > recent)
    return session.scalars(query.order_by(Absence.cancelled, Absence.from_at.desc())).all()


def login_of(session: Session, person_id: str) -> Credential | None:
    """Find how a person signs in, None where he does not."""
    return session.get(Credential, person_id)


def tickets_with(session: Session, person_id: str) -> list[Any]:
    """List (ticket, name) of the open tickets an engineer is on."""
    on = select(Assignment.ticket_id).where(Assignment.engineer_id == person_id, Assignment.state == "active")
    query = select(Ticket, Person.name).join(Person, Person.id == person_id)
    return list(
        session.execute(query.where(Ticket.id.in_(on), Ticket.state.in_(OPEN)).order_by(Ticket.number))
    )


def expiry_of(row: Qualification, today: date) -> str:
    """Say how a qualification stands: revoked, ended, ending, held or lasting."""
    if row.revoked:
        return "revoked"
    if row.valid_until_on is None:
        return "lasting"
    if row.valid_until_on < today:
        return "ended"
    return "ending" if row.valid_until_on - today <= EXPIRES_SOON else "held"
