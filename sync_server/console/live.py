"""Live pages: one reader of the change feed a process, any number of browsers behind it.

Owns the hub and the event-stream endpoint. Knows no noun: a change says kind and id, the browser fetches the
fragment anew, and that request is judged like any other. Reads the feed it is given, keeps no outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import FrameType

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

Change = tuple[int, Mapping[str, object]]
logger = logging.getLogger(__name__)
KEPT_CHANGES = 1000
CATCH_UP_MAX = 500
KEEP_ALIVE_S = 15.0
RESYNC = '{"kind":"*"}'


class Hub:
    """Follows the feed by polling, woken at once by `poke` after a commit of this process.

    `changes_after(position)` lists (position, {"kind", "id"}) ascending, `head()` is the newest position.
    """

    def __init__(
        self,
        changes_after: Callable[[int], Iterable[Change]],
        head: Callable[[], int],
        poll_s: float = 0.25,
    ) -> None:
        self._changes_after = changes_after
        self._head = head
        self.poll_s = poll_s
        self._kept: deque[tuple[int, str]] = deque(maxlen=KEPT_CHANGES)
        self._wake: asyncio.Event | None = None
        self._news: asyncio.Condition | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.position = 0
        self.is_closed = False

    @property
    def is_running(self) -> bool:
        """Say whether the feed's head has been read and the hub follows it."""
        return self._news is not None and not self.is_closed

    async def run(self) -> None:
        """Follow the feed until cancelled or closed; start it in the lifespan."""
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        self.position = await run_in_threadpool(self._head)
        self._news = asyncio.Condition()
        while not self.is_closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self.poll_s)
            self._wake.clear()
            try:
                await self._read_on()
            except Exception:
                # The database may be restarting: pages stay live, the next turn reads what was missed.
                logger.exception("reading the change feed failed, position %s", self.position)
        await self._tell()

    async def _read_on(self) -> None:
        head = await run_in_threadpool(self._head)
        if head < self.position:
            # The server was restored from a backup: what was passed on may not have happened.
            self._kept.clear()
            self.position = head
            await self._tell()
        elif head > self.position:
            rows = await run_in_threadpool(self._read, self.position)
            self._kept.extend(rows)
            # Not all that moves the head is news (who may see what is not): past it without a word, or every
            # page, made at the head, would be ahead of the stream and be told to fetch all anew.
            self.position = (
                rows[-1][0] if len(rows) > CATCH_UP_MAX else max([head, *(row[0] for row in rows)])
            )
            await self._tell()

    def poke(self) -> None:
        """Have the feed read now; safe from any thread, does nothing while the hub is not running."""
        loop, wake = self._loop, self._wake
        if loop is not None and wake is not None and not loop.is_closed():
            loop.call_soon_threadsafe(wake.set)

    def close(self) -> None:
        """End all streams, so that a shutdown need not wait for browsers; safe from threads and signals."""
        self.is_closed = True
        self.poke()

    async def stream(self, after: int) -> AsyncIterator[tuple[int, str] | None]:
        """Yield (position, JSON) of each change after a position; None when nothing came for a while.

        A position too far back, or ahead of a restored feed, gives one `{"kind": "*"}`: fetch all anew.
        """
        assert self._news is not None, "run() must be started before streams"
        while not self.is_closed:
            if after != self.position:
                reached = self.position
                for position, text in await self._since(after):
                    yield position, text
                    after = position
                after = max(after, reached)
                continue
            if not await self._wait_past(after):
                yield None

    async def _since(self, after: int) -> list[tuple[int, str]]:
        if after > self.position:
            return [(self.position, RESYNC)]
        if self._kept and self._kept[0][0] <= after:  # positions have gaps: only a kept neighbour proves it
            return [row for row in self._kept if row[0] > after]
        rows = await run_in_threadpool(self._read, after)
        if not rows or len(rows) > CATCH_UP_MAX:
            return [(self.position, RESYNC)]
        return rows

    async def _wait_past(self, after: int) -> bool:
        assert self._news is not None
        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: self.position != after or self.is_closed), KEEP_ALIVE_S
                )
            except TimeoutError:
                return False
        return True

    async def _tell(self) -> None:
        assert self._news is not None
        async with self._news:
            self._news.notify_all()

    def _read(self, after: int) -> list[tuple[int, str]]:
        rows = self._changes_after(after)
        return [(position, json.dumps(payload, ensure_ascii=False)) for position, payload in rows]


def _start_position(request: Request, hub: Hub) -> int:
    text = request.headers.get("last-event-id") or request.query_params.get("after", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else hub.position


def live_router(hub: Hub, is_allowed: Callable[[Request], Awaitable[bool]]) -> APIRouter:
    """Make `/console/events` (the stream) and `/console/events/state` (204, or 401 when signed out).

    `is_allowed` judges the session when a stream opens and again at every keep-alive and before every change,
    so that a sign-out or a locked user ends it.
    """
    router = APIRouter()

    async def lines(request: Request) -> AsyncIterator[str]:
        while not (hub.is_running or hub.is_closed):
            await asyncio.sleep(hub.poll_s)
        yield "retry: 2000\n\n: open\n\n"
        async for news in hub.stream(_start_position(request, hub)):
            if not await is_allowed(request):
                yield "event: signed-out\ndata: {}\n\n"
                return
            yield ": still here\n\n" if news is None else f"id: {news[0]}\nevent: change\ndata: {news[1]}\n\n"

    @router.get("/console/events")
    async def events(request: Request) -> Response:
        if not await is_allowed(request):
            return JSONResponse({"reason_code": "not_signed_in"}, 401)
        return StreamingResponse(
            lines(request), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    @router.get("/console/events/state")
    async def state(request: Request) -> Response:
        return Response(status_code=204 if await is_allowed(request) else 401)

    return router


def close_on_signals(hub: Hub) -> None:
    """Close the hub at SIGTERM and SIGINT before the web server's own handler runs.

    The server waits for open answers before it ends the lifespan: its end is too late. Call this at its
    start, in the main thread, when the server's handlers are in place.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)

        def handler(signum: int, frame: FrameType | None, previous: object = previous) -> None:
            hub.close()
            if callable(previous):
                previous(signum, frame)

        signal.signal(number, handler)
