"""A server out of a backup, the tablets that heal it, and the copies that must not be taken for it (D8, M1, M6, M8)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, text

from common.customers.customer_commands import RegisterCustomer
from common.inbox.edits import Change
from common.kernel.command import Role
from common.protocol.epoch import epoch_after, generation_of, is_of_the_past
from common.tickets.dispatching import AssignTicket, MoveAssignment
from common.tickets.field_work import AddNote
from common.tickets.intake import EditTicket, ReportFault
from field_app.store.outbox import counts, to_offer_again
from field_app.store.store import state_of
from field_app.sync.engine import SyncEngine
from field_app.sync.http import HttpExchange
from sync_server import cli
from sync_server.app import create_app
from sync_server.db.engine import make_engine
from sync_server.db.migrate import current, newest, revisions, upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.people.handed_over import decide_all
from sync_server.settings import Settings, read_settings
from sync_server.upkeep.backup import BackupError, back_up
from sync_server.upkeep.healed import healed_since, last_restoration, report
from sync_server.upkeep.leave import alone, for_a_copy
from sync_server.upkeep.restore import restore
from sync_server.upkeep.running import ServingError, sole_server
from sync_server.upkeep.schedule import alarm_if_too_old, make_backup_if_due, upkeep_jobs
from sync_server.upkeep.verify import verify
from tests.integration.test_upkeep import postgresql_programs  # noqa: F401 - where the system has none
from tests.support.postgres import fresh_database
from tests.support.served import Server, Tablet, a_server, a_tablet, listening


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def another_url(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give an empty database of the same kind."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'new' / 'server.db'}"
        return
    there: URL = request.getfixturevalue("postgres_server")
    with fresh_database(there) as url:
        yield url.render_as_string(hide_password=False)


def a_ticket(server: Server, engineer: str) -> str:
    """Register a call and send the engineer."""
    database = server.parts.database
    customer, ticket = database.new_id(), database.new_id()
    start = server.clock.at + timedelta(hours=1)
    for payload in (
        RegisterCustomer(customer, f"C-{next(server.numbers)}", "协和医院"),
        ReportFault(
            ticket_id=ticket,
            customer_id=customer,
            number=f"T-{next(server.numbers)}",
            channel="phone",
            fault_text="不能开机",
            severity="minor",
        ),
        AssignTicket(ticket, database.new_id(), engineer, start, start + timedelta(hours=2), "测试"),
    ):
        outcome = perform(database, SYSTEM, payload)
        assert outcome.took_effect, outcome
    return ticket


def synced(tablet: Tablet) -> str:
    """Turn until nothing is left to do; returns the last error."""
    for _ in range(12):
        tablet.engine.turn(asked=True)
        if tablet.engine.last_error:
            return tablet.engine.last_error
    with tablet.store.read() as session:
        assert counts(session).waiting == 0
    return ""


def moved_to(tablet: Tablet, server: Server, url: str) -> Tablet:
    """Have the tablet find another server at the office's address."""
    exchange = HttpExchange(url, tablet.enrolled.device_id, tablet.key, server.clock)
    engine = SyncEngine(tablet.store, exchange, server.clock, lambda: 0.5)
    return Tablet(tablet.store, tablet.enrolled, tablet.key, exchange, engine)


def from_backup(server: Server, folder: Path, url: str, place: Path, **how: bool) -> Server:
    """Restore a backup into an installation of its own and build its server."""
    settings = read_settings({}, data_dir=place, database_url=url, ticker_s="0", language="en")
    leave = for_a_copy if how.get("copy") else alone("nobody else could be reached")
    restore(folder, settings, server.clock, os.urandom, ask_leave=leave, **how)
    return Server(create_app(settings, clock=server.clock), server.clock)


def backed_up(server: Server, target: Path) -> Path:
    settings = server.parts.settings
    made = back_up(server.parts.database, settings.database, settings.keys_dir, target)
    assert made.faults == ()
    return made.folder


