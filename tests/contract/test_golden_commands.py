"""Every command ever released still decodes and still has the effect it had (F1, T20, invariants 16 and 22).

`tests/golden` holds them as they were first written down. Who changes the fields of a command gives it a new version
and an upcaster from the old one, then runs `python -m tools.golden`, which writes the new version beside the old.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import common.nouns  # noqa: F401 - registers every command
import sync_server.sync.parked  # noqa: F401 - the command only the server has
from common.kernel.codec import encode
from common.kernel.command import REGISTRY, unchanged
from common.kernel.op import Op, payload_of
from common.kernel.outcome import BadPayload
from tests.support.examples import EXAMPLES
from tests.support.golden import FOLDER, Master, Step, histories, shape_of, shapes
from tools import golden

HISTORIES = histories()
AGAIN = "bump its version, add an upcaster, then: python -m tools.golden"

pytestmark = pytest.mark.fault("F1")


def test_every_command_is_written_down_at_its_version() -> None:
    known = shapes()
    assert [kind for kind, spec in sorted(REGISTRY.items()) if (kind, spec.version) not in known] == [], AGAIN


def test_no_command_has_changed_under_its_version() -> None:
    known = shapes()
    changed = [
        kind
        for kind, spec in sorted(REGISTRY.items())
        if known[kind, spec.version]["fields"] != shape_of(kind)
    ]
    assert changed == [], AGAIN


def test_every_version_ever_written_down_can_still_be_read() -> None:
    unread = []
    for (kind, version), item in shapes().items():
        op = Op("0198c0de-0000-7000-8000-000000000001", kind, 1, item["example"], version)
        least = {name: item["example"][name] for name, _, needed in item["fields"] if needed == "needed"}
        for args in (item["example"], least):
            payload = payload_of(Op(op.id, kind, 1, args, version))
            if type(payload) is not REGISTRY[kind].payload:
                unread.append((kind, version))
    assert unread == []
    assert len(shapes()) >= 80


def test_what_is_written_today_is_what_was_written_down() -> None:
    """The newest version's example goes through the program and comes out the same bytes."""
    for kind, spec in REGISTRY.items():
        item = shapes()[kind, spec.version]
        assert encode(payload_of(Op("x", kind, 1, item["example"], spec.version))) == item["example"], kind


def test_every_command_takes_effect_in_a_history() -> None:
    assert golden.missing() == set(), "python -m tools.golden"


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_ends_as_it_did(name: str) -> None:
    master = Master()
    try:
        got = [(step.op["k"], *said(master, step)) for step in HISTORIES[name]]
        tables = master.tables()
    finally:
        master.close()
    assert got == [(step.op["k"], step.status, step.code) for step in HISTORIES[name]]
    assert any(tables.values())


def said(master: Master, step: Step) -> tuple[str, str]:
    outcome = master.give(step)
    return outcome.status, outcome.code


def test_a_changed_command_would_turn_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its version moving, a command with another's fields is noticed."""
    add, edit = REGISTRY["add_note"], REGISTRY["edit_customer"]
    twisted = dict(REGISTRY) | {"add_note": replace(add, payload=edit.payload)}
    monkeypatch.setattr("tests.support.golden.REGISTRY", twisted)
    assert shapes()["add_note", 1]["fields"] != shape_of("add_note")


def test_an_upcaster_brings_an_old_command_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two versions on: what was written down then still gives today's payload; a gap between them is refused."""
    spec = REGISTRY["add_note"]
    today = shapes()["add_note", 1]["example"]
    old = {"ticket": today["ticket_id"], "text": today["text"]}
    named = {2: lambda args: {"ticket_id": args.pop("ticket"), **args}}
    monkeypatch.setitem(REGISTRY, "add_note", replace(spec, version=3, upcasters={1: unchanged} | named))
    assert encode(payload_of(Op("x", "add_note", 1, old, 1))) == today
    monkeypatch.setitem(REGISTRY, "add_note", replace(spec, version=3, upcasters=named))
    with pytest.raises(BadPayload, match="version_unknown"):
        payload_of(Op("x", "add_note", 1, old, 1))


def test_lines_are_never_written_anew() -> None:
    """One line a command and version, none twice; a history is read whole."""
    lines = (FOLDER / "commands.jsonl").read_text("utf-8").splitlines()
    keys = [(item["k"], item["v"]) for item in map(json.loads, lines)]
    assert len(keys) == len(set(keys)) == len(shapes())
    assert {spec.payload for spec in REGISTRY.values()} <= EXAMPLES.keys()
    assert all(Path(FOLDER / "histories" / f"{name}.jsonl").stat().st_size > 0 for name in HISTORIES)
