"""Job: delete security records that have run out: sessions, codes, used nonces, old failures."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from sync_server.db.database import Database
from sync_server.db.security_tables import ConsoleSession, EnrolCode, HalfSignIn, Throttle, UsedNonce
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.people.sessions import HALF_LIFE
from sync_server.people.throttle import FORGET_AFTER
from sync_server.security import LONGEST_SESSION_H

SESSIONS_KEPT_FOR = timedelta(hours=LONGEST_SESSION_H)  # whether one is alive is asked of its own figures
CODES_KEPT_FOR = timedelta(days=1)


def sweep_expired(database: Database) -> int:
    """Delete them; returns how many rows went."""

    def sweep(unit: UnitOfWork) -> int:
        ended = (
            delete(ConsoleSession).where(ConsoleSession.began_at < unit.now - SESSIONS_KEPT_FOR),
            delete(HalfSignIn).where(HalfSignIn.began_at < unit.now - HALF_LIFE),
            delete(EnrolCode).where(EnrolCode.expires_at < unit.now - CODES_KEPT_FOR),
            delete(UsedNonce).where(UsedNonce.expires_at < unit.now),
            delete(Throttle).where(Throttle.last_at < unit.now - FORGET_AFTER),
        )
        return sum(unit.session.execute(statement).rowcount for statement in ended)  # type: ignore[attr-defined]

    return database.transact(sweep)
