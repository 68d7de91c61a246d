"""A database that ends before its own backup is not served: tablets let go of what the backup holds (D8, P2, M1)."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from common.kernel.command import Role
from common.tickets.field_work import AddNote
from sync_server import cli
from sync_server.app import create_app
from sync_server.settings import Settings
from sync_server.upkeep.behind import BehindBackupError, backup_ahead
from sync_server.upkeep.leave import alone
from sync_server.upkeep.restore import MANIFEST, restore
from tests.integration.test_restore import a_ticket, backed_up, moved_to, notes_of, synced
from tests.support.served import Server, Tablet, a_server, a_tablet, listening


def put_back_by_hand(older: Path, settings: Settings) -> None:
    """Copy an older file over the database, as somebody in a hurry does."""
    place = Path(settings.database.removeprefix("sqlite:///"))
    for left in place.parent.glob(f"{place.name}*"):
        left.unlink()
    shutil.copyfile(older, place)


def served_again(server: Server) -> Server:
    return Server(create_app(server.parts.settings, clock=server.clock), server.clock, numbers=server.numbers)


@pytest.fixture
def worked(tmp_path: Path) -> tuple[Server, Tablet]:
    """A note of the field that is in the newest backup alone: the tablet let go of it, the database is an older one."""
    with a_server("", tmp_path) as server:
        settings, person = server.parts.settings, server.person(Role.ENGINEER)
        with listening(server) as url:
            ticket = a_ticket(server, person)
            tablet = a_tablet(server, url, tmp_path / "tablet", person)
            assert synced(tablet) == ""
            older = tmp_path / "older.db"
            with closing(sqlite3.connect(settings.database.removeprefix("sqlite:///"))) as connection:
                connection.execute("VACUUM INTO ?", (str(older),))
            assert tablet.store.give(AddNote(ticket, "hose replaced")).outcome.took_effect
            assert synced(tablet) == ""
            backed_up(server, settings.backups_dir)
            assert synced(tablet) == ""
    put_back_by_hand(older, settings)
    return server, tablet


def run(server: Server, *words: str) -> int:
    return cli.main(["--data", str(server.parts.settings.data_dir), *words])


@pytest.mark.fault("D8", "P2")
def test_a_database_behind_its_backup_is_served_only_after_the_restore(
    worked: tuple[Server, Tablet], capsys: pytest.CaptureFixture[str]
) -> None:
    server, _ = worked
    settings = server.parts.settings
    (backup,) = settings.backups_dir.glob("fieldwright-*")
    with pytest.raises(BehindBackupError):
        create_app(settings, clock=server.clock)
    for words in (("serve", "--port", "0"), ("new-epoch",)):
        assert run(server, *words) == 1
        assert f"sync-server restore {backup}" in capsys.readouterr().err

    restore(backup, settings, server.clock, os.urandom, ask_leave=alone("nobody else"), replace=True)
    assert notes_of(served_again(server)) == {"hose replaced"}


@pytest.mark.fault("D8", "M1")
def test_going_on_without_the_backup_is_said_with_its_reason_and_loses_what_only_it_holds(
    worked: tuple[Server, Tablet],
) -> None:
    server, tablet = worked
    assert run(server, "new-epoch", "--without-backup", "the disk of backups burnt too") == 0
    fresh = served_again(server)
    alarms = fresh.rows("SELECT details FROM discrepancy WHERE code = 'behind_backup' AND state = 'open'")
    assert "the disk of backups burnt too" in str(alarms)
    with listening(fresh) as url:
        assert synced(moved_to(tablet, fresh, url)) == ""
    assert notes_of(fresh) == set(), "this is why it is refused"


def test_only_good_backups_of_the_same_history_are_compared(worked: tuple[Server, Tablet]) -> None:
    server, _ = worked
    database, folder = server.parts.database, server.parts.settings.backups_dir
    (backup,) = folder.glob("fieldwright-*")
    assert backup_ahead(database, folder) == backup
    said = (backup / MANIFEST).read_text("utf-8")
    for other in (
        said.replace('"faults": []', '"faults": ["audit"]'),
        said.replace('"epoch": "', '"epoch": "9'),
        "{",
    ):
        assert other != said
        (backup / MANIFEST).write_text(other, "utf-8")
        assert backup_ahead(database, folder) is None
    assert backup_ahead(database, folder / "nowhere") is None
