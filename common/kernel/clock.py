"""The one seam to time. `Clock` is given by the composition root; nothing else reads a clock.

A reading keeps wall clock, monotonic clock and boot together, so that the server can tell how wrong the wall was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MS = 253_402_300_799_000  # 9999-12-31, the last day Python can hold


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the clocks: `wall_ms` Unix milliseconds, `mono_ms` since some start, `boot` names that start."""

    wall_ms: int
    mono_ms: int
    boot: str


class Clock(Protocol):
    """What tells the time."""

    def read(self) -> Reading:
        """Read all clocks at once."""
        ...


def instant(ms: int) -> datetime:
    """Turn Unix milliseconds into an aware UTC instant; out-of-range values are clamped to year 1970..9999."""
    return EPOCH + timedelta(milliseconds=min(max(ms, 0), LATEST_MS))


def millis(at: datetime) -> int:
    """Turn an aware instant into Unix milliseconds."""
    return (at - EPOCH) // timedelta(milliseconds=1)
