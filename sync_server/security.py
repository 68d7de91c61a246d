"""The figures of the server's edges: sessions, waits, rates, lines, load. Data in `security.toml`, here their shape.

Owns reading and checking. A house's own file names what it wants otherwise; nothing here decides anything.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from common.kernel.command import Role

T = TypeVar("T")
LARGEST = 1_000_000
LONGEST_SESSION_H = 168
LONGEST_LEASE_D = 365


class SecurityError(ValueError):
    """A file of figures that cannot be used; the message is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a session lives, a browser is known, and a sign-in is its giver's as much as its owner's."""

    idle_min: int
    absolute_h: int
    given_sign_in_d: int
    known_browser_d: int

    def __post_init__(self) -> None:
        if self.absolute_h > LONGEST_SESSION_H:
            raise SecurityError(f"session.absolute_h must be at most {LONGEST_SESSION_H}")


@dataclass(frozen=True, slots=True)
class Waits:
    """`free` failures cost nothing; then each doubles the wait, from `first_s` up to `longest_s`."""

    free: int
    first_s: int
    longest_s: int


@dataclass(frozen=True, slots=True)
class Rate:
    """How many at once, and how many a minute after that."""

    burst: int
    per_min: int


@dataclass(frozen=True, slots=True)
class LineRules:
    """What one worker takes from connections, `connections` of them at most."""

    header_s: int
    half_open: int
    connections: int
    keep_alive_s: int
    idle_s: int
    grace_s: int
    slowest_bytes_s: int
    head_bytes: int


@dataclass(frozen=True, slots=True)
class LoadRules:
    """What one worker does at once, and how long it waits for a connection to the database."""

    requests_at_once: int
    sync_at_once: int
    database_wait_s: int


@dataclass(frozen=True, slots=True)
class UploadRules:
    """What is taken of files: pieces, how many at once, how much nobody's record names, what stays free on the disk."""

    piece_mb: int
    at_once: int
    unrecorded_files: int
    unrecorded_mb: int
    unrecorded_d: int
    keep_free_mb: int
    scrub_d: int


@dataclass(frozen=True, slots=True)
class BackupRules:
    """Of scheduled backups that fail or have faults: pauses between tries, and how many with faults are kept."""

    retry_first_min: int
    retry_longest_min: int
    keep_faulty: int


@dataclass(frozen=True, slots=True)
class Security:
    """All figures, checked."""

    session: SessionRules
    line: LineRules
    load: LoadRules
    upload: UploadRules
    backup: BackupRules
    factor_roles: frozenset[Role]
    waits: dict[str, Waits]
    rates: dict[str, Rate]
    lease_days: dict[Role, int]

    def requires_factor(self, roles: frozenset[Role]) -> bool:
        """Say whether somebody with these roles must have a second factor."""
        return bool(roles & self.factor_roles)


@cache
def read_security(file: str = "") -> Security:
    """Read the shipped figures with those of a house's own file laid over them. Raises SecurityError."""
    figures = tomllib.loads(resources.files("sync_server").joinpath("security.toml").read_text("utf-8"))
    if file:
        try:
            own = tomllib.loads(Path(file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SecurityError(f"{file}: {error}") from None
        _lay_over(figures, own, "")
    return Security(
        _made(SessionRules, figures["session"], "session"),
        _made(LineRules, figures["line"], "line"),
        _made(LoadRules, figures["load"], "load"),
        _made(UploadRules, figures["upload"], "upload"),
        _made(BackupRules, figures["backup"], "backup"),
        _roles(figures["factor"]["required"]),
        {name: _made(Waits, given, f"waits.{name}") for name, given in figures["waits"].items()},
        {name: _made(Rate, given, f"rates.{name}") for name, given in figures["rates"].items()},
        {Role(role): _days(days, f"lease_days.{role}") for role, days in figures["lease_days"].items()},
    )


def _lay_over(figures: dict[str, Any], own: dict[str, Any], where: str) -> None:
    for key, value in own.items():
        if key not in figures or isinstance(value, dict) != isinstance(figures[key], dict):
            raise SecurityError(f"no such figure: {where}{key}")
        if isinstance(value, dict):
            _lay_over(figures[key], value, f"{where}{key}.")
        else:
            figures[key] = value


def _roles(given: Any) -> frozenset[Role]:
    try:
        return frozenset(Role(one) for one in given)
    except (TypeError, ValueError):
        raise SecurityError("factor.required must be a list of roles") from None


def _days(given: Any, where: str) -> int:
    if type(given) is not int or not 1 <= given <= LONGEST_LEASE_D:
        raise SecurityError(f"{where} must be a whole number from 1 to {LONGEST_LEASE_D}")
    return given


def _made(kind: type[T], given: dict[str, Any], where: str) -> T:
    for field in fields(kind):  # type: ignore[arg-type]
        value = given.get(field.name)
        if type(value) is not int or not 1 <= value <= LARGEST:
            raise SecurityError(f"{where}.{field.name} must be a whole number from 1 to {LARGEST}")
    return kind(**given)
