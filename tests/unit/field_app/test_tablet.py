"""The tablet and its loop against a real server in the same process: the strip's words, sessions that follow."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from common.protocol.messages import NotTrusted
from common.tickets.closing import HoldTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote
from common.tickets.ticket import Ticket
from field_app.main import open_tablet, page_main
from field_app.settings import Settings
from field_app.state.status import SyncMode
from field_app.state.tablet import Tablet
from field_app.sync.keystore import FileKeystore
from field_app.sync.loop import SyncLoop
from field_app.sync.plan import Step
from tests.simulation.cluster import Network, SimDevice, SimServer, Time
from tests.simulation.stage import TICKETS, give_office, images
from tests.support.flet_session import FletSession
from tests.support.tablet_world import tablet_main


class Office:
    """A server and one engineer's tablet with its loop, whose turns the test takes."""

    def __init__(self) -> None:
        self.time, rng = Time(), random.Random(3)
        made = images()
        self.server = SimServer(made.server, self.time, rng)
        self.network = Network(rng)
        device = SimDevice("van 1", made.devices[0], self.server, self.time, self.network)
        self.tablet = Tablet(device.store, FileKeystore(Path("unused")), device.clock, rng.randbytes)
        self.loop = self.tablet.loop = SyncLoop(lambda: device.engine, self.tablet.tell)
        self.device = device

    def talk(self) -> None:
        """Take turns until there is nothing to fetch."""
        for _ in range(5):
            self.loop.turn(asked=True)


@pytest.fixture
def office() -> Office:
    return Office()


def test_the_strip_goes_from_never_to_online_and_counts_what_waits(office: Office) -> None:
    tablet = office.tablet
    assert tablet.status().mode is SyncMode.NEVER
    office.talk()
    assert tablet.status().mode is SyncMode.ONLINE
    office.network.lost_request = 1.0
    tablet.give(AcknowledgeTicket(TICKETS[0]))
    office.loop.turn(asked=True)
    status = tablet.status()
    assert (status.mode, status.waiting) == (SyncMode.OFFLINE, 1)
    assert status.last_contact_at is not None
    office.network.heal()
    office.talk()
    status = tablet.status()
    assert (status.mode, status.waiting) == (SyncMode.ONLINE, 0)


def test_an_error_that_is_no_missing_line_is_named(office: Office) -> None:
    office.talk()

    def refuse() -> None:
        raise NotTrusted("device_revoked")

    office.loop = office.tablet.loop = SyncLoop(refuse, office.tablet.tell)  # type: ignore[arg-type]
    assert office.loop.turn(asked=True) is Step.WAIT
    status = office.tablet.status()
    assert (status.mode, status.error) == (SyncMode.ERROR, "device_revoked")


def test_a_bug_in_a_turn_does_not_end_the_conversation(office: Office) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    loop = SyncLoop(broken, lambda: None)  # type: ignore[arg-type]
    assert loop.turn(asked=True) is Step.WAIT
    assert (loop.error, loop.busy) == ("sync_failed", False)


def test_without_an_enrolment_the_loop_waits(office: Office) -> None:
    loop = SyncLoop(lambda: None, lambda: None)
    assert loop.turn(asked=True) is Step.WAIT
    assert loop.error == ""


def test_the_thread_sends_at_once_what_was_given(office: Office) -> None:
    office.talk()
    office.loop.start()
    try:
        office.tablet.give(AddNote(TICKETS[0], "At the gate"))
        for _ in range(200):
            if office.tablet.status().waiting == 0:
                break
            office.loop._asked.wait(0.05)
        assert office.tablet.status().waiting == 0
    finally:
        office.loop.stop()


async def test_a_page_follows_what_the_office_does(office: Office) -> None:
    office.talk()
    async with FletSession.open(tablet_main(office.tablet)) as app:
        assert app.ident("ticket-T0") is not None
        give_office(office.server.database, HoldTicket(TICKETS[0], "awaiting_parts"))
        office.talk()
        await app.settle()
        assert app.shows("Waiting for parts")
        assert app.shows("Everything sent")


async def test_two_pages_of_one_tablet_follow_each_other(office: Office) -> None:
    office.talk()
    main = tablet_main(office.tablet)
    async with FletSession.open(main) as one, FletSession.open(main, route=f"/ticket/{TICKETS[0]}") as two:
        await two.click("step-acknowledge")
        await one.settle()
        assert one.shows("Acknowledged")
        assert one.page.route == "/"
        assert two.page.route == f"/ticket/{TICKETS[0]}"


def test_rows_read_stay_readable_after_the_reading(office: Office) -> None:
    office.talk()
    ticket = office.tablet.read(lambda session: session.get(Ticket, TICKETS[0]))
    assert ticket is not None
    assert ticket.number == "T0"


def test_a_line_cut_on_purpose_stays_cut_after_a_restart(office: Office) -> None:
    office.tablet.cut_line(True)
    again = Tablet(
        office.tablet.store, office.tablet.keystore, office.tablet.clock, random.Random(1).randbytes
    )
    assert again.is_cut
    again.cut_line(False)
    assert not again.is_cut


async def test_the_program_itself_opens_on_an_empty_folder_and_asks_to_be_enrolled(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", assets_dir=tmp_path / "web", server_url="http://127.0.0.1:1"
    )
    tablet = open_tablet(settings)
    assert tablet.loop is not None
    assert tablet.loop.turn(asked=True) is Step.WAIT
    async with FletSession.open(page_main(settings, tablet)) as app:
        assert app.page.route == "/enrol"
        assert app.errors == []
    assert settings.store_path.exists()
