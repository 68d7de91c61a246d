"""Excel workbooks: the first sheet that holds anything, as text; formulas count by the value last calculated.

Owns what makes a workbook unsafe or unclear: archives that unpack to too much, merged cells, formulas without value.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from common.kernel.text import clean_fault, tidy
from sync_server.imports.sheet import (
    CELL_MAX,
    COLUMNS_MAX,
    FORMULA,
    ROWS_MAX,
    Fault,
    Measure,
    Row,
    Sheet,
    UnreadableFile,
    make_sheet,
)
from sync_server.imports.xlsx_scan import Part, scan

BAD = (
    zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, LookupError, ValueError, TypeError, AttributeError,
    OSError, EOFError, RuntimeError,
)  # fmt: skip


def read_xlsx(data: bytes) -> Sheet:
    """Read a workbook. Raises UnreadableFile `workbook_unreadable`, `file_too_large`, `cell_too_long`,
    `columns_too_many`, `table_too_full`, and as `make_sheet`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = scan(archive)
        rows, path = _first_sheet(data)
        part = parts.get(path.lstrip("/"), Part())
        if part.has_formulas:
            rows = _mark_formulas(data, rows)
    except BAD:
        raise UnreadableFile("workbook_unreadable") from None
    faults = tuple(
        Fault("cells_merged", line, values={"cells": cells})
        for cells, line in part.merged
        if rows and line > rows[0].line
    )
    return make_sheet(rows, faults)


def _first_sheet(data: bytes) -> tuple[list[Row], str]:
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    texts, measure = _Texts(), Measure()
    try:
        for sheet in book.worksheets:
            rows: list[Row] = []
            for line, cells in _lines(sheet):
                found = tuple(texts[cell] if isinstance(cell, str) else _text(cell) for cell in cells)
                if any(found):
                    rows.append(Row(line, measure.take(_without_tail(found))))
                if len(rows) > ROWS_MAX + 1:
                    break
            if rows:
                return rows, str(sheet._worksheet_path)
        return [], ""
    finally:
        book.close()


def _lines(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Walk the lines of a sheet that hold something, one column further than may be used."""
    for line, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX + 1, values_only=True), 1):
        if cells.count(None) < len(cells):  # the reader fills up a million lines that were left out
            yield line, cells


def _mark_formulas(data: bytes, rows: list[Row]) -> list[Row]:
    """Mark cells whose formula was never calculated: they look empty and are not."""
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    waiting, marked = iter(rows), []
    try:
        sheet = next(s for s in book.worksheets if any(any(cells) for _, cells in _lines(s)))
        row = next(waiting, None)
        for line, source in _lines(sheet):
            if row is not None and row.line == line:
                marked.append(Row(line, _marked(row.cells, source)))
                row = next(waiting, None)
            if row is None:
                break
    finally:
        book.close()
    return marked


def _marked(cells: tuple[str, ...], source: tuple[Any, ...]) -> tuple[str, ...]:
    full = (*cells, *[""] * (len(source) - len(cells)))
    told = (
        FORMULA if not text and isinstance(cell, str) and cell.startswith("=") else text
        for text, cell in zip(full, source, strict=False)
    )
    return _without_tail(tuple(told))


class _Texts(dict[str, str]):
    """Each text of the file tidied once: a sheet names it by number as often as it likes."""

    def __missing__(self, raw: str) -> str:
        self[raw] = _text(raw)
        return self[raw]


def _without_tail(cells: tuple[str, ...]) -> tuple[str, ...]:
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]


def _text(value: Any) -> str:
    """Write a cell as a person sees it: days without a time of day, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return (
            str(int(value))
            if value.is_integer() and abs(value) < 2**53
            else f"{value:.10f}".rstrip("0").rstrip(".")
        )
    text = tidy(str(value)) if clean_fault(str(value)) is None else str(value)
    if len(text) > CELL_MAX:
        raise UnreadableFile("cell_too_long", n=CELL_MAX)
    return text
