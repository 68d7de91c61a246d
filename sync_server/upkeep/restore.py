"""A server out of a backup: `sync-server restore`. Checked before it takes the place of anything; nothing is deleted.

Owns the new epoch and its record. Tablets heal the rest by themselves: they meet a history whose marks they do not
know, read anew and offer again what they kept (ADR-0016). What came back is `healed`'s to tell.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, select, update

from common.kernel.clock import Clock, instant
from common.kernel.ids import RandomBytes
from common.protocol.epoch import epoch_after, generation_of
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import require_upgradable, upgrade
from sync_server.db.tables import StreamHead
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.db.upkeep_tables import Restoration
from sync_server.files.store import open_store
from sync_server.people.audit import note_event
from sync_server.settings import Settings
from sync_server.upkeep.backup import (
    POSTGRES_FILE,
    SQLITE_FILE,
    BackupError,
    dsn,
    file_hash,
    run_program,
    settle,
)
from sync_server.upkeep.backup_files import bring_back
from sync_server.upkeep.backup_place import UNFINISHED
from sync_server.upkeep.leave import AskLeave, Leave, raise_alarm
from sync_server.upkeep.under_way import marked
from sync_server.upkeep.verify import Fault, verify

MANIFEST = "manifest.json"
PROVED_BY = ("made_at", "seq", "epoch", "schema", "sha256")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: the backup's moment and newest number, the new epoch, and where the old database went."""

    backup_at: datetime
    seq: int
    epoch: str
    aside: tuple[Path, ...]
    faults: tuple[Fault, ...]
    files: tuple[int, int] = (0, 0)  # how many came back out of the backup, how many are in neither


