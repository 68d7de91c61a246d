"""The tablet's own tables beside the business tables: outbox, base copies, what is held, drafts (sync-protocol 3.2).

Owns their shape and the version of the file. Business tables are the shared ones of `common`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    TypeDecorator,
    delete,
    insert,
    text,
    update,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import common.nouns  # noqa: F401 - registers every table and command
from common.kernel.record import (
    NAMING,
    Agg,
    Base,
    Document,
    DocumentColumn,
    Key,
    PrivateDocument,
    PrivateLong,
    Short,
)

SPOILED = "spoiled"
SCHEMA_VERSION = 8  # from 7 on private columns may be sealed (ADR-0031); 8: files


class DeviceBase(DeclarativeBase):
    """Tables only a tablet has."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = Base.type_annotation_map


class SyncState(DeviceBase):
    """One row: who this tablet is and where its conversation with the server stands."""

    __tablename__ = "sync_state"
    one: Mapped[int] = mapped_column(Integer, primary_key=True)
    device_id: Mapped[Short]
    person_id: Mapped[Short]
    server_url: Mapped[Short]
    incarnation: Mapped[int]
    token: Mapped[Short]
    next_n: Mapped[int]
    cursor: Mapped[Short]
    position: Mapped[int]  # newest position at which everything was here
    epoch: Mapped[Short]
    durable: Mapped[int]
    clock_error_ms: Mapped[int]
    generation: Mapped[int]  # counts pulls from nothing
    reoffer: Mapped[int]  # 1: ask which commands the server has lost
    reconcile: Mapped[int]  # 1: digests disagreed
    last_contact_ms: Mapped[int]


class OutboxOp(DeviceBase):
    """A command given on this tablet, whole, with its place in the lane. Never deleted before the server can keep it.

    `state`: new → acked → kept → gone; or parked | blocked → closed. `SPOILED`: it no longer opens, and stays as it lies.
    """

    __tablename__ = "op"
    ord: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[Key] = mapped_column(unique=True)
    n: Mapped[int]
    kind: Mapped[Short]
    envelope: Mapped[PrivateDocument]
    agg: Mapped[Agg]
    ticket_id: Mapped[Key | None]
    given_ms: Mapped[int]
    state: Mapped[Short]
    tries: Mapped[int]
    result_seq: Mapped[int]
    status: Mapped[Short]
    code: Mapped[Short]
    details: Mapped[PrivateDocument]
    local_code: Mapped[Short]  # why it has no effect here at the moment, '' if it has
    __table_args__ = (
        Index("ix_op_state_ord", "state", "ord"),
        {"sqlite_autoincrement": True},
    )


class OpTouch(DeviceBase):
    """Which aggregates a command of the overlay reads or writes: the edges along which a rebase spreads."""

    __tablename__ = "op_touch"
    op_ord: Mapped[int] = mapped_column(Integer, primary_key=True)
    agg: Mapped[Agg] = mapped_column(primary_key=True, index=True)


class BaseRow(DeviceBase):
    """The server's truth of a row that a pending command has changed; `body` None: the server has no such row."""

    __tablename__ = "base"
    entity: Mapped[Short] = mapped_column(primary_key=True)
    row_id: Mapped[Key] = mapped_column(primary_key=True)
    agg: Mapped[Agg] = mapped_column(index=True)
    made_by: Mapped[Key]  # the command that made the row, where the server has none yet
    body: Mapped[Document | None]


class HeldAgg(DeviceBase):
    """An aggregate on this tablet, its revision, and whether it was taken away while work on it is still unsent."""

    __tablename__ = "agg"
    agg: Mapped[Agg] = mapped_column(primary_key=True)
    rev: Mapped[int]
    generation: Mapped[int]
    detached: Mapped[int]


class Draft(DeviceBase):
    """A half-typed form, so that killing the app loses nothing that was typed."""

    __tablename__ = "draft"
    key: Mapped[Short] = mapped_column(primary_key=True)
    body: Mapped[PrivateDocument]
    saved_ms: Mapped[int]


