"""The ticker: runs scheduled work in every worker process, each round of a job in one of them only.

Owns when, and who. What a job does is its own file's; a job that fails is logged and comes again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import DBAPIError, IntegrityError
from starlette.concurrency import run_in_threadpool

from common.kernel.clock import instant
from sync_server.db.database import Database, DatabaseBusyError
from sync_server.db.job_tables import JobRun
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.jobs.clock_alarms import raise_alarms
from sync_server.jobs.compaction import thin_out_feed
from sync_server.jobs.due import is_due
from sync_server.jobs.sweep import sweep_expired
from sync_server.jobs.ticket_scope import end_old_scopes

log = logging.getLogger("sync_server")


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of scheduled work; `run` returns how much it did."""

    name: str
    every: timedelta
    run: Callable[[Database], int]


JOBS = (
    Job("clock_alarms", timedelta(seconds=20), raise_alarms),
    Job("ticket_scope", timedelta(hours=1), end_old_scopes),
    Job("sweep", timedelta(minutes=5), sweep_expired),
    Job("compaction", timedelta(hours=6), thin_out_feed),
)


class Ticker:
    """Numbers what is committed and runs the jobs that are due, once a pause."""

    def __init__(self, database: Database, pause_s: float, jobs: tuple[Job, ...] = JOBS) -> None:
        self._database = database
        self._pause_s = pause_s
        self._jobs = jobs
        self._closed = asyncio.Event()

    async def run(self) -> None:
        """Work until closed; a pause of 0 means never."""
        while self._pause_s and not self._closed.is_set():
            await run_in_threadpool(self.tick)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), self._pause_s)

    def close(self) -> None:
        """End after the round that is running."""
        self._closed.set()

    def tick(self) -> list[str]:
        """Do one round; returns the names of the jobs that ran here."""
        ran = []
        try:
            self._database.number()
            for job in self._jobs:
                if take_turn(self._database, job):
                    did = job.run(self._database)
                    ran.append(job.name)
                    if did:
                        log.info("job %s: %s", job.name, did)
        except (DBAPIError, DatabaseBusyError) as error:
            told = str(getattr(error, "orig", error.__cause__)).strip().split("\n")[0]
            log.warning("scheduled work waits for the database: %s", told)
        except Exception:
            log.exception("a scheduled job failed; it comes again")
        return ran


def take_turn(database: Database, job: Job) -> bool:
    """Say whether this process may run the job now: its row is held and stamped, so that one of several may (C7)."""

    def take(unit: UnitOfWork) -> bool:
        row = unit.session.get(JobRun, job.name, with_for_update=True)
        if row is None:
            unit.session.add(JobRun(name=job.name, began_at=unit.now))
            unit.session.flush()
            return True
        if not is_due(row.began_at, unit.now, job.every):
            return False
        row.began_at = unit.now
        return True

    with database.read() as session:
        row = session.get(JobRun, job.name)
    if row is not None and not is_due(row.began_at, instant(database.clock.read().wall_ms), job.every):
        return False
    try:
        return database.transact(take)
    except (DatabaseBusyError, IntegrityError):  # another worker was first
        return False
