"""What became of a command, as a value: a status, a stable reason code and its details.

Text is made from the code at the edge, in the reader's language; nothing here is a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "noop", "merged", "flagged", "parked", "blocked"]
Detail = str | int
Details = Mapping[str, Detail]


@dataclass(frozen=True, slots=True)
class Flag:
    """Something accepted that a person must look at."""

    code: str
    values: Details = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one command. `parked` and `blocked` had no effect; `flagged` had its effect and needs a look.

    `code` is stable and never reused; `values` fill the catalogue sentence `reason.<code>`.
    """

    status: Status = "ok"
    code: str = ""
    values: Details = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()

    @property
    def took_effect(self) -> bool:
        """Say whether the database was changed or already was as asked."""
        return self.status not in ("parked", "blocked")


OK = Outcome()
NOOP = Outcome("noop")


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error
    """Raised inside a command function to refuse it: `code` stable, `values` for the sentence."""

    def __init__(self, code: str, **values: Detail) -> None:
        super().__init__(code)
        self.code = code
        self.values: Details = values


class BadPayload(ValueError):
    """A message or command that no correct program sends. `code` stable, `where` the path of the field."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(f"{code} at {where}" if where else code)
        self.code = code
        self.where = where
