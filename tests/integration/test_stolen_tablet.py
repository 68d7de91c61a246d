"""A tablet that is lost, stopped, or whose person has left: its work comes in once, it forgets the rest (G5, A15)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from common.kernel.command import Role
from common.people.person_commands import DeactivatePerson
from common.protocol.messages import Unreachable
from common.protocol.orders import WipeOrder, wipe_text
from common.tickets.field_work import AddNote
from field_app.state.gate import GateModel
from field_app.state.tablet import VAULT_BOX, Tablet
from field_app.store.files import NewFile
from field_app.store.outbox import counts
from field_app.store.pictures import prepare
from field_app.sync.keys import device_key
from field_app.sync.tus import TusFiles
from sync_server.db.office import SYSTEM, perform
from sync_server.files.keeping import Keeping
from sync_server.people.enrolment import revoke_device
from sync_server.people.handed_over import decide_all
from sync_server.people.orders import report_found, report_lost
from sync_server.upkeep.verify import verify
from tests.integration.test_restore import a_ticket, notes_of
from tests.support.locked_tablet import PIN, ended, enrolled, started, talked
from tests.support.photos import photo
from tests.support.served import Server, a_server, listening

SECRET = "保险柜密码在护士长处"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made, listening(made):
        yield made


class Scene:
    """An engineer with a ticket and a tablet that has done unsent work."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        server.person(Role.ADMINISTRATOR)
        self.person = server.person(Role.ENGINEER)
        self.ticket = a_ticket(server, self.person)
        self.tablet = enrolled(server, folder, self.person)
        assert talked(self.tablet) == ""
        self.device = self.tablet.store.identity().device_id
        self.given_at: list[Any] = []

    def work(self, notes: int = 3) -> None:
        """Work without a line."""
        self.tablet.cut_line(True)
        for i in range(notes):
            self.server.clock.advance(timedelta(minutes=7))
            assert self.tablet.give(AddNote(self.ticket, f"{SECRET} {i}")).outcome.took_effect
            self.given_at.append(self.server.clock.at)
        self.server.clock.advance(timedelta(hours=2))

    def photograph(self, seed: int) -> str:
        """Take a photo without a line; returns its hash."""
        self.tablet.cut_line(True)
        made = prepare(photo(seed, (900, 700), noisy=True))
        assert self.tablet.files is not None
        new = NewFile(self.ticket, None, "photo", "", "泵头.jpg", self.server.clock.at)
        assert self.tablet.files.box.attach(new, made).outcome.took_effect
        return sha256(made.data).hexdigest()

    def line(self) -> str:
        """Give the line back and let it talk."""
        self.tablet.cut_line(False)
        return talked(self.tablet)

    def leaks(self) -> bool:
        """Say whether the secret stands in any file of the tablet."""
        ended(self.tablet)
        return any(SECRET.encode() in path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def scene(server: Server, tmp_path: Path) -> Scene:
    return Scene(server, tmp_path / "tablet")


def lose(scene: Scene) -> None:
    report_lost(scene.server.parts.database, SYSTEM, scene.device)


def leave(scene: Scene) -> None:
    assert perform(scene.server.parts.database, SYSTEM, DeactivatePerson(scene.person)).took_effect


@pytest.mark.fault("G5", "P5")
@pytest.mark.parametrize(("send_away", "code"), [(lose, "device_lost"), (leave, "person_inactive")])
def test_work_is_handed_over_once_then_everything_is_forgotten(
    scene: Scene, send_away: Any, code: str
) -> None:
    scene.work()
    server, before = scene.server, notes_of(scene.server)
    send_away(scene)
    scene.line()
    assert scene.tablet.gate == "wiped"
    assert GateModel(scene.tablet).why_away == code
    assert notes_of(server) == before
    assert [row[0] for row in server.rows("SELECT DISTINCT code FROM op_parked")] == [code]
    assert server.rows("SELECT wiped_at IS NOT NULL, told_at IS NOT NULL, unsent FROM device") == [(1, 1, 0)]
    assert device_key(scene.tablet.keystore) is None
    assert not scene.tablet.is_enrolled
    assert not scene.leaks()
    again = started(scene.folder, server.clock)
    assert again.gate == "wiped"
    for _ in range(2):
        decided = decide_all(server.parts.database, SYSTEM, scene.device, "accept", "")
    assert decided.left == 0
    rows = server.rows("SELECT note, at, actor_id FROM ticket_event WHERE kind = 'note' ORDER BY at")
    assert [row[0] for row in rows] == [f"{SECRET} {i}" for i in range(3)]
    assert [row[1] for row in rows] == [int(at.timestamp() * 1000) for at in scene.given_at]
    assert {row[2] for row in rows} == {scene.person}
    server.parts.database.number()
    with server.parts.database.read() as session:
        assert list(verify(session)) == []


@pytest.mark.fault("G5", "P1")
@pytest.mark.parametrize("send_away", [lose, leave])
def test_photos_are_handed_over_before_the_key_goes(scene: Scene, send_away: Any) -> None:
    """Their records are still to be judged: the bytes wait with them, for as long as it takes."""
    server = scene.server
    wanted = {scene.photograph(1), scene.photograph(2)}
    scene.work(1)
    send_away(scene)
    scene.line()
    assert scene.tablet.gate == "wiped"
    kept = {row[0] for row in server.rows("SELECT sha256 FROM kept_file WHERE state = 'stored'")}
    assert wanted < kept, "and their previews"
    assert server.rows("SELECT id FROM attachment") == []
    server.clock.advance(timedelta(days=60))
    keeping = Keeping(server.parts.uploads, server.parts.pictures)
    keeping.sweep(server.parts.database)
    assert decide_all(server.parts.database, SYSTEM, scene.device, "accept", "").left == 0
    keeping.settle_and_draw(server.parts.database)
    assert set(server.rows("SELECT sha256, state FROM attachment")) == {(sha, "stored") for sha in wanted}


@pytest.mark.fault("G5")
def test_photos_that_cannot_come_hold_up_the_wipe_for_a_day(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> int:
        raise Unreachable

    scene.photograph(3)
    lose(scene)
    monkeypatch.setattr(TusFiles, "open", nobody)
    scene.line()
    assert scene.tablet.gate == "stopped"
    scene.server.clock.advance(timedelta(hours=23))
    scene.line()
    assert scene.tablet.gate == "stopped"
    scene.server.clock.advance(timedelta(hours=2))
    scene.line()
    assert scene.tablet.gate == "wiped"


@pytest.mark.fault("G5")
def test_set_aside_with_a_reason_nothing_is_done(scene: Scene) -> None:
    scene.work()
    lose(scene)
    scene.line()
    decided = decide_all(scene.server.parts.database, SYSTEM, scene.device, "decline", "not his")
    assert (decided.done, decided.left) == (3, 0)
    assert notes_of(scene.server) == set()
    assert {row[0] for row in scene.server.rows("SELECT state FROM op_parked")} == {"declined"}


@pytest.mark.fault("G5")
def test_a_copy_that_forks_hands_over_as_well(scene: Scene) -> None:
    """The lane was lost by a restored server or a second copy: what is unsent comes in all the same."""
    scene.work()
    database = scene.server.parts.database
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lane SET token = 'other', prev_token = 'other'")
    lose(scene)
    scene.line()
    assert scene.tablet.gate == "wiped"
    assert len(scene.server.rows("SELECT op_id FROM op_parked")) == 3


@pytest.mark.fault("G5", "P5")
def test_without_a_line_nothing_is_forgotten(scene: Scene) -> None:
    """Whoever keeps the tablet from the office keeps the order from it; the PIN and the lease are what is left."""
    scene.work()
    lose(scene)
    talked(scene.tablet)
    assert scene.tablet.gate == "unlock", "nobody touched it for two hours"
    scene.tablet.unlock(PIN)
    assert scene.tablet.gate == ""
    ended(scene.tablet)
    scene.tablet = started(scene.folder, scene.server.clock)
    assert scene.tablet.gate == "unlock"
    scene.tablet.unlock(PIN)
    scene.line()
    assert scene.tablet.gate == "wiped"


@pytest.mark.fault("G5", "P5")
def test_a_stopped_tablet_shows_nothing_hands_over_and_keeps_its_keys(scene: Scene) -> None:
    scene.work()
    revoke_device(scene.server.parts.database, SYSTEM, scene.device)
    scene.line()
    assert scene.tablet.gate == "stopped"
    with scene.tablet.store.read() as session:
        assert counts(session).waiting == 0
    assert len(scene.server.rows("SELECT op_id FROM op_parked")) == 3
    assert device_key(scene.tablet.keystore) is not None


def test_an_order_nobody_signed_is_none(scene: Scene) -> None:
    scene.work()
    lose(scene)
    orders = scene.server.parts.keys
    real = orders.signer
    forged = WipeOrder(1, "device_lost", "A" * 86)
    assert real.sign(wipe_text(scene.device, forged.at, forged.why))
    scene.tablet.store.choose("server.sign_key", "A" * 43)
    scene.line()
    assert scene.tablet.gate == "stopped"
    assert device_key(scene.tablet.keystore) is not None


@pytest.mark.fault("A6", "G5")
def test_a_tablet_that_lost_its_database_still_obeys_and_can_be_rescued(scene: Scene) -> None:
    """The server's public keys stand in the marker too: deleting a file buys nobody a tablet without a lease."""
    ended(scene.tablet)
    for file in scene.folder.glob("tablet.db*"):
        file.unlink()
    scene.tablet = started(scene.folder, scene.server.clock)
    scene.tablet.unlock(PIN)
    assert talked(scene.tablet) == ""
    scene.server.clock.advance(timedelta(hours=7))
    assert talked(scene.tablet) == ""
    assert scene.tablet.store.lease.until_ms > 0
    assert scene.tablet.rescue_file() is not None
    assert scene.tablet.store.setting(VAULT_BOX), "the office can open its key"
    lose(scene)
    scene.line()
    assert scene.tablet.gate == "wiped"


def test_found_again_before_the_order_went_out(scene: Scene) -> None:
    scene.work()
    lose(scene)
    report_found(scene.server.parts.database, SYSTEM, scene.device)
    assert scene.line() == ""
    assert scene.tablet.gate == "unlock", "locked by itself, neither stopped nor wiped"
    assert len(notes_of(scene.server)) == 3


@pytest.mark.fault("G5")
def test_killed_between_the_keys_and_the_rows_the_next_start_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.work()
    lose(scene)

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(scene.tablet.store), "erase", power_cut)
    with pytest.raises(KeyboardInterrupt):
        scene.line()
    monkeypatch.undo()
    ended(scene.tablet)
    scene.tablet = started(scene.folder, scene.server.clock)
    assert scene.tablet.gate == "wiped"
    assert not scene.tablet.is_enrolled


def test_a_wiped_tablet_is_enrolled_anew_for_somebody_else(scene: Scene) -> None:
    scene.work()
    lose(scene)
    scene.line()
    tablet: Tablet = scene.tablet
    tablet.begin_anew()
    assert tablet.gate == ""
    other = scene.server.person(Role.ENGINEER, name="王敏")
    from field_app.sync.enrol import Invitation

    tablet.enrol(Invitation(scene.server.url, scene.server.code(other)), "again")
    tablet.choose_pin("840261")
    assert talked(tablet) == ""
    assert tablet.person_id == other
    ended(tablet)
    again = started(scene.folder, scene.server.clock)
    again.unlock("840261")
    assert again.gate == ""
