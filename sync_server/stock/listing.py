"""Stock as statements: places with what lies there, parts with their balances, the ledger.

Owns joins and filters. Cutting to pages is the console's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from common.kernel.quantity import from_milli
from common.kernel.search import matching
from common.people.person import Person
from common.stock.location import OUTSIDE, StockLocation
from common.stock.movement import StockLevel, StockMinimum, StockMovement
from common.stock.part import Part
from common.stock.search import serials_at
from common.tickets.ticket import Ticket

LEVELS = ("negative", "none", "low", "some")
DAYS = ("1", "7", "30", "90")


@dataclass(frozen=True, slots=True)
class Place:
    """A place with how many parts lie there and how many of the balances are below zero."""

    row: StockLocation
    driver: str
    parts: int
    negative: int


@dataclass(frozen=True, slots=True)
class Balance:
    """How many of a part the books hold at a place, which serials, and how many it should hold at least."""

    place: StockLocation
    qty: Decimal
    serials: tuple[str, ...]
    minimum: Decimal


def places_listed(session: Session) -> list[Place]:
    """List every place in use, stores first, then vans by code."""
    filled = func.count(case((StockLevel.qty != 0, 1)))
    below = func.count(case((StockLevel.qty < 0, 1)))
    query = (
        select(StockLocation, Person.name, filled, below)
        .outerjoin(StockLevel, StockLevel.location_id == StockLocation.id)
        .outerjoin(Person, Person.id == StockLocation.person_id)
        .where(StockLocation.active.is_(True))
        .group_by(StockLocation.id, Person.name)
        .order_by(case((StockLocation.kind == "van", 1), else_=0), StockLocation.code, StockLocation.id)
    )
    return [
        Place(row, driver or "", parts, negative) for row, driver, parts, negative in session.execute(query)
    ]


def parts_listed(search: str, filters: Mapping[str, str]) -> Select[Any]:
    """Select (part, quantity at the place asked for or at all places, lowest balance anywhere, places below minimum).

    Filters: `location` id, `level` (of LEVELS), `active` true | false.
    """
    milli = type_coerce(StockLevel.qty, BigInteger)
    levels = select(
        StockLevel.part_id, func.sum(milli).label("milli"), func.min(milli).label("lowest")
    ).group_by(StockLevel.part_id)
    if "location" in filters:
        levels = levels.where(StockLevel.location_id == filters["location"])
    here = levels.subquery()
    held = func.coalesce(here.c.milli, 0)
    low = _low(filters.get("location", "")).subquery()
    query: Any = (
        select(
            Part,
            held.label("held"),
            func.coalesce(here.c.lowest, 0).label("lowest"),
            func.coalesce(low.c.places, 0).label("low"),
        )
        .outerjoin(here, here.c.part_id == Part.id)
        .outerjoin(low, low.c.part_id == Part.id)
        .where(*matching(Part.folded, search))
    )
    if "location" in filters:
        query = query.where(or_(here.c.part_id.is_not(None), low.c.part_id.is_not(None)))
    if "level" in filters:
        query = query.where(_level(filters["level"], held, func.coalesce(here.c.lowest, 0), low.c.places))
    if "active" in filters:
        query = query.where(Part.active.is_(filters["active"] == "true"))
    return query


def _low(location_id: str = "") -> Select[Any]:
    """Select (part id, number of places that hold less of it than they should)."""
    query: Any = (
        select(StockMinimum.part_id, func.count().label("places"))
        .join(StockLocation, StockLocation.id == StockMinimum.location_id)
        .outerjoin(StockLevel, _same_shelf())
        .where(
            StockLocation.active.is_(True),
            func.coalesce(type_coerce(StockLevel.qty, BigInteger), 0)
            < type_coerce(StockMinimum.qty, BigInteger),
        )
        .group_by(StockMinimum.part_id)
    )
    return query.where(StockMinimum.location_id == location_id) if location_id else query


def _same_shelf() -> ColumnElement[bool]:
    return and_(
        StockLevel.location_id == StockMinimum.location_id, StockLevel.part_id == StockMinimum.part_id
    )


def part_columns() -> dict[str, Any]:
    """Map the names the list of parts may be sorted by."""
    return {
        "number": Part.number,
        "name": Part.name,
        "qty": literal_column("held"),
        "price": Part.price_minor,
    }


def stock_listed(location_id: str, search: str, filters: Mapping[str, str]) -> Select[Any]:
    """Select (part, quantity, minimum) of a place: what the books hold there, negative too, or should hold.

    Filter: `level` negative | low.
    """
    level = and_(StockLevel.part_id == Part.id, StockLevel.location_id == location_id)
    least = and_(StockMinimum.part_id == Part.id, StockMinimum.location_id == location_id)
    held = func.coalesce(type_coerce(StockLevel.qty, BigInteger), 0)
    wanted = func.coalesce(type_coerce(StockMinimum.qty, BigInteger), 0)
    query: Any = (
        select(Part, held.label("held"), wanted.label("minimum"))
        .outerjoin(StockLevel, level)
        .outerjoin(StockMinimum, least)
        .where(*matching(Part.folded, search))
    )
    shown = {"negative": held < 0, "low": held < wanted}.get(
        filters.get("level", ""), or_(held != 0, held < wanted)
    )
    narrowed: Select[Any] = query.where(shown)
    return narrowed


def balances_of(session: Session, part: Part) -> list[Balance]:
    """List where a part lies or should lie, with its serials; other places are left out."""
    level = and_(StockLevel.location_id == StockLocation.id, StockLevel.part_id == part.id)
    least = and_(StockMinimum.location_id == StockLocation.id, StockMinimum.part_id == part.id)
    query = (
        select(StockLocation, StockLevel.qty, StockMinimum.qty)
        .outerjoin(StockLevel, level)
        .outerjoin(StockMinimum, least)
        .where(or_(StockLevel.id.is_not(None), StockMinimum.qty > 0))
        .order_by(case((StockLocation.kind == "van", 1), else_=0), StockLocation.code)
    )
    found = session.execute(query).all()
    serials = {
        place.id: tuple(serials_at(session, place.id, part.id)) if part.serialised else ()
        for place, _, _ in found
    }
    nothing = Decimal(0)
    return [
        Balance(place, qty or nothing, serials[place.id], least or nothing) for place, qty, least in found
    ]


def ledger_listed(search: str, filters: Mapping[str, str], now: datetime) -> Select[Any]:
    """Select (movement, part, ticket number, actor) by words of the part.

    Filters: `reason`, `location` (either end), `part`, `days` back from now.
    """
    query: Any = (
        select(StockMovement, Part, Ticket.number, Person.name)
        .outerjoin(Part, Part.id == StockMovement.part_id)
        .outerjoin(Ticket, Ticket.id == StockMovement.ticket_id)
        .outerjoin(Person, Person.id == StockMovement.actor_id)
    )
    if search:
        words = and_(*matching(Part.folded, search))
        query = query.where(or_(words, Ticket.number == search, StockMovement.serial == search))
    if "location" in filters:
        place = filters["location"]
        ends = (StockMovement.from_location_id == place, StockMovement.to_location_id == place)
        query = query.where(or_(*ends))
    if "part" in filters:
        query = query.where(StockMovement.part_id == filters["part"])
    if "reason" in filters:
        query = query.where(StockMovement.reason == filters["reason"])
    if "days" in filters:
        query = query.where(StockMovement.happened_at >= now - timedelta(days=int(filters["days"])))
    return query


def place_names(session: Session) -> dict[str, str]:
    """Map places to their names; those beyond our shelves to `outside:<kind>`, which the page puts into words."""
    names = {row_id: f"outside:{kind}" for row_id, kind in OUTSIDE.items()}
    return names | {
        row_id: name for row_id, name in session.execute(select(StockLocation.id, StockLocation.name))
    }


def held_of(milli: int) -> Decimal:
    """Turn a sum of thousandths into a quantity."""
    return from_milli(int(milli))


def level_of(qty: Decimal, minimum: Decimal = Decimal(0)) -> str:
    """Name a balance: negative, low (below what should be there), none or some."""
    return "negative" if qty < 0 else "low" if qty < minimum else "none" if qty == 0 else "some"


def _level(
    level: str, held: ColumnElement[Any], lowest: ColumnElement[Any], low_places: ColumnElement[Any]
) -> ColumnElement[bool]:
    return {
        "negative": lowest < 0,
        "none": held == 0,
        "low": low_places > 0,
        "some": held > 0,
    }[level]
