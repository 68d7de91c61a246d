"""Backups are restored before they are believed; verify names the first bad entry (C5, D9, P7, P8, P11)."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from common.kernel.command import Role
from sync_server import cli
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import current
from sync_server.settings import Settings, SettingsError
from sync_server.upkeep.backup import BackupError, back_up
from sync_server.upkeep.verify import verify
from tests.support.postgres import packaged_installation, system_installation
from tests.support.served import Server, a_server


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        for name in ("一", "二", "三"):
            made.person(Role.ENGINEER, name=name)
        yield made


@pytest.fixture(autouse=True)
def postgresql_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no PostgreSQL, the packaged one brings pg_dump too."""
    packaged = packaged_installation()
    if system_installation() is None and packaged is not None:
        monkeypatch.setenv("PATH", f"{packaged.bin}:{os.environ['PATH']}")


def faults(server: Server) -> list[str]:
    server.parts.database.number()
    with server.parts.database.read() as session:
        return [str(fault) for fault in verify(session)]


def tamper(server: Server, statement: str, **values: Any) -> None:
    with server.parts.database.engine.connect() as connection:
        assert connection.execute(text(statement), values).rowcount > 0
        connection.commit()


def backed_up(server: Server, target: Path) -> Any:
    settings = server.parts.settings
    return back_up(server.parts.database, settings.database, settings.keys_dir, target)


def test_a_sound_server_has_no_faults(server: Server) -> None:
    server.sign_in_as(Role.DISPATCHER)
    assert faults(server) == []


@pytest.mark.fault("D9")
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE audit SET entry = replace(entry, '二', '四') WHERE seq = 2",
            "audit: entry 2: add_person of",
        ),
        (
            "UPDATE audit SET kind = 'edit_person' WHERE seq = 2",
            "audit: entry 2: its columns say edit_person",
        ),
        ("UPDATE audit SET actor_id = 'somebody' WHERE seq = 3", "audit: entry 3: its columns say"),
        ("DELETE FROM audit WHERE seq = 2", "audit: entry 2: is missing"),
        ("DELETE FROM audit WHERE seq = 3", "audit: entry 3: the chain is cut off"),
        ("UPDATE audit SET at = at + 1 WHERE seq = 1", "audit: entry 1: add_person of"),
        ("UPDATE audit SET prev_hash = hash WHERE seq = 3", "audit: entry 3: add_person does not hang on"),
        ("DELETE FROM receipt WHERE op_id = (SELECT min(op_id) FROM receipt)", "receipt: "),
        ("UPDATE receipt SET status = 'parked' WHERE op_id = (SELECT min(op_id) FROM receipt)", "receipt: "),
        ("UPDATE stream_head SET seq = 1", "feed: head 1: numbers were given up to 6"),
    ],
)
def test_tampering_is_named(server: Server, statement: str, said: str) -> None:
    tamper(server, statement)
    with server.parts.database.read() as session:
        found = [str(fault) for fault in verify(session)]
    assert found
    assert found[0].startswith(said)


def test_a_recomputed_chain_differs_from_the_one_in_a_backup(server: Server, tmp_path: Path) -> None:
    """Who rewrites the whole chain cannot rewrite the head that was kept elsewhere."""
    made = backed_up(server, tmp_path / "kept")
    manifest = json.loads((made.folder / "manifest.json").read_text("utf-8"))
    assert manifest["seq"] == made.seq
    assert len(manifest["sha256"]) == 64


def test_a_backup_is_restored_checked_and_then_durable(server: Server, tmp_path: Path) -> None:
    made = backed_up(server, tmp_path / "kept")
    assert made.faults == ()
    assert made.folder.name == "fieldwright-20260305T024200Z"
    assert server.rows("SELECT seq, durable FROM stream_head") == [(made.seq, made.seq)]
    assert sorted(path.name for path in (made.folder / "keys").iterdir()) == [
        "box.key",
        "secret.key",
        "sign.key",
    ]
    assert not list(made.folder.glob("restored*"))
    if server.parts.settings.is_sqlite:
        engine = make_engine(f"sqlite:///{made.folder / 'database.db'}")
        copy = Database(engine, server.clock, os.urandom)
        with copy.read() as session:
            assert session.execute(text("SELECT count(*) FROM person")).scalar_one() == 3
        assert current(engine) == current(server.parts.database.engine)
        engine.dispose()


