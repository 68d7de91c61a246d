"""The whole database from SQLite to an empty PostgreSQL: `sync-server move`. Nothing of it changes on the way (D7).

Owns copying and comparing. Numbers, marks, epoch and chain go along, so tablets notice nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table, TextClause, inspect, text

from common.kernel.codec import canonical
from common.kernel.ids import RandomBytes
from sync_server.db.engine import make_engine, reading
from sync_server.db.migrate import METADATA, SchemaError, require_schema, upgrade

BATCH = 1000


class MoveError(SchemaError):
    """The database cannot go there; the message says why."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How many rows a table has, and the sum of the hashes of its rows: the same whatever their order."""

    rows: int
    sum: int


def move(
    source: Engine, target_url: str, random_bytes: RandomBytes, say: Callable[[str], None] = lambda _: None
) -> dict[str, Copied]:
    """Copy every table and compare every row; all of it is committed at once or nothing is.

    The source must not be served meanwhile. Raises MoveError where the target is not an empty PostgreSQL database or
    holds anything else afterwards.
    """
    require_schema(source)
    target = make_engine(target_url, pool_size=2)
    try:
        if target.dialect.name != "postgresql":
            raise MoveError("The target must be a PostgreSQL database: postgresql+psycopg://…")
        if inspect(target).get_table_names():
            raise MoveError("The target is not empty. Make a new database for it.")
        upgrade(target, random_bytes)
        with reading(source).connect() as old, target.begin() as new:
            new.execute(text("DELETE FROM stream_head"))  # planted by the upgrade; the real one comes
            told = {}
            for table in METADATA.sorted_tables:
                say(table.name)
                told[table.name] = copy_table(old, new, table)
                if fingerprint(new, table) != told[table.name]:
                    raise MoveError(f"{table.name} is not the same in the target; nothing was kept there")
            return told
    finally:
        target.dispose()


def copy_table(old: Connection, new: Connection, table: Table) -> Copied:
    """Copy the rows as they are stored; returns what was read."""
    names = [column.name for column in table.columns]
    marks = ", ".join(f":{name}" for name in names)
    insert = text(f'INSERT INTO "{table.name}" ({_quoted(names)}) VALUES ({marks})')  # noqa: S608 - own names
    rows = total = 0
    for portion in old.execute(_select(table)).mappings().partitions(BATCH):
        batch = [dict(row) for row in portion]
        new.execute(insert, batch)
        rows += len(batch)
        total += sum(_hash(list(row.values())) for row in batch)
    return Copied(rows, total % 2**256)


def fingerprint(connection: Connection, table: Table) -> Copied:
    """Count a table's rows and sum their hashes."""
    rows = total = 0
    for portion in connection.execute(_select(table)).partitions(BATCH):
        rows += len(portion)
        total += sum(_hash(list(row)) for row in portion)
    return Copied(rows, total % 2**256)


def _select(table: Table) -> TextClause:
    return text(f'SELECT {_quoted([column.name for column in table.columns])} FROM "{table.name}"')  # noqa: S608


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _hash(values: list[object]) -> int:
    return int.from_bytes(hashlib.sha256(canonical(values).encode()).digest(), "big")
