"""A server whose own clock is wrong: said loudly at the start, and told to the office when it jumps (E4, M2).

Owns comparing. Numbers of the feed and the order of the chain never hang on the wall clock, so nothing else is done.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from common.inbox.records import OFFICE_INBOX, Discrepancy
from common.kernel.clock import Clock, Reading, instant
from common.kernel.ids import derive_id
from sync_server.db.database import Database
from sync_server.db.tables import AuditEntry
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.jobs.due import SLACK
from sync_server.jobs.ticker import Job

log = logging.getLogger("sync_server")
ALARM = "server_clock"
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program is younger than that
JUMP_MS = 60_000
LOOK_EVERY = timedelta(minutes=1)


def wrong_by(database: Database) -> str:
    """Say what is wrong with the clock, '' if nothing can be seen: behind what is in the database, or behind all time."""
    now = instant(database.clock.read().wall_ms)
    if now < EARLIEST:
        return f"it says {now:%Y-%m-%d %H:%M} UTC"
    with database.read() as session:
        newest = session.scalar(select(func.max(AuditEntry.at)))
    if newest is not None and now < newest - SLACK:
        return f"it says {now:%Y-%m-%d %H:%M} UTC, the newest entry is of {newest:%Y-%m-%d %H:%M}"
    return ""


def say_if_wrong(database: Database) -> bool:
    """Warn loudly at the start, in the log and before the office; says whether it did."""
    wrong = wrong_by(database)
    if wrong:
        log.critical("the clock of this machine is wrong: %s", wrong)
        database.transact(lambda unit: _raise(unit, wrong))
    return bool(wrong)


@dataclass(slots=True)
class ClockWatch:
    """Sees the wall clock jump against the one that only counts."""

    clock: Clock
    last: Reading | None = None

    def job(self) -> Job:
        """Return the job that looks."""
        return Job("clock_watch", LOOK_EVERY, self.look)

    def look(self, database: Database) -> int:
        """Compare with the last look; returns 1 where the wall clock jumped, which the office is told."""
        now, last = self.clock.read(), self.last
        self.last = now
        if last is None or last.boot != now.boot:
            return 0
        jumped_ms = (now.wall_ms - last.wall_ms) - (now.mono_ms - last.mono_ms)
        if abs(jumped_ms) < JUMP_MS:
            return 0
        told = f"it jumped by {timedelta(milliseconds=jumped_ms) / timedelta(hours=1):+.1f} h"
        log.critical("the clock of this machine is wrong: %s", told)
        database.transact(lambda unit: _raise(unit, told))
        return 1


def _raise(unit: UnitOfWork, told: str) -> None:
    open_one = select(Discrepancy.id).where(Discrepancy.code == ALARM, Discrepancy.state == "open")
    if unit.session.scalar(open_one.limit(1)) is not None:
        return
    unit.add(
        Discrepancy(
            id=derive_id(ALARM, unit.now.isoformat()), agg=OFFICE_INBOX, code=ALARM, details={"told": told},
            ticket_id=None, op_id=None, person_id=None, raised_at=unit.now, state="open", resolution="",
            resolved_by=None, resolved_at=None,
        )
    )  # fmt: skip
