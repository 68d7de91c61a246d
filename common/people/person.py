"""Persons of the company: who they are, what they may do, what they can do, when they are away.

Owns the tables and their reads. Each command says which roles may give it; dispatch rules say who is fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.command import Role
from common.kernel.record import Base, Document, Key, PrivateLong, PrivateShort, Short, Synced
from common.kernel.scope import Grant, scope_rule, user
from common.kernel.search import matching


class Person(Synced, Base):
    """Someone with a sign-in: engineer, dispatcher, specialist, … (R165, register §2)."""

    __tablename__ = "person"
    number: Mapped[Short] = mapped_column(index=True)
    name: Mapped[PrivateShort]
    pinyin: Mapped[PrivateShort]
    folded: Mapped[PrivateLong]
    phone: Mapped[PrivateShort]
    email: Mapped[PrivateShort]
    language: Mapped[Short]
    roles: Mapped[Document]  # list of Role values
    active: Mapped[bool]
    zones: Mapped[Document]  # list of zone codes of the policy
    van_location_id: Mapped[Key | None]
    edited_by: Mapped[Key | None]


class Qualification(Synced, Base):
    """A skill or a certificate of a person, with its last valid day (R165)."""

    __tablename__ = "qualification"
    person_id: Mapped[Key] = mapped_column(index=True)
    kind: Mapped[Short]  # skill | certificate
    code: Mapped[Short]
    number: Mapped[Short]
    valid_until_on: Mapped[date | None]
    revoked: Mapped[bool]


class Absence(Synced, Base):
    """A time in which a person takes no work."""

    __tablename__ = "absence"
    person_id: Mapped[Key] = mapped_column(index=True)
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    reason: Mapped[PrivateShort]
    cancelled: Mapped[bool]


def person_agg(person_id: str) -> str:
    """Name a person's aggregate."""
    return f"person:{person_id}"


@scope_rule("person")
def person_scope(session: Session, agg: str) -> Iterable[Grant]:
    """Show a person to himself."""
    return ((user(agg.partition(":")[2]), agg),)


def roles_of(person: Person) -> frozenset[Role]:
    """Read a person's roles; none while he is not active."""
    return frozenset(Role(role) for role in person.roles) if person.active else frozenset()


def people_with_role(session: Session, role: Role) -> list[Person]:
    """List active persons who hold a role, by number."""
    active = session.scalars(select(Person).where(Person.active.is_(True)).order_by(Person.number, Person.id))
    return [person for person in active if role in roles_of(person)]


def valid_qualifications(session: Session, person_id: str, kind: str, on: date) -> frozenset[str]:
    """List the codes of skills or certificates a person holds on a day: not revoked, not run out (R165)."""
    held = session.scalars(
        select(Qualification).where(
            Qualification.person_id == person_id, Qualification.kind == kind, Qualification.revoked.is_(False)
        )
    )
    return frozenset(q.code for q in held if q.valid_until_on is None or q.valid_until_on >= on)


def absences_between(
    session: Session, person_ids: Iterable[str], from_at: datetime, until_at: datetime
) -> list[Absence]:
    """List the absences of persons that meet a window, earliest first."""
    found = select(Absence).where(
        Absence.person_id.in_(list(person_ids)),
        Absence.cancelled.is_(False),
        Absence.from_at < until_at,
        Absence.until_at > from_at,
    )
    return list(session.scalars(found.order_by(Absence.from_at, Absence.id)))


def find_people(session: Session, text: str, limit: int = 20) -> list[Person]:
    """Find persons by number, name, pinyin, phone or e-mail."""
    query = (
        select(Person).where(*matching(Person.folded, text)).order_by(Person.number, Person.id).limit(limit)
    )
    return list(session.scalars(query))
