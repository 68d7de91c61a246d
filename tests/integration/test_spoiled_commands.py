"""A sealed command that no longer opens: it is set aside and said, all others go their way (A6, P5)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from common.kernel.command import Role
from common.protocol.messages import SyncAnswer, SyncRequest, Unreachable
from common.tickets.field_work import AddNote
from field_app.data import PageApp
from field_app.state.outbox import Outbox
from field_app.state.tablet import Tablet
from field_app.store.opening import Recovery, recovery_of
from field_app.store.outbox import counts
from field_app.sync.keystore import FileKeystore
from field_app.vault.vault import SECRET
from sync_server.db.office import SYSTEM
from sync_server.people.handed_over import decide_all
from tests.integration.test_rescue_file import content, take_in
from tests.integration.test_restore import a_ticket, notes_of
from tests.simulation.checks import check_rebase_law_of
from tests.support.locked_tablet import PIN, ended, enrolled, started, talked
from tests.support.served import Server, a_server, listening

NOTES = 5


class Scene:
    """An engineer whose tablet lies in a cellar with five notes, none of them sent."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        person = server.person(Role.ENGINEER)
        self.ticket = a_ticket(server, person)
        self.tablet = enrolled(server, folder, person)
        assert talked(self.tablet) == ""
        self.tablet.cut_line(True)
        self.ops = [self.tablet.give(AddNote(self.ticket, f"note {n}")).op_id for n in range(NOTES)]

    def again(self, *, unlocked: bool = True) -> Tablet:
        """Start the app once more."""
        self.tablet = started(self.folder, self.server.clock)
        if unlocked:
            self.tablet.unlock(PIN)
        return self.tablet

    def notes_here(self) -> set[str]:
        """Return the notes the ticket's page shows."""
        query = "SELECT note FROM ticket_event WHERE kind = 'note'"
        return set(self.tablet.read(lambda session: list(session.execute(text(query)).scalars())))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with a_server("", tmp_path) as server, listening(server):
        yield Scene(server, tmp_path / "tablet")


def flip(path: Path, op_id: str, column: str = "envelope") -> None:
    """Flip one bit in a sealed cell of a command; the page stays whole."""
    with closing(sqlite3.connect(path)) as raw, raw:
        (sealed,) = raw.execute(f"SELECT {column} FROM op WHERE id = ?", (op_id,)).fetchone()
        spoiled = sealed[:20] + bytes((sealed[20] ^ 4,)) + sealed[21:]
        raw.execute(f"UPDATE op SET {column} = ? WHERE id = ?", (spoiled, op_id))


def sent(scene: Scene) -> set[str]:
    """Let the tablet talk, and return what the office has."""
    scene.tablet.cut_line(False)
    assert talked(scene.tablet, 12) == ""
    return notes_of(scene.server)


@pytest.mark.fault("A6", "P5")
def test_one_that_no_longer_opens_stops_no_other(scene: Scene) -> None:
    ended(scene.tablet)
    flip(scene.folder / "tablet.db", scene.ops[1])
    flip(scene.folder / "tablet.db", scene.ops[3])
    tablet = scene.again()
    told = recovery_of(tablet.store)
    assert isinstance(told, Recovery)
    assert (told.kind, told.saved, told.lost) == ("spoiled", 3, 2)
    assert scene.notes_here() == {"note 0", "note 2", "note 4"}
    assert sent(scene) == {"note 0", "note 2", "note 4"}
    assert scene.server.rows("SELECT forks FROM device") == [(0,)], "the others close up"
    assert told_office(scene) == [
        ("command_spoiled", op_id) for op_id in sorted((scene.ops[1], scene.ops[3]))
    ]
    check_rebase_law_of(tablet.store.engine, "after commands were set aside")
    page = Outbox(PageApp(tablet)).page
    assert page is not None
    assert [entry.op_id for entry in page.spoiled] == [scene.ops[1], scene.ops[3]]
    assert {entry.kind for entry in page.spoiled} == {"add_note"}
    ended(tablet)
    tablet = scene.again()
    kept = "SELECT count(*) FROM main.op WHERE state = 'spoiled'"
    assert tablet.read(lambda session: session.execute(text(kept)).scalar_one()) == 2
    told = recovery_of(tablet.store)
    assert told is not None
    assert told.lost == 2, "counted once"
    sent(scene)
    assert len(told_office(scene)) == 2, "told once"


