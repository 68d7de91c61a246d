"""Identifiers: UUIDv7 made where the thing is made, and ids derived from a command so that both sides agree.

Owns no randomness and no clock: callers pass both.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

FIELDWRIGHT = uuid.UUID("6f1d9f0e-8f2a-5c3b-9a44-51c0ffee0001")
RandomBytes = Callable[[int], bytes]


def uuid7(wall_ms: int, random_bytes: RandomBytes) -> str:
    """Make a UUIDv7 (RFC 9562) from Unix milliseconds and ten random bytes."""
    value = (wall_ms & (1 << 48) - 1) << 80 | int.from_bytes(random_bytes(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def derive_id(*parts: str) -> str:
    """Name a row by what made it, so that tablet and server give the same id to the same effect."""
    return str(uuid.uuid5(FIELDWRIGHT, "\x1f".join(parts)))


def is_id(text: str) -> bool:
    """Say whether the text is a UUID in its canonical lower-case form."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
