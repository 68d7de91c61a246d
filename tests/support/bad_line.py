"""A line between a tablet and a server that breaks at a chosen byte, swallows everything, is slow, or as good as new.

Owns a small TCP relay in threads. Bytes are counted from the moment it was told to break.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SLOW_PORTION = 1_400  # about a packet


@dataclass(eq=False)
class BadLine:
    """A relay to a server. `up_left` and `down_left` are the bytes that still pass; None: all."""

    target: tuple[str, int]
    up_left: int | None = None
    down_left: int | None = None
    swallows: bool = False
    bytes_per_s: int | None = None
    passed_up: int = 0
    passed_down: int = 0
    _drip: threading.Event = field(default_factory=threading.Event)
    _open: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def break_after(self, *, up: int | None = None, down: int | None = None) -> None:
        """Break the connection after so many more bytes in one direction."""
        self.up_left, self.down_left = up, down

    def mend(self) -> None:
        """Let everything pass from now on, on fresh connections."""
        self.up_left = self.down_left = None
        self.swallows = False
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection."""
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def serve(self, listener: socket.socket) -> None:
        """Relay until the listener is closed."""
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            for source, sink, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._relay, args=(source, sink, up), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536 if self.bytes_per_s is None else SLOW_PORTION):
                if self.swallows:
                    continue
                if self.bytes_per_s is not None:
                    self._drip.wait(len(data) / self.bytes_per_s)
                passes, broken = self._pass(len(data), up)
                sink.sendall(data[:passes])
                if broken:
                    break
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        with self._lock:
            self._open -= {source, sink}

    def _pass(self, wanted: int, up: bool) -> tuple[int, bool]:
        with self._lock:
            left = self.up_left if up else self.down_left
            passes = wanted if left is None else min(wanted, left)
            if up:
                self.passed_up += passes
                self.up_left = None if left is None else left - passes
            else:
                self.passed_down += passes
                self.down_left = None if left is None else left - passes
            return passes, left is not None and passes >= left


@contextmanager
def bad_line(url: str) -> Iterator[tuple[str, BadLine]]:
    """Give the address of a line to `url`, and the line."""
    told = urlsplit(url)
    line = BadLine((told.hostname or "", told.port or 80))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=line.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", line
        finally:
            line.hang_up()
