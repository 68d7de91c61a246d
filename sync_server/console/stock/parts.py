"""Pages of parts: list, one part with its places, ledger and price, entering and changing one.

Owns these pages. Prices and movements are commands of the stock room.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.inbox.edits import show_value
from common.stock.location import SHELVES, locations
from common.stock.minimum_commands import SetStockMinimum
from common.stock.movement import StockMovement
from common.stock.part import Part, price_list_version
from common.stock.part_commands import EditPart, RegisterPart, SetPrice
from sync_server.console.desk import Desk, found, known_id, page_of
from sync_server.console.entry import Entry, Sent, amount_text
from sync_server.console.forms import FormState
from sync_server.console.inbox.conflicts import open_conflicts
from sync_server.console.lists import ListSpec
from sync_server.imports.pinyin import spell
from sync_server.stock import listing

PATH = "/console/stock/parts"
SPEC = ListSpec(
    PATH, ("number", "name", "qty", "price"), "number",
    {"location": (), "level": listing.LEVELS, "active": ("true", "false")},
)  # fmt: skip
FIELDS = ("name", "name_zh", "barcode", "unit", "serialised", "active")
FLAGS = ("serialised", "active")
CURRENCY_CODES = ("CNY", "HKD", "TWD", "USD", "EUR", "JPY")
CURRENCIES = tuple((code, code) for code in CURRENCY_CODES)
CAN = (
    "register_part",
    "edit_part",
    "set_price",
    "receive_stock",
    "transfer_stock",
    "count_stock",
    "set_stock_minimum",
    "settle_conflict",
)
LEDGER_ROWS = 25


def parts_router(desk: Desk) -> APIRouter:
    """Make the pages."""
    router = APIRouter()
    site = desk.site

    @router.get(PATH)
    def parts(request: Request) -> Response:
        query = SPEC.read(request)
        with site.database.read() as session:
            statement = listing.parts_listed(query.search, query.filters)
            page = page_of(session, statement, query, listing.part_columns(), Part.id)
            shelves = [(row.id, row.name) for row in locations(session)]
        return desk.show(
            request, "stock/parts.html", "stock/_parts.html", can=CAN, page=page, shelves=shelves,
            levels=listing.LEVELS, held_of=listing.held_of, level_of=listing.level_of,
        )  # fmt: skip

    @router.get(PATH + "/new")
    def new_part(request: Request) -> Response:
        form = FormState({"currency": "CNY"})
        return desk.show(request, "stock/part_form.html", part=None, form=form, currencies=CURRENCIES)

    @router.post(PATH + "/new")
    def register(request: Request, entry: Sent) -> Response:
        part_id = entry.new_id("part")
        outcome = desk.give(request, entry, lambda: _registered(entry, part_id))
        if outcome is None:
            return desk.show(
                request,
                "stock/part_form.html",
                status_code=422,
                part=None,
                form=entry.state,
                currencies=CURRENCIES,
            )
        return desk.back(request, f"{PATH}/{part_id}", outcome)

    @router.get(PATH + "/{part_id}")
    def part(request: Request, part_id: str) -> Response:
        return _part(desk, request, known_id(part_id))

    @router.post(PATH + "/{part_id}/price")
    def price(request: Request, part_id: str, entry: Sent) -> Response:
        known = known_id(part_id)
        currency = entry.choice("currency", CURRENCY_CODES, "CNY")
        amount = entry.minor("amount_minor", currency)
        outcome = desk.give(request, entry, lambda: SetPrice(known, amount, currency))
        if outcome is None:
            return _part(desk, request, known, entry)
        return desk.back(request, f"{PATH}/{known}", outcome)

    @router.post(PATH + "/{part_id}/minimum")
    def minimum(request: Request, part_id: str, entry: Sent) -> Response:
        known = known_id(part_id)
        place, least = entry.identifier("location_id") or "", entry.qty("qty")
        outcome = desk.give(
            request, entry, lambda: SetStockMinimum(place, known, least), {"count_negative": "qty"}
        )
        if outcome is None:
            return _part(desk, request, known, entry, "low")
        return desk.back(request, f"{PATH}/{known}", outcome)

    _edit_routes(router, desk)
    return router


def _edit_routes(router: APIRouter, desk: Desk) -> None:
    site = desk.site

    @router.get(PATH + "/{part_id}/edit")
    def edit_page(request: Request, part_id: str) -> Response:
        with site.database.read() as session:
            row = found(session.get(Part, known_id(part_id)))
        form = FormState({name: show_value(getattr(row, name)) for name in FIELDS})
        return desk.show(request, "stock/part_form.html", part=row, form=form, fields=FIELDS)

    @router.post(PATH + "/{part_id}/edit")
    def edit(request: Request, part_id: str, entry: Sent) -> Response:
        known = known_id(part_id)
        with site.database.read() as session:
            row = found(session.get(Part, known))
        outcome = desk.give(request, entry, lambda: EditPart(known, entry.changes(FIELDS, FLAGS)))
        if outcome is None:
            return desk.show(
                request, "stock/part_form.html", status_code=422, part=row, form=entry.state, fields=FIELDS
            )
        return desk.back(request, f"{PATH}/{known}", outcome)


def _registered(entry: Entry, part_id: str) -> RegisterPart:
    currency = entry.choice("currency", CURRENCY_CODES, "CNY")
    name_zh = entry.text("name_zh")
    return RegisterPart(
        part_id, entry.text("number"), entry.text("name"), entry.minor("price_minor", currency), currency, name_zh,
        spell(name_zh)[0], entry.text("barcode"), entry.text("unit"), entry.flag("serialised"),
    )  # fmt: skip


def _part(
    desk: Desk, request: Request, part_id: str, entry: Entry | None = None, sent: str = "price"
) -> Response:
    with desk.site.database.read() as session:
        row = found(session.get(Part, part_id))
        context: dict[str, Any] = {
            "part": row,
            "balances": listing.balances_of(session, row),
            "ledger": _ledger(desk, session, part_id),
            "names": listing.place_names(session),
            "conflicts": open_conflicts(desk, request, session, part_id),
            "version": price_list_version(session),
            "shelves": [(row.id, row.name) for row in locations(session) if row.kind in SHELVES],
        }
    plain = amount_text(row.price_minor, row.currency)
    form = FormState({"amount_minor": plain, "currency": row.currency})
    low_form = FormState(prefix="low")
    if entry is not None and sent == "low":
        low_form = replace(entry.state, prefix="low")
    elif entry is not None:
        form = entry.state
    return desk.show(
        request, "stock/part.html", "stock/_part.html", status_code=422 if entry else 200, can=CAN, form=form,
        low_form=low_form, currencies=CURRENCIES, level_of=listing.level_of, **context,
    )  # fmt: skip


def _ledger(desk: Desk, session: Session, part_id: str) -> list[Any]:
    statement = listing.ledger_listed("", {"part": part_id}, desk.now())
    newest = statement.order_by(StockMovement.happened_at.desc(), StockMovement.id.desc()).limit(LEDGER_ROWS)
    return list(session.execute(newest))
