"""Every command, reason and field of these rooms that a person can meet has a sentence in three languages."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

import common.nouns
from common.i18n import catalogue
from common.kernel.command import REGISTRY, Role
from common.kernel.record import synced_entities

COMMON = Path(common.nouns.__file__).parent
ROOMS = ("kernel", "people", "policy", "customers", "equipment", "coverage", "stock", "inbox", "files")
CODES = re.compile(
    r'(?:Refused|BadPayload|work\.flag|work\.require)\((?:[^"\'()]|\([^()]*\))*?"([a-z][a-z0-9_]+)"'
)


def room_of(thing: object) -> str:
    """Name the room a class or function stands in."""
    return getattr(thing, "__module__", "").split(".")[1]


def test_every_role_has_a_label() -> None:
    assert [role for role in Role if f"role.{role.value}" not in catalogue()] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_command_and_field_has_a_label(room: str) -> None:
    specs = [spec for spec in REGISTRY.values() if room_of(spec.handler) == room]
    names = {field.name for spec in specs for field in dataclasses.fields(spec.payload)}
    entities = [entity for entity in synced_entities().values() if room_of(entity) == room]
    names |= {column.name for entity in entities for column in entity.__table__.columns}
    wanted = {f"command.{spec.kind}" for spec in specs} | {f"field.{name}" for name in names}
    assert sorted(wanted - catalogue().keys()) == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_reason_has_a_sentence(room: str) -> None:
    codes = {code for path in (COMMON / room).glob("*.py") for code in CODES.findall(path.read_text("utf-8"))}
    entities = [name for name, entity in synced_entities().items() if room_of(entity) == room]
    needed = [
        name for name in entities if re.search(rf"need\({synced_entities()[name].__name__},", _text(room))
    ]
    codes |= {f"{name}_unknown" for name in needed}
    assert sorted(code for code in codes if f"reason.{code}" not in catalogue()) == []


def _text(room: str) -> str:
    return "\n".join(path.read_text("utf-8") for path in (COMMON / room).glob("*.py"))