def contact_at(server: Server) -> str:
    return str(server.rows("SELECT contact FROM ticket")[0][0])


def notes_of(server: Server) -> set[str]:
    return {row[0] for row in server.rows("SELECT note FROM ticket_event WHERE kind = 'note'")}


@pytest.mark.fault("D8", "P11")
def test_a_restored_server_is_healed_from_the_field(server: Server, another_url: str, tmp_path: Path) -> None:
    """Work acknowledged after the backup comes back from the tablets; what the office entered is said to be gone."""
    with listening(server) as url:
        people = [server.person(Role.ENGINEER, name=name) for name in ("李强", "王敏")]
        tickets = [a_ticket(server, person) for person in people]
        tablets = [a_tablet(server, url, tmp_path / f"t{i}", person) for i, person in enumerate(people)]
        for tablet, ticket in zip(tablets, tickets, strict=True):
            assert synced(tablet) == ""
            tablet.store.give(AddNote(ticket, f"before {ticket}"))
            assert synced(tablet) == ""
        folder = backed_up(server, tmp_path / "kept")
        server.clock.advance(timedelta(minutes=30))
        for tablet, ticket in zip(tablets, tickets, strict=True):
            tablet.store.give(AddNote(ticket, f"after {ticket}"))
            tablet.store.give(AddNote(ticket, f"again {ticket}"))
            assert synced(tablet) == ""
        lost = server.person(Role.ENGINEER, name="没有备份")
        wanted = notes_of(server)
        old_epoch = server.rows("SELECT epoch FROM stream_head")[0][0]
    assert len(wanted) == 6
    server.clock.advance(timedelta(minutes=30))
    fresh = from_backup(server, folder, another_url, tmp_path / "new")
    with listening(fresh) as url:
        assert len(notes_of(fresh)) == 2
        assert synced(moved_to(tablets[0], fresh, url)) == ""
        with fresh.parts.database.read() as session:
            found = last_restoration(session)
            assert found is not None
            half = healed_since(session, found)
        assert (half.commands, half.back, len(half.not_back)) == (2, 1, 1)
        assert synced(moved_to(tablets[1], fresh, url)) == ""
        assert notes_of(fresh) == wanted
        with fresh.parts.database.read() as session:
            whole = healed_since(session, found)
            lines = report(whole)
            assert verify(session) == []
        epoch = fresh.rows("SELECT epoch FROM stream_head")[0][0]
    assert (whole.commands, whole.back, whole.not_back) == (4, 2, ())
    assert whole.by_person == {"李强": 2, "王敏": 2}
    assert dict(whole.by_kind) == {"add_note": 4}
    assert any("4 commands of the field" in line for line in lines)
    assert is_of_the_past(old_epoch, epoch)
    assert fresh.rows("SELECT id FROM person WHERE id = :id", id=lost) == []
    fresh.parts.database.engine.dispose()


@pytest.mark.fault("D8", "P5")
def test_what_the_office_had_decided_comes_back_too(tmp_path: Path) -> None:
    with a_server("", tmp_path) as server, listening(server) as url:
        person, other = (server.person(Role.ENGINEER, name=name) for name in ("李强", "王敏"))
        ticket = a_ticket(server, person)
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        assert synced(tablet) == ""
        folder = backed_up(server, tmp_path / "kept")
        start = server.clock.at + timedelta(hours=3)
        (job,) = server.rows("SELECT id FROM assignment")
        moved = MoveAssignment(ticket, job[0], other, start, start + timedelta(hours=1), "请假")
        assert perform(server.parts.database, SYSTEM, moved).took_effect
        tablet.store.give(EditTicket(ticket, (Change("contact", "", "张护士长"),)))  # it is another's by now
        assert synced(tablet) == ""
        assert contact_at(server) == ""
        assert decide_all(server.parts.database, SYSTEM, tablet.enrolled.device_id, "accept", "").left == 0
        assert synced(tablet) == ""
        assert contact_at(server) == "张护士长"
        fresh = from_backup(server, folder, "", tmp_path / "fresh")
        with listening(fresh) as new_url:
            assert synced(moved_to(tablet, fresh, new_url)) == ""
            assert contact_at(fresh) == "张护士长"
        fresh.parts.database.engine.dispose()