def test_a_backup_with_faults_makes_nothing_durable(server: Server, tmp_path: Path) -> None:
    tamper(server, "DELETE FROM audit WHERE seq = 2")
    made = backed_up(server, tmp_path / "kept")
    assert [fault.check for fault in made.faults][0] == "audit"
    assert server.rows("SELECT durable FROM stream_head") == [(0,)]


@pytest.mark.fault("C5")
def test_writers_go_on_while_a_backup_is_made(server: Server, tmp_path: Path) -> None:
    stop = threading.Event()
    written: list[str] = []

    def write() -> None:
        while not stop.is_set():
            written.append(server.person(Role.ENGINEER))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = backed_up(server, tmp_path / "kept")
    finally:
        stop.set()
        writer.join()
    assert made.faults == ()
    assert len(server.rows("SELECT id FROM person")) == 3 + len(written)
    assert faults(server) == []


def test_durable_never_goes_back(server: Server, tmp_path: Path) -> None:
    first = backed_up(server, tmp_path / "one")
    server.person(Role.ENGINEER)
    second = backed_up(server, tmp_path / "two")
    assert second.seq > first.seq
    assert server.rows("SELECT durable FROM stream_head") == [(second.seq,)]


def test_a_database_in_memory_has_no_backup(tmp_path: Path) -> None:
    with a_server("", tmp_path) as server:
        settings = server.parts.settings
        with pytest.raises(BackupError, match="in memory"):
            back_up(server.parts.database, "sqlite://", settings.keys_dir, tmp_path / "kept")


def run(*words: str) -> int:
    return cli.main(words)


def test_the_command_line_from_empty_to_backup(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--data", str(tmp_path / "data"), "--database-url", database_url]
    assert run(*common, "verify") == 1
    assert "sync-server init" in capsys.readouterr().err
    assert run(*common, "init") == 0
    said = capsys.readouterr().out
    assert "/console/start" in said
    assert len(said.split()[-1]) == 23
    add = ["user", "add", "mei", "--name", "林梅", "--role", "dispatcher", "--role", "administrator"]
    assert run(*common, *add) == 0
    assert "mei" in capsys.readouterr().out
    assert run(*common, "init") == 0
    assert "console/start" not in capsys.readouterr().out
    assert run(*common, *add) == 1
    assert "number_taken" in capsys.readouterr().err
    assert run(*common, "user", "reset-password", "mei") == 0
    assert run(*common, "user", "deactivate", "mei") == 1
    assert "last_administrator" in capsys.readouterr().err
    assert run(*common, "user", "list") == 0
    assert "林梅" in capsys.readouterr().out
    assert run(*common, "user", "sessions", "mei", "--end") == 0
    assert run(*common, "device", "code", "mei") == 0
    assert "fieldwright:enrol?" in capsys.readouterr().out
    assert run(*common, "device", "list") == 0
    assert run(*common, "device", "revoke", "none") == 1
    assert run(*common, "backup", "--to", str(tmp_path / "kept")) == 0
    assert "restored and checked" in capsys.readouterr().out
    assert run(*common, "verify") == 0
    assert "All is well" in capsys.readouterr().out


def test_several_workers_want_postgresql(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--data", str(tmp_path), "serve", "--workers", "2") == 2
    assert "PostgreSQL" in capsys.readouterr().err


@pytest.mark.fault("M7")
def test_sqlite_on_a_network_disk_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"proc /proc proc rw 0 0\ndisk / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n")
    with pytest.raises(SettingsError, match="network disk"):
        cli.refuse_network_disk(Settings(tmp_path / "data"), str(mounts))
    mounts.write_text("disk / ext4 rw 0 0\n")
    cli.refuse_network_disk(Settings(tmp_path / "data"), str(mounts))
    assert sqlite3.sqlite_version_info > (3, 35)
