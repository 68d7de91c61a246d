"""Small files that unfold to very much are refused with a reason before they fill the memory (H5)."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator

import pytest
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from common.i18n import LANGUAGES
from sync_server.db.database import Database
from sync_server.imports.importer import preview
from sync_server.imports.sheet import (
    CELL_MAX,
    CELLS_MAX,
    CHARACTERS_MAX,
    COLUMNS_MAX,
    Measure,
    UnreadableFile,
)
from sync_server.imports.wording import say_fault
from sync_server.imports.xlsx_file import read_xlsx
from sync_server.imports.xlsx_scan import Part
from tests.support.master import a_master

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TYPE = (
    b'<Override PartName="/xl/sharedStrings.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>'
)
SHEET = "worksheet"
MEMORY_MAX = 100_000_000  # what refusing one may take


def workbook(rows: str, *, before: str = "", shared: str = "", doctype: str = "") -> bytes:
    """Make a workbook whose one sheet has this XML."""
    book = Workbook()
    made, out = io.BytesIO(), io.BytesIO()
    book.save(made)
    inside = f"{before}<sheetData>{rows}</sheetData>"
    sheet = f'{doctype}<{SHEET} xmlns="{MAIN}">{inside}</{SHEET}>'
    strings = f'<sst xmlns="{MAIN}"><si><t>{shared}</t></si></sst>'
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            own = source.read(name).replace(b"</Types>", TYPE + b"</Types>")
            target.writestr(name, sheet if name.endswith("sheet1.xml") else own)
        target.writestr("xl/sharedStrings.xml", strings)
    return out.getvalue()


def repeated() -> str:
    letters = [get_column_letter(column) for column in range(1, COLUMNS_MAX)]
    return "".join(
        f'<row r="{n}">' + "".join(f'<c r="{letter}{n}" t="s"><v>0</v></c>' for letter in letters) + "</row>"
        for n in range(1, 60)
    )


FULL = {
    "one long text named often": (lambda: workbook(repeated(), shared="x" * CELL_MAX), "table_too_full"),
    "a row without end": (lambda: workbook("<row>" + "<c/>" * 3_000_000 + "</row>"), "columns_too_many"),
    "a line far below": (
        lambda: workbook('<row r="999999999999"><c t="inlineStr"><is><t>x</t></is></c></row>'), "rows_too_many",
    ),
    "a column too many": (
        lambda: workbook(f'<row><c r="{get_column_letter(COLUMNS_MAX + 1)}1"><v>1</v></c></row>'),
        "columns_too_many",
    ),
    "entities": (
        lambda: workbook("<row><c><v>&a;</v></c></row>", doctype='<!DOCTYPE a [<!ENTITY a "1">]>'),
        "workbook_unreadable",
    ),
}  # fmt: skip


@pytest.fixture
def database() -> Iterator[Database]:
    master = a_master()
    yield master
    master.engine.dispose()


@pytest.mark.fault("H5")
@pytest.mark.parametrize("case", FULL)
def test_a_workbook_that_unfolds_without_end_is_refused_in_little_memory(case: str) -> None:
    make, code = FULL[case]
    data = make()
    assert len(data) < 300_000
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile) as refused:
            read_xlsx(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.fault.code == code
    assert peak < MEMORY_MAX


@pytest.mark.fault("H5")
def test_what_stands_in_no_row_and_what_one_row_says_is_counted_too() -> None:
    for count in ("loose", "_loose_text", "_text"):
        part = Part()
        part.begin("sheetData", {})
        part.begin("row", {})
        if count != "_text":
            part.end("row")
        setattr(part, count, max(CELLS_MAX, CHARACTERS_MAX))
        with pytest.raises(UnreadableFile, match="table_too_full"):
            part.text("x") if "text" in count else part.begin("si", {})


def test_the_reason_is_said_in_words(database: Database) -> None:
    (fault,) = preview(database, workbook(repeated(), shared="x" * CELL_MAX), "customers").faults
    assert (fault.code, fault.values) == ("table_too_full", {"cells": 3, "characters": 30})
    for language in LANGUAGES:
        said = say_fault("customers", fault, language)
        assert "30" in said
        assert "{" not in said


def test_a_sheet_with_every_column_formatted_and_a_text_named_often_is_read() -> None:
    """Programs write empty cells to the last column there is; equal texts are kept once."""
    empty = "".join(f'<c r="{get_column_letter(column)}2" s="0"/>' for column in range(2, 16_385))
    rows = (
        f'<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>0</v></c>{empty}</row>'
    )
    sheet = read_xlsx(workbook(rows, shared=" 客户编号 "))
    assert (sheet.heading.cells, [row.cells for row in sheet.rows]) == (("客户编号",), [("客户编号",)])
    assert sheet.heading.cells[0] is sheet.rows[0].cells[0]


def test_a_csv_file_has_the_same_limits(database: Database) -> None:
    (fault,) = preview(database, ("a," * COLUMNS_MAX + "b\n").encode(), "customers").faults
    assert fault.code == "columns_too_many"
    for full in (Measure(cells=CELLS_MAX), Measure(characters=CHARACTERS_MAX)):
        with pytest.raises(UnreadableFile, match="table_too_full"):
            full.take(("a",))
