"""Many at once on both databases: processes, shelves, slots, deadlocks, transactions left open (C3, D2–D4, P7).

The sequencer's own torture is `test_feed_races.py`.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.customers.customer_commands import RegisterCustomer
from common.kernel.command import Role
from common.people.person_commands import AddPerson
from common.policy.policy_commands import AdoptPolicy
from common.stock.ledger import balance, ledger_faults
from common.stock.part_commands import RegisterPart
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine, TransferStock
from common.tickets.dispatching import AssignTicket
from common.tickets.intake import ReportFault
from sync_server.app import SystemClock
from sync_server.db.database import TRIES, Database, DatabaseBusyError
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.problems import problem_of
from sync_server.upkeep.verify import verify
from tests.support.rivals import start_writer

THREADS = 8
WEDNESDAY = datetime(2027, 3, 3, 2, 0, tzinfo=UTC)  # ten o'clock in Shanghai


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    engine = make_engine(database_url, pool_size=THREADS + 2)
    upgrade(engine, os.urandom)
    yield Database(engine, SystemClock(), os.urandom)
    engine.dispose()


@pytest.fixture
def on_postgres(postgres_database: str) -> Iterator[Database]:
    engine = make_engine(postgres_database, pool_size=THREADS)
    upgrade(engine, os.urandom)
    yield Database(engine, SystemClock(), os.urandom)
    engine.dispose()


def must(database: Database, payload: Any) -> None:
    outcome = perform(database, SYSTEM, payload)
    assert outcome.took_effect, outcome


def patiently(work: Callable[[], Any]) -> Any:
    """Try again while the database is busy, as every caller over HTTP does."""
    while True:
        try:
            return work()
        except DatabaseBusyError:
            time.sleep(0.01)


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """Let all threads begin at the same moment."""
    start = threading.Barrier(THREADS)

    def begin(number: int) -> Any:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


@pytest.mark.fault("D1", "C3", "P2")
def test_processes_that_are_killed_lose_no_answer(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Four programs write; two are killed at work, and on PostgreSQL their connections too. The feed stays dense."""
    answered = tmp_path / "answered"
    answered.touch()
    writers = [start_writer(database_url, f"w{i}", 40 if i < 2 else 12, answered) for i in range(4)]
    while len(answered.read_text("utf-8").splitlines()) < 8:
        assert any(writer.poll() is None for writer in writers)
        time.sleep(0.02)
    if not database.on_sqlite:
        _kill_backends(database)
    for writer in writers[:2]:
        writer.kill()
    ended = [writer.wait(120) for writer in writers]
    assert ended[2:] == [0, 0] or not database.on_sqlite
    patiently(database.number)
    with database.read() as session:
        there = set(session.execute(text("SELECT number FROM person")).scalars())
        seqs = list(session.execute(text("SELECT seq FROM change ORDER BY seq")).scalars())
        links = list(session.execute(text("SELECT seq FROM audit ORDER BY seq")).scalars())
        faults = verify(session)
    promised = set(answered.read_text("utf-8").splitlines())
    assert len(promised) >= 8
    assert promised <= there
    assert seqs == list(range(1, len(seqs) + 1))
    assert links == list(range(1, len(there) + 1))
    assert faults == []


