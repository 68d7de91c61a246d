"""What came back from the field after a restore, and what has not yet: the report of `sync-server restored` (P11, D8).

Owns the reads and their figures. Nothing here heals anything: tablets do, by offering again what they kept.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.clock import instant
from common.people.person import Person
from sync_server.db.tables import AuditEntry, Device, ParkedOp
from sync_server.db.upkeep_tables import Restoration


@dataclass(frozen=True, slots=True)
class Healed:
    """Commands given before the restore that came in after it: by person, kind and status; tablets back and not."""

    restoration: Restoration
    by_person: Counter[str]
    by_kind: Counter[str]
    by_status: Counter[str]
    oldest_at: datetime | None
    waiting: int
    back: int
    not_back: tuple[tuple[str, str, datetime | None], ...]

    @property
    def commands(self) -> int:
        """Count them all."""
        return sum(self.by_status.values())


def last_restoration(session: Session) -> Restoration | None:
    """Find the restore this database last came out of."""
    newest = select(Restoration).order_by(Restoration.restored_at.desc(), Restoration.id.desc())
    return session.scalar(newest.limit(1))


def healed_since(session: Session, found: Restoration) -> Healed:
    """Gather the report."""
    names = {person_id: name for person_id, name in session.execute(select(Person.id, Person.name))}
    by_person: Counter[str] = Counter()
    by_kind: Counter[str] = Counter()
    by_status: Counter[str] = Counter()
    oldest: datetime | None = None
    came = select(AuditEntry).where(AuditEntry.at >= found.restored_at, AuditEntry.device_id != "")
    for entry in session.scalars(came.order_by(AuditEntry.at, AuditEntry.ordinal)):
        told = json.loads(entry.entry)
        # A decision tells a command again: it came when its first entry says.
        if "op" not in told or "decision" in told or instant(told["happened_at"]) >= found.restored_at:
            continue
        happened = instant(told["happened_at"])
        oldest = happened if oldest is None else min(oldest, happened)
        by_person[names.get(entry.actor_id, entry.actor_id)] += 1
        by_kind[entry.kind] += 1
        by_status[told["status"]] += 1
    devices = session.scalars(select(Device).where(Device.state == "active").order_by(Device.enrolled_at))
    back, missing = 0, []
    for device in devices:
        if device.last_contact_at is not None and device.last_contact_at >= found.restored_at:
            back += 1
        else:
            missing.append((names.get(device.person_id, "?"), device.name, device.last_contact_at))
    parked = select(ParkedOp.op_id).where(ParkedOp.state == "open")
    waiting = len(session.scalars(parked).all())
    return Healed(found, by_person, by_kind, by_status, oldest, waiting, back, tuple(missing))


def report(told: Healed) -> list[str]:
    """Say it in lines for the terminal."""
    found = told.restoration
    lines = [
        f"Restored {found.restored_at:%Y-%m-%d %H:%M} UTC from the backup of {found.backup_at:%Y-%m-%d %H:%M} UTC, "
        f"which ended at {found.backup_seq}.",
        f"What the office entered between the two is gone and must be entered again; "
        f"{told.commands} commands of the field from before the restore have come since.",
    ]
    if told.oldest_at is not None:
        lines.append(f"The oldest of them was given {told.oldest_at:%Y-%m-%d %H:%M} UTC.")
    for title, counted in (
        ("by person", told.by_person),
        ("by kind", told.by_kind),
        ("outcome", told.by_status),
    ):
        if counted:
            lines.append(f"{title}: " + ", ".join(f"{name} {count}" for name, count in counted.most_common()))
    lines.append(f"Commands that wait for a decision in the inbox: {told.waiting}.")
    lines.append(f"Tablets that were in contact since: {told.back}; not yet: {len(told.not_back)}.")
    for person, name, last in told.not_back:
        when = f"{last:%Y-%m-%d %H:%M}" if last else "never"
        lines.append(f"  {person}: {name}, last contact {when}")
    return lines
