"""What the server signs for a tablet: how long it may work without a contact, and that it must forget everything.

Owns shapes and the exact texts that are signed. Keys are the two programs' (reliability §4).
"""

from __future__ import annotations

from dataclasses import dataclass

from common.kernel.codec import canonical

LOST, LEFT, REVOKED = "device_lost", "person_inactive", "device_revoked"
DISMISSALS = (LOST, LEFT, REVOKED)  # reasons for which a device may hand over its work and gets nothing
WIPES = (LOST, LEFT)  # those of them for which it must forget what it holds
# So long an order waits for photos to be handed over; the screens are shut at once.
FILES_WAIT_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when a device may work without hearing of the server, by the server's clock; `sig` is the server's."""

    at: int = 0
    until: int = 0
    sig: str = ""


@dataclass(frozen=True, slots=True)
class WipeOrder:
    """The order to destroy the keys once the unsent work was handed over; `why` is one of `WIPES`."""

    at: int = 0  # when it was first given, by the server's clock
    why: str = ""
    sig: str = ""


def lease_text(device_id: str, at_ms: int, until_ms: int) -> bytes:
    """Write what the server signs for a lease."""
    return ("fieldwright lease 1|" + canonical({"at": at_ms, "dev": device_id, "until": until_ms})).encode()


def wipe_text(device_id: str, at_ms: int, why: str) -> bytes:
    """Write what the server signs to have a device wiped."""
    return ("fieldwright wipe 1|" + canonical({"at": at_ms, "dev": device_id, "why": why})).encode()