def _kill_backends(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        connection.rollback()


@pytest.mark.fault("P7")
def test_exactly_a_hundred_are_issued_from_a_hundred(database: Database) -> None:
    """Two hundred are asked for: a hundred without a word, a hundred told to be short; the sum is the movements'."""
    part, store, van = (database.new_id() for _ in range(3))
    must(database, RegisterPart(part, "PT-1", "Seal", 100, "CNY"))
    must(database, RegisterLocation(store, "L-1", "Store", "central", None))
    must(database, RegisterLocation(van, "L-2", "Depot", "central", None))
    must(database, ReceiveStock(store, (StockLine(part, Decimal(100)),)))

    def issue(_number: int) -> Counter[str]:
        line = (StockLine(part, Decimal(1)),)
        give = TransferStock(store, van, line)
        return Counter(patiently(lambda: perform(database, SYSTEM, give)).code or "ok" for _ in range(25))

    told = sum(at_once(issue), Counter())
    assert told == {"ok": 100, "stock_below_zero": 100}
    with database.read() as session:
        assert ledger_faults(session) == []
        assert (balance(session, store, part), balance(session, van, part)) == (-100, 200)
        assert verify(session) == []


@pytest.mark.fault("P6")
def test_a_slot_is_given_once(database: Database) -> None:
    """Eight dispatchers send the same engineer to eight tickets at the same hour: one gets him, seven are told why."""
    engineer, customer = database.new_id(), database.new_id()
    must(database, AddPerson(engineer, "E-1", "李强", (Role.ENGINEER.value,)))
    must(database, RegisterCustomer(customer, "C-1", "协和医院"))
    tickets = [database.new_id() for _ in range(THREADS)]
    for i, ticket in enumerate(tickets):
        must(
            database,
            ReportFault(
                ticket_id=ticket, customer_id=customer, number=f"T-{i}", channel="phone", fault_text="停机",
                severity="minor",
            ),
        )  # fmt: skip
    must(database, AdoptPolicy(database.new_id(), "medical-device"))
    start = WEDNESDAY

    def send(number: int) -> tuple[str, str]:
        slot = (start, start + timedelta(hours=2))
        wanted = AssignTicket(tickets[number], database.new_id(), engineer, *slot, "")
        outcome = patiently(lambda: perform(database, SYSTEM, wanted))
        return outcome.status, str(outcome.values.get("breaks", ""))

    told = at_once(send)
    sent = [status for status, _ in told if status == "ok"]
    assert len(sent) == 1, told
    assert all("assignment_overlaps" in breaks for status, breaks in told if status != "ok")
    with database.read() as session:
        active = session.execute(text("SELECT count(*) FROM assignment WHERE state = 'active'")).scalar_one()
    assert active == 1


@pytest.mark.fault("D4")
def test_reading_and_then_writing_never_meets_a_lock(database: Database) -> None:
    """Each transaction reads a number and writes one more: none is lost, none is told that all is locked."""
    with database.engine.connect() as connection:
        connection.execute(text("CREATE TABLE tally (n INTEGER)"))
        connection.execute(text("INSERT INTO tally VALUES (0)"))
        connection.commit()
    lock = "" if database.on_sqlite else " FOR UPDATE"

    def add(unit: UnitOfWork) -> None:
        found = unit.session.execute(text(f"SELECT n FROM tally{lock}")).scalar_one()
        unit.session.execute(text("UPDATE tally SET n = :n"), {"n": found + 1})

    def work(_number: int) -> int:
        return sum(patiently(lambda: database.transact(add)) is None for _ in range(15))

    assert sum(at_once(work)) == THREADS * 15
    with database.read() as session:
        assert session.execute(text("SELECT n FROM tally")).scalar_one() == THREADS * 15


@pytest.mark.postgres
@pytest.mark.fault("D3")
def test_a_deadlock_is_tried_again(on_postgres: Database) -> None:
    """Two lock two rows the other way round; PostgreSQL ends one of them, and both take effect."""
    with on_postgres.engine.connect() as connection:
        connection.execute(text("CREATE TABLE pair (id INTEGER PRIMARY KEY, n INTEGER)"))
        connection.execute(text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
        connection.commit()
    met, tries = threading.Barrier(2), Counter[int]()

    def cross(first: int, second: int) -> None:
        def write(unit: UnitOfWork) -> None:
            tries[first] += 1
            unit.session.execute(text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": first})
            if tries[first] == 1:
                met.wait(60)
            unit.session.execute(text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": second})

        on_postgres.transact(write)

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(cross, 1, 2), pool.submit(cross, 2, 1)]:
            one.result()
    with on_postgres.read() as session:
        assert session.execute(text("SELECT n FROM pair ORDER BY id")).scalars().all() == [2, 2]
    assert sorted(tries.values()) == [1, 2]


@pytest.mark.postgres
@pytest.mark.fault("D3")
@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_what_stays_busy_is_given_up_after_three_tries(on_postgres: Database, state: str) -> None:
    """And the caller is told to come back: 503, nothing changed, nothing parked."""
    tried = []

    def write(unit: UnitOfWork) -> None:
        tried.append(1)
        unit.session.execute(text("CREATE TABLE never (n INTEGER)"))
        unit.session.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'busy' USING ERRCODE = '{state}'; END $$"))

    with pytest.raises(DatabaseBusyError) as told:
        on_postgres.transact(write)
    assert len(tried) == TRIES == 3
    problem = problem_of(told.value)
    assert problem.status == 503
    assert int(problem.headers["Retry-After"]) >= 1
    with on_postgres.read() as session:
        assert session.execute(text("SELECT to_regclass('never')")).scalar_one() is None


@pytest.mark.postgres
@pytest.mark.fault("D3")
def test_another_error_is_not_tried_again(on_postgres: Database) -> None:
    tried = []

    def write(unit: UnitOfWork) -> None:
        tried.append(1)
        unit.session.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        on_postgres.transact(write)
    assert tried == [1]


@pytest.mark.postgres
@pytest.mark.fault("D2")
def test_a_transaction_left_open_is_ended(on_postgres: Database) -> None:
    """It holds the sequencer's row and sits idle: the database ends it by itself, and the feed goes on."""
    idle = on_postgres.engine.connect()
    assert idle.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
    assert idle.execute(text("SHOW lock_timeout")).scalar_one() == "5s"
    idle.execute(text("SET LOCAL idle_in_transaction_session_timeout = '400ms'"))
    idle.execute(text("SELECT seq FROM stream_head FOR UPDATE"))
    must(on_postgres, AddPerson(on_postgres.new_id(), "P-1", "李强", (Role.ENGINEER.value,)))
    with on_postgres.read() as session:
        assert session.execute(text("SELECT count(*) FROM change WHERE seq IS NULL")).scalar_one() == 0
    with pytest.raises(DBAPIError):
        idle.execute(text("SELECT 1"))
    idle.invalidate()
    idle.close()
