"""CSV files of any program: encoding and delimiter are found by which reading knows the most headings.

Owns the guess. A wrong guess cannot pass unseen: headings that nobody knows are reported by the planner.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from common.kernel.text import tidy
from sync_server.imports.sheet import (
    CELL_MAX,
    FORMULA,
    ROWS_MAX,
    Measure,
    Row,
    Sheet,
    UnreadableFile,
    make_sheet,
)

MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
ENCODINGS = ("utf-8", "gb18030", "big5")
DELIMITERS = (",", ";", "\t", "|", "，")
HEAD_LINES = 20
Known = Callable[[tuple[str, ...]], int]


def read_csv(data: bytes, known: Known) -> Sheet:
    """Read a CSV file. `known` counts the headings it recognises in a row of cells.

    Raises UnreadableFile `file_encoding`, `file_empty`, `rows_too_many`, `columns_too_many`, `table_too_full`,
    `cell_too_long`, `file_malformed`.
    """
    text, delimiter = _best_reading(data, known)
    return make_sheet(_rows(text, delimiter))


def _best_reading(data: bytes, known: Known) -> tuple[str, str]:
    marked = [name for mark, name in MARKS if data.startswith(mark)]
    best: tuple[int, str, str] | None = None
    for encoding in marked or ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            continue
        head = "\n".join(text.splitlines()[:HEAD_LINES])
        for delimiter in DELIMITERS:
            score = max((known(row.cells) for row in _rows(head, delimiter)[:1]), default=0)
            if best is None or score > best[0]:
                best = (score, text, delimiter)
    if best is None:
        raise UnreadableFile("file_encoding")
    return best[1], best[2]


def _rows(text: str, delimiter: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[Row] = []
    line, measure = 1, Measure()
    try:
        for cells in reader:
            tidied = tuple(_cell(cell) for cell in cells)
            if any(tidied):
                rows.append(Row(line, measure.take(tidied)))
            line = reader.line_num + 1
            if len(rows) > ROWS_MAX + 1:
                break
    except csv.Error:
        raise UnreadableFile("file_malformed", line=line) from None
    return rows


def _cell(raw: str) -> str:
    """Tidy a cell. A leading apostrophe keeps text text (our own exports write it); a formula has no value here."""
    text = tidy(raw)
    if len(text) > CELL_MAX:
        raise UnreadableFile("cell_too_long", n=CELL_MAX)
    if text.startswith("=") and len(text) > 1:
        return FORMULA
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text
