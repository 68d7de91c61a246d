"""How far the database is known to be safe elsewhere: tablets may then let go of what they keep (T26)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from common.inbox.records import OFFICE_INBOX, Discrepancy
from common.kernel.ids import derive_id
from sync_server.db.database import Database
from sync_server.db.tables import AuditEntry, StreamHead
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.db.upkeep_tables import BackupMade

ALARM = "backup_too_old"


def mark_durable(database: Database, seq: int) -> None:
    """Say that everything up to `seq` is in a backup that was restored and checked. Never goes back."""

    def write(unit: UnitOfWork) -> None:
        unit.session.execute(update(StreamHead).where(StreamHead.durable < seq).values(durable=seq))

    database.transact(write)


def note_backup(database: Database, folder: str, made_at: datetime, seq: int, faults: int) -> None:
    """Remember a backup. A good one makes everything up to `seq` durable and ends the alarm."""

    def write(unit: UnitOfWork) -> None:
        unit.session.add(BackupMade(id=unit.new_id(), made_at=made_at, folder=folder, seq=seq, faults=faults))
        if faults:
            return
        unit.session.execute(update(StreamHead).where(StreamHead.durable < seq).values(durable=seq))
        waiting = select(Discrepancy).where(Discrepancy.code == ALARM, Discrepancy.state == "open")
        for alarm in unit.session.scalars(waiting):
            alarm.state, alarm.resolution, alarm.resolved_at = "resolved", "backup_made", unit.now
            unit.touched["discrepancy", alarm.id] = alarm.agg

    database.transact(write)


def newest_first(now: datetime) -> tuple[ColumnElement[Any], ...]:
    """Order backups by the number each ends at: a clock may have been ahead when one was made.

    Only between those that end at the same one does the clock decide, a moment to come last.
    """
    return BackupMade.seq.desc(), BackupMade.made_at > now, BackupMade.made_at.desc(), BackupMade.id.desc()


def last_good_backup(session: Session, now: datetime) -> BackupMade | None:
    """Find the newest backup that was restored without faults."""
    good = select(BackupMade).where(BackupMade.faults == 0)
    return session.scalar(good.order_by(*newest_first(now)).limit(1))


def unsaved_since(session: Session, now: datetime) -> datetime | None:
    """Return since when nothing was backed up: the last good backup, else the first entry; None if there is nothing."""
    last = last_good_backup(session, now)
    if last is not None:
        return last.made_at
    return session.scalar(select(AuditEntry.at).where(AuditEntry.seq == 1))


def raise_backup_alarm(database: Database, since: datetime, hours: int) -> bool:
    """Put it before the office that the last good backup is older than `hours`, once until one is made (M8)."""

    def write(unit: UnitOfWork) -> bool:
        open_one = select(Discrepancy.id).where(Discrepancy.code == ALARM, Discrepancy.state == "open")
        if unit.session.scalar(open_one.limit(1)) is not None:
            return False
        unit.add(
            Discrepancy(
                id=derive_id(ALARM, since.isoformat()), agg=OFFICE_INBOX, code=ALARM, details={"hours": hours},
                ticket_id=None, op_id=None, person_id=None, raised_at=unit.now, state="open", resolution="",
                resolved_by=None, resolved_at=None,
            )
        )  # fmt: skip
        return True

    return database.transact(write)
