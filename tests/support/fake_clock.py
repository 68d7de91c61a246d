"""A clock that stands still until a test moves it.

Owns nothing else. It is a `common.kernel.clock.Clock`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.kernel.clock import Reading, millis

START_AT = datetime(2026, 3, 5, 2, 42, tzinfo=UTC)  # 10:42 in China


@dataclass
class FakeClock:
    """Wall and monotonic clock move together."""

    at: datetime = START_AT
    mono_ms: int = 1_000

    def read(self) -> Reading:
        """Read the clocks."""
        return Reading(millis(self.at), self.mono_ms, "test")

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.at += by
        self.mono_ms += int(by / timedelta(milliseconds=1))
