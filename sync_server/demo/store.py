"""The demo's parts keeper: every week he orders what the vans have used and brings it to them.

Owns the weekly round. Stock moves through receipts and transfers as in any company.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select

from common.stock.location import StockLocation
from common.stock.movement import StockLevel
from common.stock.part import Part
from common.stock.stock_commands import ReceiveStock, StockLine, TransferStock
from sync_server.demo.company import CENTRAL
from sync_server.demo.stage import Stage, Story, at_local

LOW, FULL = 4, 6


def keep_vans(stage: Stage, until: datetime) -> Story:
    """Fill the vans every seventh day until a time."""
    at = at_local(stage.now + timedelta(days=5), 16, 30)
    while at <= until:
        yield at
        fill_vans(stage)
        at += timedelta(days=7)


def fill_vans(stage: Stage) -> None:
    """Receive at the store what is low in the vans, and transfer it."""
    low = (
        select(StockLevel.location_id, Part.id, Part.number, Part.serialised, StockLevel.qty)
        .join(StockLocation, StockLocation.id == StockLevel.location_id)
        .join(Part, Part.id == StockLevel.part_id)
        .where(StockLocation.kind == "van", StockLevel.qty < Decimal(LOW))
        .order_by(StockLocation.code, Part.number)
    )
    lines: dict[str, list[StockLine]] = defaultdict(list)
    for van_id, part_id, number, serialised, qty in stage.session.execute(low):
        missing = int(FULL - qty)
        if not serialised:
            lines[van_id].append(StockLine(part_id, Decimal(missing)))
            continue
        for _ in range(missing):
            serial = f"{number.replace('-', '')}{stage.chance.randrange(16**6):06X}"
            lines[van_id].append(StockLine(part_id, Decimal(1), serial))
    store_id = stage.session.scalars(select(StockLocation.id).where(StockLocation.code == CENTRAL)).one()
    for van_id, wanted in lines.items():
        stage.office("P01", ReceiveStock(store_id, tuple(wanted), "周补货到货"))
        stage.office("P01", TransferStock(store_id, van_id, tuple(wanted), "周补货"))
