"""How much one worker does at once and how often one caller may ask: beyond it 503 or 429 with Retry-After.

Owns counts in this worker's memory, on the event loop's thread or under a lock. Several workers allow several times
as much and a restart forgets: this is against floods. What guards secrets is counted in the database, by `throttle`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from common.kernel.clock import Clock
from common.kernel.outcome import Refused
from sync_server.problems import Problem, soon
from sync_server.security import Rate

REMEMBERED = 20_000  # callers; the one longest unseen is forgotten first, and he had filled up again by then


class Gate:
    """Lets at most so many in at once; for coroutines of one event loop."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside. Raises Problem 503 `server_full` with a Retry-After that differs from caller to caller."""
        if self.inside >= self.most:
            raise Problem(503, "server_full", headers={"Retry-After": soon()})
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


class Rates:
    """Counts by name and caller. A caller has `burst`, and gets `per_min` back each minute."""

    def __init__(self, rates: Mapping[str, Rate], clock: Clock) -> None:
        self._rates = rates
        self._clock = clock
        self._left: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, caller: str) -> None:
        """Count one more. Refuses `try_later` with `wait_s`; a refused one counts for nothing."""
        rate = self._rates[name]
        now_ms = self._clock.read().mono_ms
        with self._lock:
            left, at_ms = self._left.pop((name, caller), (float(rate.burst), now_ms))
            left = min(left + max(now_ms - at_ms, 0) * rate.per_min / 60_000, float(rate.burst))
            refused = left < 1
            self._left[name, caller] = (left if refused else left - 1, now_ms)
            while len(self._left) > REMEMBERED:
                self._left.popitem(last=False)
        if refused:
            raise Refused("try_later", wait_s=int((1 - left) * 60 / rate.per_min) + 1)
