"""The rescue file: unsent work carried by hand, from an open and from a locked tablet, taken in once (P5, A12)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.kernel.codec import decode
from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.protocol.rescue import RescueFile
from common.tickets.field_work import AddNote
from field_app.state.tablet import Tablet
from field_app.sync.http import HttpExchange
from field_app.sync.keystore import FileKeystore
from field_app.vault.vault import SECRET
from sync_server import cli
from sync_server.db.office import SYSTEM
from sync_server.people.enrolment import revoke_device
from sync_server.people.handed_over import decide_all
from sync_server.sync.hand_in import hand_in, read_rescue
from tests.integration.test_restore import a_ticket, notes_of
from tests.support.locked_tablet import ended, enrolled, started, talked
from tests.support.served import Server, a_server, listening

NOTES = {"钥匙在护士站 0", "钥匙在护士站 1"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made, listening(made):
        yield made


@pytest.fixture
def tablet(server: Server, tmp_path: Path) -> Tablet:
    person = server.person(Role.ENGINEER)
    ticket = a_ticket(server, person)
    made = enrolled(server, tmp_path / "tablet", person)
    assert talked(made) == ""
    made.cut_line(True)
    for note in sorted(NOTES):
        assert made.give(AddNote(ticket, note)).outcome.took_effect
    return made


def content(tablet: Tablet) -> bytes:
    made = tablet.rescue_file()
    assert made is not None
    assert made[0].endswith(".fwrescue")
    assert not any(note.encode() in made[1] for note in NOTES)
    return made[1]


@pytest.mark.fault("P5")
def test_handed_in_twice_and_then_sent_it_stands_once(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    raw = content(tablet)
    parts = server.parts
    first = hand_in(parts.database, parts.keys, read_rescue(raw), "system")
    assert (first.count, first.known, first.done, first.waiting) == (2, 0, 2, 0)
    again = hand_in(parts.database, parts.keys, read_rescue(raw), "system")
    assert (again.known, again.done) == (2, 2)
    (tmp_path / "file.fwrescue").write_bytes(raw)
    assert cli.main(["--data", str(parts.settings.data_dir), "rescue", str(tmp_path / "file.fwrescue")]) == 0
    tablet.cut_line(False)
    assert talked(tablet) == ""
    assert notes_of(server) == NOTES
    assert len(server.rows("SELECT id FROM ticket_event WHERE kind = 'note'")) == 2


@pytest.mark.fault("A12", "P5")
def test_a_locked_tablets_file_waits_for_the_office(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    device = tablet.store.identity().device_id
    ended(tablet)
    FileKeystore(tmp_path / "tablet" / "keys").forget(SECRET)
    locked = started(tmp_path / "tablet", server.clock)
    assert locked.gate == "lost"
    raw = content(locked)
    assert json.loads(raw).get("sig", "") == ""
    parts = server.parts
    taken = hand_in(parts.database, parts.keys, read_rescue(raw), "system")
    assert (taken.count, taken.waiting) == (2, 2)
    assert notes_of(server) == set()
    assert decide_all(parts.database, SYSTEM, device, "accept", "").left == 0
    assert notes_of(server) == NOTES


@pytest.mark.fault("P5")
def test_another_tablet_hands_it_in(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    file = read_rescue(content(tablet))
    other = enrolled(server, tmp_path / "other", server.person(Role.ENGINEER, name="王敏"), "840261")
    assert talked(other) == ""
    engine = other.loop and other.loop.engine
    assert engine
    assert isinstance(engine.exchange, HttpExchange)
    taken = engine.exchange.hand_in(file)
    assert (taken.done, taken.waiting) == (2, 0)
    assert notes_of(server) == NOTES


@pytest.mark.fault("G5", "P5")
def test_of_a_stopped_tablet_it_waits_too(server: Server, tablet: Tablet) -> None:
    raw = content(tablet)
    revoke_device(server.parts.database, SYSTEM, tablet.store.identity().device_id)
    taken = hand_in(server.parts.database, server.parts.keys, read_rescue(raw), "system")
    assert (taken.done, taken.waiting) == (0, 2)
    assert server.rows("SELECT DISTINCT code FROM op_parked") == [("device_revoked",)]


def test_what_was_changed_is_refused(server: Server, tablet: Tablet) -> None:
    raw = content(tablet)
    told = json.loads(raw)
    file = decode(RescueFile, told)
    parts = server.parts
    for spoiled, code in (
        (b"no file", "rescue_unreadable"),
        (raw[:-40], "rescue_unreadable"),
        (json.dumps(told | {"sha256": "0" * 64}).encode(), "rescue_damaged"),
    ):
        with pytest.raises(Refused, match=code):
            hand_in(parts.database, parts.keys, read_rescue(spoiled), "system")
    moved = dataclasses.replace(file, dev=parts.database.new_id())
    with pytest.raises(Refused, match="rescue_other_server"):
        hand_in(parts.database, parts.keys, moved, "system")
    unsigned = dataclasses.replace(file, made=file.made + 1)
    assert hand_in(parts.database, parts.keys, unsigned, "system").waiting == 2
