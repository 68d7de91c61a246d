"""Slows guessing down, per account and per address, without locking anybody out for ever (G6, ASVS 6.3.1).

Owns the counters; the waiting times are data. A try counts as a failure before it is made: however many come at once,
no more are made than the waits allow. One that succeeded clears the account's counter and is taken off the address's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sync_server.db.security_tables import Throttle
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.security import Security, Waits

FORGET_AFTER = timedelta(hours=24)


def wait_s(session: Session, kind: str, key: str, now: datetime) -> int:
    """Return how many seconds this account or address must still wait; 0 when it may try."""
    row = session.get(Throttle, _key(kind, key))
    return 0 if row is None else _left_s(row, now)


def count_try(unit: UnitOfWork, security: Security, counts: dict[str, str]) -> int:
    """Count a try about to be made under each of `{kind: key}`; returns the seconds it must wait instead."""
    rows = [(security.waits[kind], _held(unit, kind, key)) for kind, key in counts.items()]
    wait = max(_left_s(row, unit.now) for _, row in rows)
    if not wait:
        for waits, row in rows:
            _count(row, waits, unit.now)
    return wait


def count_failure(unit: UnitOfWork, security: Security, kind: str, key: str) -> None:
    """Count one more failure of a kind of `security.waits` and set the wait that follows from it."""
    _count(_held(unit, kind, key), security.waits[kind], unit.now)


def take_back(unit: UnitOfWork, kind: str, key: str, counted_at: datetime) -> None:
    """Take off a try that was no failure; the wait it has set goes too, unless another has counted since."""
    row = unit.session.get(Throttle, _key(kind, key), with_for_update=True)
    if row is None:
        return
    row.failures -= 1
    if row.failures < 1:
        unit.session.delete(row)
    elif row.last_at == counted_at:
        row.until_at = None


def clear(unit: UnitOfWork, kind: str, key: str) -> None:
    """Forget the failures of an account that has signed in."""
    unit.session.execute(delete(Throttle).where(Throttle.key == _key(kind, key)))


def _held(unit: UnitOfWork, kind: str, key: str) -> Throttle:
    """Give the row for this transaction alone; two that begin it at once are one row."""
    name = _key(kind, key)
    row = unit.session.get(Throttle, name, with_for_update=True)
    if row is None:
        try:
            with unit.session.begin_nested():
                row = Throttle(key=name, failures=0, last_at=unit.now, until_at=None)
                unit.session.add(row)
        except IntegrityError:
            row = unit.session.get_one(Throttle, name, with_for_update=True)
    return row


def _left_s(row: Throttle, now: datetime) -> int:
    if row.until_at is None or row.until_at <= now:
        return 0
    return int((row.until_at - now) / timedelta(seconds=1)) + 1


def _count(row: Throttle, waits: Waits, now: datetime) -> None:
    if now - row.last_at > FORGET_AFTER:
        row.failures = 0
    row.failures += 1
    row.last_at = now
    over = row.failures - waits.free
    if over >= 0:
        row.until_at = now + timedelta(seconds=min(waits.first_s << min(over, 20), waits.longest_s))


def _key(kind: str, key: str) -> str:
    return f"{kind}:{key[:150]}"
