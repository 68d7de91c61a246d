"""A rescue file: a tablet's unsent work, carried by hand to the office, sealed for its server (P5).

Owns the shape, its reading, and what is signed. Any other tablet or the console hands it in; twice is harmless,
commands have receipts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from common.kernel.codec import canonical, decode, read_json
from common.kernel.fields import Id, Millis, Text, Whole
from common.kernel.outcome import BadPayload, Refused

FORM = "fieldwright rescue 1"
FILE_AT_MOST = 8 * 1024 * 1024
SUFFIX = ".fwrescue"


@dataclass(frozen=True, slots=True)
class RescueFile:
    """`box` holds the commands, sealed for the server; `sha256` is of the box.

    `sig` is the device's own, '' where its key was out of reach.
    """

    form: Literal["fieldwright rescue 1"]
    dev: Id
    made: Millis
    count: Annotated[int, Whole(0, 1_000_000)]
    sha256: Annotated[str, Text(64, 64)]
    box: Annotated[str, Text(1, FILE_AT_MOST)]
    sig: Annotated[str, Text(0, 86)] = ""


@dataclass(frozen=True, slots=True)
class RescueTaken:
    """What became of a rescue file: whose it was, commands in it, known before, carried out, waiting for the office."""

    dev: str
    person: str
    count: int
    known: int = 0
    done: int = 0
    waiting: int = 0


def read_rescue(raw: bytes) -> RescueFile:
    """Read a file. Refuses `rescue_unreadable`."""
    try:
        if len(raw) > FILE_AT_MOST:
            raise ValueError("too large")
        return decode(RescueFile, read_json(raw))
    except (BadPayload, ValueError):
        raise Refused("rescue_unreadable") from None


def rescue_text(device_id: str, made_ms: int, count: int, sha256: str) -> bytes:
    """Write what a device signs of its rescue file."""
    told = {"count": count, "dev": device_id, "made": made_ms, "sha256": sha256}
    return f"{FORM}|{canonical(told)}".encode()


def rescue_bound(device_id: str) -> bytes:
    """Write what the box of a rescue file is bound to."""
    return f"{FORM}|{device_id}".encode()
