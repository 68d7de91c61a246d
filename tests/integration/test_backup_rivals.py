"""Two backups at once, and backups that fail for long: one is made at a time, and nothing is lost or filled (C5, C7)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from common.kernel.command import Role
from common.kernel.outcome import Refused
from sync_server import cli
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.file_tables import KeptFile
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.files.store import FolderStore
from sync_server.jobs.ticker import Ticker
from sync_server.upkeep import backup_files, schedule
from sync_server.upkeep.backup import Backup, back_up
from sync_server.upkeep.backup_files import backup_store
from sync_server.upkeep.backup_place import CHECKED_IN, LOCK, BackupRunningError, sole_backup
from sync_server.upkeep.schedule import make_backup_if_due, upkeep_jobs
from tests.integration.test_upkeep import postgresql_programs  # noqa: F401 - where the system has none
from tests.support.served import Server, a_server

HOLDING = """
import sys, threading
from pathlib import Path
from sync_server.upkeep.backup_place import sole_backup
with sole_backup(Path(sys.argv[1])):
    print("!", end="", flush=True)
    threading.Event().wait()
"""


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        made.person(Role.ENGINEER)
        yield made


class SlowStore(FolderStore):
    """A store on a slow disk: the first reader stands still until it is let on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        for block in super().read(sha256, start, length):
            yield block
            self.reached.set()
            assert self.go_on.wait(30)


def kept_file(server: Server, store: FolderStore, data: bytes) -> str:
    """Have the server keep a file, past uploads and records."""
    sha256 = hashlib.sha256(data).hexdigest()
    source = server.parts.settings.data_dir / f"{sha256}.source"
    source.write_bytes(data)
    store.put(sha256, source)

    def add(unit: UnitOfWork) -> None:
        unit.session.add(
            KeptFile(
                sha256=sha256,
                size_bytes=len(data),
                received_bytes=len(data),
                state="stored",
                fault="",
                media_type="image/jpeg",
                shown="yes",
                device_id="",
                begun_at=unit.now,
                moved_at=unit.now,
                stored_at=unit.now,
                checked_at=unit.now,
                backed_up=False,
            )  # fmt: skip
        )

    server.parts.database.transact(add)
    return sha256


def states(server: Server) -> set[str]:
    return {state for (state,) in server.rows("SELECT state FROM kept_file")}


def backed_up(server: Server, store: FolderStore) -> Backup:
    settings = server.parts.settings
    return back_up(
        server.parts.database, settings.database, settings.keys_dir, settings.backups_dir, store=store
    )


@pytest.mark.fault("C5", "I5")
def test_a_second_backup_beside_one_that_runs_is_refused_and_no_file_is_lost(server: Server) -> None:
    settings = server.parts.settings
    store = SlowStore(settings.files_dir)
    files = {kept_file(server, store, os.urandom(300_000)) for _ in range(3)}
    made: list[Backup] = []
    first = threading.Thread(target=lambda: made.append(backed_up(server, store)))
    first.start()
    try:
        assert store.reached.wait(30)
        server.clock.advance(timedelta(seconds=5))
        with pytest.raises(Refused, match="backup_running"):
            backed_up(server, FolderStore(settings.files_dir))
    finally:
        store.go_on.set()
        first.join()
    assert [one.faults for one in made] == [()]
    assert set(store.names()) == set(backup_store(settings.backups_dir).names()) == files
    assert states(server) == {"stored"}


