"""Parts used on a job: the line in the report and the movement out of the van (R088).

Owns the table and both commands. The tablet gives them; the ledger moves the stock.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Base, Key, Short, Synced


class PartUsage(Synced, Base):
    """One part line of a ticket; name and price are those of the moment of use. Price in minor units, per `qty` 1."""

    __tablename__ = "part_usage"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    visit_id: Mapped[Key | None]
    part_id: Mapped[Key] = mapped_column(index=True)
    part_number: Mapped[Short]
    part_name: Mapped[Short]
    qty: Mapped[Decimal]
    unit_price_minor: Mapped[int]
    currency: Mapped[Short]
    price_version: Mapped[int]
    charged: Mapped[bool]
    serial_in: Mapped[Short] = mapped_column(index=True)
    serial_out: Mapped[Short]
    movement_id: Mapped[Key]
    withdrawn: Mapped[bool]
    used_at: Mapped[datetime]
