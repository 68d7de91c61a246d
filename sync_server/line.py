"""The connections of one worker: heads that never end, callers that only hold a line, more than there is room for.

Owns the protocol uvicorn speaks with. Slow bodies are the edge's. Whoever works is served first: room is made by
closing what is idle or half open, oldest first, and only where all are at work a new caller is answered 503.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import replace
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sync_server.security import LineRules, read_security
from sync_server.settings import read_settings

KEPT_FILES = 128  # open files a worker needs for everything else
MOST_FILES = 65_536
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: %d\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
HEAD_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 within `rules`; one class is one worker's connections."""

    rules: ClassVar[LineRules]
    half_open: ClassVar[OrderedDict[GuardedProtocol, None]]
    refused: ClassVar[int] = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, making room for it."""
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        super().connection_made(transport)
        if len(self.connections) > self.rules.connections and not self._made_room():
            type(self).refused += 1
            transport.write(FULL % (2 + type(self).refused % 8))
            transport.close()
            return
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._head_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. What comes between two requests is the beginning of a head, whatever it is."""
        if self._head_timer is None and self._is_idle():
            self._wait_for_head()
        if self._head_timer is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_timer is not None and self._head_bytes > self.rules.head_bytes:
            self._end(HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Go on to the request."""
        self._head_came()
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.rules.header_s, self._end, HEAD_TOO_SLOW)
        self.half_open[self] = None
        if len(self.half_open) > self.rules.half_open:
            next(iter(self.half_open)).give_way()

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        self.half_open.pop(self, None)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _made_room(self) -> bool:
        waiting = next(iter(self.half_open), None)
        idle = waiting or next((one for one in self.connections if one is not self and one._is_idle()), None)  # type: ignore[union-attr]
        if idle is None:
            return False
        idle.give_way()  # type: ignore[union-attr]
        return True

    def give_way(self) -> None:
        """Close at once, without a word: somebody else is to be served."""
        self._head_came()
        self.connections.discard(self)
        self.transport.abort()

    def _end(self, answer: bytes) -> None:
        self._head_came()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def protocol_for(rules: LineRules) -> type[GuardedProtocol]:
    """Make a protocol with connections of its own."""
    most = min(rules.connections, max(open_files() - KEPT_FILES, 16))
    limits = {"rules": replace(rules, connections=most), "half_open": OrderedDict(), "refused": 0}
    return type("Line", (GuardedProtocol,), limits)


class EnvironmentProtocol:
    """What uvicorn's worker processes are told to speak with: the figures come from their environment."""

    _made: ClassVar[type[GuardedProtocol] | None] = None

    def __new__(cls, *args: object, **kwargs: object) -> GuardedProtocol:  # type: ignore[misc]
        if EnvironmentProtocol._made is None:
            EnvironmentProtocol._made = protocol_for(read_security(read_settings().security).line)
        return EnvironmentProtocol._made(*args, **kwargs)  # type: ignore[arg-type]


def open_files() -> int:
    """Have the system allow as many open files as it will, up to 65,536; returns how many."""
    try:
        import resource
    except ImportError:  # not a POSIX system: its limit is far away
        return MOST_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return MOST_FILES if soft == resource.RLIM_INFINITY else soft
