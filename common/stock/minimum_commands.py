"""How many of a part should lie at a place at least: what "low" means there (R087).

Owns this command. Nothing is ordered by it; lists show what has fallen below.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.kernel.command import OFFICE, Nature, command
from common.kernel.fields import Id, Qty
from common.kernel.ids import derive_id
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.stock.location import SHELVES, StockLocation
from common.stock.movement import StockMinimum
from common.stock.part import Part
from common.stock.stock_commands import KEEPER


@dataclass(frozen=True, slots=True)
class SetStockMinimum:
    """Say how many of a part a place should hold at least; 0 takes the wish back (R087)."""

    location_id: Id
    part_id: Id
    qty: Qty


@command(
    SetStockMinimum,
    nature=Nature.INTENT,
    roles=KEEPER,
    places=OFFICE,
    about=lambda c: f"store:{c.location_id}",
)
def set_stock_minimum(work: Work, c: SetStockMinimum) -> Outcome:
    """Set it. Refuses `stock_location_unknown`, `not_a_shelf`, `part_unknown`, `count_negative`."""
    place = work.need(StockLocation, c.location_id)
    if work.look(Part, c.part_id) is None:
        raise Refused("part_unknown")
    if place.kind not in SHELVES:
        raise Refused("not_a_shelf", location=place.name)
    if c.qty < 0:
        raise Refused("count_negative")
    row_id = derive_id("minimum", c.location_id, c.part_id)
    known = work.get(StockMinimum, row_id)
    if known is None:
        work.add(
            StockMinimum(id=row_id, agg=place.agg, location_id=c.location_id, part_id=c.part_id, qty=c.qty)
        )
        return OK
    if known.qty == c.qty:
        return NOOP
    known.qty = c.qty
    return OK
