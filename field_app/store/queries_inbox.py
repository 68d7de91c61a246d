"""What this person must look at: commands not accepted, fields both changed, notices of the office.

Reads only. Who someone is can be said only of the person here: tablets hold no other people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.records import FieldConflict, InboxItem
from common.kernel.clock import instant
from common.policy.titles import Title
from common.tickets.ticket import Ticket
from field_app.store.queries_outbox import gist_of
from field_app.store.schema import OutboxOp
from field_app.store.store import state_of

DECIDED = ("withdrawn", "accepted", "declined", "resent")


@dataclass(frozen=True, slots=True)
class Stuck:
    """A command the office did not accept, or one that waits for such a one (`is_blocked`).

    `item_state`: open, seen, office, or a decision; `code`, `details`: why, in the server's words.
    """

    op_id: str
    kind: str
    args: Mapping[str, Any]
    ticket_id: str
    number: str
    gist: Title
    code: str
    details: Mapping[str, Any]
    at: datetime
    is_blocked: bool
    item_state: str


@dataclass(frozen=True, slots=True)
class Met:
    """A field two people changed. `is_mine_kept`: what stands is this person's value."""

    conflict_id: str
    ticket_id: str
    number: str
    entity: str
    field: str
    kept: str
    lost: str
    is_mine_kept: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the office changed."""

    item_id: str
    ticket_id: str
    code: str
    details: Mapping[str, Any]
    at: datetime
    is_seen: bool


def stuck_commands(session: Session) -> tuple[Stuck, ...]:
    """List commands that were not accepted, those still to be decided first, oldest first."""
    me = state_of(session).person_id
    items = {
        item.op_id: item
        for item in session.scalars(
            select(InboxItem).where(InboxItem.person_id == me, InboxItem.kind.in_(("parked", "blocked")))
        )
    }
    found = [
        _stuck(session, op, items.pop(op.id, None))
        for op in session.scalars(
            select(OutboxOp).where(OutboxOp.state.in_(("parked", "blocked"))).order_by(OutboxOp.ord)
        )
    ]
    # Given on another device of the same person: only the office's word of it is here.
    found += [_from_item(session, item) for item in items.values() if item.state not in DECIDED]
    return tuple(sorted(found, key=lambda one: (one.item_state == "office", one.at, one.op_id)))


def _stuck(session: Session, op: OutboxOp, item: InboxItem | None) -> Stuck:
    args = op.envelope.get("a") or {}
    return Stuck(
        op.id,
        op.kind,
        args,
        op.ticket_id or "",
        _number(session, op.ticket_id),
        gist_of(session, args),
        op.code,
        dict(op.details or {}),
        instant(op.given_ms),
        op.state == "blocked",
        item.state if item else "open",
    )


def _from_item(session: Session, item: InboxItem) -> Stuck:
    command = item.command or {}
    args = command.get("a") or {}
    return Stuck(
        item.op_id or "",
        str(command.get("k", "")),
        args,
        item.ticket_id or "",
        _number(session, item.ticket_id),
        gist_of(session, args),
        item.code,
        dict(item.details or {}),
        item.raised_at,
        item.kind == "blocked",
        item.state,
    )


def met_changes(session: Session) -> tuple[Met, ...]:
    """List fields that were changed by two people and are not settled, newest first."""
    me = state_of(session).person_id
    query = select(FieldConflict).where(FieldConflict.state == "open")
    rows = session.scalars(query.order_by(FieldConflict.raised_at.desc(), FieldConflict.id))
    met = []
    for row in rows:
        kind, _, owner = row.agg.partition(":")
        ticket_id = owner if kind == "ticket" else ""
        met.append(
            Met(
                row.id,
                ticket_id,
                _number(session, ticket_id),
                row.entity,
                row.field,
                row.kept,
                row.lost,
                row.kept_by == me,
                row.raised_at,
            )
        )
    return tuple(met)


def notices(session: Session, limit: int = 40) -> tuple[Notice, ...]:
    """List the office's notices, unread ones first, each newest first."""
    me = state_of(session).person_id
    query = select(InboxItem).where(InboxItem.person_id == me, InboxItem.kind == "notice")
    newest = query.order_by(InboxItem.raised_at.desc(), InboxItem.id.desc())
    unread = session.scalars(newest.where(InboxItem.state == "open"))
    read = session.scalars(newest.where(InboxItem.state != "open").limit(limit))
    return tuple(
        Notice(
            item.id,
            item.ticket_id or "",
            item.code,
            dict(item.details or {}),
            item.raised_at,
            item.state != "open",
        )
        for item in (*unread, *read)
    )


def _number(session: Session, ticket_id: str | None) -> str:
    ticket = session.get(Ticket, ticket_id) if ticket_id else None
    return ticket.number if ticket else ""
