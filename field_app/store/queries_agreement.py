"""What an agreement is made from: the price list, parts with their prices, what was agreed before (R060 R068).

Owns these reads. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.stock.location import van_of
from common.stock.part import Part, price_items, price_list_version
from common.stock.search import find_parts
from common.tickets.ticket import Ticket
from common.visit.report import newest_agreement, newest_diagnosis, parts_of
from field_app.store.store import state_of


@dataclass(frozen=True, slots=True)
class Offer:
    """Something with a price: of the list (labour, travel, other) or a part."""

    kind: str
    code: str
    title: str
    unit_price_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """The agreement in force."""

    plan: str
    lines: tuple[Mapping[str, Any], ...]
    total_minor: int
    currency: str
    signer_name: str
    signer_role: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class PriceFacts:
    """The prices of one ticket. `used` are the charged parts recorded so far, with their quantity."""

    version: int
    charges: tuple[Offer, ...]
    used: tuple[tuple[Offer, Decimal], ...]
    agreed: Agreed | None
    finding: str

    @property
    def proposed_plan(self) -> str:
        """Return the plan to begin with: the one he signed before, else what was found."""
        return self.agreed.plan if self.agreed else self.finding


def price_facts(session: Session, ticket_id: str) -> PriceFacts | None:
    """Gather the prices for a ticket; None where the tablet does not hold it."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return None
    charges = tuple(
        Offer(item.kind, item.code, item.title, item.amount_minor, item.currency)
        for item in price_items(session, zone=ticket.zone)
    )
    used = tuple(
        (Offer("part", u.part_number, u.part_name, u.unit_price_minor, u.currency), u.qty)
        for u in parts_of(session, ticket)
        if u.charged
    )
    signed, diagnosis = newest_agreement(session, ticket), newest_diagnosis(session, ticket)
    agreed = None
    if signed is not None:
        agreed = Agreed(
            signed.plan,
            tuple(dict(line) for line in signed.lines),
            signed.total_minor,
            signed.currency,
            signed.signer_name,
            signed.signer_role,
            signed.signed_at,
        )
    return PriceFacts(
        price_list_version(session), charges, used, agreed, diagnosis.finding if diagnosis else ""
    )


def part_offers(session: Session, text: str, limit: int = 8) -> tuple[Offer, ...]:
    """Find parts by number, name, pinyin or code; his own van's first."""
    van = van_of(session, state_of(session).person_id)
    return tuple(_offer(hit.part) for hit in find_parts(session, text, van.id if van else None, limit))


def price_now(session: Session, kind: str, code: str, zone: str) -> int | None:
    """Return what the list asks for something now; None where the list does not name it."""
    if kind == "part":
        return session.scalar(select(Part.price_minor).where(Part.number == code).limit(1))
    found = [item.amount_minor for item in price_items(session, kind, zone) if item.code == code]
    return found[0] if found else None


def _offer(part: Part) -> Offer:
    return Offer("part", part.number, part.name_zh or part.name, part.price_minor, part.currency)
