"""What the office sees of tablets: whose, when last heard of, what still waits on them, whether the clock is right.

Owns these reads. Enrolment and revocation are `enrolment`'s, the rows are written by the sync engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.kernel.search import matching
from common.people.person import Person
from sync_server.db.security_tables import EnrolCode
from sync_server.db.sequencer import STREAM
from sync_server.db.tables import Device, ParkedOp, StreamHead


def devices_listed(search: str, filters: Mapping[str, str]) -> Any:
    """Select (device, person) by words of the person and by `state`: active, revoked."""
    query = select(Device, Person).join(Person, Person.id == Device.person_id)
    if search:
        query = query.where(*matching(Person.folded, search))
    return query.where(Device.state == filters["state"]) if "state" in filters else query


def sort_columns() -> dict[str, Any]:
    """Map the names the list may be sorted by to columns; a tablet never heard of counts as oldest."""
    return {
        "person": Person.name,
        "contact": func.coalesce(Device.last_contact_at, Device.enrolled_at),
        "unsent": Device.unsent,
    }


def device_with_person(session: Session, device_id: str) -> tuple[Device, Person] | None:
    """Find a tablet and whose it is."""
    row = session.execute(
        select(Device, Person).join(Person, Person.id == Device.person_id).where(Device.id == device_id)
    ).first()
    return (row[0], row[1]) if row else None


def devices_of(session: Session, person_id: str) -> list[Device]:
    """List a person's tablets, the one in use first."""
    query = select(Device).where(Device.person_id == person_id)
    return list(session.scalars(query.order_by(Device.state, Device.enrolled_at.desc(), Device.id)))


def newest_position(session: Session) -> int:
    """Return the number of the newest change: a tablet below it has not got everything yet."""
    return session.scalar(select(StreamHead.seq).where(StreamHead.stream == STREAM)) or 0


def parked_from(session: Session, device_id: str) -> int:
    """Count the commands of a tablet that wait for a decision."""
    waits = select(func.count()).where(ParkedOp.device_id == device_id, ParkedOp.state == "open")
    return session.scalar(waits) or 0


def codes_waiting(session: Session, now: datetime) -> list[tuple[EnrolCode, str]]:
    """List the codes given out and not used yet, with whose tablet they are for."""
    query = (
        select(EnrolCode, Person.name)
        .join(Person, Person.id == EnrolCode.person_id)
        .where(EnrolCode.device_id.is_(None), EnrolCode.expires_at > now)
        .order_by(EnrolCode.expires_at)
    )
    return [(code, name) for code, name in session.execute(query)]


def device_label(device: str, person: str) -> str:
    """Name a tablet beside its person: without his name, if it is called after him."""
    rest = device.removeprefix(person) if person else device
    return device if rest and rest[0].isalnum() else rest.strip(" ·•-–—:：,，'’")
