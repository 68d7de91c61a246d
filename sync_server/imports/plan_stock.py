"""Plans for stock: a table is a count. What was never booked is received, what differs is counted (R087, R092)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.edits import Change
from common.kernel.ids import derive_id
from common.stock.location import SHELVES, StockLocation
from common.stock.movement import StockLevel, StockSerial
from common.stock.part import Part
from common.stock.stock_commands import CountStock, ReceiveStock, RegisterLocation, StockLine
from sync_server.imports.plan import Line, Notes, Planned, has_all, planned
from sync_server.imports.words import code_for, codes_of

REFERENCE = "import"


def location_id_for(code: str) -> str:
    """Name a place by its code, so that the same row is the same place in every import."""
    return derive_id("import", "location", code)


def plan_stock(session: Session, lines: list[Line], notes: Notes) -> Iterator[Planned]:
    """Plan each line of a count. Notes `part_unknown`, `place_unknown`, `serial_missing`, `serial_gone`, …"""
    parts = {part.number: part for part in session.scalars(select(Part))}
    places = {
        code: (id_, kind)
        for code, id_, kind in session.execute(
            select(StockLocation.code, StockLocation.id, StockLocation.kind)
        )
    }
    levels = {
        (place, part): qty
        for place, part, qty in session.execute(
            select(StockLevel.location_id, StockLevel.part_id, StockLevel.qty)
        )
    }
    here = select(StockSerial.location_id, StockSerial.part_id, StockSerial.serial)
    serials = {tuple(row) for row in session.execute(here.where(StockSerial.state == "in_stock"))}
    for line in lines:
        opened = _place(line, notes, places)
        part = parts.get(line.values["part"])
        if part is None:
            notes.add("part_unknown", line.line, "part", value=line.values["part"])
        if opened is None or part is None:
            continue
        place_id, commands = opened
        serial = line.values.get("serial", "")
        if not _serial_fits(line, notes, part, serial):
            continue
        qty: Decimal = line.values["qty"]
        booked = levels.get((place_id, part.id))
        wanted = _move(place_id, part.id, serial, qty, booked, (place_id, part.id, serial) in serials)
        commands = [*commands, *wanted]
        old = "" if serial or booked is None else str(booked)
        changes = (Change("qty", old, str(qty)),) if wanted and booked is not None else ()
        key = f"{line.values['location']} {part.number} {serial}".strip()
        yield planned(line, key, part.name, changes, *commands, new=bool(wanted) and booked is None)


def _move(
    place_id: str, part_id: str, serial: str, qty: Decimal, booked: Decimal | None, here: bool
) -> list[Any]:
    if serial:
        return [] if here else [ReceiveStock(place_id, (StockLine(part_id, qty, serial),), REFERENCE)]
    if booked is None:
        return [ReceiveStock(place_id, (StockLine(part_id, qty),), REFERENCE)] if qty > 0 else []
    return [] if booked == qty else [CountStock(place_id, part_id, qty, REFERENCE)]


def _place(
    line: Line, notes: Notes, places: dict[str, tuple[str, str]]
) -> tuple[str, list[RegisterLocation]] | None:
    code = line.values["location"]
    if code in places:
        place_id, kind = places[code]
        if kind not in SHELVES:
            notes.add("place_not_counted", line.line, "location", value=code)
            return None
        return place_id, []
    if "location_kind" not in line.values:
        notes.add("place_unknown", line.line, "location", value=code)
        return None
    kind_word = line.values["location_kind"]
    kind_code = code_for("place", kind_word)
    if kind_code not in SHELVES:
        notes.add("word_unknown", line.line, "location_kind", value=kind_word, known=codes_of("place"))
        return None
    if not has_all(line, notes, "location_name"):
        return None
    place_id = location_id_for(code)
    places[code] = (place_id, str(kind_code))
    command = RegisterLocation(place_id, code, line.values["location_name"], kind_code)  # type: ignore[arg-type]
    return place_id, [command]


def _serial_fits(line: Line, notes: Notes, part: Part, serial: str) -> bool:
    if part.serialised and not serial and line.values["qty"] != 0:
        notes.add("serial_missing", line.line, "serial", value=part.number)
        return False
    if serial and line.values["qty"] != 1:
        notes.add("serial_is_one_piece", line.line, "qty", value=serial)
        return False
    return True
