"""How long a change waits until another connection sees its number, with a long transaction open, on PostgreSQL.

Owns the writer and the reader. The bound is the same without the long transaction, measured in the same run.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from bench.bounds import Bound
from bench.meter import median, percentile
from common.kernel.command import Role
from common.people.person_commands import AddPerson
from sync_server.app import SystemClock
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from tests.support.postgres import fresh_database, postgres_url

WRITES = 150
LOOK_EVERY_S = 0.001


def visible() -> Bound:
    """Measure, first with nothing else going on, then beside a transaction that has written and does not end."""
    with postgres_url() as server, fresh_database(server) as url:
        engine = make_engine(url.render_as_string(hide_password=False), pool_size=6)
        upgrade(engine, os.urandom)
        database = Database(engine, SystemClock(), os.urandom)
        alone = _measure(database, "alone")
        with _long_transaction(database):
            beside = _measure(database, "beside")
        engine.dispose()
    p95, p95_alone = percentile(beside, 0.95), percentile(alone, 0.95)
    return Bound(
        "visible", "command given, committed and visible, p95, a long transaction open (PostgreSQL)", round(p95, 2),
        round(max(3 * p95_alone, 20.0), 2), "ms", "3 times the p95 without it in the same run, 20 ms at least",
        {"p50_ms": round(median(beside), 2), "alone_p50_ms": round(median(alone), 2),
         "alone_p95_ms": round(p95_alone, 2), "writes": WRITES},
    )  # fmt: skip


@contextmanager
def _long_transaction(database: Database) -> Iterator[None]:
    with database.engine.connect() as connection:
        connection.execute(
            text(
                "INSERT INTO change (id, stream, tx, agg, entity, row_id, seq, at) "
                "VALUES (:id, 'main', :id, 'person:x', 'person', :id, NULL, 0)"
            ),
            {"id": database.new_id()},
        )
        yield
        connection.rollback()


def _measure(database: Database, name: str) -> list[float]:
    """Return ms from giving each command, its commit included, to a reader's first snapshot with its number."""
    given: dict[str, float] = {}
    seen: dict[str, float] = {}
    done = threading.Event()

    def follow() -> None:
        after = database.number()
        while not done.is_set():
            with database.read() as session:
                rows = session.execute(
                    text("SELECT seq, row_id FROM change WHERE seq > :after ORDER BY seq"), {"after": after}
                ).all()
            now_s = time.perf_counter()
            for seq, row_id in rows:
                after = seq
                seen.setdefault(row_id, now_s)
            time.sleep(LOOK_EVERY_S)

    reader = threading.Thread(target=follow)
    reader.start()
    for number in range(WRITES):
        person_id = database.new_id()
        began_s = time.perf_counter()
        payload = AddPerson(person_id, f"{name}-{number}", name, (Role.ENGINEER.value,))
        if not perform(database, SYSTEM, payload).took_effect:
            raise RuntimeError("a command was refused")
        given[person_id] = began_s
    give_up_s = time.monotonic() + 30
    while given.keys() - seen.keys() and time.monotonic() < give_up_s:
        time.sleep(LOOK_EVERY_S)
    done.set()
    reader.join()
    if missing := given.keys() - seen.keys():
        raise RuntimeError(f"{len(missing)} changes were never seen")
    return [(seen[person_id] - began_s) * 1000 for person_id, began_s in given.items()]
