"""A disk that may lose power: every write and sync of a real SQLite file is recorded, and cut anywhere afterwards.

Owns the recording (an SQLite file system over apsw, and a connection of Python's shape over it) and the images a cut
leaves: what was synced, and of the rest some writes, some torn at 512 bytes. Limits: a file's length and its deletion
count as durable at once, and the disk honours sync. The product's own engines run on it unchanged.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
PAGES_BEFORE_CHECKPOINT = 25  # far below SQLite's 1000, so that a short history has many checkpoints


@dataclass(frozen=True, slots=True)
class Event:
    """One thing the disk was told: `write` data at `at`, `truncate` to `at`, `sync` or `delete`."""

    kind: str
    file: str
    at: int = 0
    data: bytes = b""


@dataclass(slots=True)
class Recording:
    """What one history told the disk, in order, and what was confirmed to a person or a tablet at which moment."""

    files: dict[str, bytes] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    confirmed: list[tuple[int, str]] = field(default_factory=list)

    def confirm(self, what: str) -> None:
        """Note that somebody was told it is safe: no cut from now on may lose it."""
        self.confirmed.append((len(self.events), what))

    def promised(self, cut: int) -> set[str]:
        """List what had been confirmed when the power went."""
        return {what for at, what in self.confirmed if at <= cut}


class _File(apsw.VFSFile):
    """A file that tells the recording what it is told."""

    def __init__(self, vfs: str, name: Any, flags: list[int], recording: Recording) -> None:
        super().__init__(vfs, name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.name, self.recording = Path(path).name, recording

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write and record."""
        super().xWrite(data, offset)
        self.recording.events.append(Event("write", self.name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        """Cut the file and record."""
        super().xTruncate(newsize)
        self.recording.events.append(Event("truncate", self.name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Record; the real disk need not sync, for what it keeps is never looked at."""
        self.recording.events.append(Event("sync", self.name))

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        """Promise nothing: neither atomic writes nor order, and no power-safe overwrite."""
        return 0

    def xSectorSize(self) -> int:  # noqa: N802
        """Return the size below which a write is never torn."""
        return SECTOR


class _Vfs(apsw.VFS):
    """A file system whose files record."""

    def __init__(self, name: str, recording: Recording) -> None:
        self.recording = recording
        super().__init__(name, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open a recording file."""
        return _File("unix", name, flags, self.recording)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        """Delete and record."""
        super().xDelete(filename, syncdir)
        self.recording.events.append(Event("delete", Path(filename).name))


class ApswCursor:
    """A cursor of the shape SQLAlchemy expects of sqlite3."""

    arraysize = 1

    def __init__(self, connection: ApswConnection) -> None:
        self.connection = connection
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: list[Any] = []

    def _see(self, cursor: apsw.Cursor, _sql: str, _bindings: Any) -> bool:
        found = cursor.get_description()
        self.description = [(one[0], *[None] * 6) for one in found] or None
        return True

    def execute(self, sql: str, values: Sequence[Any] = ()) -> ApswCursor:
        """Run a statement and read all its rows."""
        return self._run(sql, [values])

    def executemany(self, sql: str, many: Sequence[Sequence[Any]]) -> ApswCursor:
        """Run a statement once for each set of values."""
        return self._run(sql, many)

    def _run(self, sql: str, many: Sequence[Sequence[Any]]) -> ApswCursor:
        raw = self.connection.raw
        cursor, before = raw.cursor(), raw.total_changes()
        cursor.exec_trace = self._see
        try:
            self._rows = [row for values in many for row in cursor.execute(sql, tuple(values))]
        except apsw.ConstraintError as error:
            raise sqlite3.IntegrityError(str(error)) from error
        except apsw.FullError as error:
            raise sqlite3.OperationalError("database or disk is full") from error
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error
        self.rowcount = -1 if sql.lstrip()[:6].upper() == "SELECT" else raw.total_changes() - before
        self.lastrowid = raw.last_insert_rowid()
        self._rows.reverse()
        return self

    def fetchone(self) -> Any:
        """Give the next row."""
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int = 1) -> list[Any]:
        """Give the next rows."""
        return [self._rows.pop() for _ in range(min(size, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        """Give the rows that are left."""
        rows, self._rows = self._rows[::-1], []
        return rows

    def close(self) -> None:
        """Forget the rows."""
        self._rows = []


class ApswConnection:
    """A connection of the shape SQLAlchemy expects of sqlite3, over apsw."""

    isolation_level = None

    def __init__(self, raw: apsw.Connection) -> None:
        self.raw = raw

    def cursor(self) -> ApswCursor:
        """Make a cursor."""
        return ApswCursor(self)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> ApswCursor:
        """Run a statement."""
        return self.cursor().execute(sql, values)

    def create_function(self, name: str, count: int, call: Callable[..., Any], **how: Any) -> None:
        """Add a function to the SQL of this connection."""
        self.raw.create_scalar_function(name, call, count, **how)

    def commit(self) -> None:
        """Commit what is open."""
        if self.raw.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Undo what is open."""
        if self.raw.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """End the transaction; the file is left as a machine without power leaves it."""
        self.rollback()


@contextmanager
def recorded(folder: Path, image: bytes = b"") -> Iterator[tuple[Recording, Callable[[], ApswConnection]]]:
    """Give a recording and what opens its database, which begins as `image`.

    The lock is exclusive, for a recording file system shares no memory: one connection, as a tablet has.
    """
    path = folder / "recorded.db"
    path.write_bytes(image)
    recording = Recording({path.name: image})
    vfs_name = f"recording-{id(recording)}"
    vfs = _Vfs(vfs_name, recording)
    raw = apsw.Connection(str(path), vfs=vfs_name)
    raw.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
    raw.execute(f"PRAGMA wal_autocheckpoint={PAGES_BEFORE_CHECKPOINT}").fetchall()
    try:
        yield recording, lambda: ApswConnection(raw)
    finally:
        raw.close()
        vfs.unregister()


def images(
    recording: Recording, cuts: Sequence[int], rng: random.Random
) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Walk through the recording and give, for each cut, the files as they are when the power comes back."""
    durable = {name: bytearray(data) for name, data in recording.files.items()}
    unsynced: dict[str, list[Event]] = {}
    wanted = sorted(cuts, reverse=True)
    for at in range(len(recording.events) + 1):
        while wanted and wanted[-1] == at:
            yield wanted.pop(), _cut(durable, unsynced, rng)
        if at == len(recording.events):
            return
        event = recording.events[at]
        content = durable.setdefault(event.file, bytearray())
        if event.kind == "write":
            unsynced.setdefault(event.file, []).append(event)
        elif event.kind == "sync":
            for earlier in unsynced.pop(event.file, []):
                _put(content, earlier.at, earlier.data)
        elif event.kind == "truncate":
            del content[event.at :]
        else:
            del durable[event.file]
            unsynced.pop(event.file, None)


def _cut(
    durable: dict[str, bytearray], unsynced: dict[str, list[Event]], rng: random.Random
) -> dict[str, bytes]:
    """Keep half of what was not synced, and tear some of it."""
    left = {name: bytearray(content) for name, content in durable.items()}
    for name, writes in unsynced.items():
        for event in writes:
            fate = rng.random()
            if fate < 0.5:
                continue
            if fate < 0.75:
                _put(left[name], event.at, event.data)
                continue
            for start in range(0, len(event.data), SECTOR):
                if rng.random() < 0.5:
                    _put(left[name], event.at + start, event.data[start : start + SECTOR])
    return {name: bytes(content) for name, content in left.items()}


def _put(content: bytearray, at: int, data: bytes) -> None:
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


def lay_out(files: dict[str, bytes], folder: Path, name: str = "recorded.db") -> Path:
    """Write the files of a cut into an empty folder and return the database's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for file, data in files.items():
        (folder / file).write_bytes(data)
    return folder / name
