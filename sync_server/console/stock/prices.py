"""The price list of what is no part: labour, travel by zone, other charges (R068).

Owns this page. Every change gets the next version of the price list.
"""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.ids import is_id
from common.policy.policy_set import find_policy
from common.stock.part import PriceItem, price_list_version
from common.stock.part_commands import SetCharge
from sync_server.console.desk import Desk
from sync_server.console.entry import Entry, Sent, amount_text
from sync_server.console.forms import FormState
from sync_server.console.stock.parts import CURRENCIES, CURRENCY_CODES

PATH = "/console/stock/prices"
KINDS = ("labour", "travel", "other")


def prices_router(desk: Desk) -> APIRouter:
    """Make the page."""
    router = APIRouter()

    @router.get(PATH)
    def prices(request: Request, item: str = "") -> Response:
        return _prices(desk, request, item)

    @router.post(PATH)
    def set_charge(request: Request, entry: Sent) -> Response:
        currency = entry.choice("currency", CURRENCY_CODES, "CNY")
        kind = entry.choice("kind", KINDS, "other")
        amount = entry.minor("amount_minor", currency)
        item_id = entry.identifier("item_id", needed=False) or entry.new_id("charge")
        outcome = desk.give(
            request, entry,
            lambda: SetCharge(
                item_id, entry.text("code"), kind, entry.text("title"), amount, currency, entry.text("zone"),  # type: ignore[arg-type]
                entry.flag("active"),
            ),
        )  # fmt: skip
        if outcome is None:
            return _prices(desk, request, entry.text("item_id"), entry)
        return desk.back(request, PATH, outcome)

    return router


def _prices(desk: Desk, request: Request, item_id: str, entry: Entry | None = None) -> Response:
    with desk.site.database.read() as session:
        rows = session.scalars(
            select(PriceItem).order_by(
                PriceItem.active.desc(), PriceItem.kind, PriceItem.code, PriceItem.zone
            )
        ).all()
        policy = find_policy(session)
        version = price_list_version(session)
    language = desk.site.language(request)
    zones = [(zone.code, zone.title.in_language(language)) for zone in policy.zones] if policy else []
    chosen = next((row for row in rows if row.id == item_id), None) if is_id(item_id) else None
    form = entry.state if entry else _form(chosen)
    return desk.show(
        request, "stock/prices.html", status_code=422 if entry else 200, can=("set_charge",), rows=rows, form=form,
        zones=zones, zone_names=dict(zones), kinds=KINDS, currencies=CURRENCIES, version=version, chosen=chosen,
    )  # fmt: skip


def _form(row: PriceItem | None) -> FormState:
    if row is None:
        return FormState({"currency": "CNY", "active": "1"})
    return FormState(
        {
            "item_id": row.id, "code": row.code, "kind": row.kind, "title": row.title, "zone": row.zone,
            "amount_minor": amount_text(row.amount_minor, row.currency), "currency": row.currency,
            "active": "1" if row.active else "",
        }
    )  # fmt: skip
