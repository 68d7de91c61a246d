"""The rescue file: unsent work carried by hand, from an open and from a locked tablet, taken in once (P5, A12)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.protocol.rescue import RescueTaken
from common.tickets.field_work import AddNote
from common.tickets.ticket import Ticket
from field_app.state.tablet import Tablet
from field_app.store.files import NewFile
from field_app.store.pictures import prepare
from field_app.store.schema import Blob
from field_app.sync.keystore import FileKeystore
from field_app.vault.frames import seal_frames
from field_app.vault.vault import SECRET
from sync_server import cli
from sync_server.db.office import SYSTEM
from sync_server.files.arrived import settle_all
from sync_server.people.enrolment import revoke_device
from sync_server.people.handed_over import decide_all
from sync_server.sync.hand_in import hand_in_whole
from tests.integration.test_restore import a_ticket, notes_of
from tests.support.flet_session import FletSession
from tests.support.locked_tablet import PIN, cipher_of, ended, enrolled, started, talked
from tests.support.own_loop import own_loop
from tests.support.photos import PAPER, photo
from tests.support.served import Server, a_server, listening
from tests.support.tablet_world import tablet_main

SMALL = (560, 420)  # noisy: about 200 KB
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
    assert made.name.endswith(".fwrescue")
    assert not any(note.encode() in made.content for note in NOTES)
    return made.content


def take_in(server: Server, raw: bytes) -> RescueTaken:
    """Take a file in as the console does."""
    return hand_in_whole(server.parts.uploads, server.parts.keys, io.BytesIO(raw), "system")[1]


def photographed(tablet: Tablet, *pictures: bytes) -> dict[str, bytes]:
    """Attach photos to the tablet's ticket; returns all bytes that are to reach the office, previews too."""
    assert tablet.files is not None
    box, wanted = tablet.files.box, {}
    ticket = tablet.read(lambda session: session.scalars(select(Ticket.id)).one())
    for picture in pictures:
        made = prepare(picture)
        assert box.attach(
            NewFile(ticket, None, "photo", "", "泵头.jpg", tablet.now()), made
        ).outcome.took_effect
        wanted |= {box.shelf.put(data): data for data in (made.data, made.preview) if data}
    return wanted


def at_office(server: Server) -> dict[str, bytes]:
    store = server.parts.uploads.store
    return {sha: b"".join(store.read(sha)) for sha in store.names()}


def waiting(tablet: Tablet) -> set[str]:
    return set(
        tablet.read(lambda session: session.scalars(select(Blob.sha).where(Blob.state == "waiting")).all())
    )


