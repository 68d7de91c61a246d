"""Parts of a ticket and of the van: what was used, what is there, what a typed or scanned code means (R087 R088).

Owns what the pages show. Balances are the ledger's: what is used here and not sent yet is already taken off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from common.stock.ledger import balance
from common.stock.location import StockLocation
from common.stock.part import Part
from common.stock.part_usage import PartUsage
from common.stock.search import find_parts, part_by_code, serials_at, stock_at
from common.tickets.ticket import Ticket
from common.visit.report import parts_of
from field_app.state.tablet import van_in_use
from field_app.store.queries_today import fitted_before

HITS = 20
VAN_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part with its balance in the van. `fitted`: to this very unit, on a past visit."""

    part: Part
    qty: Decimal
    serials: tuple[str, ...] = ()
    fitted: bool = False

    def name(self, language: str) -> str:
        """Return the name in the reader's language, as far as the catalogue has it."""
        return (self.part.name_zh or self.part.name) if language.startswith("zh") else self.part.name


def load_used(ticket_id: str) -> Callable[[Session], tuple[PartUsage, ...]]:
    """Return the query of a ticket's standing part lines."""

    def load(session: Session) -> tuple[PartUsage, ...]:
        ticket = session.get(Ticket, ticket_id)
        return tuple(parts_of(session, ticket)) if ticket else ()

    return load


def load_hits(
    person_id: str, text: str, equipment_id: str | None = None
) -> Callable[[Session], tuple[PartRow, ...]]:
    """Return the query of a search: without a text what lies in the van, else the whole catalogue, van first.

    What was fitted to the unit before leads what lies in the van: a van holds more than is shown. One more than `HITS`
    comes where there are others.
    """

    def load(session: Session) -> tuple[PartRow, ...]:
        van = van_in_use(session, person_id)
        van_id = van.id if van else None
        usual = fitted_before(session, equipment_id) if equipment_id else frozenset()
        if not text.strip():
            found = stock_at(session, van_id, limit=HITS + 1, first=usual) if van_id else []
        else:
            found = find_parts(session, text, van_id, HITS + 1)
        return tuple(PartRow(hit.part, hit.qty, fitted=hit.part.number in usual) for hit in found)

    return load


def load_part(person_id: str, part_id: str) -> Callable[[Session], PartRow | None]:
    """Return the query of one part, with the serials that lie in the van."""

    def load(session: Session) -> PartRow | None:
        part, van = session.get(Part, part_id), van_in_use(session, person_id)
        if part is None:
            return None
        if van is None:
            return PartRow(part, Decimal(0))
        serials = tuple(serials_at(session, van.id, part_id)) if part.serialised else ()
        return PartRow(part, balance(session, van.id, part_id), serials)

    return load


def find_code(code: str) -> Callable[[Session], Part | None]:
    """Return the query that reads a scanned or typed code."""
    return lambda session: part_by_code(session, code)


@dataclass(frozen=True, slots=True)
class VanView:
    """The van's stock. `below_zero` counts what the books say was given too much of."""

    van: StockLocation | None
    rows: tuple[PartRow, ...]

    @property
    def below_zero(self) -> int:
        """Count the parts with a negative balance."""
        return sum(row.qty < 0 for row in self.rows)


def load_van(person_id: str, text: str) -> Callable[[Session], VanView]:
    """Return the query of the van's list, what is below zero first."""

    def load(session: Session) -> VanView:
        van = van_in_use(session, person_id)
        found = stock_at(session, van.id, text, VAN_ROWS) if van else []
        rows = sorted((PartRow(hit.part, hit.qty) for hit in found), key=lambda row: row.qty >= 0)
        return VanView(van, tuple(rows))

    return load
