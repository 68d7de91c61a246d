"""A rescue file: a tablet's unsent work and photos, carried by hand to the office, sealed for its server (P5).

Owns the shape, its reading, and what is signed: one line of JSON, then the photos as they lay on the tablet, one behind
the other. Any other tablet or the console hands it in; twice is harmless, commands have receipts, files their hash.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Literal, TypeVar

from common.kernel.codec import canonical, decode, read_json
from common.kernel.fields import Id, Millis, Text, Whole
from common.kernel.outcome import BadPayload, Refused

FORM = "fieldwright rescue 2"
HEAD_AT_MOST = 8 * 1024 * 1024
FILES_AT_MOST = (
    20 * 1024 * 1024
)  # of photos in one file, but for a single larger one: a console takes 32 MB at once
FILE_AT_MOST = 32 * 1024 * 1024
SUFFIX = ".fwrescue"
Sha256 = Annotated[str, Text(64, 64)]
Head = TypeVar("Head")


@dataclass(frozen=True, slots=True)
class Carried:
    """A photo, paper or voice note behind the head: its name, and how many sealed bytes it takes there.

    `is_preview`: the small picture of another one.
    """

    sha256: Sha256
    sealed: Annotated[int, Whole(1, FILE_AT_MOST)]
    is_preview: bool = False


@dataclass(frozen=True, slots=True)
class RescueFile:
    """`box` holds the commands, sealed for the server; `sha256` is of the box.

    `key_box` is the tablet's data key as it was sealed for the server, '' where there is none: with it open the `files`,
    and the commands of a tablet that could not open them itself. `sig` is the device's own, '' where its key was out of
    reach.
    """

    form: Literal["fieldwright rescue 2"]
    dev: Id
    made: Millis
    count: Annotated[int, Whole(0, 1_000_000)]
    sha256: Sha256
    box: Annotated[str, Text(1, HEAD_AT_MOST)]
    sig: Annotated[str, Text(0, 86)] = ""
    key_id: Annotated[str, Text(0, 80)] = ""
    key_box: Annotated[str, Text(0, 400)] = ""
    files: tuple[Carried, ...] = ()

    def whole(self, among: Collection[str] | None = None) -> int:
        """Count the photos, papers and voice notes, small pictures of them aside; `among`: only those named there."""
        return sum(not one.is_preview and (among is None or one.sha256 in among) for one in self.files)


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """One photo of a rescue file on its way through another tablet: this head, then its sealed bytes."""

    dev: Id
    key_id: Annotated[str, Text(1, 80)]
    key_box: Annotated[str, Text(40, 400)]
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class RescueTaken:
    """What became of a rescue file: whose it was, commands in it, known before, carried out, waiting for the office.

    `lacks` names the photos in it that the server does not have yet, `spoiled` counts commands that no longer open.
    """

    dev: str
    person: str
    count: int
    known: int = 0
    done: int = 0
    waiting: int = 0
    lacks: tuple[str, ...] = ()
    spoiled: int = 0


def read_rescue(source: BinaryIO) -> RescueFile:
    """Read the head; `source` stands at the first photo afterwards. Refuses `rescue_unreadable`."""
    return read_head(RescueFile, source)


def read_head(shape: type[Head], source: BinaryIO) -> Head:
    """Read the line of JSON before the sealed bytes. Refuses `rescue_unreadable`."""
    try:
        return decode(shape, read_json(source.readline(HEAD_AT_MOST)))
    except (BadPayload, ValueError):
        raise Refused("rescue_unreadable") from None


def rescue_text(device_id: str, made_ms: int, count: int, sha256: str) -> bytes:
    """Write what a device signs of its rescue file."""
    told = {"count": count, "dev": device_id, "made": made_ms, "sha256": sha256}
    return f"{FORM}|{canonical(told)}".encode()


def rescue_bound(device_id: str) -> bytes:
    """Write what the box of a rescue file is bound to."""
    return f"{FORM}|{device_id}".encode()
