"""The registry of commands: what may be written at all, by whom, where, and of which kind.

A command is a frozen dataclass with a function of the same meaning: `RecordPartUsage` and `record_part_usage`.
The function's name is the command's kind on the wire, so one grep finds the whole walk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from common.kernel.outcome import BadPayload, Outcome

if TYPE_CHECKING:
    from common.kernel.work import Work

C = TypeVar("C")
Handler = Callable[["Work", Any], Outcome]
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


class Nature(StrEnum):
    """FACT happened and is never refused by the server; EDIT carries the old value; INTENT asks and may be parked."""

    FACT = "fact"
    EDIT = "edit"
    INTENT = "intent"


class Place(StrEnum):
    """Where a command may be given."""

    TABLET = "tablet"
    OFFICE = "office"
    SYSTEM = "system"


class Role(StrEnum):
    """Who a person is to the product (register §2). SYSTEM is the product's own scheduled work and import."""

    ENGINEER = "engineer"
    DISPATCHER = "dispatcher"
    SPECIALIST = "specialist"
    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    PARTS_KEEPER = "parts_keeper"
    MANAGER = "manager"
    ADMINISTRATOR = "administrator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """All that is known of one command. `about` names the aggregate it writes first; `owner` its ticket, if own work."""

    kind: str
    payload: type[Any]
    handler: Handler
    nature: Nature
    roles: frozenset[Role]
    places: frozenset[Place]
    version: int
    about: Callable[[Any], str]
    own_ticket: Callable[[Any], str] | None
    upcasters: Mapping[int, Upcaster]


REGISTRY: dict[str, CommandSpec] = {}
TABLET = frozenset({Place.TABLET})
OFFICE = frozenset({Place.OFFICE, Place.SYSTEM})
ANYWHERE = frozenset({Place.TABLET, Place.OFFICE, Place.SYSTEM})


def command(
    payload: type[C],
    *,
    nature: Nature,
    roles: tuple[Role, ...],
    places: frozenset[Place],
    about: Callable[[C], str],
    own_ticket: Callable[[C], str] | None = None,
    version: int = 1,
    upcasters: Mapping[int, Upcaster] | None = None,
) -> Callable[[Callable[[Work, C], Outcome]], Callable[[Work, C], Outcome]]:
    """Register a command's function. Engineers may give it for their own tickets only where `own_ticket` is set."""

    def register(handler: Callable[[Work, C], Outcome]) -> Callable[[Work, C], Outcome]:
        kind = handler.__name__
        if kind in REGISTRY:
            raise ValueError(f"command {kind} is registered twice")
        granted = frozenset({*roles, Role.SYSTEM}) if Place.SYSTEM in places else frozenset(roles)
        REGISTRY[kind] = CommandSpec(
            kind, payload, handler, nature, granted, places, version, about, own_ticket, dict(upcasters or {})
        )
        return handler

    return register


def unchanged(args: dict[str, Any]) -> dict[str, Any]:
    """Bring up a command whose newer version only has fields with a default more."""
    return args


def spec_of(kind: str) -> CommandSpec:
    """Find a command by kind. Raises BadPayload `command_unknown`."""
    found = REGISTRY.get(kind)
    if found is None:
        raise BadPayload("command_unknown", kind[:60])
    return found


def kind_of(payload: Any) -> str:
    """Name the kind of a payload value. Raises BadPayload `command_unknown`."""
    for spec in REGISTRY.values():
        if spec.payload is type(payload):
            return spec.kind
    raise BadPayload("command_unknown", type(payload).__name__)
