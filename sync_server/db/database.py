"""The master database: its engine, its clock and the two ways in, `read()` and `transact()`.

`transact` is the only place of the server that commits. One call is one transaction: effects, receipts, audit
entries, unnumbered changes and scope, all or nothing (P2, T16).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from common.kernel.clock import Clock, instant
from common.kernel.ids import RandomBytes, uuid7
from common.kernel.reserve import says_full
from common.kernel.work import Notary
from sync_server.db.engine import reading
from sync_server.db.feed import write_changes
from sync_server.db.sequencer import sequence
from sync_server.db.unit_of_work import UnitOfWork

T = TypeVar("T")
TRIES = 3
# Serialization failure, deadlock, lock not available: PostgreSQL's words for "again"; SQLite says it in its message.
AGAIN = frozenset({"40001", "40P01"})


class DatabaseBusyError(Exception):
    """The database could not be had in time; nothing was changed and nothing may be parked for it."""


class DatabaseFullError(Exception):
    """The disk of the database is full; nothing was changed."""


def _no_room() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Database:
    """One master database. `pause` is what waits between tries; the simulator gives one that does not.

    `notary` makes, for a session, who signs on behalf of the server; None where nothing is signed. `make_room` is asked
    when the disk is full and says whether trying again may help.
    """

    engine: Engine
    clock: Clock
    random_bytes: RandomBytes
    pause: Callable[[float], None] = time.sleep  # noqa: TID251 - the default of the composition root
    notary: Callable[[Session], Notary] | None = None
    make_room: Callable[[], bool] = _no_room

    @property
    def on_sqlite(self) -> bool:
        """Say whether one writer at a time is the rule here."""
        return self.engine.dialect.name == "sqlite"

    def new_id(self) -> str:
        """Make a UUIDv7."""
        return uuid7(self.clock.read().wall_ms, self.random_bytes)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open one snapshot to read from. Nothing written in it is kept."""
        session = Session(reading(self.engine), expire_on_commit=False)
        try:
            yield session
        finally:
            session.expunge_all()  # what was read stays readable; a rollback would forget it
            session.rollback()
            session.close()

    def transact(self, write: Callable[[UnitOfWork], T]) -> T:
        """Run `write` in one transaction, commit it, number it. Tried again where the database says so.

        Raises DatabaseBusyError after three tries, DatabaseFullError; any other exception leaves nothing behind.
        """
        for attempt in range(1, TRIES + 1):
            try:
                result = self._once(write)
                if not self.on_sqlite:
                    self.number()
                return result
            except DBAPIError as error:
                if says_full(error):
                    if attempt < TRIES and self.make_room():
                        continue
                    raise DatabaseFullError from error
                if not is_transient(error) or attempt == TRIES:
                    if is_transient(error):
                        raise DatabaseBusyError from error
                    raise
                self.pause(0.02 * attempt)
        raise AssertionError("unreachable")

    def number(self) -> int:
        """Number what is committed and return the head. Its own short transaction (ADR-0003)."""
        with self.engine.connect() as connection:
            head = sequence(connection, self.random_bytes, self.clock.read().wall_ms)
            connection.commit()
            return head

    def _once(self, write: Callable[[UnitOfWork], T]) -> T:
        now_ms = self.clock.read().wall_ms
        with Session(self.engine, expire_on_commit=False, autoflush=True) as session:
            unit = UnitOfWork(session, instant(now_ms), self.new_id(), self.new_id)
            unit.notary = self.notary(session) if self.notary else None
            result = write(unit)
            session.flush()
            unit.write_notes()
            write_changes(unit)
            if self.on_sqlite:
                sequence(session.connection(), self.random_bytes, now_ms)
            session.commit()
            return result


def is_transient(error: DBAPIError) -> bool:
    """Say whether trying again can help: lock, deadlock, serialization, connection gone."""
    state = getattr(error.orig, "sqlstate", None)
    if state in AGAIN or state == "55P03" or error.connection_invalidated:
        return True
    return "locked" in str(error.orig) or "busy" in str(error.orig)
