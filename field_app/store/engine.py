"""The tablet's SQLite: one file, WAL, synchronous=FULL, so that a save the screen confirmed survives a power cut (P1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

LOCK_WAIT_S = 5
STATEMENTS_KEPT = 512  # writing through a view is dear to prepare, cheap to repeat


def make_store_engine(path: Path | None, *, creator: Any = None) -> Engine:
    """Open the store's file; `None` keeps it in memory. `creator` gives another connection (simulated disks)."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    url = "sqlite://" if path is None else f"sqlite:///{path}"
    connect_args = {"check_same_thread": False, "timeout": LOCK_WAIT_S, "isolation_level": None}
    connect_args["cached_statements"] = STATEMENTS_KEPT
    # An error must not write the values of a statement into the log.
    kwargs: dict[str, Any] = {"poolclass": StaticPool, "hide_parameters": True}
    kwargs |= {"connect_args": connect_args} if creator is None else {"creator": creator}
    engine = create_engine(url, **kwargs)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "secure_delete=ON",
        "trusted_schema=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
