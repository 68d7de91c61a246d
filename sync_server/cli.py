"""`sync-server`: init, serve, demo, user, device, import, backup, restore, verify. Composition root beside `app`.

Owns arguments and what is printed for the person at the terminal. What a command does is its own module's.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import make_url

from common.i18n import has_key, translate
from common.kernel.outcome import Refused
from sync_server import cli_evidence, cli_people, cli_upkeep
from sync_server.app import Parts, make_parts
from sync_server.db.database import Database
from sync_server.db.migrate import SchemaError, current, newest, require_schema, require_upgradable, upgrade
from sync_server.files.store import StoreAwayError
from sync_server.keys import ServerKeys
from sync_server.people.first_admin import new_start_code
from sync_server.security import read_security
from sync_server.settings import Settings, SettingsError, as_environment, read_settings
from sync_server.upkeep.anchors import AnchorError
from sync_server.upkeep.backup import BackupError
from sync_server.upkeep.behind import require_not_behind
from sync_server.upkeep.leave import LeaveError
from sync_server.upkeep.running import ServingError, sole_server
from sync_server.upkeep.under_way import refuse_half_restored

Run: TypeAlias = Callable[[argparse.Namespace, Settings], int]
NETWORK_DISKS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afs", "ceph"})
GRACE_S = 2
START_S = 60  # how long a worker may take to load on a busy machine before it counts as dead


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 refused or faults found, 2 asked wrongly."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["demo"]:  # has arguments of its own
        return int(importlib.import_module("sync_server.demo").main(words[1:]) or 0)
    args = _parser().parse_args(words)
    chosen = {name: getattr(args, name, None) for name in ("host", "port", "workers", "public_url")}
    try:
        settings = read_settings(data_dir=args.data, database_url=args.database_url, **chosen)
        run: Run = args.run
        return run(args, settings)
    except Refused as refused:
        print(f"Refused: {refused.code} {dict(refused.values) or ''}".rstrip(), file=sys.stderr)
        if has_key(key := f"reason.{refused.code}"):
            print(translate(settings.language, key, **refused.values), file=sys.stderr)
    except (
        SettingsError,
        SchemaError,
        AnchorError,
        BackupError,
        LeaveError,
        ServingError,
        StoreAwayError,
    ) as error:
        print(error, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sync-server", description="Fieldwright's server")
    parser.add_argument(
        "--data", help="the server's data folder (FIELDWRIGHT_SERVER_DATA, else $FIELDWRIGHT_DATA/server)"
    )
    parser.add_argument(
        "--database-url", help="postgresql+psycopg://… instead of SQLite (FIELDWRIGHT_DATABASE_URL)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Run, help_text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=help_text, description=help_text)
        made.set_defaults(run=run)
        return made

    add("init", _init, "create or upgrade the database; prints the start-up code of the first administrator")
    serve = add("serve", _serve, "serve tablets and console")
    serve.add_argument("--host")
    serve.add_argument("--port")
    serve.add_argument("--workers", help="worker processes; more than one needs PostgreSQL")
    serve.add_argument("--public-url", help="the address that tablets and browsers use")
    commands.add_parser("demo", help="a demo company with everything started", add_help=False)
    cli_people.add_user_arguments(
        add("user", _with_parts(cli_people.run_user), "people who sign in at the console")
    )
    cli_people.add_device_arguments(add("device", _with_parts(cli_people.run_device), "enrolled tablets"))
    rescue = add("rescue", _with_parts(cli_people.run_rescue), "take in a tablet's rescue file")
    rescue.add_argument("file", type=Path)
    imports = importlib.import_module("sync_server.imports.cli")
    imports.add_arguments(add("import", _import, "load customers, equipment, parts, prices from CSV or XLSX"))
    backup = _with_parts(cli_upkeep.run_backup)
    add("backup", backup, "copy the running database, restore the copy, check it").add_argument(
        "--to", help="folder of backups"
    )
    cli_upkeep.add_restore_arguments(
        add("restore", _restore, "make this installation's database from a backup")
    )
    add("restored", _with_parts(cli_upkeep.run_restored), "what came back from the field since the restore")
    new_epoch = _with_parts(cli_upkeep.run_new_epoch)
    add("new-epoch", new_epoch, "go on as the server tablets stay with").add_argument(
        "--without-backup", metavar="REASON", help="even though a backup holds what this database lacks"
    )
    add("move", _with_parts(cli_upkeep.run_move), "from SQLite into an empty PostgreSQL").add_argument(
        "target", help="postgresql+psycopg://…"
    )
    checks = "check audit chain, receipts, stock and sealed reports"
    add("verify", _with_parts(cli_upkeep.run_verify), checks).add_argument(
        "--files", action="store_true", help="read and hash every file too"
    )
    cli_evidence.add_commands(add, _with_parts)
    return parser


def _init(_args: argparse.Namespace, settings: Settings) -> int:
    refuse_network_disk(settings)
    parts = make_parts(settings)
    refuse_half_restored(parts.database.engine)
    found, wanted = current(parts.database.engine), newest()
    done: Callable[[], None] = lambda: None  # noqa: E731 - nothing to do unless there was something to keep
    if found and found != wanted:
        require_upgradable(parts.database.engine)
        print(f"Backing up before the upgrade from {found} to {wanted} …")
        done = cli_upkeep.backup_before_upgrade(parts.database, settings)
    upgrade(parts.database.engine, parts.database.random_bytes)
    done()
    print(f"Database ready: {_shown(settings)}")
    _print_start_code(parts.database, parts.keys, settings)
    return 0


def _print_start_code(database: Database, keys: ServerKeys, settings: Settings) -> None:
    try:
        code = new_start_code(database, keys)
    except Refused:
        return
    print("Nobody can sign in yet. Open the console and use this start-up code once:")
    print(f"  {settings.address}/console/start")
    print(f"  {code}")


def _serve(_args: argparse.Namespace, settings: Settings) -> int:
    refuse_network_disk(settings)
    if settings.workers > 1 and settings.is_sqlite:
        print(
            "Several workers need PostgreSQL: set --database-url, or leave --workers at 1.", file=sys.stderr
        )
        return 2
    parts = make_parts(settings)
    refuse_half_restored(parts.database.engine)
    require_schema(parts.database.engine)
    require_not_behind(parts.database, settings.backups_dir)
    parts.database.engine.dispose()
    os.environ.update(as_environment(settings))
    with sole_server(settings.data_dir) if settings.is_sqlite else contextlib.nullcontext():
        _listen(settings)
    return 0


def _listen(settings: Settings) -> None:
    import uvicorn

    from sync_server.line import EnvironmentProtocol, open_files

    line = read_security(settings.security).line
    open_files()
    print(f"Serving {settings.address} (stop with Ctrl-C)", flush=True)
    uvicorn.run(
        "sync_server.app:app_from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=START_S,
        timeout_keep_alive=line.keep_alive_s,
        http=EnvironmentProtocol,  # type: ignore[arg-type]
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies or None,
        server_header=False,
        access_log=False,
        log_level="info",
    )


def _import(args: argparse.Namespace, settings: Settings) -> int:
    imports = importlib.import_module("sync_server.imports.cli")
    database = None
    if imports.needs_database(args):
        parts = make_parts(settings)
        require_schema(parts.database.engine)
        database = parts.database
    return int(imports.run(args, database))


def _restore(args: argparse.Namespace, settings: Settings) -> int:
    refuse_network_disk(settings)
    return cli_upkeep.run_restore(args, settings)


def _with_parts(run: Callable[[argparse.Namespace, Parts], int]) -> Run:
    """Open database and keys for a command, and refuse a database of another shape."""

    def opened(args: argparse.Namespace, settings: Settings) -> int:
        parts = make_parts(settings)
        refuse_half_restored(parts.database.engine)
        require_schema(parts.database.engine)
        return run(args, parts)

    return opened


def refuse_network_disk(settings: Settings, mounts: str = "/proc/mounts") -> None:
    """Raise SettingsError where SQLite would lie on a disk of another machine: its locks do not hold there (M7)."""
    if not settings.is_sqlite or not os.path.exists(mounts):
        return
    with open(mounts, encoding="utf-8", errors="replace") as lines:
        known = [line.split()[1:3] for line in lines if len(line.split()) > 2]
    folder = str(Path(make_url(settings.database).database or settings.data_dir).resolve().parent)
    around = [(len(place), kind) for place, kind in known if f"{folder}/".startswith(place.rstrip("/") + "/")]
    if around and max(around)[1] in NETWORK_DISKS:
        raise SettingsError(
            f"{folder} lies on a network disk ({max(around)[1]}), where SQLite is not safe. "
            "Choose a folder of this machine, or use PostgreSQL."
        )


def _shown(settings: Settings) -> str:
    return make_url(settings.database).render_as_string(hide_password=True)


if __name__ == "__main__":
    sys.exit(main())
