"""The tables of the stock ledger: movements are the truth, levels their materialised sum (R087, ADR-0007).

Owns the tables only. `common.stock.ledger` is the one that writes them.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Base, Key, Short, Synced


class StockMovement(Synced, Base):
    """So many of a part from one place to another. Never changed; a mistake is moved back."""

    __tablename__ = "stock_movement"
    __table_args__ = (
        Index(None, "from_location_id", "part_id"),
        Index(None, "to_location_id", "part_id"),
    )
    part_id: Mapped[Key] = mapped_column(index=True)
    from_location_id: Mapped[Key]
    to_location_id: Mapped[Key]
    qty: Mapped[Decimal]
    serial: Mapped[Short]
    reason: Mapped[Short]  # received | transferred | counted | used | returned
    ticket_id: Mapped[Key | None] = mapped_column(index=True)
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    actor_id: Mapped[Key]


class StockLevel(Synced, Base):
    """How many of a part lie at a place: the sum of its movements, kept by every posting."""

    __tablename__ = "stock_level"
    location_id: Mapped[Key] = mapped_column(index=True)
    part_id: Mapped[Key] = mapped_column(index=True)
    qty: Mapped[Decimal]


class StockMinimum(Synced, Base):
    """How many of a part should lie at a place at least; 0: none is asked for any more (R087)."""

    __tablename__ = "stock_minimum"
    location_id: Mapped[Key] = mapped_column(index=True)
    part_id: Mapped[Key] = mapped_column(index=True)
    qty: Mapped[Decimal]


class StockSerial(Synced, Base):
    """One serial at one place: there, or gone from there."""

    __tablename__ = "stock_serial"
    part_id: Mapped[Key] = mapped_column(index=True)
    serial: Mapped[Short] = mapped_column(index=True)
    location_id: Mapped[Key] = mapped_column(index=True)
    state: Mapped[Short]  # in_stock | out
