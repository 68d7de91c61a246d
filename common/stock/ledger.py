"""The stock ledger: posting movements, reading balances, checking the sums (R087, R088, sync-protocol 3.7).

The only writer of the three tables. Never refuses: what cannot be right is posted, and flagged for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import BigInteger, func, select, text, type_coerce, union_all
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from common.kernel.ids import derive_id
from common.kernel.quantity import from_milli, to_milli
from common.kernel.work import Work
from common.stock.location import OUTSIDE, SHELVES, StockLocation
from common.stock.movement import StockLevel, StockMovement, StockSerial
from common.stock.part import Part

# One atomic statement, the same on SQLite and PostgreSQL: two postings at once never lose one another.
_SHIFT = text(
    "INSERT INTO stock_level (id, agg, location_id, part_id, qty)"
    " VALUES (:id, :agg, :location_id, :part_id, :milli)"
    " ON CONFLICT (id) DO UPDATE SET qty = stock_level.qty + excluded.qty RETURNING qty"
)


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """A level that is not the sum of its movements, both in thousandths."""

    location_id: str
    part_id: str
    level_milli: int
    moved_milli: int


def post_movement(
    work: Work,
    *,
    movement_id: str,
    part_id: str,
    from_location_id: str,
    to_location_id: str,
    qty: Decimal,
    reason: str,
    serial: str = "",
    ticket_id: str | None = None,
) -> StockMovement:
    """Post a movement once and move both levels with it; posting it again changes nothing.

    Flags `stock_below_zero`, `serial_not_here`, `serial_twice`.
    """
    known = work.session.get(StockMovement, movement_id)
    if known is not None:
        return known
    shelves: list[tuple[bool, StockLocation]] = []
    # Always in the order of ids: two transfers the other way round must not lock each other out.
    for location_id, change in sorted(((from_location_id, -qty), (to_location_id, qty))):
        location = None if location_id in OUTSIDE else work.look(StockLocation, location_id)
        if location is None or location.kind not in SHELVES:
            continue
        left = shift_level(work, location, part_id, change)
        if change < 0 and left < 0:
            flag_below_zero(work, location, part_id, left)
        shelves.append((change > 0, location))
    # A serial leaves before it comes: on its way from shelf to shelf it is never at two places.
    for came, location in sorted(shelves, key=lambda shelf: shelf[0]) if serial else ():
        move_serial(work, location, part_id, serial, came=came)
    movement = StockMovement(
        id=movement_id,
        agg=f"ticket:{ticket_id}" if ticket_id else f"ledger:{to_location_id}",
        part_id=part_id,
        from_location_id=from_location_id,
        to_location_id=to_location_id,
        qty=qty,
        serial=serial,
        reason=reason,
        ticket_id=ticket_id,
        happened_at=work.at,
        received_at=work.received_at,
        actor_id=work.actor.person_id,
    )
    work.session.add(movement)
    return movement


def shift_level(work: Work, location: StockLocation, part_id: str, change: Decimal) -> Decimal:
    """Add to a level and return what lies there then."""
    level_id = derive_id("level", location.id, part_id)
    work.touch("stock_level", level_id, location.agg)
    left = work.session.execute(
        _SHIFT,
        {
            "id": level_id,
            "agg": location.agg,
            "location_id": location.id,
            "part_id": part_id,
            "milli": to_milli(change),
        },
    ).scalar_one()
    loaded = work.session.identity_map.get(identity_key(StockLevel, level_id))
    if loaded is not None:
        work.session.expire(loaded)
    return from_milli(left)


def flag_below_zero(work: Work, location: StockLocation, part_id: str, left: Decimal) -> None:
    """Have a person look at a shelf that gave more than the books say it held."""
    part = work.look(Part, part_id)
    work.flag("stock_below_zero", part=part.number if part else "", location=location.name, qty=str(left))


def move_serial(work: Work, location: StockLocation, part_id: str, serial: str, *, came: bool) -> None:
    """Note that a serial came to a place, or left it. Flags `serial_not_here`, `serial_twice`."""
    row_id = derive_id("serial", location.id, part_id, serial)
    row = work.session.get(StockSerial, row_id)
    if came and serial_elsewhere(work.session, part_id, serial, row_id):
        work.flag("serial_twice", serial=serial)
    if not came and (row is None or row.state == "out"):
        work.flag("serial_not_here", serial=serial, location=location.name)
    if row is not None:
        row.state = "in_stock" if came else "out"
        return
    work.add(
        StockSerial(
            id=row_id,
            agg=location.agg,
            part_id=part_id,
            serial=serial,
            location_id=location.id,
            state="in_stock" if came else "out",
        )
    )


def serial_elsewhere(session: Session, part_id: str, serial: str, row_id: str) -> bool:
    """Say whether the books hold this serial at another place."""
    query = select(StockSerial.id).where(
        StockSerial.serial == serial,
        StockSerial.part_id == part_id,
        StockSerial.state == "in_stock",
        StockSerial.id != row_id,
    )
    return session.scalar(query.limit(1)) is not None


def balance(session: Session, location_id: str, part_id: str) -> Decimal:
    """Return how many of a part lie at a shelf; beyond the shelves, the sum of what went there."""
    level = session.get(StockLevel, derive_id("level", location_id, part_id))
    if level is not None:
        return level.qty
    milli = type_coerce(StockMovement.qty, BigInteger)
    ours = StockMovement.part_id == part_id
    came = session.scalar(select(func.sum(milli)).where(ours, StockMovement.to_location_id == location_id))
    went = session.scalar(select(func.sum(milli)).where(ours, StockMovement.from_location_id == location_id))
    return from_milli(int(came or 0) - int(went or 0))


def ledger_faults(session: Session) -> list[LedgerFault]:
    """Compare every shelf's levels with its movements. For the server: only there are all movements."""
    milli = type_coerce(StockMovement.qty, BigInteger)
    moves = union_all(
        select(StockMovement.to_location_id.label("place"), StockMovement.part_id, milli.label("milli")),
        select(StockMovement.from_location_id, StockMovement.part_id, -milli),
    ).subquery()
    shelves = select(StockLocation.id).where(StockLocation.kind.in_(SHELVES))
    sums = (
        select(moves.c.place, moves.c.part_id, func.sum(moves.c.milli))
        .where(moves.c.place.in_(shelves))
        .group_by(moves.c.place, moves.c.part_id)
    )
    moved = {(place, part_id): int(total) for place, part_id, total in session.execute(sums)}
    levels = select(StockLevel.location_id, StockLevel.part_id, type_coerce(StockLevel.qty, BigInteger))
    held = {(place, part_id): int(level) for place, part_id, level in session.execute(levels)}
    return [
        LedgerFault(place, part_id, held.get((place, part_id), 0), moved.get((place, part_id), 0))
        for place, part_id in sorted(held.keys() | moved.keys())
        if held.get((place, part_id), 0) != moved.get((place, part_id), 0)
    ]
