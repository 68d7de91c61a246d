"""What the settings say of this device: whose it is, where it is enrolled, how wrong its clock is, is its storage sound.

Owns the facts and the check. Language and look are kept by prefs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

import flet as ft

from common.kernel.clock import instant
from field_app.state.reach import Reach
from field_app.store.queries_sign_off import engineer_here
from field_app.store.store import state_of

CLOCK_TELL_MS = 5_000  # below this a clock counts as right
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


@ft.observable
@dataclass(eq=False)
class DeviceFacts:
    """This device. `check`: '' not checked, 'busy', 'ok', or what SQLite says is wrong."""

    reach: Reach
    person: str = ""
    number: str = ""
    device_id: str = ""
    server: str = ""
    clock_error_ms: int = 0
    last_contact_at: datetime | None = None
    check: str = ""

    def __post_init__(self) -> None:
        self.refresh()

    @property
    def is_enrolled(self) -> bool:
        """Say whether this device is somebody's."""
        return bool(self.device_id)

    def refresh(self) -> None:
        """Read the facts again."""
        with self.reach.store.read() as session:
            state, who = state_of(session), engineer_here(session)
            self.device_id, self.server = state.device_id, state.server_url
            self.clock_error_ms = state.clock_error_ms
            heard = state.last_contact_ms
        self.person, self.number = who.name, who.number
        self.last_contact_at = instant(heard) if heard else None

    async def check_storage(self) -> None:
        """Have the database checked, in a thread: it may take a while."""
        self.check = "busy"
        self.check = await asyncio.to_thread(self.reach.store.check)


def clock_words(error_ms: int, *, is_known: bool) -> tuple[str, dict[str, int]]:
    """Name the key and values that say how wrong the clock is. `error_ms`: the tablet minus the server."""
    if not is_known:
        return "app.settings.clock.unknown", {}
    size = abs(error_ms)
    if size < CLOCK_TELL_MS:
        return "app.settings.clock.right", {}
    way = "fast" if error_ms > 0 else "slow"
    if size < 2 * MINUTE_MS:
        return f"app.settings.clock.{way}_s", {"n": size // 1000}
    if size < 2 * DAY_MS:
        return f"app.settings.clock.{way}_min", {"n": size // MINUTE_MS}
    return f"app.settings.clock.{way}_days", {"n": size // DAY_MS}
