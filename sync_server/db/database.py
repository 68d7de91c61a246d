"""The master database: its engine, its clock and the two ways in, `read()` and `transact()`.

`transact` is the only place of the server that commits. One call is one transaction: effects, receipts, audit
entries, unnumbered changes and scope, all or nothing (P2, T16).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from common.kernel.clock import Clock, instant
from common.kernel.ids import RandomBytes, uuid7
from common.kernel.reserve import says_full
from common.kernel.work import Notary
from sync_server.db.engine import reading
from sync_server.db.feed import write_changes
from sync_server.db.sequencer import numbering, sequence
from sync_server.db.unit_of_work import UnitOfWork

T = TypeVar("T")
TRIES = 3
# Serialization failure, deadlock, lock not available: PostgreSQL's words for "again"; SQLite says it in its message.
AGAIN = frozenset({"40001", "40P01"})
STATUS_TRIES = 100
_XID = text("SELECT CAST(pg_current_xact_id_if_assigned() AS text)")
_STATUS = text("SELECT pg_xact_status(CAST(:xid AS xid8))")


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
    _reader: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the engine for what only reads, once."""
        object.__setattr__(self, "_reader", reading(self.engine))

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
        session = Session(self._reader, expire_on_commit=False)
        try:
            yield session
        finally:
            session.expunge_all()  # what was read stays readable; a rollback would forget it
            session.rollback()
            session.close()

    def transact(self, write: Callable[[UnitOfWork], T]) -> T:
        """Run `write` in one transaction, commit it, number it. Tried again where the database says so.

        What is committed is never run again: neither when numbering fails (whoever writes or pulls next numbers it)
        nor when the line goes while the commit is answered. Raises DatabaseBusyError after three tries or where
        the end of a commit cannot be learnt, DatabaseFullError; any other exception leaves nothing behind.
        """
        for attempt in range(1, TRIES + 1):
            try:
                result = self._once(write)
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
            else:
                if not self.on_sqlite:
                    with suppress(DBAPIError, DatabaseBusyError):
                        self.number()
                return result
        raise AssertionError("unreachable")

    def number(self) -> int:
        """Number what is committed and return the head. Its own short transaction (ADR-0003).

        SQLite's writers number within their own, so there a look mostly shows that nobody need be held up.
        Raises DatabaseBusyError.
        """
        try:
            if self.on_sqlite:
                with self._reader.connect() as connection:
                    seen = numbering(connection)
                if seen.is_done:
                    return seen.head
            with self.engine.connect() as connection:
                head = sequence(connection, self.random_bytes, self.clock.read().wall_ms)
                connection.commit()
                return head
        except DBAPIError as error:
            if is_transient(error):
                raise DatabaseBusyError from error
            raise

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
            session.flush()
            session.expunge_all()  # what was written stays readable, however the commit is answered
            self._commit(session)
            return result

    def _commit(self, session: Session) -> None:
        """Commit. Where the line goes meanwhile, ask the database whether it has."""
        xid = None if self.on_sqlite else session.execute(_XID).scalar_one()
        try:
            session.commit()
        except DBAPIError as error:
            if xid is None or not error.connection_invalidated:
                raise
            try:
                committed = self._has_committed(xid)
            except DBAPIError as silent:
                raise DatabaseBusyError from silent
            if not committed:
                raise

    def _has_committed(self, xid: str) -> bool:
        with self.engine.connect() as connection:
            for _ in range(STATUS_TRIES):
                status = connection.execute(_STATUS, {"xid": xid}).scalar_one()
                if status != "in progress":
                    return bool(status == "committed")
                self.pause(0.05)
        raise DatabaseBusyError


def is_transient(error: DBAPIError) -> bool:
    """Say whether trying again can help: lock, deadlock, serialization, connection gone."""
    state = getattr(error.orig, "sqlstate", None)
    if state in AGAIN or state == "55P03" or error.connection_invalidated:
        return True
    return "locked" in str(error.orig) or "busy" in str(error.orig)
