"""The sequencer under torture: writers, aborts, slow transactions, rival sequencers, readers that page (T1–T7).

Real threads on both databases. Whoever sees a number has seen all below; no row is missed, none doubled.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from common.kernel.clock import Reading
from common.kernel.command import Place, Role
from common.kernel.op import make_op
from common.kernel.scope import Grant, user
from common.kernel.work import Actor
from common.people.person import Person
from common.people.person_commands import AddPerson
from common.stock.part_usage import RecordPartUsage
from common.tickets.dispatching import MoveAssignment
from sync_server.app import SystemClock
from sync_server.db import feed
from sync_server.db.database import Database, DatabaseBusyError
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.db.sequencer import numbering
from sync_server.db.unit_of_work import Arrival, UnitOfWork
from sync_server.upkeep.verify import verify
from tests.integration.test_restore import a_ticket
from tests.support.served import a_server

WRITERS, EACH, RIVALS = 6, 25, 3
READING = Reading(1_772_700_000_000, 1000, "boot")


@dataclass(slots=True)
class Reader:
    """Reads the feed forward only, as a pull does, and keeps what it saw."""

    seen: list[int] = field(default_factory=list)
    heads: list[int] = field(default_factory=list)
    jumped: list[tuple[int, int]] = field(default_factory=list)

    def read(self, database: Database) -> None:
        """Read everything after the last head, in one snapshot."""
        after = self.heads[-1] if self.heads else 0
        with database.read() as session:
            connection = session.connection()
            head = numbering(connection).head
            rows = connection.execute(
                text("SELECT seq FROM change WHERE seq > :after ORDER BY seq"), {"after": after}
            ).scalars()
            found = list(rows)
        if found != list(range(after + 1, head + 1)):
            self.jumped.append((after, head))
        self.seen.extend(found)
        self.heads.append(head)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    engine = make_engine(database_url, pool_size=20)
    upgrade(engine, os.urandom)
    yield Database(engine, SystemClock(), os.urandom)
    engine.dispose()


def patiently(work: Callable[[], Any]) -> Any:
    """Try again while the database is busy, as every caller over HTTP does."""
    while True:
        try:
            return work()
        except DatabaseBusyError:
            time.sleep(0.01)


class Abort(Exception):
    """A writer changes its mind after it has written."""


def write(database: Database, number: str, *, aborts: bool) -> bool:
    """Add a person; every fifth writer aborts after its work is done, before the commit."""
    payload = AddPerson(database.new_id(), number, number, (Role.ENGINEER.value,))
    if not aborts:
        assert patiently(lambda: perform(database, SYSTEM, payload)).status == "ok"
        return True

    def give_up(unit: UnitOfWork) -> None:
        unit.session.add(_person(database.new_id(), number))
        unit.session.flush()
        raise Abort

    with pytest.raises(Abort):
        patiently(lambda: database.transact(give_up))
    return False


def _person(person_id: str, number: str) -> Person:
    return Person(
        id=person_id, agg=f"person:{person_id}", number=number, name=number, pinyin="", folded="", phone="", email="",
        language="en", roles=[], active=True, zones=[], van_location_id=None, edited_by=None,
    )  # fmt: skip


def numbers(database: Database) -> list[int | None]:
    with database.read() as session:
        return list(session.execute(text("SELECT seq FROM change ORDER BY seq")).scalars())


@pytest.mark.fault("D1", "P4")
def test_no_row_is_missed_and_the_order_is_dense(database: Database) -> None:
    done = threading.Event()
    reader = Reader()

    def rival() -> None:
        while not done.is_set():
            patiently(database.number)

    def follow() -> None:
        while not done.is_set():
            reader.read(database)

    def writer(name: int) -> int:
        return sum(write(database, f"{name}-{i}", aborts=i % 5 == 4) for i in range(EACH))

    with ThreadPoolExecutor(WRITERS + RIVALS + 1) as pool:
        beside = [pool.submit(rival) for _ in range(RIVALS)] + [pool.submit(follow)]
        written = sum(one.result() for one in [pool.submit(writer, name) for name in range(WRITERS)])
        done.set()
        for one in beside:
            one.result()
    database.number()
    reader.read(database)
    found = numbers(database)
    assert written == WRITERS * EACH * 4 // 5
    assert found == list(range(1, len(found) + 1))
    assert reader.jumped == []
    assert reader.seen == found
    assert reader.heads == sorted(reader.heads)
    with database.read() as session:
        people = session.execute(text("SELECT count(*) FROM person")).scalar_one()
        touched = session.execute(text("SELECT count(*) FROM change WHERE entity = 'person'")).scalar_one()
        assert (people, touched) == (written, written)
        assert [str(fault) for fault in verify(session)] == []


@pytest.mark.fault("D1")
@pytest.mark.postgres
def test_a_slow_transaction_holds_nobody_back(postgres_database: str) -> None:
    """Rows of a transaction that stays open get later numbers; what others commit is seen at once (T3)."""
    engine = make_engine(postgres_database, pool_size=10)
    upgrade(engine, os.urandom)
    database = Database(engine, SystemClock(), os.urandom)
    opened, finish = threading.Event(), threading.Event()
    reader = Reader()

    def slow(unit: UnitOfWork) -> None:
        person_id = database.new_id()
        row = _person(person_id, "slow")
        unit.session.add(row)
        unit.session.flush()
        unit.touched["person", person_id] = row.agg
        opened.set()
        assert finish.wait(60)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(database.transact, slow)
        assert opened.wait(60)
        for i in range(5):
            write(database, f"quick-{i}", aborts=False)
            reader.read(database)
        heads = list(reader.heads)
        finish.set()
        waiting.result()
    reader.read(database)
    engine.dispose()
    assert heads == sorted(set(heads))
    assert heads[0] > 0
    assert reader.jumped == []
    assert reader.heads[-1] == heads[-1] + 2  # the row and its membership, numbered last


@pytest.mark.postgres
def test_rivals_number_each_row_once(postgres_database: str) -> None:
    """Rows committed without numbering, then many sequencers at the same moment."""
    engine = make_engine(postgres_database, pool_size=10)
    upgrade(engine, os.urandom)
    database = Database(engine, SystemClock(), os.urandom)
    with engine.connect() as connection:
        for i in range(400):
            connection.execute(
                text(
                    "INSERT INTO change (id, stream, tx, agg, entity, row_id, seq, at) "
                    "VALUES (:id, 'main', :tx, :agg, 'person', :id, NULL, :at)"
                ),
                {"id": database.new_id(), "tx": f"tx-{i // 4}", "agg": f"person:{i % 50}", "at": i // 4},
            )
        connection.commit()
    start = threading.Barrier(6)

    def race() -> int:
        start.wait()
        return database.number()

    with ThreadPoolExecutor(6) as pool:
        heads = [one.result() for one in [pool.submit(race) for _ in range(6)]]
    with database.read() as session:
        rows = session.execute(text("SELECT seq, tx FROM change ORDER BY seq")).all()
        batches = session.execute(text("SELECT last_seq FROM batch ORDER BY last_seq")).scalars().all()
    engine.dispose()
    assert heads == [400] * 6
    assert [seq for seq, _ in rows] == list(range(1, 401))
    assert [tx for _, tx in rows] == sorted(
        (tx for _, tx in rows), key=lambda tx: int(tx[3:])
    )  # whole, in order
    assert batches == [400]


@pytest.mark.fault("D10")
def test_an_audit_chain_does_not_fork(database: Database) -> None:
    """Many writers of audit entries at once leave one unbroken chain (D10)."""

    def writer(name: int) -> None:
        for i in range(10):
            write(database, f"{name}:{i}", aborts=False)

    with ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(writer, name) for name in range(8)]:
            one.result()
    database.number()
    with database.read() as session:
        links = session.execute(text("SELECT seq FROM audit ORDER BY seq")).scalars().all()
        assert links == list(range(1, 81))
        assert verify(session) == []


@pytest.mark.postgres
def test_killed_connections_lose_nothing(postgres_database: str) -> None:
    """Backends die under the writers; what was answered is there, and nothing is half there (C3)."""
    engine = make_engine(postgres_database, pool_size=10)
    upgrade(engine, os.urandom)
    database = Database(engine, SystemClock(), os.urandom)
    done = threading.Event()
    answered: list[str] = []

    def killer() -> int:
        killed = 0
        while not done.is_set():
            with engine.connect() as connection:
                killed += len(
                    connection.execute(
                        text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                            "AND pid <> pg_backend_pid() AND state <> 'idle' LIMIT 1"
                        )
                    ).all()
                )
                connection.rollback()
            done.wait(0.05)
        return killed

    def writer(name: int) -> None:
        for i in range(15):
            number = f"{name}-{i}"
            try:
                outcome = perform(
                    database, SYSTEM, AddPerson(database.new_id(), number, number, (Role.ENGINEER.value,))
                )
            except (SQLAlchemyError, DatabaseBusyError):  # the caller simply has no answer
                continue
            if outcome.status == "ok":
                answered.append(number)

    with ThreadPoolExecutor(5) as pool:
        killing = pool.submit(killer)
        for one in [pool.submit(writer, name) for name in range(4)]:
            one.result()
        done.set()
        killing.result()
    patiently(database.number)
    with database.read() as session:
        there = set(session.execute(text("SELECT number FROM person")).scalars())
        faults = verify(session)
    engine.dispose()
    assert answered
    assert set(answered) <= there
    assert faults == []


def test_two_databases_have_their_own_numbers(tmp_path: Path) -> None:
    heads = []
    for name in ("one", "two"):
        engine = make_engine(f"sqlite:///{tmp_path / name}.db")
        upgrade(engine, os.urandom)
        database = Database(engine, SystemClock(), os.urandom)
        write(database, name, aborts=False)
        heads.append(database.number())
        engine.dispose()
    assert heads == [2, 2]


@pytest.mark.fault("D1", "P9")
@pytest.mark.postgres
def test_who_sees_a_ticket_is_judged_by_one_at_a_time(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An assignment meets a part usage of the same ticket between its two looks at who may see it."""
    looked, go = threading.Event(), threading.Event()
    judge = feed.grants_of

    def pausing(session: Session, reason: str) -> frozenset[Grant]:
        found = judge(session, reason)
        if threading.current_thread().name == "usage" and reason.startswith("ticket:"):
            looked.set()
            assert go.wait(60)
        return found

    monkeypatch.setattr(feed, "grants_of", pausing)
    with a_server(postgres_database, tmp_path) as server:
        database = server.parts.database
        before, after = server.person(Role.ENGINEER), server.person(Role.ENGINEER)
        ticket = a_ticket(server, before)
        ((job,),) = server.rows("SELECT id FROM assignment")
        start = server.clock.at + timedelta(hours=3)

        def use_part(unit: UnitOfWork) -> None:
            op = make_op(
                RecordPartUsage(database.new_id(), ticket, database.new_id(), 1), database.new_id(), READING
            )
            actor = Actor(before, frozenset({Role.ENGINEER}), Place.TABLET, "d")
            assert unit.run(actor, op, Arrival(unit.now, "d", 1, 1), live=False).took_effect

        def move() -> None:
            payload = MoveAssignment(ticket, job, after, start, start + timedelta(hours=1), "swap")
            assert perform(database, SYSTEM, payload).took_effect

        using = threading.Thread(target=database.transact, args=(use_part,), name="usage")
        moving = threading.Thread(target=move)
        using.start()
        assert looked.wait(60)
        moving.start()
        while moving.is_alive() and not server.rows("SELECT 1 FROM pg_locks WHERE NOT granted"):
            time.sleep(0.01)
        go.set()
        using.join()
        moving.join()
        database.number()
        for person, state in ((before, "revoked"), (after, "active")):
            query = "SELECT DISTINCT state FROM member WHERE principal = :who AND reason = :why"
            assert server.rows(query, who=user(person), why=f"ticket:{ticket}") == [(state,)]
