"""Slows guessing down, per account and per address, without locking anybody out for ever (G6, ASVS 6.3.1).

Owns the counters and the waiting times. A success clears the account's counter, not the address's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from sync_server.db.security_tables import Throttle
from sync_server.db.unit_of_work import UnitOfWork

FORGET_AFTER = timedelta(hours=24)
LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` failures cost nothing; then each doubles the wait, beginning at `first_wait_s`, up to 15 minutes."""

    name: str
    free: int
    first_wait_s: int


ACCOUNT = Limit("account", 5, 15)
ADDRESS = Limit("address", 20, 15)
ENROL = Limit("enrol", 5, 60)
START = Limit("start", 5, 60)


def wait_s(session: Session, limit: Limit, key: str, now: datetime) -> int:
    """Return how many seconds this account or address must still wait; 0 when it may try."""
    row = session.get(Throttle, _key(limit, key))
    if row is None or row.until_at is None or row.until_at <= now:
        return 0
    return int((row.until_at - now) / timedelta(seconds=1)) + 1


def count_failure(unit: UnitOfWork, limit: Limit, key: str) -> None:
    """Count one more failure and set the wait that follows from it."""
    row = unit.session.get(Throttle, _key(limit, key), with_for_update=True)
    if row is None:
        row = Throttle(key=_key(limit, key), failures=0, last_at=unit.now, until_at=None)
        unit.session.add(row)
    elif unit.now - row.last_at > FORGET_AFTER:
        row.failures = 0
    row.failures += 1
    row.last_at = unit.now
    over = row.failures - limit.free
    if over >= 0:
        wait = timedelta(seconds=limit.first_wait_s * 2 ** min(over, 10))
        row.until_at = unit.now + min(wait, LONGEST_WAIT)


def clear(unit: UnitOfWork, limit: Limit, key: str) -> None:
    """Forget the failures of an account that has signed in."""
    unit.session.execute(delete(Throttle).where(Throttle.key == _key(limit, key)))


def _key(limit: Limit, key: str) -> str:
    return f"{limit.name}:{key[:150]}"
