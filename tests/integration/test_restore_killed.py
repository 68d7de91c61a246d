"""A restore into PostgreSQL that is refused or killed leaves nothing that is served as the old server (D8, M1, P11)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, inspect

from common.kernel.command import Role
from common.kernel.outcome import Refused
from sync_server import cli
from sync_server.app import create_app
from sync_server.db.database import Database
from sync_server.settings import Settings, read_settings
from sync_server.upkeep.backup import BackupError
from sync_server.upkeep.leave import Leave, LeaveError, alone
from sync_server.upkeep.restore import restore
from sync_server.upkeep.under_way import MARK, marked
from tests.integration.test_restore import backed_up
from tests.integration.test_upkeep import postgresql_programs  # noqa: F401 - where the system has none
from tests.support.postgres import fresh_database
from tests.support.served import Server, a_server

KILLED = """
import os, sys
from pathlib import Path
from sync_server.app import SystemClock
from sync_server.settings import read_settings
from sync_server.upkeep import restore
if sys.argv[4] == "keys":
    restore._put_keys = lambda *_: os._exit(9)
leave = restore.Leave("alone", reason="nobody else")
settings = read_settings({}, data_dir=sys.argv[2], database_url=sys.argv[3], language="en")
restore.restore(
    Path(sys.argv[1]), settings, SystemClock(), os.urandom,
    ask_leave=lambda _: os._exit(9) if sys.argv[4] == "leave" else leave,
)
"""


@pytest.fixture
def server(postgres_database: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(postgres_database, tmp_path) as made:
        made.person(Role.ENGINEER)
        yield made


@pytest.fixture
def new(postgres_server: URL, tmp_path: Path) -> Iterator[Settings]:
    """Give an installation with an empty database and no keys."""
    with fresh_database(postgres_server) as url:
        told = url.render_as_string(hide_password=False)
        yield read_settings({}, data_dir=tmp_path / "new", database_url=told, ticker_s="0", language="en")


def tables(settings: Settings) -> list[str]:
    engine = create_engine(settings.database)
    try:
        return sorted(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def run(settings: Settings, *words: str) -> int:
    return cli.main(["--data", str(settings.data_dir), "--database-url", settings.database, *words])


def restored_again(server: Server, folder: Path, new: Settings) -> None:
    """Restore once more; it is whole, of a new epoch, with the backup's keys, and is served."""
    restore(folder, new, server.clock, os.urandom, ask_leave=alone("nobody else answers"))
    fresh = Server(create_app(new, clock=server.clock), server.clock)
    epoch = "SELECT epoch FROM stream_head"
    assert fresh.rows(epoch) != server.rows(epoch)
    assert fresh.rows("SELECT count(*) FROM person") == [(1,)]
    assert (new.keys_dir / "box.key").read_bytes() == (folder / "keys" / "box.key").read_bytes()
    assert MARK not in tables(new)
    fresh.parts.database.engine.dispose()


@pytest.mark.fault("D8", "M1")
def test_a_refused_restore_leaves_the_database_empty_and_the_keys_alone(
    server: Server, new: Settings, tmp_path: Path
) -> None:
    folder = backed_up(server, tmp_path / "kept")

    def nobody(_restored: Database) -> Leave:
        raise LeaveError("nobody gave leave")

    with pytest.raises(LeaveError):
        restore(folder, new, server.clock, os.urandom, ask_leave=nobody)
    assert tables(new) == []
    assert not new.keys_dir.exists()
    restored_again(server, folder, new)


@pytest.mark.fault("D8", "M1", "P11")
@pytest.mark.parametrize("at", ["leave", "keys"])
def test_a_killed_restore_is_not_served_and_begins_anew(
    server: Server, new: Settings, tmp_path: Path, at: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At `leave` all rows are there, of the old epoch; at `keys` only the server's keys are not."""
    folder = backed_up(server, tmp_path / "kept")
    words = [sys.executable, "-c", KILLED, str(folder), str(new.data_dir), new.database, at]
    assert subprocess.run(words, check=False).returncode == 9
    assert {MARK, "person"} <= set(tables(new))
    with pytest.raises(Refused, match="restore_under_way"):
        create_app(new, clock=server.clock)
    for command in (["serve"], ["init"], ["verify"], ["backup"]):
        assert run(new, *command) == 1
        said = capsys.readouterr().err
        assert "restore_under_way" in said
        assert folder.name in said
    restored_again(server, folder, new)


def test_one_restore_at_a_time_and_only_into_an_empty_database(server: Server, new: Settings) -> None:
    with (
        marked(new.database, "one"),
        pytest.raises(BackupError, match="Another restore"),
        marked(new.database, "two"),
    ):
        raise AssertionError
    with pytest.raises(BackupError, match="not empty"), marked(server.parts.settings.database, "one"):
        raise AssertionError
    assert tables(new) == []
    assert server.rows("SELECT count(*) FROM person") == [(1,)]