@pytest.mark.fault("A6", "P5")
def test_one_that_spoils_under_the_running_app_stops_no_other(scene: Scene) -> None:
    flip(scene.folder / "tablet.db", scene.ops[0])
    assert sent(scene) == {f"note {n}" for n in range(1, NOTES)}
    assert counts_of(scene.tablet) == 0


@pytest.mark.fault("A6", "P3", "P5")
def test_one_that_was_applied_before_it_spoiled_leaves_its_number_to_no_other(scene: Scene) -> None:
    """The answer was lost on the line: the office has all five, the tablet counts the others anew."""
    tablet = scene.tablet
    assert tablet.loop is not None
    engine = tablet.loop.engine
    assert engine is not None

    class Lossy:
        def sync(self, request: SyncRequest) -> SyncAnswer:
            line.sync(request)
            raise Unreachable("cut")

        def __getattr__(self, name: str) -> Any:
            return getattr(line, name)

    line, engine.exchange = engine.exchange, Lossy()
    tablet.cut_line(False)
    tablet.loop.turn(asked=True)
    assert len(notes_of(scene.server)) == NOTES
    assert counts_of(tablet) == NOTES
    ended(tablet)
    flip(scene.folder / "tablet.db", scene.ops[1])
    tablet = scene.again()
    tablet.give(AddNote(scene.ticket, "one more"))
    assert sent(scene) == {f"note {n}" for n in range(NOTES)} | {"one more"}
    assert len(scene.server.rows("SELECT id FROM ticket_event WHERE kind = 'note'")) == NOTES + 1
    assert counts_of(tablet) == 0
    assert len(scene.notes_here()) == NOTES + 1


@pytest.mark.fault("A6", "P5")
def test_a_spoiled_answer_costs_the_answer_only(scene: Scene) -> None:
    ended(scene.tablet)
    flip(scene.folder / "tablet.db", scene.ops[2], "details")
    scene.again()
    assert recovery_of(scene.tablet.store) is None
    assert sent(scene) == {f"note {n}" for n in range(NOTES)}


@pytest.mark.fault("A6", "P5")
def test_what_the_office_has_is_no_loss(scene: Scene) -> None:
    assert len(sent(scene)) == NOTES
    ended(scene.tablet)
    flip(scene.folder / "tablet.db", scene.ops[2])
    tablet = scene.again()
    assert recovery_of(tablet.store) is None
    tablet.give(AddNote(scene.ticket, "one more"))
    assert "one more" in sent(scene)
    assert told_office(scene) == []
    assert len(scene.notes_here()) == NOTES + 1


@pytest.mark.fault("A6", "A12", "P5")
def test_in_a_rescue_file_it_stops_no_other(scene: Scene) -> None:
    device = scene.tablet.store.identity().device_id
    ended(scene.tablet)
    flip(scene.folder / "tablet.db", scene.ops[1])
    FileKeystore(scene.folder / "keys").forget(SECRET)
    taken = take_in(scene.server, content(scene.again(unlocked=False)))
    assert (taken.count, taken.waiting, taken.spoiled) == (4, 4, 1)
    assert told_office(scene) == [("rescue_spoiled", scene.ops[1])]
    assert decide_all(scene.server.parts.database, SYSTEM, device, "accept", "").left == 0
    assert notes_of(scene.server) == {"note 0", "note 2", "note 3", "note 4"}


def told_office(scene: Scene) -> list[tuple[str, str]]:
    """Return what the office's inbox says of commands that cannot be read."""
    query = "SELECT code, op_id FROM discrepancy WHERE code LIKE '%spoiled' ORDER BY op_id"
    return [tuple(row) for row in scene.server.rows(query)]


def counts_of(tablet: Tablet) -> int:
    """Count what waits."""
    return tablet.read(lambda session: counts(session).waiting)
