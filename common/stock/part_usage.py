"""Parts used on a job: the line in the report and the movement out of the van (R088).

Owns the table and both commands. The tablet gives them; the ledger moves the stock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.command import TABLET, Nature, Role, command
from common.kernel.fields import Id, Needed, OptionalCode, Qty
from common.kernel.ids import derive_id
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.record import Base, Key, PrivateLong, Short, Synced
from common.kernel.work import Work
from common.people.person import Person
from common.stock.ledger import post_movement
from common.stock.location import ADJUSTMENTS, CUSTOMER_SITES, StockLocation
from common.stock.movement import StockMovement
from common.stock.part import Part
from common.tickets.ticket import Ticket, ticket_agg
from common.visit.sealed import require_unsealed


class PartUsage(Synced, Base):
    """One part line of a ticket, with name and price (minor units, of one) of the moment of use."""

    __tablename__ = "part_usage"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    visit_id: Mapped[Key | None]
    round: Mapped[int]  # the ticket's round
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
    withdrawn_reason: Mapped[PrivateLong]
    used_at: Mapped[datetime]


@dataclass(frozen=True, slots=True)
class RecordPartUsage:
    """Record a part fitted on a job (R088). `location_id`: the van it came from; None: his own."""

    usage_id: Id
    ticket_id: Id
    part_id: Id
    qty: Qty
    visit_id: Id | None = None
    serial_in: OptionalCode = ""
    serial_out: OptionalCode = ""
    charged: bool = False
    location_id: Id | None = None


@dataclass(frozen=True, slots=True)
class WithdrawPartUsage:
    """Take back a part line recorded by mistake; the part goes back into the van (R088)."""

    usage_id: Id
    ticket_id: Id
    reason: Needed


@command(
    RecordPartUsage,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def record_part_usage(work: Work, c: RecordPartUsage) -> Outcome:
    """Write the line and move the part to the customer. Refuses `ticket_unknown`.

    Requires `report_sealed`, `quantity_not_positive`, `part_unknown`, `van_missing`, `serial_missing`,
    `serial_is_one_piece`; flags `part_inactive`, `van_of_another`, `serial_fitted_twice`.
    """
    if work.has(PartUsage, c.usage_id):
        return NOOP
    ticket = need_ticket(work, c.ticket_id)
    require_unsealed(work, ticket)
    part = work.look(Part, c.part_id)
    check_usage(work, c, part)
    movement = post_movement(
        work,
        movement_id=derive_id("part_usage", c.usage_id, "out"),
        part_id=c.part_id,
        from_location_id=origin_of(work, c),
        to_location_id=CUSTOMER_SITES,
        qty=c.qty,
        reason="used",
        serial=c.serial_in,
        ticket_id=ticket.id,
    )
    work.session.add(
        PartUsage(
            id=c.usage_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            visit_id=c.visit_id,
            round=ticket.round,
            part_id=c.part_id,
            part_number=part.number if part else "",
            part_name=(part.name_zh or part.name) if part else "",
            qty=c.qty,
            unit_price_minor=part.price_minor if part else 0,
            currency=part.currency if part else "",
            price_version=part.price_version if part else 0,
            charged=c.charged,
            serial_in=c.serial_in,
            serial_out=c.serial_out,
            movement_id=movement.id,
            withdrawn=False,
            withdrawn_reason="",
            used_at=work.at,
        )
    )
    return OK


@command(
    WithdrawPartUsage,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def withdraw_part_usage(work: Work, c: WithdrawPartUsage) -> Outcome:
    """Withdraw a line and move the part back. Refuses `part_usage_unknown`; requires `report_sealed`."""
    usage = work.need(PartUsage, c.usage_id)
    if usage.ticket_id != c.ticket_id:
        raise Refused("part_usage_unknown")
    if usage.withdrawn:
        return NOOP
    require_unsealed(work, need_ticket(work, c.ticket_id))
    out = work.look(StockMovement, usage.movement_id)
    usage.withdrawn = True
    usage.withdrawn_reason = c.reason
    post_movement(
        work,
        movement_id=derive_id("part_usage", usage.id, "back"),
        part_id=usage.part_id,
        from_location_id=CUSTOMER_SITES,
        to_location_id=out.from_location_id if out else ADJUSTMENTS,
        qty=usage.qty,
        reason="withdrawn",
        serial=usage.serial_in,
        ticket_id=usage.ticket_id,
    )
    return OK


def need_ticket(work: Work, ticket_id: str) -> Ticket:
    """Find the ticket without holding it: a part line changes nothing on it. Refuses `ticket_unknown`."""
    ticket = work.look(Ticket, ticket_id)
    if ticket is None:
        raise Refused("ticket_unknown")
    return ticket


def check_usage(work: Work, c: RecordPartUsage, part: Part | None) -> None:
    """Require what a good line has, flag what a person must look at; see `record_part_usage`."""
    work.require(c.qty > 0, "quantity_not_positive")
    work.require(part is not None, "part_unknown")
    if part is not None:
        work.require(bool(c.serial_in) or not part.serialised, "serial_missing", part=part.number)
        if not part.active:
            work.flag("part_inactive", part=part.number)
    if c.serial_in:
        work.require(c.qty == 1, "serial_is_one_piece", serial=c.serial_in)
        if is_fitted(work.session, c.part_id, c.serial_in):
            work.flag("serial_fitted_twice", serial=c.serial_in, part=part.number if part else "")


def is_fitted(session: Session, part_id: str, serial: str) -> bool:
    """Say whether the books have this serial fitted already."""
    query = select(PartUsage.id).where(
        PartUsage.serial_in == serial, PartUsage.part_id == part_id, PartUsage.withdrawn.is_(False)
    )
    return session.scalar(query.limit(1)) is not None


def origin_of(work: Work, c: RecordPartUsage) -> str:
    """Find the van the part came from. Requires `van_missing`; flags `van_of_another`."""
    location_id = c.location_id
    if location_id is None:
        person = work.look(Person, work.actor.person_id)
        location_id = person.van_location_id if person else None
    work.require(location_id is not None, "van_missing")
    if location_id is None:
        return ADJUSTMENTS
    van = work.look(StockLocation, location_id)
    if van is not None and van.person_id != work.actor.person_id:
        work.flag("van_of_another", location=van.name)
    return location_id


def usages_of(session: Session, ticket_id: str, *, round: int | None = None) -> list[PartUsage]:  # noqa: A002
    """List a ticket's part lines that stand, in order of use; `round` limits them to one round."""
    query = select(PartUsage).where(PartUsage.ticket_id == ticket_id, PartUsage.withdrawn.is_(False))
    if round is not None:
        query = query.where(PartUsage.round == round)
    return list(session.scalars(query.order_by(PartUsage.used_at, PartUsage.id)))
