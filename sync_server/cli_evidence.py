"""`sync-server anchor` and `export-equipment`: arguments and what is printed. The work is upkeep's."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from common.approvals.approval import UseApproval
from common.kernel.outcome import Refused
from sync_server.app import Parts
from sync_server.db.office import SYSTEM, perform
from sync_server.files.store import whole_file
from sync_server.upkeep.anchors import anchor_page, make_anchor, read_anchors
from sync_server.upkeep.export import export_equipment, find_unit, plain_name
from sync_server.upkeep.leave import LeaveError, raise_alarm


def add_commands(add: Callable[..., argparse.ArgumentParser], with_parts: Callable[[Any], Any]) -> None:
    """Add the commands to the command line."""
    anchor = add("anchor", with_parts(run_anchor), "sign the head of the audit chain, for keeping elsewhere")
    anchor.add_argument("--print", action="store_true", help="print the newest anchor, for paper or mail")
    anchor.add_argument(
        "--after-restore", action="store_true", help="the database was restored to before the newest anchor"
    )
    export = add("export-equipment", with_parts(run_export), "one unit's whole life as a ZIP with its proofs")
    export.add_argument("serial", help="the unit's serial number")
    export.add_argument("--to", help="the file to write; without it equipment-SERIAL.zip in this folder")
    leave = export.add_mutually_exclusive_group(required=True)
    leave.add_argument("--approval", metavar="ID", help="two people have agreed at the console")
    leave.add_argument(
        "--alone", metavar="REASON", help="one person alone: the office is told, the audit keeps it"
    )
    export.add_argument("--id", action="store_true", help="SERIAL is the unit's id in Fieldwright")


def run_anchor(args: argparse.Namespace, parts: Parts) -> int:
    """Make an anchor."""
    folder = parts.settings.anchors_dir
    made = make_anchor(parts.database, parts.keys, folder, after_restore=args.after_restore)
    print(f"Anchored up to entry {made.seq}: {made.file}" if made else "Nothing new to anchor.")
    if args.print:
        known = read_anchors(folder)
        print(anchor_page(known[-1]) if known else "There is no anchor yet.")
    return 0


def run_export(args: argparse.Namespace, parts: Parts) -> int:
    """Write the export of a unit, whole or not at all."""
    unit_id = args.serial
    if not args.id:
        with parts.database.read() as session:
            unit_id = find_unit(session, args.serial).id
    _take_leave(args, parts, unit_id)
    target = Path(args.to or f"equipment-{plain_name(args.serial)}.zip")
    fresh = target.with_name(target.name + ".unfinished")
    try:
        with fresh.open("wb") as out:
            done = export_equipment(
                parts.database, parts.keys, parts.settings, unit_id, "system", out,
                partial(whole_file, parts.uploads.store), approval_id=args.approval or "", alone=args.alone or "",
            )  # fmt: skip
        fresh.rename(target)
    finally:
        fresh.unlink(missing_ok=True)
    print(f"{target}: {done.tickets} tickets, {done.reports} reports, {done.entries} audit entries")
    print(f"Server key: {parts.keys.sign_public}")
    print(
        "Check it anywhere: unpack verify_evidence.py from it and run: python verify_evidence.py "
        + target.name
    )
    return 0


def _take_leave(args: argparse.Namespace, parts: Parts, unit_id: str) -> None:
    """Use the approval up, or tell the office that somebody went without it. Refuses as `use_approval` does."""
    make_anchor(
        parts.database, parts.keys, parts.settings.anchors_dir
    )  # books that do not agree use nothing up
    if args.alone is not None:
        reason = args.alone.strip()
        if len(reason) < 10:
            raise LeaveError("--alone wants the reason in words: ten characters at least.")
        parts.database.transact(lambda unit: raise_alarm(unit, "exported_alone", reason[:1000], args.serial))
        return
    outcome = perform(parts.database, SYSTEM, UseApproval(args.approval, "export_evidence", unit_id))
    if not outcome.took_effect:
        raise Refused(outcome.code, **outcome.values)