@pytest.mark.fault("D8", "P5")
def test_what_an_older_backup_does_not_have_is_kept(tmp_path: Path) -> None:
    """A restored server counts from its backup on: what was safe by the numbers before says nothing of the new ones."""
    with a_server("", tmp_path) as server, listening(server) as url:
        person = server.person(Role.ENGINEER)
        ticket = a_ticket(server, person)
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        assert synced(tablet) == ""
        older = backed_up(server, tmp_path / "kept")
        for n in range(20):
            tablet.store.give(AddNote(ticket, f"before {n}"))
        assert synced(tablet) == ""
        server.clock.advance(timedelta(days=1))
        backed_up(server, tmp_path / "kept")
        assert synced(tablet) == ""
    with tablet.store.read() as session:
        assert (state_of(session).durable > 0, list(to_offer_again(session, 0))) == (True, [])
    for place in ("first", "second"):  # the second disk dies before there is a backup of what it had
        server.clock.advance(timedelta(hours=1))
        fresh = from_backup(server, older, "", tmp_path / place)
        with listening(fresh) as url:
            moved = moved_to(tablet, fresh, url)
            assert synced(moved) == ""
            tablet.store.give(AddNote(ticket, f"on the {place}"))
            assert synced(moved) == ""
            wanted = {"on the first", f"on the {place}"}
            assert wanted <= notes_of(fresh)
            with tablet.store.read() as session:
                assert len(to_offer_again(session, 0)) == len(wanted), "no backup has it"
        fresh.parts.database.engine.dispose()


@pytest.mark.fault("M1")
def test_a_tablet_goes_to_no_copy_and_to_no_server_of_the_past(tmp_path: Path) -> None:
    with a_server("", tmp_path) as server, listening(server) as url:
        person = server.person(Role.ENGINEER)
        ticket = a_ticket(server, person)
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        assert synced(tablet) == ""
        folder = backed_up(server, tmp_path / "kept")
        server.clock.advance(timedelta(hours=1))
        copy = from_backup(server, folder, "", tmp_path / "trial", copy=True)
        tablet.store.give(AddNote(ticket, "not for a copy"))
        with listening(copy) as beside:
            assert synced(moved_to(tablet, copy, beside)) == "server_is_copy"
            assert notes_of(copy) == set()
        with tablet.store.read() as session:
            assert counts(session).waiting == 1
        fresh = from_backup(server, folder, "", tmp_path / "fresh")
        with listening(fresh) as new_url:
            assert synced(moved_to(tablet, fresh, new_url)) == ""
            assert notes_of(fresh) == {"not for a copy"}
        tablet.store.give(AddNote(ticket, "not for the past"))
        assert synced(tablet) == "server_replaced"
        with tablet.store.read() as session:
            assert counts(session).waiting == 1
            assert is_of_the_past("0123456789abcdef", state_of(session).epoch)
        with listening(fresh) as new_url:
            assert synced(moved_to(tablet, fresh, new_url)) == ""
            assert notes_of(fresh) == {"not for a copy", "not for the past"}
        for one in (copy, fresh):
            one.parts.database.engine.dispose()


def test_epochs_have_an_order() -> None:
    first, second = "0123456789abcdef", epoch_after("0123456789abcdef", 5, b"\1")
    assert (generation_of(first), second) == (0, "5.01")
    assert epoch_after("9.ff", 5, b"\1") == "10.01"
    assert is_of_the_past(first, second)
    assert not is_of_the_past(second, first)
    assert not is_of_the_past(first, "another")