def restore(
    given: Path,
    settings: Settings,
    clock: Clock,
    random_bytes: RandomBytes,
    *,
    ask_leave: AskLeave,
    copy: bool = False,
    replace: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Make the database of this installation from a backup's folder. The server must not be running.

    `ask_leave` is asked of the restored database; `copy` makes one for trying things: tablets are sent away from it.
    `replace` moves a database that is there aside. Raises BackupError, LeaveError, SchemaError; until the
    last step nothing that was there is touched, and one that is killed on PostgreSQL leaves none that is served.
    """
    folder = given if given.is_dir() else given.parent
    manifest = read_manifest(folder)
    done = _restored(folder, manifest, settings, clock, random_bytes, ask_leave, copy, replace, say)
    say("putting files back")
    engine = make_engine(settings.database, pool_size=1)
    store = open_store(settings)
    store.claim()  # what it should hold and does not is lost from now on, not away
    try:
        with Database(engine, clock, random_bytes).read() as session:
            files = bring_back(session, folder.parent, store)
    finally:
        engine.dispose()
    return dataclasses.replace(done, files=files)


def _restored(
    folder: Path,
    manifest: dict[str, Any],
    settings: Settings,
    clock: Clock,
    random_bytes: RandomBytes,
    ask_leave: AskLeave,
    copy: bool,
    replace: bool,
    say: Callable[[str], None],
) -> Restored:
    file = folder / (SQLITE_FILE if settings.is_sqlite else POSTGRES_FILE)
    if not file.exists():
        raise BackupError(f"{folder} is a backup of the other kind of database; restore it there, then: move")
    say("checking the backup's file")
    if file_hash(file) != manifest["sha256"]:
        raise BackupError(f"{file} is not the file that was backed up: its checksum differs")
    now = instant(clock.read().wall_ms)
    kind = "copy" if copy else "replace"
    if settings.is_sqlite:
        begin = partial(begin_history, clock=clock, random_bytes=random_bytes, ask_leave=ask_leave, say=say)
        return _restore_sqlite(file, manifest, settings, now, kind, replace, begin, say)
    url = make_url(settings.database)
    with marked(settings.database, folder.name):
        say("restoring")
        run_program(
            "pg_restore", url, "--no-owner", "--single-transaction", f"--dbname={dsn(url)}", str(file)
        )
        epoch, faults = begin_history(
            settings.database,
            manifest,
            kind,
            clock=clock,
            random_bytes=random_bytes,
            ask_leave=ask_leave,
            say=say,
        )
        _put_keys(folder, settings, now)  # last: with a refusal nothing was changed that was there
    return Restored(_moment(manifest), int(manifest["seq"]), epoch, (), faults)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a backup says of itself. Raises BackupError for what is none, unfinished, or had faults."""
    path = folder / MANIFEST
    if folder.name.endswith(UNFINISHED) or not path.exists():
        raise BackupError(f"{folder} is not a finished backup: {MANIFEST} is not there")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError:
        raise BackupError(f"{path} cannot be read") from None
    if missing := [name for name in PROVED_BY if name not in manifest]:
        raise BackupError(f"{path} does not say {', '.join(missing)}")
    return manifest


def backups_in(place: Path) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Yield the finished backups of a folder, oldest first, with what each says of itself; None for a damaged one."""
    for folder in sorted(place.glob("fieldwright-*")):
        if not folder.is_dir() or folder.name.endswith(UNFINISHED):
            continue
        try:
            yield folder, read_manifest(folder)
        except BackupError:
            yield folder, None


def newer_backups(folder: Path) -> list[Path]:
    """List backups beside this one that are newer, and good or not to be read: the one to restore is the newest.

    A damaged one counts by its name: whether tablets let go for its sake cannot be known, so somebody must say that
    it does not matter. An older one that is damaged holds nobody up.
    """
    mine = read_manifest(folder)
    return [
        other
        for other, told in backups_in(folder.parent)
        if (other.name > folder.name if told is None else not told.get("faults") and _is_newer(told, mine))
    ]


def _is_newer(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether a backup ends after another, by what no clock can turn round: its history, then its number."""
    if one["epoch"] == other["epoch"] and one["seq"] != other["seq"]:
        return bool(one["seq"] > other["seq"])
    generations = generation_of(one["epoch"]), generation_of(other["epoch"])
    if generations[0] != generations[1]:
        return generations[0] > generations[1]
    return bool(one["made_at"] > other["made_at"])


def begin_history(
    url: str,
    manifest: dict[str, Any],
    kind: str,
    *,
    clock: Clock,
    random_bytes: RandomBytes,
    ask_leave: AskLeave,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[str, tuple[Fault, ...]]:
    """Bring a restored database up, check it, and begin its new history; returns the epoch and what does not agree."""
    engine = make_engine(url, pool_size=2)
    try:
        require_upgradable(engine)
        upgrade(engine, random_bytes)
        database = Database(engine, clock, random_bytes)
        say("checking what was restored")
        database.number()
        with database.read() as session:
            faults = tuple(verify(session))
        leave = ask_leave(database)
        return database.transact(lambda unit: _begin(unit, random_bytes, manifest, kind, leave)), faults
    finally:
        engine.dispose()


def _begin(
    unit: UnitOfWork, random_bytes: RandomBytes, manifest: dict[str, Any], kind: str, leave: Leave
) -> str:
    previous = unit.session.execute(select(StreamHead.epoch)).scalar_one()
    now_ms = round(unit.now.timestamp() * 1000)
    epoch = epoch_after(previous, now_ms, random_bytes(8))
    unit.session.execute(update(StreamHead).values(epoch=epoch))
    unit.session.add(
        Restoration(
            id=unit.new_id(), restored_at=unit.now, backup_at=_moment(manifest), backup_seq=int(manifest["seq"]),
            kind=kind, epoch=epoch, previous_epoch=previous, leave=leave.way, reason=leave.reason,
        )
    )  # fmt: skip
    note_event(
        unit, "database_restored", "system", way=kind, seq=int(manifest["seq"]), epoch=epoch, leave=leave.way,
        people=" ".join(leave.people), reason=leave.reason[:1000], approval=leave.approval_id,
    )  # fmt: skip
    if leave.way == "alone":
        raise_alarm(unit, "restored_alone", leave.reason, manifest["made_at"])
    return epoch


def _restore_sqlite(
    file: Path,
    manifest: dict[str, Any],
    settings: Settings,
    now: datetime,
    kind: str,
    replace: bool,
    begin: Callable[..., tuple[str, tuple[Fault, ...]]],
    say: Callable[[str], None],
) -> Restored:
    place = Path(str(make_url(settings.database).database))
    there = [path for path in (place, *(Path(f"{place}{end}") for end in ("-wal", "-shm"))) if path.exists()]
    if there and not replace:
        raise BackupError(f"{place} is there already. With --replace it is moved aside and kept.")
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(place.name + ".restoring")
    for old in place.parent.glob(fresh.name + "*"):
        old.unlink()
    say("restoring")
    shutil.copyfile(file, fresh)
    epoch, faults = begin(f"sqlite:///{fresh}", manifest, kind)
    for left in (f"{fresh}-wal", f"{fresh}-shm"):
        if Path(left).exists() and Path(left).stat().st_size:
            raise BackupError(f"{left} did not go into the database; nothing was replaced")
        Path(left).unlink(missing_ok=True)
    _put_keys(file.parent, settings, now)
    aside = []
    for path in there:
        with contextlib.suppress(FileNotFoundError):  # the last reader takes its journal with it
            aside.append(path.rename(path.with_name(f"{path.name}.replaced-{now:%Y%m%dT%H%M%SZ}")))
    fresh.rename(place)
    settle(place.parent, inside=False)
    return Restored(_moment(manifest), int(manifest["seq"]), epoch, tuple(aside), faults)


def _put_keys(folder: Path, settings: Settings, now: datetime) -> None:
    """Put the backup's keys in place; other keys that are there are kept beside them."""
    settings.keys_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for key in sorted((folder / "keys").glob("*.key")):
        place = settings.keys_dir / key.name
        if place.exists() and _hash(place) != _hash(key):
            place.rename(place.with_name(f"{key.name}.replaced-{now:%Y%m%dT%H%M%SZ}"))
        if not place.exists():
            shutil.copy2(key, place)
            place.chmod(0o600)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _moment(manifest: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(manifest["made_at"])
