"""Excel workbooks: the first sheet that holds anything, as text; formulas count by the value last calculated.

Owns what makes a workbook unsafe or unclear: archives that unpack to too much, merged cells, formulas without value.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
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
    UNPACKED_MAX,
    Fault,
    Row,
    Sheet,
    UnreadableFile,
    make_sheet,
)

MERGED = re.compile(rb'<mergeCell ref="([A-Z]+(\d+):[A-Z]+\d+)"')
BAD = (
    zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, LookupError, ValueError, TypeError, AttributeError,
    OSError, EOFError, RuntimeError,
)  # fmt: skip


def read_xlsx(data: bytes) -> Sheet:
    """Read a workbook. Raises UnreadableFile `workbook_unreadable`, `file_too_large`, and as `make_sheet`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_MAX:
                raise UnreadableFile("file_too_large", n=UNPACKED_MAX // 1_000_000)
        rows, part = _first_sheet(data)
        merged, formulas = _marks(data, part)
    except BAD:
        raise UnreadableFile("workbook_unreadable") from None
    if formulas:
        rows = _mark_formulas(data, rows)
    faults = tuple(
        Fault("cells_merged", line, values={"cells": cells})
        for cells, line in merged
        if rows and line > rows[0].line
    )
    return make_sheet(rows, faults)


def _first_sheet(data: bytes) -> tuple[list[Row], str]:
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in book.worksheets:
            rows = []
            for line, cells in enumerate(sheet.iter_rows(max_col=COLUMNS_MAX + 1, values_only=True), 1):
                texts = tuple(_text(cell) for cell in cells)
                if any(texts):
                    rows.append(Row(line, _without_tail(texts)))
                if len(rows) > ROWS_MAX + 1:
                    break
            if rows:
                return rows, str(sheet._worksheet_path)
        return [], ""
    finally:
        book.close()


def _marks(data: bytes, part: str) -> tuple[list[tuple[str, int]], bool]:
    """Find merged ranges and whether there are formulas, in the sheet's own XML: reading row by row shows neither."""
    if not part:
        return [], False
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        xml = archive.read(part.lstrip("/"))
    return [(m[1].decode(), int(m[2])) for m in MERGED.finditer(xml)], b"<f" in xml


def _mark_formulas(data: bytes, rows: list[Row]) -> list[Row]:
    """Mark cells whose formula was never calculated: they look empty and are not."""
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    try:
        sheet = next(s for s in book.worksheets if any(any(r) for r in s.iter_rows(values_only=True)))
        raw = {line: cells for line, cells in enumerate(sheet.iter_rows(values_only=True), 1)}
    finally:
        book.close()
    marked = []
    for row in rows:
        source = raw.get(row.line, ())
        cells = [
            FORMULA if not text and isinstance(cell, str) and cell.startswith("=") else text
            for text, cell in zip((*row.cells, *[""] * (len(source) - len(row.cells))), source, strict=False)
        ]
        marked.append(Row(row.line, _without_tail(tuple(cells))))
    return marked


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
