"""Receiving, transferring and counting: forms whose lines name parts by number or scanned code.

Owns reading the lines. All stock moves through commands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import translate
from common.kernel.ids import is_id
from common.kernel.outcome import Refused
from common.kernel.quantity import parse_quantity
from common.kernel.text import tidy
from common.stock.ledger import balance
from common.stock.location import SHELVES, locations
from common.stock.part import Part
from common.stock.search import part_by_code
from common.stock.stock_commands import CountStock, ReceiveStock, StockLine, TransferStock
from sync_server.console.desk import Desk
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.stock import listing

PATH = "/console/stock"
ROWS = 8
MOST_ROWS = 200
COLUMNS = ("line_part", "line_qty", "line_serial")
CAN = ("receive_stock", "transfer_stock", "count_stock")


def moves_router(desk: Desk) -> APIRouter:
    """Make the pages."""
    router = APIRouter()
    site = desk.site

    @router.get(PATH + "/receive")
    def receive_page(request: Request) -> Response:
        return _show(desk, request, "receive", _start(desk, request, "location_id"))

    @router.post(PATH + "/receive")
    def receive(request: Request, entry: Sent) -> Response:
        place = entry.identifier("location_id") or ""
        return _moved(
            desk,
            request,
            entry,
            "receive",
            place,
            lambda lines: ReceiveStock(place, lines, entry.text("reference")),
        )

    @router.get(PATH + "/transfer")
    def transfer_page(request: Request) -> Response:
        return _show(desk, request, "transfer", _start(desk, request, "from_location_id", "to_location_id"))

    @router.post(PATH + "/transfer")
    def transfer(request: Request, entry: Sent) -> Response:
        source, target = (entry.identifier(name) or "" for name in ("from_location_id", "to_location_id"))
        return _moved(
            desk, request, entry, "transfer", target,
            lambda lines: TransferStock(source, target, lines, entry.text("reference")),
        )  # fmt: skip

    @router.get(PATH + "/count")
    def count_page(request: Request) -> Response:
        return _show(desk, request, "count", _start(desk, request, "location_id", "part"))

    @router.post(PATH + "/count")
    def count(request: Request, entry: Sent) -> Response:
        place = entry.identifier("location_id") or ""
        with site.database.read() as session:
            part = part_by_code(session, entry.text("part"))
        if part is None:
            entry.wrong("part", "part_unknown" if entry.text("part") else "text_missing")
        counted = entry.qty("counted")
        outcome = desk.give(
            request, entry, lambda: CountStock(place, part.id if part else "", counted, entry.text("note"))
        )
        if outcome is None or part is None:
            return _show(desk, request, "count", entry.state, 422)
        return desk.back(request, f"{PATH}/parts/{part.id}", outcome)

    @router.get(PATH + "/lookup")
    def lookup(request: Request) -> Response:
        return _lookup(desk, request)

    return router


def _start(desk: Desk, request: Request, *names: str) -> FormState:
    """Begin a form with what the address brings along: places and a part."""
    given = request.query_params
    values: dict[str, object] = {name: given[name] for name in names if is_id(given.get(name, ""))}
    part_id = given.get("part_id", "")
    if is_id(part_id):
        with desk.site.database.read() as session:
            part = session.get(Part, part_id)
        if part is not None:
            values |= {"part": part.number, "lines": [(part.number, "", "")]}
    return FormState(values)


def _show(desk: Desk, request: Request, page: str, form: FormState, status: int = 200) -> Response:
    with desk.site.database.read() as session:
        rows = locations(session)
    shelves = [(row.id, f"{row.code} · {row.name}") for row in rows if row.kind in SHELVES]
    targets = [(row.id, f"{row.code} · {row.name}") for row in rows if row.kind in {*SHELVES, "scrap"}]
    lines: Any = form.values.get("lines", [])
    blank = [("", "", "")] * max(2, ROWS - len(lines))
    return desk.show(
        request, f"stock/{page}.html", status_code=status, can=CAN, form=form, shelves=shelves, targets=targets,
        lines=[*lines, *blank],
    )  # fmt: skip


def _moved(
    desk: Desk,
    request: Request,
    entry: Entry,
    page: str,
    place: str,
    make: Callable[[tuple[StockLine, ...]], Any],
) -> Response:
    with desk.site.database.read() as session:
        typed, lines = read_lines(entry, session)
    if not lines and not entry.errors:
        entry.errors["lines"] = translate(entry.language, "console.stock.no_lines")
    outcome = desk.give(request, entry, lambda: make(lines))
    if outcome is None:
        state = entry.state
        return _show(
            desk, request, page, FormState({**state.values, "lines": typed}, state.errors, state.labels), 422
        )
    return desk.back(request, f"{PATH}/places/{place}", outcome)


def read_lines(entry: Entry, session: Session) -> tuple[list[tuple[str, ...]], tuple[StockLine, ...]]:
    """Read the lines of a form; those left empty do not count. What is wrong is noted under `lines`, by line."""
    columns = [entry.lists.get(name, [])[:MOST_ROWS] for name in COLUMNS]
    typed = [tuple(tidy(cell) for cell in row) for row in zip(*columns, strict=False)]
    typed = [row for row in typed if any(row)]
    lines, wrong = [], []
    for number, (code, qty, serial) in enumerate(typed, 1):
        try:
            lines.append(_line(session, code, qty, serial))
        except Refused as refused:
            reason = translate(entry.language, f"reason.{refused.code}", **refused.values)
            wrong.append(translate(entry.language, "console.stock.line_wrong", line=number, reason=reason))
    if wrong:
        entry.errors["lines"] = " ".join(wrong)
    return typed, tuple(lines)


def _line(session: Session, code: str, qty: str, serial: str) -> StockLine:
    part = part_by_code(session, code)
    if part is None:
        raise Refused("part_unknown")
    try:
        amount = parse_quantity(qty or ("1" if serial else ""))
    except ValueError:
        raise Refused("quantity_not_a_number") from None
    if part.serialised and not serial:
        raise Refused("serial_missing", part=part.number)
    if amount <= 0:
        raise Refused("quantity_not_positive")
    if serial and amount != 1:
        raise Refused("serial_is_one_piece", serial=serial)
    return StockLine(part.id, amount, serial)


def _lookup(desk: Desk, request: Request) -> Response:
    """Answer a typed or scanned code with the part's name and what the books hold at the place."""
    given = request.query_params
    code = tidy(given.get("line_part", "") or given.get("part", ""))[:100]
    place = given.get("location_id", "") or given.get("from_location_id", "")
    with desk.site.database.read() as session:
        part = part_by_code(session, code)
        held = balance(session, place, part.id) if part is not None and is_id(place) else None
    counted = None
    if held is not None and given.get("counted"):
        try:
            counted = parse_quantity(given["counted"])
        except ValueError:
            counted = None
    return desk.show(
        request,
        "stock/_lookup.html",
        code=code,
        part=part,
        held=held,
        counted=counted,
        level_of=listing.level_of,
    )
