"""Engines for both databases. Owns transaction modes; no caller ever starts a transaction another way.

A writing transaction on SQLite is BEGIN IMMEDIATE, so that no lock is ever upgraded (D4); a reading one is one
snapshot: deferred on SQLite, REPEATABLE READ READ ONLY on PostgreSQL (T6).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.pool import StaticPool

LOCK_WAIT_S = 5
POOL_WAIT_S = 2.0


def make_engine(url: str, *, pool_size: int = 10, creator: Any = None, wait_s: float = POOL_WAIT_S) -> Engine:
    """Open a database by URL: `sqlite:///path`, `sqlite://` (in memory, one connection) or `postgresql+psycopg://…`.

    `creator` gives another SQLite connection (simulated disks). Who finds all connections in use waits `wait_s` for
    one and then gets SQLAlchemy's TimeoutError, which is answered 503 (L3).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(
            parsed,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=wait_s,
            pool_pre_ping=True,
            hide_parameters=True,  # an error names no customer
            connect_args={
                "options": f"-c lock_timeout={LOCK_WAIT_S * 1000} -c idle_in_transaction_session_timeout=60000"
            },
        )
        event.listen(engine, "begin", _begin_postgresql)
        return engine
    memory = parsed.database in (None, "", ":memory:")
    if not memory:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    extra: dict[str, Any] = (
        {"poolclass": StaticPool} if memory else {"pool_size": pool_size, "pool_timeout": wait_s}
    )
    connect_args = {"check_same_thread": False, "timeout": LOCK_WAIT_S, "isolation_level": None}
    if creator is not None:
        engine = create_engine(parsed, creator=creator, poolclass=StaticPool, hide_parameters=True)
    else:
        engine = create_engine(parsed, connect_args=connect_args, hide_parameters=True, **extra)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def reading(engine: Engine) -> Engine:
    """Return the same engine with transactions that only read, each one snapshot."""
    return engine.execution_options(reading=True)


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("reading"):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