@contextmanager
def damaged(backup: Path) -> Iterator[None]:
    """Have a backup's manifest be unreadable for a while."""
    manifest = backup / "manifest.json"
    said = manifest.read_text("utf-8")
    manifest.write_text("{", "utf-8")
    yield
    manifest.write_text(said, "utf-8")


def test_only_a_whole_backup_is_restored_and_nothing_is_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    common = ["--data", str(data)]
    assert cli.main([*common, "init"]) == 0
    assert cli.main([*common, "user", "add", "mei", "--name", "林梅", "--role", "administrator"]) == 0
    assert cli.main([*common, "backup", "--to", str(tmp_path / "one")]) == 0
    old = tmp_path / "one" / "fieldwright-20260101T000000Z"
    next((tmp_path / "one").glob("fieldwright-*")).rename(old)
    told = json.loads((old / "manifest.json").read_text("utf-8")) | {"made_at": "2026-01-01T00:00:00+00:00"}
    (old / "manifest.json").write_text(json.dumps(told), "utf-8")
    for target in ("one", "two"):
        assert cli.main([*common, "backup", "--to", str(tmp_path / target)]) == 0
    newer = next(path for path in (tmp_path / "one").glob("fieldwright-*") if path != old)
    capsys.readouterr()
    assert cli.main([*common, "restore", str(old)]) == 1
    assert "newer backup" in capsys.readouterr().err
    with damaged(newer):
        assert cli.main([*common, "restore", str(old)]) == 1
        assert "newer backup" in capsys.readouterr().err
    with damaged(old):
        assert cli.main([*common, "restore", "--replace", str(newer)]) == 1
        assert "takes two people" in capsys.readouterr().err
    assert cli.main([*common, "restore", "--replace", "--alone", "broken", str(newer)]) == 1
    assert "in words" in capsys.readouterr().err
    alone_here = ["restore", "--alone", "the disk is gone, nobody answers"]
    assert cli.main([*common, *alone_here, str(newer)]) == 1
    assert "--replace" in capsys.readouterr().err
    with sole_server(data):
        assert cli.main([*common, *alone_here, "--replace", str(newer)]) == 1
        assert "A server is running" in capsys.readouterr().err
        with pytest.raises(ServingError), sole_server(data):
            raise AssertionError
    assert cli.main([*common, *alone_here, "--replace", str(newer / "database.db")]) == 0
    assert "Kept beside it" in capsys.readouterr().out
    assert list(data.glob("fieldwright.db.replaced-*"))
    assert not list(data.glob("*.restoring*"))
    assert cli.main([*common, "restored"]) == 0
    assert "0 commands of the field" in capsys.readouterr().out
    assert cli.main([*common, "new-epoch"]) == 0
    assert cli.main([*common, "verify"]) == 0
    broken = next((tmp_path / "two").glob("fieldwright-*"))
    with (broken / "database.db").open("ab") as file:
        file.write(b"x")
    other = ["--data", str(tmp_path / "other")]
    assert cli.main([*other, *alone_here, str(broken)]) == 1
    assert "checksum differs" in capsys.readouterr().err
    (broken / "manifest.json").unlink()
    assert cli.main([*other, *alone_here, str(broken)]) == 1
    assert "not a finished backup" in capsys.readouterr().err
    assert not (tmp_path / "other" / "fieldwright.db").exists()


