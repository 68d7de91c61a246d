"""What is measured: time, bytes on the wire, round trips, CPU of both sides; and how figures are summed up.

Owns no scenario. Clocks are read here and nowhere else in the bench.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx


class Wire(httpx.BaseTransport):
    """A real transport that counts what passes: bodies as they travel, and the lines around them."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self.trips = self.up = self.down = self.up_headers = self.down_headers = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and count it and its answer."""
        body = request.read()
        answer = self._inner.handle_request(request)
        assert isinstance(answer.stream, httpx.SyncByteStream)
        raw = b"".join(answer.stream)
        answer.stream.close()
        self.trips += 1
        self.up += len(body)
        self.down += len(raw)
        self.up_headers += len(request.method) + len(request.url.raw_path) + 12 + _lines(request.headers)
        self.down_headers += 17 + _lines(answer.headers)
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=httpx.ByteStream(raw),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Let the connection go."""
        self._inner.close()


def _lines(headers: httpx.Headers) -> int:
    return 2 + sum(len(name) + len(value) + 4 for name, value in headers.raw)


@dataclass(slots=True)
class Sample:
    """One measured run of something. Times in ms, sizes in bytes; `parts_ms` names what it was made of."""

    wall_ms: float = 0.0
    client_cpu_ms: float = 0.0
    server_cpu_ms: float = 0.0
    trips: int = 0
    up: int = 0
    down: int = 0
    up_headers: int = 0
    down_headers: int = 0
    parts_ms: dict[str, float] = field(default_factory=dict)


@contextmanager
def measuring(wire: Wire | None = None, server_pid: int = 0) -> Iterator[Sample]:
    """Measure what happens inside: this process is the tablet, `server_pid` the server."""
    sample = Sample()
    before = (wire.trips, wire.up, wire.down, wire.up_headers, wire.down_headers) if wire else ()
    server_s = cpu_s(server_pid) if server_pid else 0.0
    own_s, began_s = time.process_time(), time.perf_counter()
    yield sample
    sample.wall_ms = (time.perf_counter() - began_s) * 1000
    sample.client_cpu_ms = (time.process_time() - own_s) * 1000
    if server_pid:
        sample.server_cpu_ms = (cpu_s(server_pid) - server_s) * 1000
    if wire:
        after = (wire.trips, wire.up, wire.down, wire.up_headers, wire.down_headers)
        found = [new - old for new, old in zip(after, before, strict=True)]
        sample.trips, sample.up, sample.down, sample.up_headers, sample.down_headers = found


def cpu_s(pid: int) -> float:
    """Return the CPU time another process has used, in seconds, from Linux's own clock for it."""
    return time.clock_gettime((~pid << 3) | 2)


def peak_mb(pid: int) -> float:
    """Return the most memory a process has had, in MB, from Linux."""
    return _memory_mb(pid, "VmHWM")


def rss_mb(pid: int) -> float:
    """Return the memory a process has now, in MB, from Linux."""
    return _memory_mb(pid, "VmRSS")


def _memory_mb(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024, 1)


def timed_ms(do: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began_s = time.perf_counter()
    do()
    return (time.perf_counter() - began_s) * 1000


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` (0..1) of them lie."""
    ordered = sorted(values)
    return ordered[min(round(share * (len(ordered) - 1)), len(ordered) - 1)]


def median(values: list[float]) -> float:
    """Return the middle value."""
    return statistics.median(values)
