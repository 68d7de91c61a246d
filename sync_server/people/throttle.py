"""Slows guessing down, per account and per address, without locking anybody out for ever (G6, ASVS 6.3.1).

Owns the counters; the waiting times are data. A success clears the account's counter, not the address's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from sync_server.db.security_tables import Throttle
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.security import Security

FORGET_AFTER = timedelta(hours=24)


def wait_s(session: Session, kind: str, key: str, now: datetime) -> int:
    """Return how many seconds this account or address must still wait; 0 when it may try."""
    row = session.get(Throttle, _key(kind, key))
    if row is None or row.until_at is None or row.until_at <= now:
        return 0
    return int((row.until_at - now) / timedelta(seconds=1)) + 1


def count_failure(unit: UnitOfWork, security: Security, kind: str, key: str) -> None:
    """Count one more failure of a kind of `security.waits` and set the wait that follows from it."""
    waits = security.waits[kind]
    row = unit.session.get(Throttle, _key(kind, key), with_for_update=True)
    if row is None:
        row = Throttle(key=_key(kind, key), failures=0, last_at=unit.now, until_at=None)
        unit.session.add(row)
    elif unit.now - row.last_at > FORGET_AFTER:
        row.failures = 0
    row.failures += 1
    row.last_at = unit.now
    over = row.failures - waits.free
    if over >= 0:
        row.until_at = unit.now + timedelta(seconds=min(waits.first_s << min(over, 20), waits.longest_s))


def clear(unit: UnitOfWork, kind: str, key: str) -> None:
    """Forget the failures of an account that has signed in."""
    unit.session.execute(delete(Throttle).where(Throttle.key == _key(kind, key)))


def _key(kind: str, key: str) -> str:
    return f"{kind}:{key[:150]}"