@pytest.mark.fault("P5")
def test_handed_in_twice_and_then_sent_it_stands_once(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    raw = content(tablet)
    parts = server.parts
    first = take_in(server, raw)
    assert (first.count, first.known, first.done, first.waiting) == (2, 0, 2, 0)
    again = take_in(server, raw)
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
    assert head_of(raw).get("sig", "") == ""
    taken = take_in(server, raw)
    assert (taken.count, taken.waiting) == (2, 2)
    assert notes_of(server) == set()
    assert decide_all(server.parts.database, SYSTEM, device, "accept", "").left == 0
    assert notes_of(server) == NOTES


@pytest.mark.fault("P5")
def test_another_tablet_hands_it_in(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    wanted = photographed(tablet, photo(1, SMALL, noisy=True), photo(2, SMALL, noisy=True))
    raw = content(tablet)
    other = enrolled(server, tmp_path / "other", server.person(Role.ENGINEER, name="王敏"), "840261")
    assert talked(other) == ""
    taken = other.hand_in(io.BytesIO(raw))
    assert (taken.done, taken.waiting, taken.lacks) == (4, 0, ())
    assert notes_of(server) == NOTES
    assert at_office(server) == wanted
    assert set(server.rows("SELECT state FROM attachment")) == {("stored",)}
    assert other.hand_in(io.BytesIO(raw)).known == 4
    assert waiting(tablet) == set(wanted), "it does not know yet, and keeps them"
    tablet.cut_line(False)
    assert talked(tablet) == ""
    assert tablet.loop is not None
    for _ in range(8):
        tablet.loop.turn(asked=False)
    assert waiting(tablet) == set()


@pytest.mark.fault("P5", "A12")
def test_photos_of_a_locked_tablet_wait_with_its_work(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    wanted = photographed(tablet, photo(1, SMALL, noisy=True))
    device = tablet.store.identity().device_id
    ended(tablet)
    FileKeystore(tmp_path / "tablet" / "keys").forget(SECRET)
    locked = started(tmp_path / "tablet", server.clock)
    taken = take_in(server, content(locked))
    assert (taken.count, taken.waiting, taken.lacks) == (3, 3, ())
    assert at_office(server) == wanted
    assert decide_all(server.parts.database, SYSTEM, device, "accept", "").left == 0
    assert settle_all(server.parts.database) == 1
    assert server.rows("SELECT state FROM attachment") == [("stored",)]


@pytest.mark.fault("P5")
def test_what_does_not_fit_goes_into_the_next_file(
    server: Server, tablet: Tablet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("field_app.sync.rescue_file.FILES_AT_MOST", 300_000)
    wanted = photographed(tablet, *(photo(n, SMALL, noisy=True) for n in range(3)))
    before: frozenset[str] = frozenset()
    files = []
    while not files or files[-1].left:
        made = tablet.rescue_file(before)
        assert made is not None
        assert made.carried > before, "each brings something on"
        files.append(made)
        before = made.carried
    assert before == set(wanted)
    assert len(files) > 1
    for made in reversed(files):
        assert take_in(server, made.content).lacks == ()
    assert at_office(server) == wanted


@pytest.mark.fault("P5", "I1")
def test_a_photo_damaged_on_its_way_stops_no_other(server: Server, tablet: Tablet, tmp_path: Path) -> None:
    wanted = photographed(tablet, photo(1, SMALL, noisy=True), photo(2, SMALL, noisy=True))
    raw = bytearray(content(tablet))
    raw[-9] ^= 1
    last = head_of(raw)["files"][-1]["sha256"]
    assert take_in(server, bytes(raw)).lacks == (last,)
    assert at_office(server) == {sha: data for sha, data in wanted.items() if sha != last}
    other = enrolled(server, tmp_path / "other", server.person(Role.ENGINEER, name="王敏"), "840261")
    assert other.hand_in(io.BytesIO(raw[:-40])).lacks == (last,)
    assert not list(server.parts.uploads.folder.glob("*")), "nothing is left behind"
    assert other.hand_in(io.BytesIO(content(tablet))).lacks == ()
    assert at_office(server) == wanted


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
    taken = take_in(server, raw)
    assert (taken.done, taken.waiting) == (0, 2)
    assert server.rows("SELECT DISTINCT code FROM op_parked") == [("device_revoked",)]


def test_what_was_changed_is_refused(server: Server, tablet: Tablet) -> None:
    photographed(tablet, photo(1, SMALL, noisy=True))
    raw = content(tablet)
    line, _, photos = raw.partition(b"\n")
    told = head_of(raw)
    for changes, code in (
        (None, "rescue_unreadable"),
        ({"form": "fieldwright rescue 1"}, "rescue_unreadable"),
        ({"sha256": "0" * 64}, "rescue_damaged"),
        ({"dev": server.parts.database.new_id()}, "rescue_other_server"),
        ({"key_id": "another"}, "rescue_other_server"),
    ):
        spoiled = line[:-40] if changes is None else json.dumps(told | changes).encode()
        with pytest.raises(Refused, match=code):
            take_in(server, spoiled + b"\n" + photos)
    # Under another photo's name it does not open, and is not kept.
    names = [
        dict(one, sha256=other["sha256"])
        for one, other in zip(told["files"], told["files"][::-1], strict=True)
    ]
    assert len(take_in(server, json.dumps(told | {"files": names}).encode() + b"\n" + photos).lacks) == 2
    assert at_office(server) == {}
    unsigned = json.dumps(told | {"made": told["made"] + 1}).encode() + b"\n" + photos
    assert take_in(server, unsigned).known == 3


@pytest.mark.fault("I1")
def test_what_was_sealed_under_a_false_name_is_not_kept(
    server: Server, tablet: Tablet, tmp_path: Path
) -> None:
    photographed(tablet, photo(1, SMALL, noisy=True))
    name = "ab" * 32
    sealed = b"".join(seal_frames(cipher_of(tmp_path / "tablet", PIN), name, io.BytesIO(PAPER)))
    told = head_of(content(tablet)) | {"files": [{"sha256": name, "sealed": len(sealed)}]}
    assert take_in(server, json.dumps(told).encode() + b"\n" + sealed).lacks == (name,)
    assert at_office(server) == {}


def head_of(raw: bytes | bytearray) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(bytes(raw).partition(b"\n")[0])
    return told
