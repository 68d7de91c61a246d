"""What pending commands read and wrote when they last ran here, so that a rebase need not think anew (ADR-0028).

A command's function depends on nothing but its envelope, its actor and what it reads. Where every read gives what it
gave before, its writes are repeated as they were; where one differs, the function runs. Owns no truth: kept in memory
only, so a new start or a new version of the app begins without it. Never decides what a command does.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b
from typing import Any, cast

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session

MEMO, HEARD = "memo", "heard"  # in `session.info`: the store's memo; the connection it listens to
AT_MOST = 1000
_BOUNDS = ("SAVEPO", "RELEAS", "ROLLBA")
_WRITES = ("INSERT", "UPDATE", "DELETE")


class Did(Enum):
    """What a step of a command is."""

    READ = "read"
    TOUCH = "touch"
    WRITE = "write"
    WRITE_MANY = "write many"


Row = tuple[Any, ...] | None
KeepBase = Callable[[sqlite3.Cursor, tuple[str, str, str], Row], None]  # row's entity, id and aggregate
Step = tuple[Did, str, Any, bytes]  # what, statement, its parameters, digest of what it gave


@dataclass(slots=True)
class Trace:
    """One run of a command: its steps in order, and why it had no effect ('' where it had)."""

    steps: list[Step] = field(default_factory=list)
    code: str = ""
    usable: bool = True


class Memo:
    """The traces of one store. Not for two threads at once: the store's lock keeps them apart."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}
        self._under_way: Trace | None = None

    @contextmanager
    def recording(self, session: Session) -> Iterator[Trace]:
        """Note what is read and written inside."""
        connection = session.connection()
        if session.info.get(HEARD) is not connection:
            event.listen(connection, "before_cursor_execute", self._hear)
            session.info[HEARD] = connection
        self._under_way = trace = Trace()
        try:
            yield trace
        finally:
            self._under_way = None

    def note_touch(self, read: str, key: tuple[str, str, str], row: Row) -> None:
        """Note that a row is about to be written: how it is read, entity, id and aggregate, and what it holds."""
        if self._under_way is not None:
            self._under_way.steps.append((Did.TOUCH, read, key, digest(row)))

    def keep(self, op_id: str, trace: Trace, code: str) -> None:
        """Remember a run."""
        trace.code = code
        self.forget([op_id])
        if trace.usable:
            self._traces[op_id] = trace
        while len(self._traces) > AT_MOST:
            del self._traces[next(iter(self._traces))]

    def forget(self, op_ids: list[str]) -> None:
        """Forget commands that left the overlay."""
        for op_id in op_ids:
            self._traces.pop(op_id, None)

    def find(self, op_id: str) -> Trace | None:
        """Find the last run of a command."""
        return self._traces.get(op_id)

    def _hear(
        self, conn: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        trace = self._under_way
        if trace is None:
            return
        verb = statement[:6].upper()
        if verb == "SELECT":
            given = raw_below(conn).execute(statement, parameters).fetchall()
            trace.steps.append((Did.READ, statement, parameters, digest(given)))
        elif verb in _WRITES:
            trace.steps.append((Did.WRITE_MANY if many else Did.WRITE, statement, parameters, b""))
        elif verb not in _BOUNDS:
            trace.usable = False


def digest(content: Any) -> bytes:
    """Hash what a statement gave; version 2 of the format writes equal values alike."""
    return blake2b(marshal.dumps(content, 2), digest_size=16).digest()


def repeat(session: Session, trace: Trace, keep_base: KeepBase) -> bool:
    """Do again what a command did, if all it reads is as it was; else nothing is changed and the answer is False.

    `keep_base` keeps the server's truth of a row that is about to be written.
    """
    cursor = raw_connection(session).cursor()
    cursor.execute("SAVEPOINT again")
    same = False
    with suppress(sqlite3.IntegrityError):  # a row is there already: not as it was
        same = _steps(cursor, trace, keep_base)
    if trace.code or not same:
        cursor.execute("ROLLBACK TO again")
    cursor.execute("RELEASE again")
    cursor.close()
    return same


def raw_connection(session: Session) -> sqlite3.Connection:
    """Return the connection below the session's, in the same transaction."""
    return raw_below(session.connection())


def raw_below(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, in the same transaction."""
    return cast(sqlite3.Connection, connection.connection.driver_connection)


def _steps(cursor: sqlite3.Cursor, trace: Trace, keep_base: KeepBase) -> bool:
    for did, statement, parameters, given in trace.steps:
        if did is Did.READ:
            if digest(cursor.execute(statement, parameters).fetchall()) != given:
                return False
        elif did is Did.TOUCH:
            row = cursor.execute(statement, parameters[1:2]).fetchone()
            if digest(row) != given:
                return False
            keep_base(cursor, parameters, row)
        elif did is Did.WRITE:
            cursor.execute(statement, parameters).fetchall()
        else:
            cursor.executemany(statement, parameters)
    return True
