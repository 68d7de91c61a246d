"""SQLite under two writers on the server: they wait for each other, no lock is ever upgraded (D4)."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from sync_server.app import SystemClock
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.unit_of_work import UnitOfWork

WRITERS, EACH = 4, 12


@pytest.mark.fault("D4")
def test_two_writers_on_sqlite_wait_for_each_other(tmp_path: Path) -> None:
    """Each reads, then writes what it read plus one: none is told "locked", none overwrites another."""
    engine = make_engine(f"sqlite:///{tmp_path / 'server.db'}")
    upgrade(engine, os.urandom)
    database = Database(engine, SystemClock(), os.urandom)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
        connection.commit()
    start = threading.Barrier(WRITERS)
    tries: list[int] = []

    def count(unit: UnitOfWork) -> None:
        tries.append(1)
        seen = unit.session.execute(text("SELECT n FROM counter")).scalar_one()
        unit.session.execute(text("UPDATE counter SET n = :n"), {"n": seen + 1})

    def writer() -> None:
        start.wait()
        for _ in range(EACH):
            database.transact(count)

    with ThreadPoolExecutor(WRITERS) as pool:
        for one in [pool.submit(writer) for _ in range(WRITERS)]:
            one.result()
    with database.read() as session:
        assert session.execute(text("SELECT n FROM counter")).scalar_one() == WRITERS * EACH
    assert len(tries) == WRITERS * EACH, "nobody had to try again"
    engine.dispose()
