"""`sync-server backup`, `restore`, `restored`, `new-epoch`, `verify`: what is printed while a server is looked after.

Owns arguments and words for the terminal. The work itself is `upkeep`'s.
"""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url, select, update
from sqlalchemy.exc import SQLAlchemyError

from common.protocol.epoch import epoch_after
from sync_server.app import Parts, SystemClock
from sync_server.db.database import Database
from sync_server.db.durable import note_backup
from sync_server.db.engine import make_engine
from sync_server.db.migrate import SchemaError, require_schema
from sync_server.db.move import move
from sync_server.db.tables import StreamHead
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.files.keeping import Keeping
from sync_server.files.store import StoreAwayError, open_store
from sync_server.keys import load_keys
from sync_server.people.audit import note_event
from sync_server.security import read_security
from sync_server.settings import Settings
from sync_server.upkeep.backup import Backup, BackupError, back_up
from sync_server.upkeep.behind import BehindBackupError, backup_ahead
from sync_server.upkeep.evidence import outside
from sync_server.upkeep.healed import healed_since, last_restoration, report
from sync_server.upkeep.leave import (
    Ask,
    AskLeave,
    alone,
    by_approval,
    by_people,
    for_a_copy,
    keys_folder,
    raise_alarm,
)
from sync_server.upkeep.restore import newer_backups, restore
from sync_server.upkeep.running import sole_server
from sync_server.upkeep.verify import Fault, verify


def add_restore_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `restore`."""
    parser.add_argument("backup", help="folder of a backup")
    parser.add_argument(
        "--copy",
        action="store_true",
        help="a copy for trying things beside the live server: takes no tablets",
    )
    parser.add_argument(
        "--replace", action="store_true", help="move the database that is there aside (SQLite)"
    )
    parser.add_argument("--approval", metavar="ID", help="two people have agreed at the console")
    parser.add_argument(
        "--by", metavar="NAME", action="append", default=[],
        help="twice: two people of the office prove themselves here, by the backup's own passwords and codes",
    )  # fmt: skip
    parser.add_argument("--reason", default="", help="with --by: why the house goes back to an earlier day")
    parser.add_argument(
        "--alone", metavar="REASON", help="nobody else can be reached: the office is told, the audit keeps it"
    )
    parser.add_argument(
        "--older", action="store_true", help="restore this one although a newer good backup lies beside it"
    )


def run_backup(args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `backup`."""
    print(made_backup(parts.database, parts.settings, args.to))
    return 0


def made_backup(database: Database, settings: Settings, to: str | None) -> str:
    """Make a backup and say where it is. Raises BackupError where its copy has faults."""
    made = _backed_up(database, settings, to)
    return f"{made.folder}: restored and checked, safe up to {made.seq}"


def backup_before_upgrade(database: Database, settings: Settings) -> Callable[[], None]:
    """Make the backup without which no shape is changed (M6); call what it returns once the shape is the new one."""
    made = _backed_up(database, settings, None)
    print(f"  {made.folder}: restored, upgraded and checked, safe up to {made.seq}")
    return lambda: note_backup(database, str(made.folder), made.made_at, made.seq, 0)


def _backed_up(database: Database, settings: Settings, to: str | None) -> Backup:
    target = Path(to) if to else settings.backups_dir
    made = back_up(
        database, settings.database, settings.keys_dir, target, _say, store=open_store(settings, database)
    )
    if made.faults:
        raise BackupError("\n".join([f"The copy in {made.folder} has faults:", *map(str, made.faults)]))
    return made


def leave_asked(args: argparse.Namespace, settings: Settings, folder: Path, ask: Ask) -> AskLeave:
    """Return by whose leave this restore goes. Raises BackupError where nothing of the kind was named."""
    if args.copy:
        return for_a_copy
    if args.approval:
        return by_approval(args.approval, folder.name, _there(settings))
    if args.by:
        security = read_security(settings.security)
        keys = load_keys(keys_folder(folder, settings.keys_dir), os.urandom)
        return by_people(tuple(args.by), args.reason, keys, security, ask)
    if args.alone is not None:
        return alone(args.alone)
    raise BackupError(
        "A restore takes two people. Either both have agreed at the console: --approval ID (page Approvals); or both "
        'are here: --by NAME --by NAME; or nobody else can be reached: --alone "the reason" (the office is told). '
        "A copy for trying things needs nobody: --copy"
    )


