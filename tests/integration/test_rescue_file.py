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
from common.protocol.rescue import RescueFile, read_rescue
from common.tickets.field_work import AddNote
from field_app.state.tablet import Tablet
from field_app.sync.http import HttpExchange
from field_app.sync.keystore import FileKeystore
from field_app.vault.vault import SECRET
from sync_server import cli
from sync_server.db.office import SYSTEM
from sync_server.people.enrolment import revoke_device
from sync_server.people.handed_over import decide_all
from sync_server.sync.hand_in import hand_in
from tests.integration.test_restore import a_ticket, notes_of
from tests.support.flet_session import FletSession
from tests.support.locked_tablet import ended, enrolled, started, talked
from tests.support.own_loop import own_loop
from tests.support.served import Server, a_server, listening
from tests.support.tablet_world import tablet_main

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


@pytest.mark.fault("P5")
@own_loop
async def test_a_colleague_hands_it_in_on_his_screen(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    other = enrolled(server, tmp_path / "other", server.person(Role.ENGINEER, name="王敏"), "840261")
    good = {"id": 1, "name": "work.fwrescue", "size": 900, "path": None, "bytes": content(tablet)}
    lost = {**good, "path": str(tmp_path / "nothing"), "bytes": None}
    async with FletSession.open(tablet_main(other), route="/settings") as app:
        for picked, cut, words in (
            ({**good, "bytes": good["bytes"][:-40]}, False, "not a rescue file"),
            (lost, False, "could not be read"),
            (good, True, "did not answer"),
            (good, False, "Known before: 0. Stand now: 2."),
            (good, False, "Known before: 2. Stand now: 2."),
        ):
            other.cut_line(cut)
            app.connection.replies["pick_files"] = [picked]
            await app.click("rescue-hand-in")
            await app.until(lambda words=words: app.shows(words))  # type: ignore[misc]
        assert app.errors == []
        app.connection.replies["save_file"] = str(tmp_path / "mine.fwrescue")
        assert not app.has("rescue-written")
        await app.click("rescue-write")
        await app.until(lambda: app.shows("The file was made"))
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
