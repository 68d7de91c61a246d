"""Finding parts and reading the shelves: by number, name, pinyin, scanned code (R087, R088).

Owns the order of the hits. Reads only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from common.kernel.search import matching
from common.kernel.text import fold
from common.stock.movement import StockLevel, StockMovement, StockSerial
from common.stock.part import Part

NONE_HERE = Decimal(0)


@dataclass(frozen=True, slots=True)
class PartHit:
    """A part and how many of it the books hold at the place asked for."""

    part: Part
    qty: Decimal


def find_parts(session: Session, text: str, location_id: str | None, limit: int = 20) -> list[PartHit]:
    """Find active parts: the exact code or number first, then what lies at the place, then by number.

    '' lists all in that order; `location_id` None: balances are 0.
    """
    typed, word = text.strip(), fold(text)
    here = and_(StockLevel.part_id == Part.id, StockLevel.location_id == (location_id or ""))
    exact = and_(literal(typed != ""), or_(Part.barcode == typed, func.lower(Part.number) == word))
    rank = case((exact, 0), (StockLevel.qty > 0, 1), else_=2)
    query = (
        select(Part, StockLevel.qty)
        .outerjoin(StockLevel, here)
        .where(Part.active.is_(True), *matching(Part.folded, text))
        .order_by(rank, Part.number, Part.id)
        .limit(limit)
    )
    return [PartHit(part, NONE_HERE if qty is None else qty) for part, qty in session.execute(query)]


def part_by_code(session: Session, code: str) -> Part | None:
    """Find the active part of a scanned or typed code: its barcode or its number, exactly."""
    typed = code.strip()
    ways = or_(Part.barcode == typed, func.lower(Part.number) == fold(typed))
    query = select(Part).where(Part.active.is_(True), ways).order_by(Part.number, Part.id).limit(1)
    return session.scalars(query).first() if typed else None


def stock_at(
    session: Session, location_id: str, text: str = "", limit: int = 500, first: Collection[str] = ()
) -> list[PartHit]:
    """List what the books hold at a place, negative balances included, by part number; those numbered `first` lead."""
    rank = case((Part.number.in_(first), 0), else_=1)
    query = (
        select(Part, StockLevel.qty)
        .join(StockLevel, StockLevel.part_id == Part.id)
        .where(StockLevel.location_id == location_id, StockLevel.qty != 0, *matching(Part.folded, text))
        .order_by(rank, Part.number, Part.id)
        .limit(limit)
    )
    return [PartHit(part, qty) for part, qty in session.execute(query)]


def serials_at(session: Session, location_id: str, part_id: str) -> list[str]:
    """List the serials of a part that the books hold at a place."""
    query = select(StockSerial.serial).where(
        StockSerial.location_id == location_id,
        StockSerial.part_id == part_id,
        StockSerial.state == "in_stock",
    )
    return list(session.scalars(query.order_by(StockSerial.serial)))


def movements_of(
    session: Session, *, location_id: str | None = None, part_id: str | None = None, limit: int = 100
) -> list[StockMovement]:
    """List movements of a place, of a part, or of both, newest first."""
    query = select(StockMovement)
    if location_id is not None:
        ends = (StockMovement.from_location_id == location_id, StockMovement.to_location_id == location_id)
        query = query.where(or_(*ends))
    if part_id is not None:
        query = query.where(StockMovement.part_id == part_id)
    newest = query.order_by(StockMovement.happened_at.desc(), StockMovement.id.desc()).limit(limit)
    return list(session.scalars(newest))
