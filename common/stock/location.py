"""Places where parts are: stores, vans, the workshop, and the ends of the ledger beyond our shelves (R087).

Owns the table of places and who sees a van.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.ids import derive_id
from common.kernel.record import Base, Key, PrivateShort, Short, Synced
from common.kernel.scope import Grant, scope_rule, user

# Parts leave and enter our shelves through these. They are ids without a row: nothing is counted there,
# their balance is the sum of their movements.
CUSTOMER_SITES = derive_id("location", "site")
SUPPLIERS = derive_id("location", "supplier")
ADJUSTMENTS = derive_id("location", "adjustment")
OUTSIDE = {CUSTOMER_SITES: "site", SUPPLIERS: "supplier", ADJUSTMENTS: "adjustment"}
SHELVES = frozenset({"central", "branch", "van", "workshop"})


class StockLocation(Synced, Base):
    """A place; `person_id` is who drives the van."""

    __tablename__ = "stock_location"
    code: Mapped[Short] = mapped_column(index=True)
    name: Mapped[PrivateShort]
    kind: Mapped[Short]  # central | branch | van | site | workshop | supplier | scrap
    person_id: Mapped[Key | None] = mapped_column(index=True)
    active: Mapped[bool]


def location_agg(location_id: str, kind: str) -> str:
    """Name a place's aggregate: a van's travels to its driver."""
    return f"van:{location_id}" if kind == "van" else f"store:{location_id}"


@scope_rule("van")
def van_scope(session: Session, agg: str) -> Iterable[Grant]:
    """Show a van's stock to the person who drives it."""
    driver = session.scalar(select(StockLocation.person_id).where(StockLocation.id == agg.partition(":")[2]))
    return ((user(driver), agg),) if driver else ()


def locations(session: Session, *, kind: str = "") -> list[StockLocation]:
    """List active places by kind and code."""
    query = select(StockLocation).where(StockLocation.active.is_(True))
    if kind:
        query = query.where(StockLocation.kind == kind)
    return list(session.scalars(query.order_by(StockLocation.kind, StockLocation.code, StockLocation.id)))


def van_of(session: Session, person_id: str) -> StockLocation | None:
    """Find the van a person drives, by code if more than one."""
    query = select(StockLocation).where(
        StockLocation.person_id == person_id, StockLocation.kind == "van", StockLocation.active.is_(True)
    )
    return session.scalars(query.order_by(StockLocation.code, StockLocation.id).limit(1)).first()
