"""Scheduled backups, and the alarm when the last good one is too old (M8). Runs in the ticker like any job.

Owns when a backup is due and how many are kept. How one is made is `backup`'s.
"""

from __future__ import annotations

import logging
import shutil
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select

from common.kernel.clock import instant
from sync_server.db.database import Database
from sync_server.db.durable import newest_first, raise_backup_alarm, unsaved_since
from sync_server.db.upkeep_tables import BackupMade
from sync_server.files.store import StoreAwayError, open_store
from sync_server.jobs.due import is_due
from sync_server.jobs.ticker import Job
from sync_server.security import BackupRules, read_security
from sync_server.settings import Settings
from sync_server.upkeep.backup import BackupError, make_backup
from sync_server.upkeep.backup_place import BackupPlace, BackupRunningError, sole_backup

log = logging.getLogger("sync_server")
LOOK_EVERY = timedelta(minutes=10)


def upkeep_jobs(settings: Settings) -> tuple[Job, ...]:
    """Return the jobs of a server's keeping; a ticker of their own runs them, because a backup takes its time."""
    return (
        Job("backup", LOOK_EVERY, partial(make_backup_if_due, settings)),
        Job("backup_alarm", LOOK_EVERY, partial(alarm_if_too_old, settings)),
    )


def make_backup_if_due(settings: Settings, database: Database) -> int:
    """Make a backup if the last good one is `backup_every_h` old, and let the oldest go; returns how many were made.

    One that is being made, by another worker or by hand, may take longer than the pause between two looks: it is not
    begun again beside it, nor right after it. After tries that failed or had faults it waits, longer each time.
    """
    if not _is_due(settings, database):
        return 0
    try:
        with sole_backup(settings.backups_dir) as place:
            if not _is_due(settings, database) or not place.tries().is_time(_now(database), _rules(settings)):
                return 0
            return _make_backup(place, settings, database)
    except BackupRunningError:
        log.info("a backup is being made already")
    except (BackupError, OSError, StoreAwayError) as error:
        log.error("the scheduled backup failed: %s", error)
    return 0


def _is_due(settings: Settings, database: Database) -> bool:
    return bool(settings.backup_every_h) and _older_than(database, settings.backup_every_h)


def _rules(settings: Settings) -> BackupRules:
    return read_security(settings.security).backup


def _make_backup(place: BackupPlace, settings: Settings, database: Database) -> int:
    store = open_store(settings, database)
    made = make_backup(place, database, settings.database, settings.keys_dir, store=store)
    for fault in made.faults:
        log.error("the scheduled backup in %s has a fault: %s", made.folder, fault)
    let_old_go(settings, database)
    return 1


def alarm_if_too_old(settings: Settings, database: Database) -> int:
    """Tell the office if nothing good was backed up for `backup_alarm_h` hours; returns 1 if it was told now."""
    if not settings.backup_alarm_h or not _older_than(database, settings.backup_alarm_h):
        return 0
    with database.read() as session:
        since = unsaved_since(session, _now(database))
    return int(since is not None and raise_backup_alarm(database, since, settings.backup_alarm_h))


def let_old_go(settings: Settings, database: Database) -> None:
    """Remove all but the newest backups that this server made in its own folder, good ones and such with faults."""
    with database.read() as session:
        rows = session.execute(
            select(BackupMade.folder, BackupMade.faults).order_by(*newest_first(_now(database)))
        ).all()
    mine = [
        (folder, row.faults) for row in rows if (folder := Path(row.folder)).parent == settings.backups_dir
    ]
    good = [folder for folder, faults in mine if not faults and folder.exists()]
    faulty = [folder for folder, faults in mine if faults and folder.exists()]
    for folder in (*good[max(settings.backup_keep, 1) :], *faulty[_rules(settings).keep_faulty :]):
        shutil.rmtree(folder)


def _older_than(database: Database, hours: int) -> bool:
    now = _now(database)
    with database.read() as session:
        since = unsaved_since(session, now)
    return since is not None and is_due(since, now, timedelta(hours=hours))


def _now(database: Database) -> datetime:
    return instant(database.clock.read().wall_ms)
