"""A server whose disk fills up: a reserve is given up, the write goes through, the office is told (C4).

Owns the reserve and its alarm. Without a reserve every write is answered with 507; nothing is half there.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import Select, select

from common.inbox.records import OFFICE_INBOX, Discrepancy
from common.kernel.ids import derive_id
from common.kernel.reserve import Reserve
from sync_server.db.database import Database
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.jobs.ticker import Job
from sync_server.settings import Settings

log = logging.getLogger("sync_server")
RESERVE_BYTES = 16 * 1024 * 1024
ALARM = "server_disk_full"
LOOK_EVERY = timedelta(minutes=1)


class FullDisk:
    """Room for a moment, and the alarm that follows."""

    def __init__(self, reserve: Reserve) -> None:
        self.reserve = reserve

    @classmethod
    def of(cls, settings: Settings) -> FullDisk:
        """Return the one beside the server's data."""
        return cls(Reserve(settings.data_dir / "disk.reserve", RESERVE_BYTES))

    def make_room(self) -> bool:
        """Give up the reserve; says whether there was one, so that trying again may help."""
        given = self.reserve.give_up()
        log.critical(
            "the disk is full; %s", "the reserve was given up" if given else "nothing can be written"
        )
        return given

    def job(self) -> Job:
        """Return the job that lays the reserve, and tells the office while it cannot."""
        return Job("full_disk", LOOK_EVERY, self.look)

    def look(self, database: Database) -> int:
        """Lay the reserve if there is room: the alarm ends. Else raise it, once; returns 1 where it was raised."""
        if self.reserve.lay():
            with database.read() as session:
                waits = session.scalar(_open_alarms().limit(1)) is not None
            if waits:
                database.transact(_end_alarm)
            return 0
        return database.transact(_raise_alarm)


def _raise_alarm(unit: UnitOfWork) -> int:
    if unit.session.scalar(_open_alarms().limit(1)) is not None:
        return 0
    unit.add(
        Discrepancy(
            id=derive_id(ALARM, unit.now.isoformat()), agg=OFFICE_INBOX, code=ALARM, details={}, ticket_id=None,
            op_id=None, person_id=None, raised_at=unit.now, state="open", resolution="", resolved_by=None,
            resolved_at=None,
        )
    )  # fmt: skip
    return 1


def _end_alarm(unit: UnitOfWork) -> int:
    ended = 0
    for alarm in unit.session.scalars(_open_alarms()):
        alarm.state, alarm.resolution, alarm.resolved_at = "resolved", "room_made", unit.now
        unit.touched["discrepancy", alarm.id] = alarm.agg
        ended += 1
    return ended


def _open_alarms() -> Select[Discrepancy]:
    return select(Discrepancy).where(Discrepancy.code == ALARM, Discrepancy.state == "open")
