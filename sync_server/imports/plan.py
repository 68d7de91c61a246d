"""What an import would do, row by row, before it does anything.

Owns the values that planners fill. A planner compares rows with the tables and makes the commands; it writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.orm import Session

from common.inbox.edits import Change, show_value
from common.kernel.ids import derive_id
from common.kernel.record import Synced
from sync_server.imports.sheet import Fault

Action = Literal["new", "changed", "same"]
FAULTS_MAX = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One row read: the values of its filled cells by column name."""

    line: int
    values: Mapping[str, Any]

    def of(self, *names: str) -> dict[str, Any]:
        """Return the filled cells among these columns."""
        return {name: self.values[name] for name in names if name in self.values}


@dataclass(frozen=True, slots=True)
class Planned:
    """What becomes of one row: `changes` are (column, old, new) as text, `commands` what makes it so."""

    line: int
    key: str
    title: str
    action: Action
    changes: tuple[tuple[str, str, str], ...] = ()
    commands: tuple[Any, ...] = ()


@dataclass(slots=True)
class Notes:
    """Faults found so far, each line counted once for the totals; the list is cut, the count is not."""

    faults: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, code: str, line: int = 0, column: str = "", **values: str | int) -> None:
        """Note a fault."""
        self.count += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(code, line, column, values))


Planner = Callable[[Session, list[Line], Notes], Iterator[Planned]]


def edits_of(row: Synced, wanted: Mapping[str, Any]) -> tuple[Change, ...]:
    """Compare a row with what the file says; only what differs becomes a change."""
    return tuple(
        Change(name, show_value(getattr(row, name)), show_value(value))
        for name, value in wanted.items()
        if getattr(row, name) != value
    )


def fresh_id(taken: Collection[str], *parts: str) -> str:
    """Derive an id from what a row says; another one where that thing was there and was ended."""
    found, again = derive_id("import", *parts), 1
    while found in taken:
        found, again = derive_id("import", *parts, str(again)), again + 1
    return found


def taken_up(row: Any) -> tuple[Change, ...]:
    """Take a row that is out of use up again: a table that names it wants it there."""
    return () if row.active else (Change("active", show_value(False), show_value(True)),)


def shown(changes: Iterable[Change]) -> tuple[tuple[str, str, str], ...]:
    """Turn edits into what the preview shows."""
    return tuple((c.field, c.old, c.new) for c in changes)


def planned(
    line: Line, key: str, title: str, changes: Iterable[Change], *commands: Any, new: bool = False
) -> Planned:
    """Make the plan of a row; without commands it stays the same."""
    action: Action = "new" if new else "changed" if commands else "same"
    return Planned(line.line, key, title, action, shown(changes), commands)


def has_all(line: Line, notes: Notes, *names: str) -> bool:
    """Check that a row that is new has what a new one needs; notes `value_missing_for_new`."""
    missing = [name for name in names if name not in line.values]
    for name in missing:
        notes.add("value_missing_for_new", line.line, name)
    return not missing
