"""Mapped records. What is stored is what travels: every column holds a plain int or text on every database.

Instants are Unix milliseconds, quantities whole thousandths, flags 0/1, documents canonical JSON text. So a row
goes from table to wire to table without conversion, and SQLite and PostgreSQL give the same bytes (ADR-0004).
"""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, Dialect, Integer, MetaData, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql import operators

from common.kernel.clock import instant, millis
from common.kernel.codec import canonical
from common.kernel.quantity import from_milli, to_milli

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class InstantColumn(TypeDecorator[datetime]):
    """An aware UTC instant, stored as Unix milliseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Store."""
        return None if value is None else millis(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Load."""
        return None if value is None else instant(value)


class DayColumn(TypeDecorator[date]):
    """A local day, stored as ISO text."""

    impl = String(10)
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:
        """Store."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: str | None, dialect: Dialect) -> date | None:
        """Load."""
        return None if value is None else date.fromisoformat(value)


class QuantityColumn(TypeDecorator[Decimal]):
    """A quantity, stored as whole thousandths so that sums are exact."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Store."""
        return None if value is None else to_milli(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Load."""
        return None if value is None else from_milli(value)


class FlagColumn(TypeDecorator[bool]):
    """Yes or no, stored as 1 or 0. `is_(True)` compares the number: PostgreSQL's IS takes none."""

    impl = Integer
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[bool]):
        """Comparisons of a flag."""

        def is_(self, other: Any) -> Any:
            """Compare with True or False by number, with None as such."""
            return self.operate(operators.eq, other) if isinstance(other, bool) else super().is_(other)

    comparator_factory = Comparator

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> int | None:
        """Store."""
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> bool | None:
        """Load."""
        return None if value is None else bool(value)


class DocumentColumn(TypeDecorator[Any]):
    """A small JSON document, stored as canonical text. Replace it whole; changes inside are not seen."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Store."""
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Load."""
        return None if value is None else json.loads(value)


Key = Annotated[str, mapped_column(String(36))]
Agg = Annotated[str, mapped_column(String(80))]
Short = Annotated[str, mapped_column(String(200))]
Long = Annotated[str, mapped_column(Text)]
Document = Annotated[Any, mapped_column(DocumentColumn)]
# What nobody may read off a stolen tablet. The tablet's storage seals these columns; the server ignores the mark.
PRIVATE = {"private": True}
PrivateShort = Annotated[str, mapped_column(String(200), info=PRIVATE)]
PrivateLong = Annotated[str, mapped_column(Text, info=PRIVATE)]
PrivateDocument = Annotated[Any, mapped_column(DocumentColumn, info=PRIVATE)]


class Base(DeclarativeBase):
    """The tables of shared nouns: the same on tablet and server."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: InstantColumn,
        date: DayColumn,
        Decimal: QuantityColumn,
        bool: FlagColumn,
        int: BigInteger,
    }


class Synced:
    """A row that belongs to an aggregate, the unit of scope and of delivery.

    `id` is made before the row is first sent. `agg` is `<kind>:<key>` (`ticket:0192…`). Rows are never deleted:
    what ends has a state that says so. References to other aggregates carry no database foreign key, because a
    tablet holds only part of the whole (ADR-0005).
    """

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    agg: Mapped[str] = mapped_column(String(80), index=True)


@cache
def synced_entities() -> dict[str, type[Any]]:
    """Map table names to the mapped classes that travel, in name order. Import `common.nouns` first."""
    classes: list[Any] = [mapper.class_ for mapper in Base.registry.mappers]
    named = {str(c.__tablename__): c for c in classes if issubclass(c, Synced)}
    return dict(sorted(named.items()))


@cache
def columns_of(entity: str) -> tuple[str, ...]:
    """List the column names of an entity in wire order: id, aggregate, then as declared."""
    own = tuple(column.name for column in synced_entities()[entity].__table__.columns)
    return ("id", "agg", *(name for name in own if name not in ("id", "agg")))