@pytest.mark.fault("M6", "F5")
def test_an_upgrade_backs_up_first_and_a_newer_shape_is_refused(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = make_engine(database_url)
    upgrade(engine, os.urandom, to=revisions()[0])
    common = ["--data", str(tmp_path / "data"), "--database-url", database_url]
    assert cli.main([*common, "serve"]) == 1
    assert "older version" in capsys.readouterr().err
    assert cli.main([*common, "init"]) == 0
    assert "restored, upgraded and checked" in capsys.readouterr().out
    assert current(engine) == newest()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM backup_made")).scalar_one() == 1
    kept = next((tmp_path / "data" / "backups").glob("fieldwright-*"))
    assert json.loads((kept / "manifest.json").read_text("utf-8"))["schema"] == revisions()[0]
    with engine.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from_tomorrow'"))
        connection.commit()
    for words in (["serve"], ["init"], ["verify"], ["backup"]):
        assert cli.main([*common, *words]) == 1
        assert "newer version (from_tomorrow) than this program" in capsys.readouterr().err
    assert current(engine) == "from_tomorrow"
    assert len(list((tmp_path / "data" / "backups").glob("fieldwright-*"))) == 1
    engine.dispose()


@pytest.mark.fault("M8")
def test_backups_come_by_themselves_and_their_absence_is_told(server: Server, tmp_path: Path) -> None:
    database, settings = server.parts.database, kept_settings(server, tmp_path)
    assert make_backup_if_due(settings, database) == 0  # there is nothing to lose yet
    server.person(Role.ENGINEER)
    assert make_backup_if_due(settings, database) == 0
    server.clock.advance(timedelta(hours=26))
    assert alarm_if_too_old(settings, database) == 1
    assert alarm_if_too_old(settings, database) == 0
    alarms = "SELECT state, details FROM discrepancy WHERE code = 'backup_too_old'"
    assert server.rows(alarms) == [("open", '{"hours":26}')]
    for _ in range(3):
        assert make_backup_if_due(settings, database) == 1
        assert make_backup_if_due(settings, database) == 0
        server.clock.advance(timedelta(hours=25))
    assert server.rows(alarms) == [("resolved", '{"hours":26}')]
    assert len(list((tmp_path / "by itself").glob("fieldwright-*"))) == 2
    assert alarm_if_too_old(settings, database) == 0
    head = server.rows("SELECT durable FROM stream_head")[0][0]
    newest_good = server.rows("SELECT seq FROM backup_made ORDER BY made_at DESC LIMIT 1")[0][0]
    assert head == newest_good
    assert {job.name for job in upkeep_jobs(settings)} == {"backup", "backup_alarm"}


@pytest.mark.fault("M8")
def test_a_backup_with_faults_or_none_at_all_ends_no_alarm(server: Server, tmp_path: Path) -> None:
    database, settings = server.parts.database, kept_settings(server, tmp_path)
    server.person(Role.ENGINEER)
    server.person(Role.ENGINEER)
    with database.engine.connect() as connection:
        connection.execute(text("DELETE FROM audit WHERE seq = 2"))
        connection.commit()
    server.clock.advance(timedelta(hours=30))
    assert make_backup_if_due(settings, database) == 1
    assert server.rows("SELECT faults > 0 FROM backup_made")[0][0]
    assert alarm_if_too_old(settings, database) == 1
    nowhere = tmp_path / "a file"
    nowhere.write_text("no folder")
    assert make_backup_if_due(kept_settings(server, tmp_path, backup_dir=str(nowhere)), database) == 0


def kept_settings(server: Server, tmp_path: Path, **more: str) -> Settings:
    told = server.parts.settings
    chosen = {"backup_dir": str(tmp_path / "by itself"), "backup_keep": "2"} | more
    return read_settings({}, data_dir=told.data_dir, database_url=told.database_url, **chosen)


def test_a_backup_of_the_other_kind_or_on_tables_is_refused(server: Server, tmp_path: Path) -> None:
    folder = backed_up(server, tmp_path / "kept")
    sqlite = make_url(server.parts.settings.database).get_backend_name() == "sqlite"
    wrong = "postgresql+psycopg://nobody@127.0.0.1:1/x" if sqlite else ""
    other = read_settings({}, data_dir=tmp_path / "other", database_url=wrong)
    with pytest.raises(BackupError, match="other kind"):
        restore(folder, other, server.clock, os.urandom, ask_leave=for_a_copy)
    with pytest.raises(BackupError, match="--replace" if sqlite else "not empty"):
        restore(folder, server.parts.settings, server.clock, os.urandom, ask_leave=for_a_copy)
