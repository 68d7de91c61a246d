"""The parts catalogue and the price list (R036, R068, R087).

Owns the tables and their reads. How many lie where is the ledger's.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.record import Base, Key, Long, Short, Synced
from common.kernel.text import fold

PRICES_AGG = "catalogue:prices"


class Part(Synced, Base):
    """A spare part: how it is called, scanned and priced. Prices are minor units of `currency`."""

    __tablename__ = "part"
    number: Mapped[Short] = mapped_column(index=True)
    name: Mapped[Short]
    name_zh: Mapped[Short]
    pinyin: Mapped[Short]
    folded: Mapped[Long]
    barcode: Mapped[Short] = mapped_column(index=True)
    unit: Mapped[Short]
    serialised: Mapped[bool]
    price_minor: Mapped[int]
    currency: Mapped[Short]
    price_version: Mapped[int] = mapped_column(index=True)
    active: Mapped[bool]
    edited_by: Mapped[Key | None]


class PriceItem(Synced, Base):
    """A published charge that is no part: labour, travel by zone, other (R068)."""

    __tablename__ = "price_item"
    code: Mapped[Short] = mapped_column(index=True)
    kind: Mapped[Short]  # labour | travel | other
    title: Mapped[Short]
    zone: Mapped[Short]
    amount_minor: Mapped[int]
    currency: Mapped[Short]
    version: Mapped[int] = mapped_column(index=True)
    active: Mapped[bool]


def part_agg(part_id: str) -> str:
    """Name a part's catalogue chunk: one of 256, by the id's last two digits (the first tell the time).

    An aggregate travels whole: of a million parts a chunk has some four thousand, which a tablet takes in at once.
    """
    return f"catalogue:{part_id[-2:]}"


def fold_part(part: Part) -> str:
    """Make the text a part is found by: number with and without dashes, names, pinyin, barcode."""
    plain = part.number.replace("-", "")
    spelled = (part.pinyin, part.pinyin.replace(" ", ""))
    return fold(" ".join((part.number, plain, part.name, part.name_zh, *spelled, part.barcode)))


def price_list_version(session: Session) -> int:
    """Return the number of the newest price change, 0 before the first. Each gets the next."""
    parts = session.scalar(select(func.max(Part.price_version))) or 0
    items = session.scalar(select(func.max(PriceItem.version))) or 0
    return max(parts, items)


def price_items(session: Session, kind: str = "", zone: str = "") -> list[PriceItem]:
    """List active charges, optionally of one kind and for one zone ('' on an item means every zone)."""
    query = (
        select(PriceItem)
        .where(PriceItem.active.is_(True))
        .order_by(PriceItem.kind, PriceItem.code, PriceItem.id)
    )
    if kind:
        query = query.where(PriceItem.kind == kind)
    if zone:
        query = query.where(PriceItem.zone.in_(("", zone)))
    return list(session.scalars(query))
