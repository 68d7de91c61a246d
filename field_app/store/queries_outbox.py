"""What was given on this tablet and how far it has come: for the outbox page.

Reads only. Arguments are shown by the words people typed, never by ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, cast, func, select, text
from sqlalchemy.orm import Session

from common.kernel.clock import instant, millis
from common.kernel.codec import compact
from common.policy.policy_set import find_policy
from common.policy.titles import Title
from common.stock.part import Part
from common.tickets.ticket import Ticket
from field_app.store.schema import SPOILED, OutboxOp

WAITING = ("new",)
UNDER_WAY = ("acked",)
STUCK = ("parked", "blocked")
KEPT = ("kept", "closed")
# What a person recognises an entry by, the first that is there.
GISTS = ("text", "reason", "phenomenon", "hazard", "plan", "points", "note", "name", "address", "item")
GIST_CHARS = 80
# Past the view that opens commands; one that has a status the office has.
_SPOILED = """SELECT op.id, op.kind, op.ticket_id, ticket.number, op.given_ms, length(op.envelope)
    FROM main.op LEFT JOIN main.ticket ON ticket.id = op.ticket_id
    WHERE op.state = :spoiled AND op.status = '' ORDER BY op.ord"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One command. `state`: new, acked, parked, blocked, kept, closed, spoiled; `size` in bytes as it is stored."""

    op_id: str
    kind: str
    ticket_id: str
    number: str
    gist: Title
    given_at: datetime
    state: str
    tries: int
    size: int
    status: str
    code: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """All that waits, is stuck or no longer opens, the newest of what the office has, and how much there is of it."""

    waiting: tuple[Entry, ...]
    under_way: tuple[Entry, ...]
    stuck: tuple[Entry, ...]
    kept: tuple[Entry, ...]
    kept_count: int
    waiting_count: int
    waiting_bytes: int
    spoiled: tuple[Entry, ...] = ()


def outbox_page(session: Session, limit: int = 60, kept_limit: int = 30) -> OutboxPage:
    """Read the outbox: what waits oldest first, what the office has newest first."""
    waiting_count, waiting_bytes = session.execute(
        select(
            func.count(), func.coalesce(func.sum(func.length(cast(OutboxOp.envelope, LargeBinary))), 0)
        ).where(OutboxOp.state.in_(WAITING))
    ).one()
    kept_count = session.scalar(select(func.count()).where(OutboxOp.state.in_(KEPT))) or 0
    return OutboxPage(
        _entries(session, WAITING, limit),
        _entries(session, UNDER_WAY, limit),
        _entries(session, STUCK, limit),
        _entries(session, KEPT, kept_limit, newest_first=True),
        kept_count,
        waiting_count,
        waiting_bytes,
        spoiled_entries(session),
    )


def spoiled_entries(session: Session) -> tuple[Entry, ...]:
    """List the commands that no longer open and the office does not have, by what stands beside them in the clear."""
    found = session.execute(text(_SPOILED), {"spoiled": SPOILED})
    return tuple(
        Entry(
            op_id, kind, ticket_id or "", number or "", Title("", "", ""), instant(given_ms),
            SPOILED, 0, size, "", "", {},
        )
        for op_id, kind, ticket_id, number, given_ms, size in found
    )  # fmt: skip


def remarks(session: Session, after_ord: int, limit: int = 30) -> tuple[tuple[int, Entry], ...]:
    """List what the office took in with a remark (flagged, merged) since `after_ord`, newest first."""
    query = (
        select(OutboxOp)
        .where(
            OutboxOp.status.in_(("flagged", "merged")), OutboxOp.ord > after_ord, OutboxOp.state != SPOILED
        )
        .order_by(OutboxOp.ord.desc())
        .limit(limit)
    )
    ops = list(session.scalars(query))
    numbers = _numbers(session, ops)
    return tuple((op.ord, entry_of(session, op, numbers)) for op in ops)


def whole_outbox(session: Session) -> list[dict[str, Any]]:
    """Read every command with all its content, to be written to a file; of one that no longer opens what it was."""
    ops = session.scalars(select(OutboxOp).where(OutboxOp.state != SPOILED).order_by(OutboxOp.ord))
    whole: list[dict[str, Any]] = [
        {"n": op.n, "state": op.state, "status": op.status, "code": op.code, "envelope": op.envelope}
        for op in ops
    ]
    return whole + [
        {
            "state": SPOILED,
            "id": one.op_id,
            "kind": one.kind,
            "ticket_id": one.ticket_id,
            "w": millis(one.given_at),
        }
        for one in spoiled_entries(session)
    ]


def _entries(
    session: Session, states: tuple[str, ...], limit: int, *, newest_first: bool = False
) -> tuple[Entry, ...]:
    order = OutboxOp.ord.desc() if newest_first else OutboxOp.ord
    ops = list(
        session.scalars(select(OutboxOp).where(OutboxOp.state.in_(states)).order_by(order).limit(limit))
    )
    numbers = _numbers(session, ops)
    return tuple(entry_of(session, op, numbers) for op in ops)


def _numbers(session: Session, ops: list[OutboxOp]) -> dict[str, str]:
    wanted = {op.ticket_id for op in ops if op.ticket_id}
    rows = session.execute(select(Ticket.id, Ticket.number).where(Ticket.id.in_(wanted)))
    return {ticket_id: number for ticket_id, number in rows}


def entry_of(session: Session, op: OutboxOp, numbers: Mapping[str, str]) -> Entry:
    """Write a command as an entry of the page."""
    args = op.envelope.get("a") or {}
    return Entry(
        op.id,
        op.kind,
        op.ticket_id or "",
        numbers.get(op.ticket_id or "", ""),
        gist_of(session, args),
        instant(op.given_ms),
        op.state,
        op.tries,
        len(compact(op.envelope).encode()),
        op.status,
        op.code,
        dict(op.details or {}),
    )


def gist_of(session: Session, args: Mapping[str, Any]) -> Title:
    """Return the words by which a person recognises an entry, in each language; empty where it has none."""
    part = session.get(Part, args["part_id"]) if isinstance(args.get("part_id"), str) else None
    if part is not None:
        chinese = f"{part.number} {part.name_zh or part.name}"
        return Title(f"{part.number} {part.name}", chinese, chinese)
    item = _item_title(session, args)
    if item is not None:
        return item
    changes = args.get("changes")
    if isinstance(changes, list):
        words = ", ".join(str(change.get("new", "")) for change in changes)
    else:
        words = " ".join(next((str(args[name]) for name in GISTS if args.get(name)), "").split())
    return Title(*[words[:GIST_CHARS]] * 3)


def _item_title(session: Session, args: Mapping[str, Any]) -> Title | None:
    """Name the step of a checklist that was answered; None for everything else, and for a step no longer known."""
    if "template" not in args or "item" not in args:
        return None
    policy = find_policy(session)
    lists = policy.checklists if policy else ()
    items = (item for one in lists if one.code == args["template"] for item in one.items)
    return next((item.title for item in items if item.code == args["item"]), None)
