"""What the parts keeper does: open places, receive, transfer, count (R087, R092).

Owns these commands. All stock moves through `post_movement`; a count is a movement too, never a new number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from sqlalchemy import select

from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Code, Id, Line, Many, Name, OptionalCode, Qty
from common.kernel.ids import derive_id
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.people.person import Person
from common.stock.ledger import balance, post_movement
from common.stock.location import ADJUSTMENTS, SHELVES, SUPPLIERS, StockLocation, location_agg
from common.stock.movement import StockLevel, StockMovement
from common.stock.part import Part

KEEPER = (Role.PARTS_KEEPER, Role.ADMINISTRATOR)
Kind = Literal["central", "branch", "van", "site", "workshop", "supplier", "scrap"]


@dataclass(frozen=True, slots=True)
class StockLine:
    """So many of one part; a serial stands for exactly one piece."""

    part_id: Id
    qty: Qty
    serial: OptionalCode = ""


StockLines = Annotated[tuple[StockLine, ...], Many(500)]


@dataclass(frozen=True, slots=True)
class RegisterLocation:
    """Open a place for stock (R087); `person_id` drives the van."""

    location_id: Id
    code: Code
    name: Name
    kind: Kind
    person_id: Id | None = None


@dataclass(frozen=True, slots=True)
class AssignVan:
    """Give a van to a person, or to nobody (R087)."""

    location_id: Id
    person_id: Id | None = None


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """Take delivered parts onto a shelf (R092)."""

    location_id: Id
    lines: StockLines
    reference: Line = ""


@dataclass(frozen=True, slots=True)
class TransferStock:
    """Move parts from one place to another, such as from the store to a van (R087)."""

    from_location_id: Id
    to_location_id: Id
    lines: StockLines
    reference: Line = ""


@dataclass(frozen=True, slots=True)
class CountStock:
    """State how many lie there now (R087)."""

    location_id: Id
    part_id: Id
    counted: Qty
    note: Line = ""


@command(
    RegisterLocation,
    nature=Nature.INTENT,
    roles=KEEPER,
    places=OFFICE,
    about=lambda c: location_agg(c.location_id, c.kind),
)
def register_location(work: Work, c: RegisterLocation) -> Outcome:
    """Register a place. Refuses `number_taken`, `person_unknown`, `only_vans_have_drivers`."""
    if work.get(StockLocation, c.location_id) is not None:
        return NOOP
    if work.session.scalar(select(StockLocation.id).where(StockLocation.code == c.code)) is not None:
        raise Refused("number_taken", number=c.code)
    place = work.add(
        StockLocation(
            id=c.location_id,
            agg=location_agg(c.location_id, c.kind),
            code=c.code,
            name=c.name,
            kind=c.kind,
            person_id=None,
            active=True,
        )
    )
    if c.person_id is not None:
        give_van(work, place, c.person_id)
    return OK


@command(AssignVan, nature=Nature.INTENT, roles=KEEPER, places=OFFICE, about=lambda c: f"van:{c.location_id}")
def assign_van(work: Work, c: AssignVan) -> Outcome:
    """Change a van's driver. Refuses `stock_location_unknown`, `person_unknown`, `only_vans_have_drivers`."""
    van = work.need(StockLocation, c.location_id)
    if van.person_id == c.person_id:
        return NOOP
    give_van(work, van, c.person_id)
    return OK


@command(
    ReceiveStock, nature=Nature.FACT, roles=KEEPER, places=OFFICE, about=lambda c: f"ledger:{c.location_id}"
)
def receive_stock(work: Work, c: ReceiveStock) -> Outcome:
    """Receive lines from suppliers. Refuses `stock_location_unknown`; requires the rules of `check_line`."""
    need_place(work, c.location_id)
    return post_lines(work, c.lines, SUPPLIERS, c.location_id, "received")


@command(
    TransferStock,
    nature=Nature.FACT,
    roles=KEEPER,
    places=OFFICE,
    about=lambda c: f"ledger:{c.to_location_id}",
)
def transfer_stock(work: Work, c: TransferStock) -> Outcome:
    """Transfer lines. Refuses `stock_location_unknown`, `same_location`; requires what `check_line` does."""
    need_place(work, c.from_location_id)
    need_place(work, c.to_location_id)
    if c.from_location_id == c.to_location_id:
        raise Refused("same_location")
    return post_lines(work, c.lines, c.from_location_id, c.to_location_id, "transferred")


@command(
    CountStock, nature=Nature.FACT, roles=KEEPER, places=OFFICE, about=lambda c: f"ledger:{c.location_id}"
)
def count_stock(work: Work, c: CountStock) -> Outcome:
    """Post count minus books. Refuses `stock_location_unknown`, `not_a_shelf`, `part_unknown`, `count_negative`."""
    place = need_place(work, c.location_id)
    if place.kind not in SHELVES:
        raise Refused("not_a_shelf", location=place.name)
    if work.look(Part, c.part_id) is None:
        raise Refused("part_unknown")
    work.require(c.counted >= 0, "count_negative")
    movement_id = work.derive("count")
    if work.has(StockMovement, movement_id):
        return NOOP
    work.get(
        StockLevel, derive_id("level", c.location_id, c.part_id)
    )  # hold it: the difference is to this number
    difference = c.counted - balance(work.session, c.location_id, c.part_id)
    if difference == 0:
        return NOOP
    ends = (ADJUSTMENTS, c.location_id) if difference > 0 else (c.location_id, ADJUSTMENTS)
    post_movement(
        work,
        movement_id=movement_id,
        part_id=c.part_id,
        from_location_id=ends[0],
        to_location_id=ends[1],
        qty=abs(difference),
        reason="counted",
    )
    return OK


def need_place(work: Work, location_id: str) -> StockLocation:
    """Find a place without holding it. Refuses `stock_location_unknown`."""
    place = work.look(StockLocation, location_id)
    if place is None:
        raise Refused("stock_location_unknown")
    return place


def give_van(work: Work, van: StockLocation, person_id: str | None) -> None:
    """Make van and driver name each other, and nobody else either of them."""
    if van.kind != "van":
        raise Refused("only_vans_have_drivers")
    if van.person_id is not None and (before := work.get(Person, van.person_id)):
        before.van_location_id = None
    if person_id is not None:
        driver = work.need(Person, person_id)
        if driver.van_location_id and (other := work.get(StockLocation, driver.van_location_id)):
            other.person_id = None
        driver.van_location_id = van.id
    van.person_id = person_id


def post_lines(
    work: Work, lines: tuple[StockLine, ...], from_location_id: str, to_location_id: str, reason: str
) -> Outcome:
    """Post one movement a line."""
    for place, line in enumerate(lines):
        check_line(work, line)
        post_movement(
            work,
            movement_id=work.derive(reason, str(place)),
            part_id=line.part_id,
            from_location_id=from_location_id,
            to_location_id=to_location_id,
            qty=line.qty,
            reason=reason,
            serial=line.serial,
        )
    return OK if lines else NOOP


def check_line(work: Work, line: StockLine) -> None:
    """Refuse `part_unknown`; require `quantity_not_positive`, `serial_missing`, `serial_is_one_piece`."""
    part = work.look(Part, line.part_id)
    if part is None:
        raise Refused("part_unknown")
    work.require(line.qty > 0, "quantity_not_positive")
    work.require(bool(line.serial) or not part.serialised, "serial_missing", part=part.number)
    work.require(not line.serial or line.qty == 1, "serial_is_one_piece", serial=line.serial)
