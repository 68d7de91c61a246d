"""`sync-server import`: preview, faults by line and column, then all or nothing. Also writes templates.

Owns the words in the terminal. The walk itself is the importer's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from common.i18n import LANGUAGES, translate
from common.kernel.work import Actor
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM
from sync_server.imports.columns import KINDS
from sync_server.imports.importer import Preview, apply, preview
from sync_server.imports.templates import template_csv, template_xlsx
from sync_server.imports.undo import past_imports, undo_import
from sync_server.imports.wording import say_counts, say_fault, say_left, say_place

SHOWN_FAULTS = 40
SHOWN_ROWS = 5
GOOD, FAULTY, ABANDONED = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("kind", nargs="?", choices=KINDS, help="what the table holds")
    parser.add_argument("file", nargs="?", type=Path, help="CSV (any encoding and delimiter) or XLSX")
    parser.add_argument("--list", action="store_true", help="the last imports, with their numbers")
    parser.add_argument("--undo", type=int, metavar="NUMBER", help="take an import back as a whole")
    parser.add_argument("--template", choices=KINDS, help="write an empty table instead")
    parser.add_argument("-o", "--output", type=Path, help="where the template goes (.csv or .xlsx)")
    parser.add_argument("--check", action="store_true", help="only preview, change nothing")
    parser.add_argument("-y", "--yes", action="store_true", help="import without asking")
    parser.add_argument(
        "--language", choices=LANGUAGES, default="en", help="language of messages and headings"
    )


def needs_database(args: argparse.Namespace) -> bool:
    """Say whether the arguments ask for the database; a template does not."""
    return args.template is None


def run(
    args: argparse.Namespace,
    database: Database | None,
    *,
    actor: Actor = SYSTEM,
    say: Callable[[str], None] = print,
    ask: Callable[[str], str] = input,
) -> int:
    """Carry the command out. Returns 0 when done, 1 when the file has faults, 2 when nothing was asked or agreed."""
    language = args.language
    if args.template:
        return _write_template(args, say)
    if database is not None and args.list:
        return _list(database, language, say)
    if database is not None and args.undo:
        return _undo(database, actor, args.undo, language, say)
    if not args.kind or not args.file or database is None:
        say(translate(language, "import.cli.what"))
        return ABANDONED
    try:
        data = args.file.read_bytes()
    except OSError as error:
        say(translate(language, "import.cli.no_file", file=str(args.file), detail=error.strerror or ""))
        return ABANDONED
    plan = preview(database, data, args.kind)
    _show(plan, language, say)
    if not plan.can_apply:
        say(translate(language, "import.cli.nothing_done"))
        return FAULTY
    if plan.changes_nothing:
        say(translate(language, "import.cli.all_there"))
        return GOOD
    if args.check:
        return GOOD
    if not args.yes and ask(translate(language, "import.cli.ask")).strip().lower() not in (
        "y",
        "yes",
        "是",
        "j",
    ):
        say(translate(language, "import.cli.nothing_done"))
        return ABANDONED
    return _apply(database, actor, plan, language, say)


def _apply(database: Database, actor: Actor, plan: Preview, language: str, say: Callable[[str], None]) -> int:
    total = sum(len(one.commands) for one in plan.planned)

    def progress(done: int) -> None:
        if done % 1000 == 0:
            say(translate(language, "import.cli.progress", done=done, total=total))

    done = apply(database, actor, plan, progress)
    for fault in done.faults[:SHOWN_FAULTS]:
        say(f"  {say_place(plan.kind, fault, language)}: {say_fault(plan.kind, fault, language)}")
    key = "import.cli.nothing_done" if done.faults else "import.cli.done"
    say(translate(language, key, n=plan.count("new") + plan.count("changed")))
    if done.number:
        say(translate(language, "import.cli.number", number=done.number))
    return FAULTY if done.faults else GOOD


def _list(database: Database, language: str, say: Callable[[str], None]) -> int:
    with database.read() as session:
        found = past_imports(session)
    for run in found:
        kind, state = (
            translate(language, f"import.kind.{run.kind}"),
            translate(language, f"import.state.{run.state}"),
        )
        say(f"{run.number:>5}  {run.at:%Y-%m-%d %H:%M} UTC  {kind}  {run.rows}  {state}")
    return GOOD


def _undo(database: Database, actor: Actor, number: int, language: str, say: Callable[[str], None]) -> int:
    done = undo_import(database, actor, number)
    say(translate(language, "import.undone", number=done.number, n=done.taken_back))
    for one in done.left:
        say(f"  {one.line:>5}  {one.key}  {one.title}: {say_left(one.code, language)}")
    return GOOD


def _show(plan: Preview, language: str, say: Callable[[str], None]) -> None:
    say(say_counts(plan, language))
    if plan.ignored:
        say(translate(language, "import.cli.ignored", headings=", ".join(plan.ignored)))
    for action in ("new", "changed"):
        rows = [one for one in plan.planned if one.action == action]
        for one in rows[:SHOWN_ROWS]:
            changes = "; ".join(f"{field}: {old or '–'} → {new or '–'}" for field, old, new in one.changes)
            word = translate(language, f"import.action.{action}")
            say(f"  {word}  {one.key}  {one.title}  {changes}".rstrip())
        if len(rows) > SHOWN_ROWS:
            say("  " + translate(language, "import.cli.more", n=len(rows) - SHOWN_ROWS))
    for fault in plan.faults[:SHOWN_FAULTS]:
        say(f"  {say_place(plan.kind, fault, language)}: {say_fault(plan.kind, fault, language)}")
    if plan.fault_count > SHOWN_FAULTS:
        say("  " + translate(language, "import.cli.more", n=plan.fault_count - SHOWN_FAULTS))


def _write_template(args: argparse.Namespace, say: Callable[[str], None]) -> int:
    path: Path = args.output or Path(f"{args.template}.csv")
    make = template_xlsx if path.suffix.lower() == ".xlsx" else template_csv
    path.write_bytes(make(args.template, args.language))
    say(translate(args.language, "import.cli.template", file=str(path)))
    return GOOD
