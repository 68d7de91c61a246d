"""The import as a library: bytes to a preview, a preview to commands, all or nothing (M4).

Owns the walk; console page, command line and demo share it. It writes only through `perform_many`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from common.kernel.work import Actor
from common.stock.stock_commands import ReceiveStock
from sync_server.db.database import Database
from sync_server.db.office import perform_many
from sync_server.imports.columns import Column, columns_of_kind, count_known, recognise
from sync_server.imports.csv_file import read_csv
from sync_server.imports.plan import Action, Line, Notes, Planned, Planner
from sync_server.imports.plan_customers import plan_customers
from sync_server.imports.plan_equipment import plan_equipment, plan_models
from sync_server.imports.plan_parts import plan_parts, plan_prices
from sync_server.imports.plan_people import plan_people
from sync_server.imports.plan_stock import plan_stock
from sync_server.imports.sheet import BYTES_MAX, Fault, Sheet, UnreadableFile
from sync_server.imports.undo import next_number, note_import, steps_of
from sync_server.imports.values import BadCell, read_cell
from sync_server.imports.xlsx_file import read_xlsx

PLANNERS: dict[str, Planner] = {
    "people": plan_people,
    "customers": plan_customers,
    "models": plan_models,
    "equipment": plan_equipment,
    "parts": plan_parts,
    "prices": plan_prices,
    "stock": plan_stock,
}
KEYS = {
    "people": ("number",),
    "customers": ("number",),
    "models": ("code",),
    "equipment": ("model", "serial"),
    "parts": ("number",),
    "prices": ("code", "zone"),
    "stock": ("location", "part", "serial"),
}
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
LINES_A_RECEIPT = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do. With a fault nothing can be applied. `ignored` are headings nobody knows."""

    kind: str
    rows: int
    planned: tuple[Planned, ...]
    faults: tuple[Fault, ...]
    fault_count: int
    ignored: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def count(self, action: Action) -> int:
        """Count the rows that would be new, changed or the same."""
        return sum(1 for one in self.planned if one.action == action)

    @property
    def can_apply(self) -> bool:
        """Say whether the whole file is good."""
        return self.fault_count == 0

    @property
    def changes_nothing(self) -> bool:
        """Say whether all of it is there already."""
        return self.can_apply and not any(one.commands for one in self.planned)


@dataclass(frozen=True, slots=True)
class Applied:
    """What an import did: commands that took effect, or the faults that kept all of it out."""

    commands: int
    faults: tuple[Fault, ...] = ()
    number: int = 0  # by which it can be taken back


def preview(database: Database, data: bytes, kind: str) -> Preview:
    """Read a file and say what importing it would do. Never raises for a bad file: its faults say what is wrong."""
    notes = Notes()
    try:
        sheet = read_file(data, kind)
    except UnreadableFile as unreadable:
        return Preview(kind, 0, (), (unreadable.fault,), 1)
    for fault in sheet.faults:
        notes.add(fault.code, fault.line, fault.column, **fault.values)
    places, ignored = _match_headings(sheet, kind, notes)
    lines = _read_lines(sheet, kind, places, notes)
    with database.read() as session:
        rows = tuple(_plan(session, kind, lines, notes)) if places else ()
    in_order = tuple(sorted(notes.faults, key=lambda fault: fault.line))
    return Preview(kind, len(sheet.rows), rows, in_order, notes.count, ignored, tuple(places))


def apply(
    database: Database, actor: Actor, plan: Preview, progress: Callable[[int], None] | None = None
) -> Applied:
    """Carry a preview out in one transaction. A refused command keeps all out and is named by its line.

    Raises ValueError if the preview has faults, DatabaseBusyError.
    """
    if not plan.can_apply:
        raise ValueError("a preview with faults cannot be applied")
    steps = _merge_receipts([(one.line, command) for one in plan.planned for command in one.commands])
    if not steps:
        return Applied(0)
    with database.read() as session:
        number = next_number(session)
        back = steps_of(session, plan.planned, number)
    rows = plan.count("new") + plan.count("changed")
    outcomes = perform_many(
        database, actor, [command for _, command in steps], progress=progress,
        also=lambda unit: note_import(unit, number, plan.kind, rows, actor.person_id, back),
    )  # fmt: skip
    refused = [
        Fault("refused", line, values={"reason": outcome.code, **outcome.values})
        for (line, _), outcome in zip(steps, outcomes, strict=True)
        if not outcome.took_effect
    ]
    return Applied(0 if refused else len(steps), tuple(refused), 0 if refused else number)


