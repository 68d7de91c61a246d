"""A commit whose answer is lost: PostgreSQL is asked how it ended, and nothing is written twice (C3, D1, P2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from common.stock.ledger import balance, ledger_faults
from common.stock.part_commands import RegisterPart
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine
from sync_server.app import SystemClock
from sync_server.db.database import Database, DatabaseBusyError
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.upkeep.verify import verify

pytestmark = pytest.mark.postgres


@pytest.fixture
def database(postgres_database: str) -> Iterator[Database]:
    engine = make_engine(postgres_database, pool_size=4)
    upgrade(engine, os.urandom)
    yield Database(engine, SystemClock(), os.urandom, pause=lambda _seconds: None)
    engine.dispose()


@pytest.fixture
def shelf(database: Database) -> tuple[str, str]:
    """A location and a part."""
    place, part = database.new_id(), database.new_id()
    perform(database, SYSTEM, RegisterPart(part, "PT-1", "Seal", 100, "CNY"))
    perform(database, SYSTEM, RegisterLocation(place, "L-1", "Store", "central", None))
    return place, part


def receive_three(database: Database, shelf: tuple[str, str]) -> bool:
    return perform(database, SYSTEM, ReceiveStock(shelf[0], (StockLine(shelf[1], Decimal(3)),))).took_effect


def what_is_there(database: Database, shelf: tuple[str, str]) -> Decimal:
    database.number()
    with database.read() as session:
        assert verify(session) == ledger_faults(session) == []
        return balance(session, *shelf)


def cut_line_at_commit(engine: Engine, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    """End the server's side of the next connection that commits something, before it took or before it is told."""
    commit, waiting = engine.dialect.do_commit, [True]

    def once(connection: Any) -> None:
        pid, xid = connection.execute("SELECT pg_backend_pid(), pg_current_xact_id_if_assigned()").fetchone()
        if xid is None or not waiting:
            commit(connection)
            return
        waiting.pop()
        if after:
            commit(connection)
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            other.rollback()
        connection.execute("SELECT 1")
        raise AssertionError("the line is cut")

    monkeypatch.setattr(engine.dialect, "do_commit", once)


@pytest.mark.fault("C3", "D1", "P2")
@pytest.mark.parametrize("committed", [True, False], ids=["after it took", "before it took"])
def test_a_line_cut_at_the_commit_writes_once(
    database: Database, shelf: tuple[str, str], monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    cut_line_at_commit(database.engine, monkeypatch, after=committed)
    assert receive_three(database, shelf)
    assert what_is_there(database, shelf) == 3


@pytest.mark.fault("D1", "P2")
def test_a_commit_nobody_can_tell_the_end_of_is_not_tried_again(
    database: Database, shelf: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told to come back; his command's id tells the second time from the first."""

    def silent(_database: Database, _xid: str) -> bool:
        raise OperationalError("SELECT", {}, Exception("nobody there"))

    monkeypatch.setattr(Database, "_has_committed", silent)
    cut_line_at_commit(database.engine, monkeypatch, after=True)
    op_id = database.new_id()
    received = ReceiveStock(shelf[0], (StockLine(shelf[1], Decimal(3)),))
    with pytest.raises(DatabaseBusyError):
        perform(database, SYSTEM, received, op_id=op_id)
    assert perform(database, SYSTEM, received, op_id=op_id).took_effect
    assert what_is_there(database, shelf) == 3


@pytest.mark.fault("D1", "P2")
def test_what_is_committed_is_not_written_again_when_it_cannot_be_numbered(
    database: Database, shelf: tuple[str, str]
) -> None:
    """Another holds the sequencer's row longer than anybody waits; the next who comes numbers it."""
    with database.engine.connect() as holder:
        holder.execute(text("SELECT seq FROM stream_head FOR UPDATE"))

        def hurry(connection: Connection) -> None:
            connection.execute(text("SET LOCAL lock_timeout = '200ms'"))

        event.listen(database.engine, "begin", hurry)
        assert receive_three(database, shelf)
        event.remove(database.engine, "begin", hurry)
        with database.read() as session:
            assert session.execute(text("SELECT count(*) FROM change WHERE seq IS NULL")).scalar_one() > 0
        holder.rollback()
    assert what_is_there(database, shelf) == 3
