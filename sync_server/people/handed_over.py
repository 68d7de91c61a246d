"""What a tablet that was sent away handed over, decided in one go: accepted in the order it was done, or set aside.

Owns that order and what is told of it. Each decision is the command `decide_parked`, as in the inbox (P5, G5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.kernel.work import Actor
from common.tickets.ticket import Ticket, TicketEvent
from sync_server.db.database import Database
from sync_server.db.office import perform
from sync_server.db.tables import ParkedOp, Receipt
from sync_server.people.staff import tickets_with
from sync_server.sync.parked import DecideParked

ALREADY = "already_decided"


@dataclass(frozen=True, slots=True)
class Decided:
    """How many were decided, and why the others were not (reason codes, each once)."""

    done: int
    left: int
    codes: tuple[str, ...] = ()


def open_ops(session: Session, device_id: str) -> list[str]:
    """List the commands of a device that wait for a decision, as they stood in its lane."""
    query = (
        select(ParkedOp.op_id)
        .join(Receipt, Receipt.op_id == ParkedOp.op_id)
        .where(ParkedOp.device_id == device_id, ParkedOp.state == "open")
        .order_by(Receipt.incarnation, Receipt.n, ParkedOp.op_id)
    )
    return list(session.scalars(query))


def decide_all(
    database: Database, actor: Actor, device_id: str, choice: Literal["accept", "decline"], note: str
) -> Decided:
    """Decide about everything a device handed over; what its own rules refuse stays and is named."""
    with database.read() as session:
        op_ids = open_ops(session, device_id)
    codes: list[str] = []
    left = 0
    for op_id in op_ids:
        outcome = perform(database, actor, DecideParked(op_id, choice, note))
        if not outcome.took_effect and outcome.code != ALREADY:  # decided with another of its group
            left += 1
            if outcome.code not in codes:
                codes.append(outcome.code)
    return Decided(len(op_ids) - left, left, tuple(codes))


def last_heard(session: Session, person_id: str) -> list[tuple[Ticket, datetime | None]]:
    """List (ticket, when its person was last heard of about it) of the open tickets a person's tablet may hold."""
    tickets = [row[0] for row in tickets_with(session, person_id)]
    heard: dict[str, datetime] = dict(
        session.execute(
            select(TicketEvent.ticket_id, func.max(TicketEvent.at))
            .where(TicketEvent.actor_id == person_id, TicketEvent.ticket_id.in_([row.id for row in tickets]))
            .group_by(TicketEvent.ticket_id)
        ).all()
    )
    return [(row, heard.get(row.id)) for row in tickets]
