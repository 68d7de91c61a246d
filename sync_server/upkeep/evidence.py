"""The daily keeping of evidence: an anchor of the audit chain, and a check of everything against it.

Owns when, and the record of checks. What is checked is `verify`'s; how an anchor is made, `anchors`'.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.records import Discrepancy
from common.kernel.clock import instant
from sync_server.db.database import Database
from sync_server.db.evidence_tables import ChainCheck
from sync_server.db.tables import StreamHead
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.jobs.due import is_due
from sync_server.jobs.ticker import Job
from sync_server.keys import ServerKeys
from sync_server.notary import trusted_keys
from sync_server.people.audit import note_event
from sync_server.settings import Settings
from sync_server.upkeep.anchors import AnchorError, make_anchor, read_anchors
from sync_server.upkeep.leave import raise_alarm
from sync_server.upkeep.verify import Outside, verify

log = logging.getLogger("sync_server")
DAILY = timedelta(days=1)
SHOWN_FAULTS = 20
SCHEDULED = "system"
STALLED = timedelta(hours=2)


def evidence_jobs(settings: Settings, keys: ServerKeys) -> tuple[Job, ...]:
    """Return the daily jobs: the check comes before the anchor of the same day is made."""
    return (
        Job("chain_check", DAILY, partial(_check_daily, settings, keys)),
        Job("anchor", DAILY, partial(_anchor_daily, settings.anchors_dir, keys)),
    )


def outside(settings: Settings, keys: ServerKeys) -> Outside:
    """Read what is kept beside the database. Raises AnchorError."""
    return Outside(read_anchors(settings.anchors_dir), trusted_keys(keys, settings.keys_dir))


def begin_check(database: Database, by: str) -> str:
    """Note that a check begins; returns its id. One that runs already is not begun twice."""
    database.number()

    def begin(unit: UnitOfWork) -> str:
        head = unit.session.execute(select(StreamHead.audit_seq)).scalar_one()
        last = last_check(unit.session)
        if last is not None and last.state == "running" and not is_due(last.began_at, unit.now, STALLED):
            return last.id
        row = ChainCheck(
            id=unit.new_id(), began_at=unit.now, ended_at=None, by=by, state="running", seen=0, total=head,
            anchors=0, faults=[],
        )  # fmt: skip
        unit.session.add(row)
        return row.id

    return database.transact(begin)


def run_check(settings: Settings, keys: ServerKeys, database: Database, check_id: str) -> bool:
    """Check everything, and write down how far it is and what was found; returns whether all is well."""

    def seen(entries: int) -> None:
        database.transact(lambda unit: _note(unit, check_id, seen=entries))

    try:
        kept = outside(settings, keys)
        with database.read() as session:
            faults = [str(fault) for fault in verify(session, kept, seen)]
            total = session.execute(select(StreamHead.audit_seq)).scalar_one()
        anchors = len(kept.anchors)
    except AnchorError as error:
        faults, anchors, total = [f"anchor: {error}"], 0, 0
    state = "bad" if faults else "good"

    def end(unit: UnitOfWork) -> None:
        _note(
            unit, check_id, seen=total, total=total, anchors=anchors, state=state, ended_at=unit.now,
            faults=faults[:SHOWN_FAULTS],
        )  # fmt: skip
        row = unit.session.get(ChainCheck, check_id)
        by = row.by if row is not None else SCHEDULED
        note_event(unit, "chain_checked", by, entries=total, faults=len(faults))

    database.transact(end)
    for fault in faults:
        log.error("the check of the books found: %s", fault)
    return not faults


def last_check(session: Session) -> ChainCheck | None:
    """Return the newest check, running or ended."""
    return session.scalars(
        select(ChainCheck).order_by(ChainCheck.began_at.desc(), ChainCheck.id.desc()).limit(1)
    ).first()


def past_checks(session: Session, most: int = 10) -> list[ChainCheck]:
    """List the newest checks, newest first."""
    return list(
        session.scalars(
            select(ChainCheck).order_by(ChainCheck.began_at.desc(), ChainCheck.id.desc()).limit(most)
        )
    )


def _note(unit: UnitOfWork, check_id: str, **values: object) -> None:
    row = unit.session.get(ChainCheck, check_id)
    if row is not None:
        for name, value in values.items():
            setattr(row, name, value)


def _check_daily(settings: Settings, keys: ServerKeys, database: Database) -> int:
    with database.read() as session:
        last = last_check(session)
        now = instant(database.clock.read().wall_ms)
    if last is not None and last.state == "good" and not is_due(last.began_at, now, DAILY / 2):
        return 0
    check_id = begin_check(database, SCHEDULED)
    if not run_check(settings, keys, database, check_id):
        with database.read() as session:
            found = session.get_one(ChainCheck, check_id).faults
        _tell_office(database, "chain_broken", found[0], str(len(found)))
    return 1


def _anchor_daily(folder: Path, keys: ServerKeys, database: Database) -> int:
    try:
        return int(make_anchor(database, keys, folder) is not None)
    except (AnchorError, OSError) as error:
        log.error("the audit chain could not be anchored: %s", error)
        _tell_office(database, "chain_not_anchored", str(error), str(folder))
        return 0


def _tell_office(database: Database, code: str, reason: str, subject: str) -> None:
    """Put it into the office's inbox, once until somebody has settled it: nobody reads logs at the desk."""

    def tell(unit: UnitOfWork) -> None:
        waits = select(Discrepancy.id).where(Discrepancy.code == code, Discrepancy.state == "open").limit(1)
        if unit.session.scalar(waits) is None:
            raise_alarm(unit, code, reason[:1000], subject)

    database.transact(tell)
