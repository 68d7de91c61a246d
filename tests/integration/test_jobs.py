"""Scheduled work: once among several workers, scope that ends by time, a feed that shrinks and says the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from common.inbox.edits import Change
from common.kernel.command import Role
from common.people.person_commands import EditPerson
from common.protocol.messages import ClockNow, SyncAnswer, SyncRequest
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM, perform
from sync_server.db.tables import Lane, PrincipalOf
from sync_server.jobs.compaction import compact_feed
from sync_server.jobs.sweep import SESSIONS_KEPT_FOR, sweep_expired
from sync_server.jobs.ticker import JOBS, Job, Ticker, take_turn
from sync_server.sync.service import SyncService
from tests.support.served import Server, a_server


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        yield made


@pytest.mark.fault("C7")
def test_one_of_several_workers_runs_a_job(server: Server) -> None:
    runs: list[int] = []

    def work(_database: Database) -> int:
        runs.append(1)
        return 1

    job = Job("test", timedelta(minutes=1), work)
    tickers = [Ticker(server.parts.database, 1, (job,)) for _ in range(4)]
    for _ in range(3):
        with ThreadPoolExecutor(4) as pool:
            ran = [name for names in pool.map(Ticker.tick, tickers) for name in names]
        assert ran == ["test"]
        with ThreadPoolExecutor(4) as pool:
            assert not any(pool.map(Ticker.tick, tickers))
        server.clock.advance(timedelta(minutes=1))
    assert len(runs) == 3


def test_a_job_that_fails_comes_again_and_harms_no_other(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_database: Database) -> int:
        raise RuntimeError("no paper")

    ticker = Ticker(server.parts.database, 1, (Job("broken", timedelta(minutes=1), broken),))
    assert ticker.tick() == []
    assert "no paper" in caplog.text
    server.clock.advance(timedelta(minutes=1))
    assert take_turn(server.parts.database, Job("broken", timedelta(minutes=1), broken))


def test_the_ticker_ends_when_it_is_closed(server: Server) -> None:
    async def life() -> None:
        ticker = Ticker(server.parts.database, 0.01)
        running = asyncio.create_task(ticker.run())
        await asyncio.sleep(0)
        ticker.close()
        await running

    asyncio.run(life())
    assert {job.name for job in JOBS} == {"clock_alarms", "ticket_scope", "sweep", "compaction"}


def test_every_job_runs_on_an_empty_server(server: Server) -> None:
    assert Ticker(server.parts.database, 1).tick() == [job.name for job in JOBS]


def test_what_ran_out_is_swept(server: Server) -> None:
    person_id, _ = server.sign_in_as(Role.DISPATCHER)
    server.code(person_id)
    assert sweep_expired(server.parts.database) == 0
    server.clock.advance(timedelta(days=2))
    assert sweep_expired(server.parts.database) == 1, "the code; the session may be one of a week"
    server.clock.advance(SESSIONS_KEPT_FOR)
    assert sweep_expired(server.parts.database) == 1
    assert server.rows("SELECT id_hash FROM console_session") == []


def pulled(server: Server, person_id: str, cursor: str = "") -> SyncAnswer:
    """Pull as a tablet of this person does, everything from a cursor."""
    database = server.parts.database
    device_id = f"{person_id[:-4]}0000"
    if not server.rows("SELECT id FROM device WHERE id = :id", id=device_id):

        def make(unit: object) -> None:
            session = unit.session  # type: ignore[attr-defined]
            from sync_server.db.tables import Device

            session.add(
                Device(
                    id=device_id,
                    person_id=person_id,
                    name="t",
                    public_key="",
                    state="active",
                    enrolled_at=server.clock.at,
                    last_contact_at=None,
                    clock_error_ms=0,
                    unsent=0,
                    oldest_unsent_at=None,
                    app="",
                    position=0,
                    forks=0,
                )  # fmt: skip
            )
            session.add(Lane(device_id=device_id, incarnation=1, last_n=0, token="t", prev_token="t"))
            session.add(PrincipalOf(person_id=person_id, principal=f"user:{person_id}", granted_seq=0))

        database.transact(make)
    token = server.rows("SELECT token FROM lane WHERE device_id = :id", id=device_id)[0][0]
    return SyncService(database).sync(SyncRequest(device_id, 1, token, ClockNow(1, 1, "b"), cur=cursor))


def test_pulls_say_the_same_before_and_after_compaction(server: Server) -> None:
    """From any cursor the end state is the same (invariant 11)."""
    person_id = server.person(Role.ENGINEER)
    first = pulled(server, person_id)
    for i in range(20):
        old, new = (f"+86 {i - 1}" if i else ""), f"+86 {i}"
        edit = EditPerson(person_id, (Change("phone", old, new),))
        assert perform(server.parts.database, SYSTEM, edit).took_effect
    before = [pulled(server, person_id, cursor) for cursor in ("", first.cur)]
    assert compact_feed(server.parts.database) == 0
    server.clock.advance(timedelta(hours=25))
    assert compact_feed(server.parts.database) >= 19
    after = [pulled(server, person_id, cursor) for cursor in ("", first.cur)]
    assert [answer.put for answer in after] == [answer.put for answer in before]
    assert [answer.head for answer in after] == [answer.head for answer in before]
    assert "+86 19" in str(after[1].put)
    assert compact_feed(server.parts.database) == 0
