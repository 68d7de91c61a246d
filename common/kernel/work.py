"""`Work`: what a command function is given. It is the only way such a function reads and writes.

Owns the session of one command, the actor, the instants, and the list of rows touched. Never commits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Protocol, TypeVar

from sqlalchemy import Select, Table, bindparam, event, inspect, select
from sqlalchemy.orm import Session, UOWTransaction

from common.kernel.command import Place, Role
from common.kernel.ids import derive_id
from common.kernel.op import Op
from common.kernel.outcome import Detail, Flag, Outcome, Refused
from common.kernel.record import Synced

R = TypeVar("R", bound=Synced)
WATCHERS, HELD = "watchers", "held"  # in `session.info`: the commands at work; the rows its transaction holds


@dataclass(frozen=True, slots=True)
class Actor:
    """Who gives the command: a person with roles, at an enrolled device or at the office."""

    person_id: str
    roles: frozenset[Role]
    place: Place
    device_id: str = ""

    @property
    def is_field(self) -> bool:
        """Say whether the command comes from a tablet."""
        return self.place is Place.TABLET


@dataclass(frozen=True, slots=True)
class Settled:
    """A command that had waited, with what another one made of it: as of when it happened, for who gave it."""

    op: Op
    actor: Actor
    at: datetime
    clock_error_ms: int
    outcome: Outcome


class Notary(Protocol):
    """Keys and signatures, passed in by the program that has them; absent where nothing is signed."""

    def verify(self, key: str, text: bytes, signature: str) -> bool:
        """Say whether a key signed a text."""
        ...

    def key_of(self, device_id: str) -> str | None:
        """Return the key a device was enrolled with, None where it is not known."""
        ...

    def sign(self, text: bytes) -> tuple[str, str]:
        """Sign; returns public key and signature."""
        ...


@dataclass(slots=True)
class Work:
    """One command at work.

    `at` is when it happened, corrected for the tablet's clock error; `received_at` is when this program ran it.
    `live` is true where the person is present and can correct what is refused: first execution on the tablet,
    and the office. In a replay (server push, rebase) a fact is kept and flagged instead.
    """

    session: Session
    actor: Actor
    op: Op
    at: datetime
    received_at: datetime
    live: bool
    authority: bool
    override: bool = False
    clock_error_ms: int = 0
    notary: Notary | None = None
    flags: list[Flag] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    read_rows: set[tuple[str, str]] = field(default_factory=set)
    before_touch: Callable[[str, str, str], None] | None = None
    touched: dict[tuple[str, str], str] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    held: list[object] = field(
        default_factory=list
    )  # the session forgets rows nobody holds and reads them again

    def get(self, record: type[R], row_id: str) -> R | None:
        """Read a row and hold it until the transaction ends; None if it is not here.

        What this transaction holds nobody else changes, so it is locked and read once, not once a command.
        """
        self.read_rows.add((record.__tablename__, row_id))  # type: ignore[attr-defined]
        if not self.authority:
            return self.session.get(record, row_id)
        held = self.session.info.setdefault(HELD, {})
        row: R | None = held.get((record, row_id))
        if row is None:
            row = self.session.get(record, row_id, with_for_update=True)
            if row is not None:
                held[record, row_id] = row
        return row

    def look(self, record: type[R], row_id: str) -> R | None:
        """Read a row without holding it: catalogues and persons, which many commands read at once."""
        self.read_rows.add((record.__tablename__, row_id))  # type: ignore[attr-defined]
        row = self.session.get(record, row_id)
        self.held.append(row)
        return row

    def need(self, record: type[R], row_id: str) -> R:
        """Read a row that must be here. Refuses with `<table>_unknown`."""
        row = self.get(record, row_id)
        if row is None:
            raise Refused(f"{record.__tablename__}_unknown")  # type: ignore[attr-defined]
        return row

    def rows(self, query: Select[R]) -> list[R]:
        """Read the rows of a query over one record."""
        return list(self.session.scalars(query))

    def add(self, row: R) -> R:
        """Add a row unless it is here already: replaying a command makes nothing twice."""
        if self.has(type(row), row.id):
            known = self.session.get(type(row), row.id)
            assert known is not None
            return known
        self.session.add(row)
        return row

    def has(self, record: type[Synced], row_id: str) -> bool:
        """Say whether a row is here, without reading it where it is not: what a command makes is nearly always new."""
        self.session.flush()
        table: Table = record.__table__  # type: ignore[attr-defined]
        there = self.session.connection().execute(_is_there(table), {"id": row_id}).first()
        return there is not None and self.session.get(record, row_id) is not None

    def derive(self, *parts: str) -> str:
        """Name a row that this command makes; the same on tablet and server."""
        return derive_id(self.op.id, *parts)

    def touch(self, entity: str, row_id: str, agg: str) -> None:
        """Announce a write that does not go through a mapped object, before making it."""
        if (entity, row_id) not in self.touched and self.before_touch:
            self.before_touch(entity, row_id, agg)
        self.touched[entity, row_id] = agg

    def flag(self, code: str, **values: Detail) -> None:
        """Accept, and have a person look at it: `code` becomes a discrepancy on the server."""
        self.flags.append(Flag(code, values))

    def require(self, holds: bool, code: str, **values: Detail) -> None:
        """Refuse where the person can still correct it; keep and flag where it has already happened."""
        if holds or self.override:
            return
        if self.live:
            raise Refused(code, **values)
        self.flag(code, **values)


@cache
def _is_there(table: Table) -> Select[Any]:
    return select(table.c.id).where(table.c.id == bindparam("id"))


def watch(session: Session, work: Work) -> Callable[[], None]:
    """Note what the session writes (`work.touched`) and reads (`work.loaded`); returns what stops watching.

    The session is listened to once; who watches at the moment stands in its `info`, a command run inside another above
    it.
    """
    watchers: list[Work] | None = session.info.get(WATCHERS)
    if watchers is None:
        watchers = session.info[WATCHERS] = []
        event.listen(session, "before_flush", _before_flush)
        event.listen(session, "loaded_as_persistent", _loaded)
    watchers.append(work)

    def stop() -> None:
        watchers.pop()

    return stop


def forget_held(session: Session) -> None:
    """Forget which rows this transaction holds: a savepoint was undone, and their locks with it."""
    session.info.pop(HELD, None)


def _before_flush(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    watchers: list[Work] = session.info[WATCHERS]
    if not watchers:
        return
    if any(isinstance(row, Synced) for row in session.deleted):
        raise TypeError("synced rows are never deleted; give them a state that says they ended")
    fresh = list(session.new)
    for row in [*fresh, *(row for row in session.dirty if session.is_modified(row))]:
        if not isinstance(row, Synced):
            continue
        old = inspect(row).attrs.agg.history.deleted
        if old and old[0] is not None:
            raise TypeError("a row never moves to another aggregate")
        for work in watchers:
            work.touch(row.__tablename__, row.id, row.agg)  # type: ignore[attr-defined]


def _loaded(session: Session, row: Any) -> None:
    if isinstance(row, Synced):
        for work in session.info[WATCHERS]:
            work.loaded.add(row.agg)
