"""What people do in a history: engineers on their tablets, the office at its console. Chosen by the seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.edits import Change
from common.inbox.records import InboxItem
from common.kernel.clock import instant
from common.kernel.codec import canonical
from common.kernel.ids import uuid7
from common.stock.part_commands import SetPrice
from common.stock.part_usage import PartUsage, RecordPartUsage, WithdrawPartUsage
from common.stock.stock_commands import StockLine, TransferStock
from common.tickets.appointment import RescheduleTicket
from common.tickets.closing import CancelTicket, HoldTicket, ResumeTicket
from common.tickets.dispatching import AssignTicket, MoveAssignment, UnassignTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote, RequestHelp, StartTravel
from common.tickets.intake import EditTicket
from common.tickets.ticket import Assignment, Ticket
from common.visit.diagnosis import RecordDiagnosis
from common.visit.hashing import content_hash
from common.visit.on_site import ArriveOnSite
from common.visit.records import Visit
from common.visit.repair import RecordMeasure, RecordTest
from common.visit.report import compose_report
from common.visit.sign_off import SignReport
from tests.simulation.stage import ENGINEERS, PARTS, STORE, VANS

Maker = Callable[[random.Random, Session, Ticket, int], Any]


def _id(rng: random.Random, now_ms: int) -> str:
    return uuid7(max(now_ms, 0), rng.randbytes)


def _usage(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    qty = Decimal(rng.randrange(1, 4))
    return RecordPartUsage(_id(rng, now_ms), ticket.id, rng.choice(PARTS), qty)


def _withdraw(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    used = session.scalars(
        select(PartUsage.id)
        .where(PartUsage.ticket_id == ticket.id, PartUsage.withdrawn.is_(False))
        .order_by(PartUsage.id)
    ).all()
    return WithdrawPartUsage(rng.choice(used), ticket.id, "wrong part") if used else None


def _note(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    return AddNote(ticket.id, f"note {rng.randrange(10**6)} 备注")


def _edit(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    field = rng.choice(("fault_code", "address", "plan", "contact"))
    old = getattr(ticket, field)
    return EditTicket(ticket.id, (Change(field, old, f"{field} {rng.randrange(1000)}"),))


def _reschedule(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    start = instant(now_ms) + timedelta(hours=rng.randrange(1, 50))
    return RescheduleTicket(
        ticket.id, start, start + timedelta(hours=2), "customer asked", True, ticket.window_from_at
    )


def _arrive(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    return ArriveOnSite(_id(rng, now_ms), ticket.id, True, "Engineer")


def _visit_id(rng: random.Random, session: Session, ticket: Ticket) -> str | None:
    visits = session.scalars(select(Visit.id).where(Visit.ticket_id == ticket.id).order_by(Visit.id)).all()
    return rng.choice(visits) if visits else None


def _diagnose(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    visit = _visit_id(rng, session, ticket)
    return visit and RecordDiagnosis(_id(rng, now_ms), ticket.id, visit, "dark", "fuse", "wear")


def _measure(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    visit = _visit_id(rng, session, ticket)
    return visit and RecordMeasure(_id(rng, now_ms), ticket.id, visit, "changed the fuse", rng.randrange(90))


def _test(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    visit = _visit_id(rng, session, ticket)
    return visit and RecordTest(
        _id(rng, now_ms), ticket.id, visit, "leakage", "12", rng.random() < 0.9, unit="µA"
    )


def _sign(rng: random.Random, session: Session, ticket: Ticket, now_ms: int) -> Any:
    content = compose_report(session, ticket.id, service_type="C")
    accepted = rng.random() < 0.7
    return SignReport(
        _id(rng, now_ms),
        ticket.id,
        f"R-{rng.randrange(10**6)}",
        "zh-Hans",
        accepted,
        canonical(content),
        content_hash(content),
        "C",
        "Engineer",
        "Head nurse",
        "[[[1,2,3],[4,5,6]]]",
        signer_role="ward",
        opinion="good",
        refusal_reason="" if accepted else "still dark",
    )


FIELD: tuple[tuple[int, Maker], ...] = (
    (6, _usage),
    (2, _withdraw),
    (4, _note),
    (4, _edit),
    (3, _reschedule),
    (2, _arrive),
    (2, _diagnose),
    (2, _measure),
    (2, _test),
    (3, _sign),
    (2, lambda rng, s, ticket, now: AcknowledgeTicket(ticket.id)),
    (2, lambda rng, s, ticket, now: StartTravel(ticket.id)),
    (1, lambda rng, s, ticket, now: RequestHelp(ticket.id, "two people needed")),
)


def field_command(rng: random.Random, session: Session, now_ms: int) -> Any:
    """Choose what the engineer does next with what is on the tablet; None if there is nothing to do it with."""
    tickets = session.scalars(select(Ticket).order_by(Ticket.id)).all()
    if not tickets:
        return None
    makers, weights = [m for _, m in FIELD], [w for w, _ in FIELD]
    return rng.choices(makers, weights)[0](rng, session, rng.choice(tickets), now_ms)


def parked_item(rng: random.Random, session: Session) -> str | None:
    """Choose a parked command that waits for this engineer's decision."""
    items = session.scalars(
        select(InboxItem.op_id)
        .where(InboxItem.state == "open", InboxItem.kind == "parked")
        .order_by(InboxItem.id)
    ).all()
    return rng.choice(items) if items else None


def office_command(rng: random.Random, session: Session, now_ms: int) -> Any:
    """Choose what the office does next."""
    ticket = rng.choice(session.scalars(select(Ticket).order_by(Ticket.id)).all())
    assignment = session.scalar(
        select(Assignment)
        .where(Assignment.ticket_id == ticket.id, Assignment.state == "active")
        .order_by(Assignment.id)
        .limit(1)
    )
    start = instant(now_ms) + timedelta(hours=rng.randrange(1, 90))
    until = start + timedelta(hours=1)
    roll = rng.random()
    if roll < 0.35:
        engineer = rng.choice(ENGINEERS)
        if assignment is None:
            return AssignTicket(ticket.id, _id(rng, now_ms), engineer, start, until, "as the day goes")
        return MoveAssignment(
            ticket.id, assignment.id, engineer, start, until, "as the day goes", "as it goes"
        )
    if roll < 0.45:
        return UnassignTicket(ticket.id, assignment.id, "not today") if assignment else None
    if roll < 0.70:
        return _edit(rng, session, ticket, now_ms)
    if roll < 0.75:
        return CancelTicket(ticket.id, "customer gave up", "yes")
    if roll < 0.82:
        return HoldTicket(ticket.id, "awaiting_parts") if not ticket.hold_reason else ResumeTicket(ticket.id)
    if roll < 0.90:
        return _stock_or_price(rng)
    return _note(rng, session, ticket, now_ms)


def _stock_or_price(rng: random.Random) -> Any:
    if rng.random() < 0.3:
        return SetPrice(rng.choice(PARTS), rng.randrange(500, 3000), "CNY")
    return TransferStock(STORE, rng.choice(VANS), (StockLine(rng.choice(PARTS), Decimal(2)),))
