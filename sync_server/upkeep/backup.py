"""Backups of a running server: copied hot, restored to be sure, checked, and only then believed.

Owns the folder of a backup: the database, the server's keys, a manifest. What tablets keep is let go only after this.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, select, text

from common.kernel.clock import instant
from sync_server.db.database import Database
from sync_server.db.durable import note_backup
from sync_server.db.engine import make_engine
from sync_server.db.migrate import current, newest, upgrade
from sync_server.db.tables import StreamHead
from sync_server.files.keeping import lose
from sync_server.files.store import FileStore
from sync_server.upkeep.backup_files import copy_new, look_again
from sync_server.upkeep.backup_place import CHECKED_IN, UNFINISHED, BackupPlace, sole_backup
from sync_server.upkeep.verify import Fault, verify

SQLITE_FILE = "database.db"
POSTGRES_FILE = "database.dump"
CHECK = "fieldwright_check_"


class BackupError(RuntimeError):
    """The backup could not be made or does not restore; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was restored and checked. `seq` is the newest number in it."""

    folder: Path
    made_at: datetime
    seq: int
    faults: tuple[Fault, ...]


def back_up(
    database: Database,
    url: str,
    keys_dir: Path,
    target: Path,
    say: Callable[[str], None] = lambda _: None,
    *,
    store: FileStore | None = None,
) -> Backup:
    """Make a backup in a new folder below `target`, restore it, verify it, and mark what it holds as durable.

    Files of `store` that the copy names are copied beside it, those that are new; one that is not whole is a fault, and
    is asked back from the tablets.
    A copy in which `verify` finds faults is kept, but nothing is marked; neither is one of an older shape, which
    whoever upgrades marks afterwards (`note_backup`). Raises BackupError; refuses with `backup_running` while another
    one is made there.
    """
    with sole_backup(target) as place:
        return make_backup(place, database, url, keys_dir, say, store=store)


def make_backup(
    place: BackupPlace,
    database: Database,
    url: str,
    keys_dir: Path,
    say: Callable[[str], None] = lambda _: None,
    *,
    store: FileStore | None = None,
) -> Backup:
    """Do what `back_up` does, for one who holds the folder already; leaves nothing of one that fails."""
    now = instant(database.clock.read().wall_ms)
    place.count_try(now)
    sweep = partial(place.sweep, partial(_drop_check, make_url(url)))
    sweep()
    try:
        made = _make(place, now, database, url, keys_dir, say, store)
    except BaseException:
        sweep()
        raise
    if not made.faults:
        place.ended_well()
    return made


def _make(
    place: BackupPlace,
    now: datetime,
    database: Database,
    url: str,
    keys_dir: Path,
    say: Callable[[str], None],
    store: FileStore | None,
) -> Backup:
    folder = place.free_name(f"fieldwright-{now:%Y%m%dT%H%M%SZ}")
    unready = folder.with_name(folder.name + UNFINISHED)
    unready.mkdir(mode=0o700)
    database.number()
    say("copying")
    file = unready / (SQLITE_FILE if database.on_sqlite else POSTGRES_FILE)
    (_copy_sqlite if database.on_sqlite else _dump_postgres)(make_url(url), file)
    shutil.copytree(keys_dir, unready / "keys")
    say("restoring the copy to be sure")
    with restored_copy(make_url(url), file, database) as copy:
        revision = current(copy.engine)
        upgrade(copy.engine, database.random_bytes)  # before an upgrade of the original this is its rehearsal
        with copy.read() as session:
            seq, epoch = session.execute(select(StreamHead.seq, StreamHead.epoch)).one()
            say("checking the copy")
            faults = tuple(verify(session))
            say("copying files")
            lacking = copy_new(session, store, place.folder) if store else []
    if store and lacking:
        faults += _files_lacking(database, store, lacking)
    manifest = {
        "made_at": now.isoformat(),
        "seq": seq,
        "epoch": epoch,
        "schema": revision,
        "sha256": file_hash(file),
        "faults": [str(fault) for fault in faults],
    }
    (unready / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    settle(unready)
    unready.rename(folder)
    made = Backup(folder, now, seq, faults)
    if revision == newest():
        note_backup(database, str(folder), now, seq, len(faults))
    return made


def _files_lacking(database: Database, store: FileStore, lacking: list[str]) -> tuple[Fault, ...]:
    """Name the files a backup lacks; those the original lacks too are asked back."""
    seen = look_again(database, store, lacking)
    lose(database, store, seen.lost)
    lost = [Fault("files", sha256, "is missing or rotten; it is asked back") for sha256 in seen.lost]
    return (*lost, *(Fault("files", sha256, "could not be copied") for sha256 in seen.uncopied))


def _copy_sqlite(url: URL, file: Path) -> None:
    """Copy by SQLite itself: writers go on, and the copy is one moment (C5)."""
    source = str(url.database)
    if url.database in (None, "", ":memory:"):
        raise BackupError("a database in memory cannot be backed up")
    with closing(sqlite3.connect(source, timeout=30, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(file),))


def _dump_postgres(url: URL, file: Path) -> None:
    run_program("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")


@contextmanager
def restored_copy(url: URL, file: Path, database: Database) -> Iterator[Database]:
    """Open a copy of the backup as a database of its own, gone afterwards."""
    if file.name == SQLITE_FILE:
        copy = file.with_name("restored.db")
        shutil.copyfile(file, copy)
        engine = make_engine(f"sqlite:///{copy}", pool_size=1)
        try:
            yield Database(engine, database.clock, database.random_bytes)
        finally:
            engine.dispose()
            for path in file.parent.glob("restored.db*"):
                path.unlink()
        return
    name = f"{CHECK}{database.random_bytes(4).hex()}"
    note = file.with_name(CHECKED_IN)
    note.write_text(name, "utf-8")
    settle(file.parent, inside=False)  # whoever comes after a kill finds the name, and drops what goes by it
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE template0'))
        try:
            there = url.set(database=name)
            run_program(
                "pg_restore", there, "--no-owner", "--exit-on-error", f"--dbname={dsn(there)}", str(file)
            )
            engine = make_engine(there.render_as_string(hide_password=False), pool_size=1)
            yield Database(engine, database.clock, database.random_bytes)
            engine.dispose()
        finally:
            _drop_check(url, name)
            note.unlink()
    finally:
        admin.dispose()


def _drop_check(url: URL, name: str) -> None:
    """Drop a database that a copy was checked in, and no other."""
    if url.get_backend_name() != "postgresql" or not re.fullmatch(f"{CHECK}[0-9a-f]{{8}}", name):
        return
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    finally:
        admin.dispose()


def run_program(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs, of at least the server's version; the password goes by environment."""
    found = _program(program, _server_version(url))
    if found is None:
        raise BackupError(f"{program} of the server's version is not installed (package postgresql-client)")
    command = [found, *arguments]
    if program == "pg_dump":
        command.append(f"--dbname={dsn(url)}")
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"} | (
        {"PGPASSWORD": str(url.password)} if url.password else {}
    )
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - own arguments
    if done.returncode != 0:
        raise BackupError(f"{program} failed: {done.stderr.strip()[-800:]}")


def dsn(url: URL) -> str:
    """Write a libpq address without the password."""
    bare = url.set(drivername="postgresql", password=None)
    return bare.render_as_string(hide_password=False)


def _server_version(url: URL) -> int:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    finally:
        engine.dispose()


def _program(name: str, version: int) -> str | None:
    """Find the newest such program, if it is new enough."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    for path in [folder / name for folder in folders]:
        if path.exists() and float(path.parent.parent.name) >= version:
            return str(path)
    found = shutil.which(name)
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    numbers = [int(word.split(".")[0]) for word in said.split() if word.split(".")[0].isdecimal()]
    return found if max(numbers, default=0) >= version else None


def file_hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def settle(folder: Path, *, inside: bool = True) -> None:
    """Have the disk keep a folder's names, and all its files with `inside`, before anything builds on them."""
    for path in [*(folder.rglob("*") if inside else ()), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
