"""A look through a workbook's XML before a reader builds anything of it: how much there is, merged cells, formulas.

Owns the limits a reader does not keep. Reads in blocks, keeps no tree; what is no XML no reader gets far with either.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from xml.parsers import expat

from sync_server.imports.sheet import (
    CELLS_MAX,
    CHARACTERS_MAX,
    ROWS_MAX,
    UNPACKED_MAX,
    UnreadableFile,
    too_full,
)

BLOCK = 1 << 18
WIDEST, LONGEST = 16_384, 1_048_576  # columns and lines of a sheet in any program
A_CELL = 4  # elements: the cell, its value or text, and what holds that
MERGES_MAX = 1_000
MERGED = re.compile(r"[A-Z]+(\d+):[A-Z]+\d+\Z")


class Part:
    """What was seen in one part: merged ranges with their first line, and whether there are formulas."""

    def __init__(self) -> None:
        self.merged: list[tuple[str, int]] = []
        self.has_formulas = False
        self.loose = 0  # elements in no row: a reader keeps every one of them
        self._loose_text = 0
        self._width, self._text = -1, 0  # elements and characters of the row that is open, -1 in none

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Count an element. Raises UnreadableFile `columns_too_many`, `rows_too_many`, `table_too_full`."""
        local = name.rpartition(":")[2]
        if local == "row":
            if float(attributes.get("r") or 0) > LONGEST:  # the file's own word, and a reader fills up to it
                raise UnreadableFile("rows_too_many", n=ROWS_MAX)
            self._width = self._text = 0
        elif self._width >= 0:
            self._width += 1
            self.has_formulas = self.has_formulas or local == "f"
            if self._width > WIDEST * A_CELL:
                raise UnreadableFile("columns_too_many", n=WIDEST)
            return
        self.loose += local != "row"
        if self.loose > CELLS_MAX:
            raise too_full()
        ref = MERGED.match(attributes.get("ref", "")) if local == "mergeCell" else None
        if ref and len(self.merged) < MERGES_MAX:
            self.merged.append((ref[0], int(ref[1])))

    def text(self, data: str) -> None:
        """Count characters. Raises UnreadableFile `table_too_full`."""
        if self._width >= 0:
            self._text += len(data)
        else:
            self._loose_text += len(data)
        if max(self._text, self._loose_text) > CHARACTERS_MAX:
            raise too_full()

    def end(self, name: str) -> None:
        """Note that a row ends."""
        if name.rpartition(":")[2] == "row":
            self._width = -1


def scan(archive: zipfile.ZipFile) -> dict[str, Part]:
    """Look through every part. Raises UnreadableFile `file_too_large`, `columns_too_many`, `table_too_full`."""
    if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_MAX:
        raise UnreadableFile("file_too_large", n=UNPACKED_MAX // 1_000_000)
    found = {}
    for entry in archive.infolist():
        with archive.open(entry) as source:
            found[entry.filename] = _scan(source.read)
    if sum(part.loose for part in found.values()) > CELLS_MAX:
        raise too_full()
    return found


def _scan(read: Callable[[int], bytes]) -> Part:
    part, parser = Part(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = part.begin, part.end
    parser.CharacterDataHandler, parser.buffer_text = part.text, True
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        while block := read(BLOCK):
            parser.Parse(block, False)
    except expat.ExpatError:  # a picture, or damaged: the reader says so
        pass
    return part


def _no_doctype(*_told: object) -> None:
    raise UnreadableFile("workbook_unreadable")
