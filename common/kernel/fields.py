"""The types a command may have, each with its bounds: the only vocabulary of command and message fields.

A bound stands here once and is enforced by the codec on both sides; screens read it for their own limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `low`..`high` characters, clean and in NFC; `lines` allows line breaks and tabs."""

    low: int
    high: int
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer within `low`..`high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Many:
    """A tuple of at most `high` items."""

    high: int


@dataclass(frozen=True, slots=True)
class IdText:
    """A UUID in canonical form."""


Id = Annotated[str, IdText()]
Code = Annotated[str, Text(1, 60)]
OptionalCode = Annotated[str, Text(0, 60)]
Name = Annotated[str, Text(1, 120)]
Line = Annotated[str, Text(0, 200)]
Needed = Annotated[str, Text(1, 4000, lines=True)]
Note = Annotated[str, Text(0, 4000, lines=True)]
Sealed = Annotated[str, Text(1, 8000)]
Strokes = Annotated[str, Text(2, 200_000)]
Minor = Annotated[int, Whole(-(10**13), 10**13)]
Count = Annotated[int, Whole(0, 1_000_000)]
Minutes = Annotated[int, Whole(0, 60 * 24 * 366)]
Millis = Annotated[int, Whole(0, 253_402_300_799_000)]
Grade = Annotated[int, Whole(1, 4)]
Qty = Decimal
Day = date
Instant = datetime
