"""The demo company, made small: all states, sums that hold, seals that open, a folder that is kept and brought on."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.equipment.equipment import Equipment
from common.files.attachment import Attachment
from common.inbox.records import Discrepancy, FieldConflict, InboxItem
from common.people.person import Person
from common.sla.clock_record import SlaClock
from common.stock.ledger import ledger_faults
from common.stock.movement import StockLevel
from common.stock.part import Part
from common.tickets.ticket import Ticket
from common.visit.hashing import content_hash
from common.visit.records import Rating, ServiceReport
from sync_server.app import SystemClock
from sync_server.db.security_tables import Credential
from sync_server.db.tables import Device, StreamHead
from sync_server.demo.cache import MARK, make_ready, read_mark
from sync_server.demo.company import SMALL, Size, make_company
from sync_server.demo.create import LOGINS, PASSWORD, Made, create, demo_database, demo_settings
from sync_server.demo.photos import motifs
from sync_server.demo.settings import read_demo_settings
from sync_server.files.store import open_store
from sync_server.followup.ratings import opened
from sync_server.people.sessions import Sessions
from sync_server.upkeep.verify import verify
from tests.support.fake_clock import FakeClock

NOW = datetime(2026, 5, 20, 7, 30, tzinfo=UTC)  # a Wednesday afternoon in Shanghai
EXPECTED_FLAGS = {"help_requested", "report_refused", "stop_use_given"}


@dataclass(frozen=True)
class World:
    """A demo that was made once for all tests of this file."""

    made: Made
    folder: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Make the small demo at a fixed time."""
    folder = tmp_path_factory.mktemp("demo")
    said: list[str] = []
    clock = FakeClock(NOW)
    made = create(
        demo_settings(folder, 8700), clock, os.urandom, lambda key, _values: said.append(key), SMALL
    )
    assert said[0] == "demo.making.models"
    return World(made, folder)


@pytest.fixture
def session(world: World) -> Iterator[Session]:
    """Read the demo's database."""
    database = demo_database(demo_settings(world.folder, 8700), FakeClock(NOW), os.urandom)
    with database.read() as opened:
        yield opened
    database.engine.dispose()


def count(session: Session, record: type[object]) -> int:
    """Count the rows of a record."""
    return session.scalar(select(func.count()).select_from(record)) or 0


def test_the_company_is_there(session: Session) -> None:
    assert count(session, Person) == 19
    assert count(session, Customer) == SMALL.customers
    assert count(session, Equipment) == SMALL.units
    assert count(session, Part) > 800
    assert count(session, Ticket) > SMALL.tickets


def test_the_tablets_are_packed(session: Session) -> None:
    head = session.execute(select(StreamHead.seq)).scalar_one()
    positions = list(session.scalars(select(Device.position).where(Device.app == "demo")))
    assert len(positions) == 11
    assert min(positions) > head - 500


def test_the_whole_company_is_as_large_as_promised() -> None:
    tables = make_company(NOW.date(), Size()).tables
    rows = {kind: table.count(b"\n") - 1 for kind, table in tables.items()}
    assert rows["parts"] >= 8_000
    assert rows["customers"] >= 40
    assert rows["equipment"] >= 150
    assert rows["people"] == 19
    assert make_company(NOW.date(), Size()).tables == tables


def test_today_shows_every_state(session: Session) -> None:
    states = set(session.scalars(select(Ticket.state).distinct()))
    assert states >= {
        "triaged",
        "dispatched",
        "acknowledged",
        "en_route",
        "on_site",
        "diagnosed",
        "repairing",
        "tested",
        "awaiting_parts",
        "signed",
        "checked_out",
        "written_off",
        "archived",
    }


def test_clocks_at_risk_and_overdue_stand_in_the_tray(session: Session) -> None:
    tray = select(SlaClock).join(Ticket, Ticket.id == SlaClock.ticket_id).where(Ticket.state == "triaged")
    response = [clock for clock in session.scalars(tray) if clock.kind == "response"]
    assert any(clock.breached_at for clock in response)
    assert any(clock.warned_at and not clock.breached_at for clock in response)
    assert any(not clock.warned_at and not clock.breached_at for clock in response)


