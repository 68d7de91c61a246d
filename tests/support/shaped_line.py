"""A narrow line that loses packets, as TCP shows it to programs: slow, with stalls, now and then broken.

Owns a small TCP relay in threads. A lost segment is sent again after a wait that doubles; lost five times in a row the
connection is given up. Everybody on the line shares its width, each direction for itself.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SEGMENT = 1_400
FIRST_WAIT_S = 0.3
GIVEN_UP_AFTER = 5
QUIET_S = 0.05  # after so long a silence the next byte has the way before it again


@dataclass(slots=True)
class Direction:
    """One direction of the line: when it is free again, and what passed."""

    free_s: float = 0.0
    passed: int = 0
    lost: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class ShapedLine:
    """`bits_s`: width each way; `trip_s`: there and back; `loss`: share of segments lost; `faster` shrinks all times."""

    target: tuple[str, int]
    bits_s: int
    trip_s: float = 0.3
    loss: float = 0.0
    faster: float = 1.0
    seed: int = 1
    up: Direction = field(default_factory=Direction)
    down: Direction = field(default_factory=Direction)
    broken: int = 0
    _open: set[socket.socket] = field(default_factory=set)

    def serve(self, listener: socket.socket) -> None:
        """Relay until the listener is closed."""
        connections = 0
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            connections += 1
            self._wait(self.trip_s)  # the handshake
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {near, far}
            for source, sink, way, salt in ((near, far, self.up, 0), (far, near, self.down, 1)):
                rng = random.Random(f"{self.seed}/{connections}/{salt}")
                threading.Thread(target=self._relay, args=(source, sink, way, rng), daemon=True).start()

    def hang_up(self) -> None:
        """End every connection."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _relay(self, source: socket.socket, sink: socket.socket, way: Direction, rng: random.Random) -> None:
        last_s = 0.0
        with contextlib.suppress(OSError):
            while data := source.recv(SEGMENT):
                if time.monotonic() - last_s > QUIET_S / self.faster:
                    self._wait(self.trip_s / 2)
                if not self._carry(way, len(data), rng):
                    self.broken += 1
                    break
                sink.sendall(data)
                last_s = time.monotonic()
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open -= {source, sink}

    def _carry(self, way: Direction, size: int, rng: random.Random) -> bool:
        """Take the time a segment takes; False where the connection is given up."""
        lost = 0
        while rng.random() < self.loss:
            lost += 1
            way.lost += 1
            if lost == GIVEN_UP_AFTER:
                return False
            self._wait(FIRST_WAIT_S * 2 ** (lost - 1))
        with way.lock:
            takes_s = size * 8 / self.bits_s / self.faster
            way.free_s = max(way.free_s, time.monotonic()) + takes_s
            until_s = way.free_s
            way.passed += size
        time.sleep(max(until_s - time.monotonic(), 0))
        return True

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds / self.faster)


@contextmanager
def shaped_line(
    url: str, bits_s: int, *, trip_s: float = 0.3, loss: float = 0.0, faster: float = 1.0, seed: int = 1
) -> Iterator[tuple[str, ShapedLine]]:
    """Give the address of a line to `url`, and the line."""
    told = urlsplit(url)
    line = ShapedLine((told.hostname or "", told.port or 80), bits_s, trip_s, loss, faster, seed)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=line.serve, args=(listener,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", line
        finally:
            line.hang_up()
