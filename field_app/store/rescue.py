"""A damaged store: what can still be read of a person's own work is brought into a new file (A6).

Owns looking for damage and copying. Business rows are not copied: they come again from the server, and pending
commands are replayed on them. The damaged file is set aside, never deleted.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Integer, String, Table

from common.kernel.reserve import says_full
from field_app.store.schema import BaseRow, DeviceBase, HeldAgg, OpTouch

ASIDE = "damaged"
RESCUED = "rescued"  # a new file that is whole and on its way to its place
SUFFIXES = ("", "-wal", "-shm")
WHOLE_CHECK_BYTES = 64 * 1024 * 1024
SMALLEST_PAGE = 512
LONGEST = 1 << 34  # what a spoiled head may claim
_NOT_COPIED = frozenset(table.__tablename__ for table in (BaseRow, HeldAgg, OpTouch))
_OP = "op"


def damage_of(path: Path) -> str:
    """Say in SQLite's words what is wrong with a file, '' where nothing is."""
    check = "integrity_check" if path.stat().st_size <= WHOLE_CHECK_BYTES else "quick_check"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
                tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                return "no version" if tables or path.stat().st_size else ""
            said = str(connection.execute(f"PRAGMA {check}(1)").fetchone()[0])
            if said != "ok":
                return said
            if connection.execute("SELECT count(*) FROM sync_state").fetchone()[0] != 1:
                return "sync_state has not one row"
            spoiled = sum(1 for row in _rows(connection, _OP, 0) if not _is_whole(row))
            return f"{spoiled} spoiled commands" if spoiled else ""
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return str(error) or "unreadable"


def fresh_beside(path: Path) -> Path:
    """Name the file that is to take a damaged one's place; what a killed rescue left of it is removed."""
    anew = path.with_suffix(".anew")
    _remove(anew)
    return anew


def put_in_place(anew: Path, path: Path, stamp: int) -> None:
    """Set a damaged file and its log aside and have the new one take its place. Killed, `finish_rescue` goes on."""
    folder = path.parent / ASIDE / str(stamp)
    folder.mkdir(parents=True, exist_ok=True)
    anew.replace(folder / RESCUED)  # from here on the new file is the one
    finish_rescue(path)


def finish_rescue(path: Path) -> None:
    """Go on where a rescue was killed between the new file's last word and its being in place."""
    for rescued in (path.parent / ASIDE).glob(f"*/{RESCUED}"):
        for suffix in SUFFIXES:  # its log too: SQLite would lay it over the new file
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(rescued.with_name(part.name))
        rescued.replace(path)


def rescue(damaged: Path, fresh: Path, most_ops: int) -> int:
    """Copy what can be read of outbox, drafts, settings and identity; returns how many commands.

    `most_ops` is the highest place in the outbox that is known of. The new file has its tables already.
    """
    rescued, damaged = 0, _scratch(damaged)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        target.execute("BEGIN IMMEDIATE")
        for table in DeviceBase.metadata.sorted_tables:
            if table.name in _NOT_COPIED:
                continue
            for row in _readable(damaged, table.name, most_ops):
                if _fits(table, row) and (table.name != _OP or _is_whole(row)):
                    rescued += _copy(target, table, row) * (table.name == _OP)
        target.execute(f"INSERT OR REPLACE INTO op_touch (op_ord, agg) SELECT ord, agg FROM {_OP}")  # noqa: S608
        target.execute("COMMIT")
    _remove(damaged)
    return rescued


def _remove(path: Path) -> None:
    for suffix in SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _copy(target: sqlite3.Connection, table: Table, row: dict[str, Any]) -> bool:
    kept = {column.name: row[column.name] for column in table.columns if column.name in row}
    columns, marks = ", ".join(f'"{name}"' for name in kept), ", ".join("?" for _ in kept)
    statement = f'INSERT OR REPLACE INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608 - own names
    try:
        target.execute(statement, list(kept.values()))
    except sqlite3.Error as error:
        if says_full(error):
            raise
        return False  # a row of nonsense; the others are not to suffer for it
    return True


def _fits(table: Table, row: dict[str, Any]) -> bool:
    """Say whether a row holds what its columns are for; a damaged page gives any nonsense."""
    for column in table.columns:
        value = row.get(column.name)
        if value is None and not column.nullable:
            return False
        wanted = int if isinstance(column.type, Integer) else str if isinstance(column.type, String) else None
        if column.info.get("private") and isinstance(value, bytes):
            continue  # sealed: it proves itself when it is opened
        if value is not None and wanted is not None and not isinstance(value, wanted):
            return False
    return True


def _scratch(damaged: Path) -> Path:
    """Copy a file to read from: as long as its head says, for SQLite reads nothing of one that was cut off."""
    copy = damaged.with_name("scratch.db")
    _remove(copy)
    for suffix in SUFFIXES[:2]:
        part = damaged.with_name(damaged.name + suffix)
        if part.exists():
            shutil.copyfile(part, copy.with_name(copy.name + suffix))
    with copy.open("r+b") as file:
        head = file.read(32)
        page = int.from_bytes(head[16:18], "big") or SMALLEST_PAGE
        length = (65_536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
        if file.seek(0, 2) < length <= LONGEST:
            file.truncate(length)
    return copy


def _readable(path: Path, table: str, most: int) -> Iterator[dict[str, Any]]:
    """Yield the rows that can be read; behind a hole, those with a known number are asked for one by one."""
    seen = 0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            connection.execute(
                "PRAGMA writable_schema=ON"
            )  # a spoiled index or view must not hide the tables
            for row in _rows(connection, table, 0):
                seen = max(seen, int(row.get("ord") or 0))
                yield row
        except (sqlite3.DatabaseError, TypeError, ValueError):
            if table == _OP:
                yield from _one_by_one(connection, seen, most)


def _one_by_one(connection: sqlite3.Connection, seen: int, most: int) -> Iterator[dict[str, Any]]:
    for number in range(seen + 1, most + 1):
        try:
            yield from _rows(connection, _OP, number)
        except (sqlite3.DatabaseError, TypeError, ValueError):  # this one is lost; the next may not be
            continue


def _rows(connection: sqlite3.Connection, table: str, number: int) -> Iterator[dict[str, Any]]:
    where, values = (" WHERE ord = ?", (number,)) if number else ("", ())
    cursor = connection.execute(f'SELECT * FROM "{table}" NOT INDEXED{where}', values)  # noqa: S608 - own names
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield dict(zip(names, row, strict=True))


def _is_whole(row: dict[str, Any]) -> bool:
    """Say whether a row of the outbox is a command: a plain envelope must be its own, a sealed one proves itself."""
    envelope = row.get("envelope")
    if not isinstance(row.get("id"), str) or len(row["id"]) != 36 or not envelope:
        return False
    if not isinstance(envelope, str) or not envelope.startswith("{"):
        return True
    try:
        return bool(json.loads(envelope)["id"] == row["id"])
    except (ValueError, KeyError, TypeError):
        return False