def test_the_office_has_a_parked_command_and_a_conflict(session: Session) -> None:
    parked = session.scalars(select(InboxItem).where(InboxItem.kind == "parked")).all()
    assert [item.code for item in parked] == ["window_changed"]
    fields = {conflict.field for conflict in session.scalars(select(FieldConflict))}
    assert fields == {"contact_phone", "fault_text"}
    assert count(session, Discrepancy) > 0


def test_nothing_was_flagged_that_should_not_be(world: World) -> None:
    assert set(world.made.stage.flagged) <= EXPECTED_FLAGS


def test_audit_ledger_and_seals_hold(session: Session) -> None:
    assert verify(session) == []
    assert ledger_faults(session) == []
    below = select(func.count()).select_from(StockLevel).where(StockLevel.qty < 0)
    assert session.scalar(below) == 0
    reports = session.scalars(select(ServiceReport)).all()
    assert len(reports) > 5
    assert all(content_hash(report.content) == report.content_hash for report in reports)


def test_every_rating_opens_for_the_server_only_with_its_ticket(world: World, session: Session) -> None:
    ratings = session.scalars(select(Rating)).all()
    assert ratings
    for rating in ratings:
        card = opened(rating, world.made.keys).card
        assert card is not None
        assert set(card.grades.values()) <= {1, 2, 3, 4}


def test_nothing_happened_after_now(session: Session) -> None:
    assert max(session.scalars(select(Ticket.received_at))) <= NOW
    assert max(session.scalars(select(Ticket.state_since_at))) <= NOW


def test_the_printed_sign_ins_are_the_only_ones(world: World, session: Session) -> None:
    logins = set(session.scalars(select(Credential.login)))
    assert logins == set(LOGINS)
    database = demo_database(demo_settings(world.folder, 8700), FakeClock(NOW), os.urandom)
    assert Sessions(database).login("dispatcher", PASSWORD, "127.0.0.1")
    database.engine.dispose()


def test_the_folder_is_kept_and_brought_to_a_new_day(tmp_path: Path) -> None:
    settings = read_demo_settings({"FIELDWRIGHT_DATA": str(tmp_path)})
    said: list[str] = []

    def ready(at: datetime) -> bool:
        return make_ready(
            settings, FakeClock(at), os.urandom, lambda key, _values: said.append(key), size=SMALL
        )

    assert ready(NOW)
    assert not ready(NOW + timedelta(minutes=5))
    before = len(said)
    assert not ready(NOW + timedelta(days=1, hours=1))
    assert said[before:] == ["demo.new_day"]
    database = demo_database(demo_settings(settings.folder, 8700), FakeClock(NOW), os.urandom)
    with database.read() as session:
        numbers = session.scalars(select(Ticket.number)).all()
        fresh = session.scalars(select(Ticket.state).where(Ticket.received_at > NOW)).all()
        assert len(numbers) == len(set(numbers))
        assert {"triaged", "on_site", "acknowledged"} <= set(fresh)
        assert verify(session) == []
    database.engine.dispose()
    (settings.folder / MARK).write_text("{", "utf-8")
    assert read_mark(settings.folder) is None


def test_a_making_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    settings = read_demo_settings({"FIELDWRIGHT_DATA": str(tmp_path)})

    def interrupt(key: str, _values: dict[str, object]) -> None:
        if key == "demo.making.stock":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_ready(settings, SystemClock(), os.urandom, interrupt, size=SMALL)
    assert list(tmp_path.iterdir()) == []


def test_some_visits_have_photos_and_they_are_there(world: World) -> None:
    with world.made.stage.database.read() as session:
        files = list(session.scalars(select(Attachment)))
        reports = list(session.scalars(select(ServiceReport)))
    assert files
    assert {one.state for one in files} == {"stored"}
    store = open_store(demo_settings(world.folder, 8700))
    assert sorted(store.names()) == sorted(hashlib.sha256(data).hexdigest() for data in motifs().values())
    assert any(len(report.content.get("files", [])) == 4 for report in reports)
