"""Empty tables to fill in, as CSV or workbook, with headings in the reader's language.

Owns making cells safe: nothing we write is taken for a formula by the program that opens it.
"""

from __future__ import annotations

import csv
import io

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from common.i18n import translate
from sync_server.imports.columns import columns_of_kind, heading_of

RISKY = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would calculate; the import takes it off again."""
    return f"'{text}" if text.startswith(RISKY) else text


def template_csv(kind: str, language: str) -> bytes:
    """Make an empty CSV table: UTF-8 with mark, so that every spreadsheet program reads the Chinese headings."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow([safe_cell(heading) for heading in _headings(kind, language)])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def template_xlsx(kind: str, language: str) -> bytes:
    """Make an empty workbook with a second sheet that explains each column."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(translate(language, f"import.kind.{kind}")[:31])
    cells = []
    for heading in _headings(kind, language):
        cell = WriteOnlyCell(sheet, value=safe_cell(heading))
        cell.font = Font(bold=True)
        cells.append(cell)
    sheet.append(cells)
    notes = book.create_sheet(translate(language, "import.template.notes")[:31])
    for name, column in columns_of_kind(kind).items():
        needed = translate(language, f"import.needed.{column.needed or 'no'}")
        type_ = translate(language, f"import.type.{column.type}")
        notes.append([safe_cell(text) for text in (heading_of(kind, name, language), needed, type_)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _headings(kind: str, language: str) -> list[str]:
    return [
        heading_of(kind, name, language) + ("*" if column.needed else "")
        for name, column in columns_of_kind(kind).items()
    ]