class Blob(DeviceBase):
    """A file that was attached here: its bytes lie beside the database, sealed, named by their SHA-256 (ADR-0033).

    `state`: waiting (to be sent) → sent (the server has every byte) → gone (it has them in a backup; forgotten here);
    or refused (the server will not have it), lost (the bytes are not on this tablet).
    """

    __tablename__ = "blob"
    sha: Mapped[Short] = mapped_column(primary_key=True)
    role: Mapped[Short]  # preview, or the attachment's kind
    media_type: Mapped[Short]
    size: Mapped[int]
    priority: Mapped[int]
    state: Mapped[Short] = mapped_column(index=True)
    offset: Mapped[int]  # bytes the server has; -1: it must be asked
    tries: Mapped[int]  # failures since the last progress
    error: Mapped[Short]
    op_id: Mapped[Key]  # the command that brings its record; bytes never go before it
    kept_ms: Mapped[int]
    stored_seq: Mapped[int]  # newest position at which its record was known as stored, 0 before


class Setting(DeviceBase):
    """What this tablet's user chose: language, theme."""

    __tablename__ = "setting"
    key: Mapped[Short] = mapped_column(primary_key=True)
    value: Mapped[PrivateLong]  # sealed where it says who somebody is (`private.py`)


class StoreTooNewError(Exception):
    """The file was written by a newer app; it is left untouched (A10)."""


def open_schema(engine: Engine) -> None:
    """Create what is missing in a new file; refuse a newer one. Raises StoreTooNewError."""
    with engine.connect() as connection:
        found = int(connection.execute(text("PRAGMA user_version")).scalar_one())
        if found > SCHEMA_VERSION:
            raise StoreTooNewError(found)
        if found == SCHEMA_VERSION:
            return
        Base.metadata.create_all(connection)
        DeviceBase.metadata.create_all(connection)
        if found:  # an older file: what it lacked is there now, all it holds stays as it is
            _add_columns(connection)
            # Rows and columns the older app did not know went past it: read the scope from its beginning once more.
            connection.execute(
                update(SyncState).values(cursor="", position=0, generation=SyncState.generation + 1)
            )
            connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))
            connection.commit()
            return
        _begin_state(connection)
        connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))
        connection.commit()


def clear_schema(engine: Engine) -> None:
    """Empty every table and the pages they stood on; the file is then as a new one."""
    with engine.connect() as connection:
        for table in (*reversed(Base.metadata.sorted_tables), *reversed(DeviceBase.metadata.sorted_tables)):
            connection.execute(delete(table))
        _begin_state(connection)
        connection.commit()
        raw: Any = connection.connection.driver_connection
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _begin_state(connection: Connection) -> None:
    """Write the one row of a tablet that is nobody's."""
    zero = dict.fromkeys(
        ("position", "durable", "clock_error_ms", "reoffer", "reconcile", "last_contact_ms"), 0
    )
    empty = dict.fromkeys(("device_id", "person_id", "server_url", "token", "cursor", "epoch"), "")
    connection.execute(
        insert(SyncState).values(one=1, incarnation=1, next_n=1, generation=1, **zero, **empty)
    )


def _add_columns(connection: Connection) -> None:
    """Add the columns an older file lacks, each with its neutral value; the server's own come with the next pull."""
    for table in (*Base.metadata.sorted_tables, *DeviceBase.metadata.sorted_tables):
        there = {row[1] for row in connection.exec_driver_sql(f'PRAGMA table_info("{table.name}")')}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                filled = "" if column.nullable else f" NOT NULL DEFAULT {neutral(column)!r}"
                connection.exec_driver_sql(
                    f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}{filled}'
                )


def neutral(column: Column[Any]) -> int | str | None:
    """Return what stands in a column until its value is known: nothing, 0, an empty text, an empty document."""
    if column.nullable:
        return None
    kind: Any = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if isinstance(kind, Integer):
        return 0
    return "null" if isinstance(column.type, DocumentColumn) else ""
