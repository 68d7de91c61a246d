"""What screens of the trade can reach through `use_app()`: the store, the line to the office, enrolment.

Owns the contract between composition root and screens, and the small hooks-free helpers on it. Does no work itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import flet as ft

from common.kernel.ids import uuid7
from field_app.state.file_desk import FileDesk
from field_app.store.store import Store
from field_app.sync.enrol import Enrolled, Invitation

HANDED_TO = "customer.page"  # setting: the page the customer holds, so that a killed app comes back locked


@ft.observable
@dataclass(eq=False)
class Pulse:
    """Beats once for every change of the store; a component that reads it is drawn again."""

    beat: int = 0


@dataclass(frozen=True, slots=True)
class LineState:
    """How the line to the office is: failures in a row, milliseconds until the next try, reason code of the last
    error ('' when the last try went well)."""

    failures: int = 0
    next_try_in_ms: int = 0
    error: str = ""


class Reach(Protocol):
    """What `use_app()` gives. The composition root makes one for each page."""

    store: Store
    pulse: Pulse
    files: FileDesk | None

    def sync_now(self) -> Any:
        """Have the office asked at once."""
        ...

    def sign(self, text: bytes, /) -> tuple[str, str] | None:
        """Sign with this device's key: public key and signature; None before enrolment."""
        ...

    def line(self) -> LineState:
        """Say how the line to the office is."""
        ...

    def enrol(self, invitation: Invitation, device_name: str, /) -> Enrolled:
        """Enrol this device. Blocks: call it in a thread."""
        ...


def new_id(store: Store) -> str:
    """Make an id for something that is recorded on this device."""
    return uuid7(store.clock.read().wall_ms, store.random_bytes)
