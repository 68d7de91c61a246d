"""A line that cuts every connection after a few kilobytes, with long round trips: a day's push over it.

Owns the cutting and the arithmetic of time. Nothing sleeps: what a person would have waited is added up, from round
trips, connections and the pauses the app itself chose.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import httpx

from bench.company import a_day
from bench.meter import Sample, Wire
from bench.tablets import BenchTablet
from field_app.store.outbox import counts

ROUND_TRIP_MS = 300
CUT_AFTER = (1000, 8000)  # bytes, both ways together, drawn anew for each connection
TURNS_AT_MOST = 2000
OPENING_TRIPS = 2  # connection and encryption, before the first byte of a request


@dataclass
class CuttingLine(httpx.BaseTransport):
    """A transport over a counting one that breaks when a connection's bytes are used up."""

    wire: Wire
    rng: random.Random
    cutting: bool = False
    left: int = 0
    line_ms: float = 0.0
    breaks: int = 0
    up: int = field(default=0)
    useful: int = 0  # of `up`, what was in requests whose answer came

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a request; raises WriteError where it did not get through whole, ReadError where the answer did not."""
        if not self.cutting:
            return self.wire.handle_request(request)
        if self.left <= 0:
            self.left = self.rng.randrange(*CUT_AFTER)
            self.line_ms += OPENING_TRIPS * ROUND_TRIP_MS
        self.line_ms += ROUND_TRIP_MS
        before = self.wire.up + self.wire.up_headers
        body = len(request.read()) + 300  # headers
        self.up += min(body, self.left)
        if body > self.left:
            self._break()
            raise httpx.WriteError("cut while sending", request=request)
        down = self.wire.down + self.wire.down_headers
        answer = self.wire.handle_request(request)
        assert self.wire.up + self.wire.up_headers > before
        self.left -= body + self.wire.down + self.wire.down_headers - down
        if self.left < 0:
            self._break()
            raise httpx.ReadError("cut while receiving", request=request)
        self.useful += body
        return answer

    def close(self) -> None:
        """Let the connection go."""
        self.wire.close()

    def _break(self) -> None:
        self.left = 0
        self.breaks += 1


def push_over(tablet: BenchTablet, line: CuttingLine) -> tuple[Sample, float]:
    """Push all that waits; returns what it took, and the least it could take by arithmetic, in ms."""
    wire, clock = tablet.wire, tablet.engine.clock
    trips, up, down = wire.trips, wire.up, wire.down
    line.cutting, pauses_ms = True, 0.0
    for _ in range(TURNS_AT_MOST):
        tablet.engine.turn(asked=True)
        if tablet.engine.last_error:
            pauses_ms += max(tablet.engine.line.next_try_ms - clock.read().mono_ms, 0)
        with tablet.store.read() as session:
            if not counts(session).waiting and not tablet.engine.line.more and not tablet.engine.last_error:
                break
    else:
        raise RuntimeError("the push does not come to an end")
    line.cutting = False
    sample = Sample(
        wall_ms=line.line_ms + pauses_ms, trips=wire.trips - trips, up=line.up, down=wire.down - down
    )
    sample.parts_ms = {"pauses": pauses_ms, "breaks": line.breaks}
    bytes_needed = (wire.up - up) + sample.down
    connections = -(-bytes_needed // (sum(CUT_AFTER) // 2))
    return sample, connections * (OPENING_TRIPS + 1) * ROUND_TRIP_MS


def fill(tablet: BenchTablet, tickets: tuple[str, ...], part_ids: tuple[str, ...], commands: int) -> None:
    """Give a day's commands. Raises RuntimeError for one that is refused."""
    for payload in a_day(tablet.store, tickets, part_ids, commands):
        outcome = tablet.store.give(payload).outcome
        if not outcome.took_effect:
            raise RuntimeError(f"{payload} was refused: {outcome}")
