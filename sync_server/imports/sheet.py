"""What a file holds before anyone asks what it means: rows of text with the line each came from.

Owns limits and the faults of a file. Reads no database and knows no noun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

BYTES_MAX = 30_000_000
UNPACKED_MAX = 400_000_000
ROWS_MAX = 100_000
COLUMNS_MAX = 200
CELL_MAX = 8_000
CELLS_MAX = 3_000_000
CHARACTERS_MAX = 30_000_000
FORMULA = "\x00formula"  # stands in a cell whose formula has no value; no clean text holds a NUL


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where: `line` as in the file (0: all of it), `column`; sentence `import.fault.<code>`."""

    code: str
    line: int = 0
    column: str = ""
    values: Mapping[str, str | int] = field(default_factory=dict)


class UnreadableFile(Exception):  # noqa: N818 - it is said to a person
    """The file as a whole cannot be used; carries its fault."""

    def __init__(self, code: str, **values: str | int) -> None:
        super().__init__(code)
        self.fault = Fault(code, values=values)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file and its cells, tidied."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of a table, empty ones left out; the first that is not empty is the heading."""

    heading: Row
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Measure:
    """Counts what a table holds while it is read, before it fills the memory."""

    cells: int = 0
    characters: int = 0

    def take(self, cells: tuple[str, ...]) -> tuple[str, ...]:
        """Count a row. Raises UnreadableFile `columns_too_many`, `table_too_full`."""
        if len(cells) > COLUMNS_MAX:
            raise UnreadableFile("columns_too_many", n=COLUMNS_MAX)
        self.cells += len(cells)
        self.characters += sum(map(len, cells))
        if self.cells > CELLS_MAX or self.characters > CHARACTERS_MAX:
            raise too_full()
        return cells


def too_full() -> UnreadableFile:
    """Say that a table holds more than is read."""
    return UnreadableFile(
        "table_too_full", cells=CELLS_MAX // 1_000_000, characters=CHARACTERS_MAX // 1_000_000
    )


def make_sheet(rows: list[Row], faults: tuple[Fault, ...] = ()) -> Sheet:
    """Take the first row for the heading. Raises UnreadableFile `file_empty`, `rows_too_many`."""
    if not rows:
        raise UnreadableFile("file_empty")
    if len(rows) - 1 > ROWS_MAX:
        raise UnreadableFile("rows_too_many", n=ROWS_MAX)
    return Sheet(rows[0], tuple(rows[1:]), faults)