@pytest.mark.fault("C7")
def test_a_backup_that_outlasts_the_pause_is_not_begun_by_the_next_worker(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = server.parts.settings
    engine = make_engine(settings.database)
    other = Ticker(Database(engine, server.clock, os.urandom), 1, upkeep_jobs(settings))
    begun = []

    def long(*given: object, **how: object) -> Backup:
        begun.append(server.clock.at)
        server.clock.advance(timedelta(minutes=11))
        other.tick()
        return make(*given, **how)  # type: ignore[arg-type]

    make = schedule.make_backup
    monkeypatch.setattr(schedule, "make_backup", long)
    server.clock.advance(timedelta(hours=30))
    Ticker(server.parts.database, 1, upkeep_jobs(settings)).tick()
    server.clock.advance(timedelta(minutes=11))
    other.tick()
    assert len(begun) == 1
    assert len(list(settings.backups_dir.glob("fieldwright-*"))) == 1
    engine.dispose()


def test_a_worker_that_waited_for_another_makes_no_second_one(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had seen that one is due, and comes to the folder as the other leaves it."""
    settings, database = server.parts.settings, server.parts.database
    server.clock.advance(timedelta(hours=30))
    lock = schedule.sole_backup

    def late(target: Path) -> object:
        monkeypatch.setattr(schedule, "sole_backup", lock)
        assert make_backup_if_due(settings, database) == 1
        return lock(target)

    monkeypatch.setattr(schedule, "sole_backup", late)
    assert make_backup_if_due(settings, database) == 0


def test_the_command_line_says_that_another_one_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDWRIGHT_LANGUAGE", "en")
    common = ["--data", str(tmp_path / "data")]
    assert cli.main([*common, "init"]) == 0
    with sole_backup(tmp_path / "kept"):
        assert cli.main([*common, "backup", "--to", str(tmp_path / "kept")]) == 1
    said = capsys.readouterr().err
    assert "backup_running" in said
    assert "Wait until it ends" in said
    assert cli.main([*common, "backup", "--to", str(tmp_path / "kept")]) == 0


def test_the_lock_falls_with_the_process_that_held_it(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDING, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.read(1) == b"!"
        with pytest.raises(BackupRunningError), sole_backup(tmp_path):
            raise AssertionError
        child.kill()
    with sole_backup(tmp_path):
        pass


@pytest.mark.fault("I5")
def test_a_copy_that_does_not_come_about_is_no_loss_of_the_original(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody cleans the folder of backups while a file is copied into it: a fault of the backup, of nothing else."""
    store = FolderStore(server.parts.settings.files_dir)
    sha256 = kept_file(server, store, os.urandom(1000))

    def swept(target: FolderStore, sha256: str, source: Path) -> None:
        source.unlink()
        put(target, sha256, source)

    put = FolderStore.put
    monkeypatch.setattr(FolderStore, "put", swept)
    with pytest.raises(FileNotFoundError):
        backed_up(server, store)
    assert (list(store.names()), states(server)) == ([sha256], {"stored"})
    monkeypatch.setattr(FolderStore, "put", put)
    monkeypatch.setattr(backup_files, "copy_whole", lambda *_: False)  # read badly once, well the second time
    server.clock.advance(timedelta(seconds=1))
    assert [str(fault) for fault in backed_up(server, store).faults] == [
        f"files: {sha256}: could not be copied"
    ]
    assert (list(store.names()), states(server)) == ([sha256], {"stored"})


@pytest.mark.fault("I5")
def test_what_the_original_lacks_too_is_asked_back_and_what_it_let_go_is_no_fault(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(server.parts.settings.files_dir)
    lost, let_go = (kept_file(server, store, os.urandom(1000)) for _ in range(2))
    for sha256 in (lost, let_go):
        store.remove(sha256)
    copy_new = backup_files.copy_new

    def meanwhile(*given: object) -> list[str]:
        with server.parts.database.engine.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM kept_file WHERE sha256 = '{let_go}'")
        return copy_new(*given)  # type: ignore[arg-type]

    monkeypatch.setattr("sync_server.upkeep.backup.copy_new", meanwhile)
    assert [fault.where for fault in backed_up(server, store).faults] == [lost]
    assert states(server) == {"missing"}


def test_a_file_of_a_wrong_size_in_the_backup_is_replaced(server: Server) -> None:
    store = FolderStore(server.parts.settings.files_dir)
    sha256 = kept_file(server, store, os.urandom(1000))
    there = backup_store(server.parts.settings.backups_dir)
    there.path(sha256).parent.mkdir(parents=True)
    there.path(sha256).write_bytes(b"cut short")
    assert backed_up(server, store).faults == ()
    assert there.path(sha256).read_bytes() == store.path(sha256).read_bytes()


def begun_in(server: Server, hours: int) -> list[float]:
    """Let the server look every ten minutes; returns after how many minutes a backup was begun."""
    settings, lock = server.parts.settings, server.parts.settings.backups_dir / LOCK
    begun, seen, start = [], "", server.clock.at
    for _ in range(hours * 6):
        make_backup_if_due(settings, server.parts.database)
        told = lock.read_text("utf-8") if lock.exists() else ""
        if told != seen:
            begun.append((server.clock.at - start) / timedelta(minutes=1))
        seen = told
        server.clock.advance(timedelta(minutes=10))
    return begun


def test_a_lasting_fault_does_not_fill_the_disk_with_faulty_backups(server: Server) -> None:
    settings, database = server.parts.settings, server.parts.database
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit SET kind = 'edit_person' WHERE seq = 1")
    server.clock.advance(timedelta(hours=30))
    assert begun_in(server, 24) == [0, 10, 30, 70, 150, 310, 630, 990, 1350]
    kept = sorted(path.name for path in settings.backups_dir.glob("fieldwright-*"))
    made = [Path(folder).name for (folder,) in server.rows("SELECT folder FROM backup_made ORDER BY made_at")]
    assert (len(made), kept) == (9, made[-2:])
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit SET kind = 'add_person' WHERE seq = 1")
    assert backed_up(server, FolderStore(settings.files_dir)).faults == ()  # by hand: that waits for nothing
    server.clock.advance(timedelta(hours=25))
    assert begun_in(server, 1) != []
    assert len(list(settings.backups_dir.glob("fieldwright-*"))) == 4


def test_a_backup_that_fails_leaves_nothing_and_is_tried_more_and_more_seldom(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = server.parts.settings

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sync_server.upkeep.backup.verify", no_room)
    server.clock.advance(timedelta(hours=30))
    assert begun_in(server, 6) == [0, 10, 30, 70, 150, 310]
    assert [path.name for path in settings.backups_dir.iterdir()] == [LOCK]
    if not settings.is_sqlite:
        assert checked_in(server) == []


def checked_in(server: Server) -> list[str]:
    named = "SELECT datname FROM pg_database WHERE datname LIKE 'fieldwright_check_%'"
    return [name for (name,) in server.rows(named)]


@pytest.mark.fault("C7")
def test_what_a_killed_backup_left_goes_with_the_next(server: Server) -> None:
    """Folder, the database its copy was checked in, and parts of files; never a database of another name."""
    settings, database = server.parts.settings, server.parts.database
    left = settings.backups_dir / "fieldwright-20260301T000000Z.unfinished"
    left.mkdir(parents=True)
    (left / CHECKED_IN).write_text("fieldwright_check_0badf00d")
    other = settings.backups_dir / "fieldwright-20260302T000000Z.unfinished"
    other.mkdir()
    own = make_url(settings.database).database or ""
    (other / CHECKED_IN).write_text(own)
    files = settings.backups_dir / "files"
    (files / "ab" / "cd").mkdir(parents=True)
    for part in (files / "abcd.x.copying", files / "ab" / "cd" / "abcd.x.copying.new"):
        part.write_bytes(b"half")
    if not settings.is_sqlite:
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("CREATE DATABASE fieldwright_check_0badf00d")
    made = backed_up(server, FolderStore(settings.files_dir))
    assert {path for path in settings.backups_dir.rglob("*") if path.is_file()} - set(
        made.folder.rglob("*")
    ) == {settings.backups_dir / LOCK}
    assert list(settings.backups_dir.glob("*.unfinished")) == []
    if not settings.is_sqlite:
        assert checked_in(server) == []


def test_a_moment_that_comes_twice_gets_a_name_of_its_own(server: Server) -> None:
    store = FolderStore(server.parts.settings.files_dir)
    names = [backed_up(server, store).folder.name for _ in range(2)]
    assert names == ["fieldwright-20260305T024200Z", "fieldwright-20260305T024200Z-2"]
