"""The hub: nothing missed, nothing twice, resync where the feed cannot tell, streams that end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from sync_server.console import live
from sync_server.console.live import Hub, live_router
from tests.support.own_loop import own_loop

Row = tuple[int, Mapping[str, object]]


class Feed:
    """A feed in memory; positions may have gaps, as the real one has."""

    def __init__(self, count: int = 0) -> None:
        self.rows: list[Row] = []
        self.reads = 0
        self.silent = 0  # of the newest positions, those that are no news
        self.add(count)

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            self.rows.append((self.head() + 3, {"kind": "ticket", "id": f"工{len(self.rows)}"}))

    def head(self) -> int:
        return (self.rows[-1][0] if self.rows else 0) + self.silent

    def after(self, position: int) -> list[Row]:
        self.reads += 1
        return [row for row in self.rows if row[0] > position]


@contextlib.asynccontextmanager
async def running(feed: Feed) -> AsyncIterator[Hub]:
    hub = Hub(feed.after, feed.head, poll_s=0.01)
    task = asyncio.create_task(hub.run())
    while not hub.is_running:
        await asyncio.sleep(0.001)
    yield hub
    hub.close()
    await task


async def take(hub: Hub, after: int, count: int) -> list[int]:
    found = []
    async for news in hub.stream(after):
        if news:
            found.append(news[0])
        if len(found) == count:
            break
    return found


@own_loop
async def test_each_change_is_told_once_and_in_order() -> None:
    feed = Feed(2)
    async with running(feed) as hub:
        reader = asyncio.create_task(take(hub, feed.head(), 4))
        feed.add(3)
        hub.poke()
        feed.add()
        assert await reader == [9, 12, 15, 18]


@own_loop
async def test_a_browser_that_was_away_gets_what_it_missed() -> None:
    feed = Feed(5)
    async with running(feed) as hub:
        assert await take(hub, 6, 3) == [9, 12, 15]
        feed.add()
        assert await take(hub, 9, 3) == [12, 15, 18]


@own_loop
async def test_a_page_made_at_a_head_without_news_is_not_told_to_fetch_all() -> None:
    feed = Feed(2)
    async with running(feed) as hub:
        feed.add()
        hub.poke()
        feed.silent = 1
        while hub.position != feed.head():
            await asyncio.sleep(0.005)
        reads = feed.reads
        reader = asyncio.create_task(take(hub, feed.head(), 1))
        behind = asyncio.create_task(take(hub, 9, 1))  # what is between is no news for this one either
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in (reader, behind))
        assert feed.reads == reads  # nor is the feed read again and again
        feed.silent = 0
        feed.add()
        hub.poke()
        assert await asyncio.gather(reader, behind) == [[12], [12]]


@own_loop
async def test_too_long_away_or_ahead_of_a_restored_feed_means_fetch_all() -> None:
    feed = Feed(live.CATCH_UP_MAX + 5)
    async with running(feed) as hub:
        for after in (0, feed.head() + 1000):
            async for news in hub.stream(after):
                assert news == (feed.head(), live.RESYNC)
                break


@own_loop
async def test_a_feed_that_went_back_is_followed_again() -> None:
    feed = Feed(9)
    async with running(feed) as hub:
        reader = asyncio.create_task(take(hub, feed.head(), 2))
        await asyncio.sleep(0)
        del feed.rows[4:]
        while hub.position != feed.head():
            await asyncio.sleep(0.005)
        feed.add()
        assert await reader == [12, 15]


@own_loop
async def test_a_failing_read_is_tried_again() -> None:
    feed = Feed(1)
    failures = iter([True, True])
    real = feed.after

    def flaky(position: int) -> list[Row]:
        if next(failures, False):
            raise OSError("database restarting")
        return real(position)

    feed.after = flaky  # type: ignore[method-assign]
    async with running(feed) as hub:
        feed.add()
        assert await take(hub, 3, 1) == [6]


@own_loop
async def test_closing_ends_every_stream() -> None:
    feed = Feed()
    async with running(feed) as hub:
        readers = [asyncio.create_task(take(hub, 0, 1)) for _ in range(20)]
        await asyncio.sleep(0)
        hub.close()
        assert await asyncio.gather(*readers) == [[]] * 20


@pytest.fixture
def doors() -> dict[str, bool]:
    return {"open": True}


def client_of(feed: Feed, doors: dict[str, bool]) -> TestClient:
    hub = Hub(feed.after, feed.head, poll_s=0.01)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(hub.run())
        yield
        hub.close()
        await task

    async def is_allowed(request: Request) -> bool:
        return doors["open"] and not (doors.get("once") and doors.update(open=False))

    app = FastAPI(lifespan=lifespan)
    app.include_router(live_router(hub, is_allowed))
    return TestClient(app)


def test_without_a_session_there_is_no_stream(doors: dict[str, bool]) -> None:
    doors["open"] = False
    with client_of(Feed(), doors) as client:
        assert client.get("/console/events").status_code == 401
        assert client.get("/console/events/state").status_code == 401


def test_signing_out_ends_an_open_stream_before_the_next_change(doors: dict[str, bool]) -> None:
    doors["once"] = True
    with client_of(Feed(3), doors) as client:
        text = client.get("/console/events?after=3").text
    assert "event: signed-out" in text
    assert "event: change" not in text


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "٣", "5000"])
def test_odd_positions_are_no_error(
    doors: dict[str, bool], after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_S", 0.01)
    doors["once"] = True
    with client_of(Feed(3), doors) as client:
        answer = client.get("/console/events", params={"after": after})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    assert "signed-out" in answer.text