def read_file(data: bytes, kind: str) -> Sheet:
    """Read CSV or XLSX by what the bytes are. Raises UnreadableFile."""
    if not data.strip():
        raise UnreadableFile("file_empty")
    if len(data) > BYTES_MAX:
        raise UnreadableFile("file_too_large", n=BYTES_MAX // 1_000_000)
    if data.startswith(b"PK\x03\x04"):
        return read_xlsx(data)
    if data.startswith(OLD_EXCEL):
        raise UnreadableFile("old_excel")
    return read_csv(data, lambda cells: count_known(kind, cells))


def _match_headings(sheet: Sheet, kind: str, notes: Notes) -> tuple[dict[str, int], tuple[str, ...]]:
    places: dict[str, int] = {}
    ignored = []
    for place, heading in enumerate(sheet.heading.cells):
        name = recognise(kind, heading)
        if name is None:
            if heading:
                ignored.append(heading)
        elif name in places:
            notes.add("column_doubled", sheet.heading.line, name)
        else:
            places[name] = place
    for column in columns_of_kind(kind).values():
        if column.needed == "always" and column.name not in places:
            notes.add("column_missing", sheet.heading.line, column.name)
    return places, tuple(ignored)


def _read_lines(sheet: Sheet, kind: str, places: dict[str, int], notes: Notes) -> list[Line]:
    columns = columns_of_kind(kind)
    lines: list[Line] = []
    seen: dict[tuple[str, ...], int] = {}
    for row in sheet.rows:
        line = _read_line(row.line, row.cells, columns, places, notes)
        if line is None:
            continue
        key = tuple(str(line.values.get(name, "")) for name in KEYS[kind])
        if key in seen:
            notes.add("row_doubled", row.line, KEYS[kind][0], row=" ".join(key).strip(), first=seen[key])
            continue
        seen[key] = row.line
        lines.append(line)
    return lines


def _read_line(
    number: int, cells: Sequence[str], columns: Any, places: dict[str, int], notes: Notes
) -> Line | None:
    values: dict[str, Any] = {}
    good = True
    for name, place in places.items():
        column: Column = columns[name]
        text = cells[place] if place < len(cells) else ""
        if not text:
            if column.needed == "always":
                notes.add("value_missing", number, name)
                good = False
            continue
        try:
            values[name] = read_cell(column.type, text)
        except BadCell as bad:
            notes.add(bad.code, number, name, **bad.values)
            good = False
    return Line(number, values) if good else None


def _plan(session: Session, kind: str, lines: list[Line], notes: Notes) -> list[Planned]:
    if any(fault.code == "column_missing" for fault in notes.faults):
        return []
    return list(PLANNERS[kind](session, lines, notes))


def _merge_receipts(steps: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Join receipts at one place into few commands of many lines; other commands keep their order."""
    merged: list[tuple[int, Any]] = []
    open_at: dict[str, int] = {}
    for line, command in steps:
        place = open_at.get(command.location_id) if isinstance(command, ReceiveStock) else None
        if place is not None and len(merged[place][1].lines) < LINES_A_RECEIPT:
            first, receipt = merged[place]
            joined = ReceiveStock(receipt.location_id, (*receipt.lines, *command.lines), receipt.reference)
            merged[place] = (first, joined)
            continue
        if isinstance(command, ReceiveStock):
            open_at[command.location_id] = len(merged)
        merged.append((line, command))
    return merged
