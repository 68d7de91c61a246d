"""Plans for the parts catalogue and the price list (R036, R068, R087)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.edits import Change
from common.kernel.ids import derive_id
from common.stock.part import Part, PriceItem
from common.stock.part_commands import EditPart, RegisterPart, SetCharge, SetPrice
from sync_server.imports.pinyin import spell
from sync_server.imports.plan import Line, Notes, Planned, edits_of, has_all, planned, taken_up
from sync_server.imports.values import BadCell, minor_units
from sync_server.imports.words import code_for, codes_of

PART_FIELDS = ("name", "name_zh", "barcode", "unit", "serialised")
DEFAULT_CURRENCY = "CNY"


def part_id_for(number: str) -> str:
    """Name a part by its number, so that the same row is the same part in every import."""
    return derive_id("import", "part", number)


def plan_parts(session: Session, lines: list[Line], notes: Notes) -> Iterator[Planned]:
    """Plan each part; a table with numbers and prices only is a price list. Notes `currency_unknown`, …"""
    known = {part.number: part for part in session.scalars(select(Part))}
    for line in lines:
        number = line.values["number"]
        part = known.get(number)
        price = _price(line, notes, "price", part.currency if part else DEFAULT_CURRENCY)
        if price is None:
            continue
        wanted: dict[str, Any] = line.of(*PART_FIELDS)
        if "name_zh" in wanted or "name" in wanted:
            chinese = wanted.get("name_zh", part.name_zh if part else "")
            wanted["pinyin"] = spell(chinese or wanted.get("name", part.name if part else ""))[0]
        if part is None:
            if has_all(line, notes, "name", "price"):
                command = RegisterPart(
                    part_id_for(number), number, price_minor=price[0], currency=price[1], **wanted
                )
                yield planned(line, number, wanted["name"], (), command, new=True)
            continue
        changes = (*edits_of(part, wanted), *taken_up(part))
        commands: list[Any] = [EditPart(part.id, changes)] if changes else []
        if "price" in line.values and price != (part.price_minor, part.currency):
            commands.append(SetPrice(part.id, *price))
            changes += (Change("price", str(part.price_minor), str(price[0])),)
        yield planned(line, number, part.name, changes, *commands)


def plan_prices(session: Session, lines: list[Line], notes: Notes) -> Iterator[Planned]:
    """Plan each charge that is no part, known by code and zone. Notes `charge_unknown`, `currency_unknown`."""
    known = {(item.code, item.zone): item for item in session.scalars(select(PriceItem))}
    for line in lines:
        code, zone = line.values["code"], line.values.get("zone", "")
        item = known.get((code, zone))
        price = _price(line, notes, "amount", item.currency if item else DEFAULT_CURRENCY)
        kind = code_for("charge", line.values["kind"]) if "kind" in line.values else item.kind if item else ""
        if kind is None:
            notes.add("word_unknown", line.line, "kind", value=line.values["kind"], known=codes_of("charge"))
        if price is None or kind is None:
            continue
        if item is None and not has_all(line, notes, "kind", "title", "amount"):
            continue
        title = line.values.get("title", item.title if item else "")
        minor, currency = (
            price if "amount" in line.values or item is None else (item.amount_minor, item.currency)
        )
        wanted = {"kind": kind, "title": title, "amount_minor": minor, "currency": currency, "active": True}
        item_id = item.id if item else derive_id("import", "charge", code, zone)
        changes = edits_of(item, wanted) if item else ()
        commands = [SetCharge(item_id, code, zone=zone, **wanted)] if item is None or changes else []
        yield planned(line, code, title, changes, *commands, new=item is None)


def _price(line: Line, notes: Notes, column: str, currency: str) -> tuple[int, str] | None:
    """Read a row's price as minor units and currency, (0, …) without one; None after noting a fault."""
    currency = line.values.get("currency", currency).upper()
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
        notes.add("currency_unknown", line.line, "currency", value=currency)
        return None
    if column not in line.values:
        return 0, currency
    try:
        return minor_units(line.values[column], currency), currency
    except BadCell as bad:
        notes.add(bad.code, line.line, column, **bad.values)
        return None