def _there(settings: Settings) -> Database | None:
    """Open the database that is to be replaced; None where there is none that can be read."""
    place = make_url(settings.database).database or ""
    if not settings.is_sqlite or not Path(place).exists():
        return None
    engine = make_engine(settings.database)
    try:
        require_schema(engine)
    except (SchemaError, SQLAlchemyError):
        engine.dispose()
        return None
    return Database(engine, SystemClock(), os.urandom)


def run_restore(args: argparse.Namespace, settings: Settings, ask: Ask = getpass.getpass) -> int:
    """Carry out `restore`."""
    folder = Path(args.backup).resolve()
    newer = newer_backups(folder if folder.is_dir() else folder.parent)
    if newer and not args.older:
        raise BackupError(
            f"A newer backup lies beside it, good or not to be read: {newer[-1]}. Tablets may have let go of what "
            "that one holds. With --older this one is restored all the same."
        )
    place = folder if folder.is_dir() else folder.parent
    with sole_server(settings.data_dir):
        done = restore(
            folder, settings, SystemClock(), os.urandom, ask_leave=leave_asked(args, settings, place, ask),
            copy=args.copy, replace=args.replace, say=_say,
        )  # fmt: skip
    for path in done.aside:
        print(f"Kept beside it: {path}")
    for fault in done.faults:
        print(fault)
    print(f"Restored the backup of {done.backup_at:%Y-%m-%d %H:%M} UTC, which ends at {done.seq}.")
    came, lacking = done.files
    if came or lacking:
        print(f"{came} files came back out of the backup; {lacking} are in neither place.")
    if args.copy:
        print("It is a copy for trying things: it sends every tablet away.")
    else:
        print("Start the server. Tablets bring back by themselves what they kept; see: sync-server restored")
    return 1 if done.faults else 0


def run_restored(_args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `restored`: what came back from the field since the last restore."""
    with parts.database.read() as session:
        found = last_restoration(session)
        lines = report(healed_since(session, found)) if found else ["This database was never restored."]
    print("\n".join(lines))
    return 0


def run_new_epoch(args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `new-epoch`: from now on this is the server tablets stay with."""
    random_bytes, reason = parts.database.random_bytes, (args.without_backup or "").strip()[:1000]
    ahead = backup_ahead(parts.database, parts.settings.backups_dir)
    if ahead is not None and not reason:
        raise BehindBackupError(ahead)

    def begin(unit: UnitOfWork) -> str:
        previous = unit.session.execute(select(StreamHead.epoch)).scalar_one()
        epoch = epoch_after(previous, round(unit.now.timestamp() * 1000), random_bytes(8))
        unit.session.execute(update(StreamHead).values(epoch=epoch))
        note_event(unit, "epoch_begun", "system", epoch=epoch, previous=previous)
        came = last_restoration(unit.session)
        if came is not None and came.kind == "copy":
            raise_alarm(unit, "restored_alone", "new-epoch", came.backup_at.isoformat())
        if ahead is not None:
            raise_alarm(unit, "behind_backup", reason, ahead.name)
        return epoch

    with sole_server(parts.settings.data_dir):
        epoch = parts.database.transact(begin)
    print(f"Epoch {epoch} has begun.")
    return 0


def run_move(args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `move`: the whole database from SQLite into an empty PostgreSQL."""
    if not parts.settings.is_sqlite:
        raise BackupError("This installation is on PostgreSQL already.")
    with sole_server(parts.settings.data_dir):
        parts.database.number()
        told = move(parts.database.engine, args.target, parts.database.random_bytes, _say)
    print(
        f"{sum(one.rows for one in told.values())} rows in {len(told)} tables are there, each of them the same."
    )
    print("Set FIELDWRIGHT_DATABASE_URL to the new database, then: sync-server verify, sync-server serve")
    return 0


def run_verify(args: argparse.Namespace, parts: Parts) -> int:
    """Carry out `verify`; with `--files` every file is read and hashed too."""
    parts.database.number()
    with parts.database.read() as session:
        faults = verify(session, outside(parts.settings, parts.keys))
    if args.files:
        _say("reading files")
        try:
            rotten = Keeping(parts.uploads, parts.pictures).rotten()
            faults += [Fault("files", sha256, "is missing or not what its name says") for sha256 in rotten]
        except StoreAwayError as error:  # what the records told must be heard all the same
            faults.append(Fault("files", "cannot be read", str(error)))
    for fault in faults:
        print(fault)
    print("All is well." if not faults else f"{len(faults)} faults.")
    return 1 if faults else 0


def _say(step: str) -> None:
    print(f"  {step} …", flush=True)
