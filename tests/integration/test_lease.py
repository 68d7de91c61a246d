"""The lease: how long a tablet may go without hearing of the office, whatever is done to its clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from common.kernel.command import Role
from common.protocol.orders import Lease, lease_text
from common.tickets.field_work import AcknowledgeTicket, AddNote
from common.tickets.ticket import Ticket
from field_app.state.tablet import Tablet
from field_app.store.lease import OVER
from sync_server.people.orders import Orders
from tests.integration.test_restore import a_ticket, notes_of
from tests.support.locked_tablet import PIN, ended, enrolled, started, talked
from tests.support.served import Server, a_server, listening

DAYS = timedelta(days=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made, listening(made):
        yield made


class Scene:
    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder, self.clock = server, folder, server.clock
        person = server.person(Role.ENGINEER)
        self.tickets = [a_ticket(server, person) for _ in range(2)]
        self.tablet = enrolled(server, folder, person)
        assert talked(self.tablet) == ""
        self.tablet.cut_line(True)

    def note(self, ticket: int = 0) -> str:
        """Give a note; returns why it was refused."""
        return self.tablet.give(AddNote(self.tickets[ticket], "备注")).outcome.code

    def restart(self) -> Tablet:
        ended(self.tablet)
        self.tablet = started(self.folder, self.clock)
        self.tablet.unlock(PIN)
        return self.tablet


@pytest.fixture
def scene(server: Server, tmp_path: Path) -> Scene:
    return Scene(server, tmp_path / "tablet")


@pytest.mark.fault("A15")
def test_past_it_everything_is_read_begun_work_finished_and_nothing_begun(scene: Scene) -> None:
    scene.clock.advance(13 * DAYS)
    assert scene.note(0) == ""
    scene.clock.advance(2 * DAYS)
    assert scene.note(1) == OVER
    assert scene.tablet.status().trouble == OVER
    assert scene.tablet.read(lambda session: session.get(Ticket, scene.tickets[1])) is not None
    assert scene.note(0) == ""
    assert scene.tablet.give(AcknowledgeTicket(scene.tickets[0])).outcome.took_effect
    scene.tablet.cut_line(False)
    assert talked(scene.tablet) == ""
    assert len(notes_of(scene.server)) == 1
    assert scene.note(1) == ""
    assert scene.tablet.status().trouble == ""


@pytest.mark.fault("A15", "E1")
def test_a_clock_set_back_lengthens_nothing(scene: Scene) -> None:
    scene.clock.advance(15 * DAYS)
    assert scene.note() == OVER
    scene.clock.at -= 300 * DAYS
    assert scene.note() == OVER
    scene.restart()
    assert scene.note() == OVER


@pytest.mark.fault("A15")
def test_time_that_passes_counts_under_a_clock_that_was_set_back(scene: Scene) -> None:
    scene.clock.advance(5 * DAYS)
    assert scene.note() == ""
    scene.clock.at -= 100 * DAYS
    for _ in range(20):
        scene.clock.advance(timedelta(hours=12))
        scene.tablet.status()
    assert scene.note(1) == OVER


@pytest.mark.fault("E1")
def test_a_clock_that_ran_ahead_is_put_right_by_the_next_answer(scene: Scene) -> None:
    scene.clock.at += 400 * DAYS
    assert scene.note() == OVER
    scene.clock.at -= 400 * DAYS
    scene.tablet.cut_line(False)
    assert talked(scene.tablet) == ""
    assert scene.note() == ""


def test_it_is_renewed_once_in_some_hours_and_by_the_strictest_role(scene: Scene) -> None:
    server = scene.server

    def until() -> int:
        return scene.tablet.store.lease.until_ms

    first = until()
    scene.tablet.cut_line(False)
    scene.clock.advance(timedelta(hours=1))
    assert talked(scene.tablet) == ""
    assert until() == first
    scene.clock.advance(timedelta(hours=6))
    assert talked(scene.tablet) == ""
    assert until() == first + 7 * 3_600_000
    strict = Orders(server.parts.keys, dict.fromkeys(Role, 14) | {Role.PARTS_KEEPER: 3})

    def lease_of(unit):  # type: ignore[no-untyped-def]
        from sync_server.db.tables import Device

        device = unit.session.get(Device, scene.tablet.store.identity().device_id)
        device.leased_at = None
        return strict.lease(unit, device, ["engineer", "parts_keeper"])

    lease = server.parts.database.transact(lease_of)
    assert lease.until - lease.at == 3 * 86_400_000


def test_a_lease_of_somebody_else_is_none(scene: Scene) -> None:
    engine = scene.tablet.loop and scene.tablet.loop.engine
    assert engine
    far = 2**42
    signed = scene.server.parts.keys.signer.sign(lease_text("another device", 1, far))
    from sync_server.keys import to_text

    with scene.tablet.store.read() as session:
        lease = Lease(1, far, to_text(signed))
        who = scene.tablet.store.identity().device_id
        assert not engine._is_signed(session, lease_text(who, lease.at, lease.until), lease.sig)
        assert engine._is_signed(session, lease_text("another device", 1, far), lease.sig)
