"""What the outbox holds and what of it goes into the next request. Reads only, but for counting tries."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import ScalarSelect, func, select, update
from sqlalchemy.orm import Session

from common.kernel.clock import Reading
from common.kernel.codec import compact
from common.protocol.digest import digest_of
from common.protocol.messages import (
    OPS_AT_MOST,
    OPS_BYTES_AT_MOST,
    PAGE_BYTES,
    ClockNow,
    ReconcileRequest,
    SyncRequest,
)
from field_app.store.schema import HeldAgg, OutboxOp, SyncState
from field_app.store.store import state_of

UNSENT = ("new",)
NEEDS_A_LOOK = ("parked", "blocked")
ANSWERED = ("acked", "kept", *NEEDS_A_LOOK, "closed")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much goes into one request and one answer; shrinks on a bad line and grows again."""

    ops: int = OPS_AT_MOST
    ops_bytes: int = OPS_BYTES_AT_MOST
    page_bytes: int = PAGE_BYTES


@dataclass(frozen=True, slots=True)
class Counts:
    """What the strip on every screen says."""

    waiting: int
    oldest_ms: int
    needs_a_look: int
    last_contact_ms: int


def counts(session: Session) -> Counts:
    """Count what is not sent, since when, and what a person must look at."""
    oldest = select(func.min(OutboxOp.given_ms)).where(OutboxOp.state.in_(UNSENT)).scalar_subquery()
    found = session.execute(
        select(number_of(UNSENT), oldest, number_of(NEEDS_A_LOOK), SyncState.last_contact_ms)
    ).one()
    return Counts(found[0], found[1] or 0, found[2], found[3])


def number_of(states: tuple[str, ...]) -> ScalarSelect[int]:
    """Count the commands in these states, as part of another question."""
    return select(func.count()).where(OutboxOp.state.in_(states)).scalar_subquery()


def build_request(session: Session, reading: Reading, app: str, limits: Limits) -> SyncRequest:
    """Make the next request: the oldest unsent commands in order, never half a group."""
    state = state_of(session)
    rows = session.execute(
        select(OutboxOp.ord, OutboxOp.n, OutboxOp.envelope)
        .where(OutboxOp.state.in_(UNSENT))
        .order_by(OutboxOp.n)
        .limit(OPS_AT_MOST + 1)  # one more than can go, so that a group cut there is seen to be too long
    ).all()
    ops: list[dict[str, Any]] = []
    size = 0
    for _, members in groupby(rows, key=lambda row: row.envelope.get("g") or row.envelope["id"]):
        group: list[dict[str, Any]] = [{**row.envelope, "n": row.n} for row in members]
        weight = sum(len(compact(op).encode()) for op in group)
        if ops and (len(ops) + len(group) > limits.ops or size + weight > limits.ops_bytes):
            break
        ops.extend(group)
        size += weight
    if ops:
        sent = [row.ord for row in rows[: len(ops)]]
        session.execute(update(OutboxOp).where(OutboxOp.ord.in_(sent)).values(tries=OutboxOp.tries + 1))
    waiting, oldest = session.execute(
        select(func.count(), func.min(OutboxOp.given_ms)).where(OutboxOp.state.in_(UNSENT))
    ).one()
    left = waiting - len(ops)
    return SyncRequest(
        dev=state.device_id,
        inc=state.incarnation,
        tok=state.token,
        clk=ClockNow(reading.wall_ms, reading.mono_ms, reading.boot),
        app=app,
        cur=state.cursor,
        ops=tuple(ops),
        dig=None if ops or not state.position else digest_of(held(session)),
        max=limits.page_bytes,
        left=left,
        old=(oldest or 0) if left else 0,
    )


def reconcile_request(session: Session) -> ReconcileRequest:
    """List everything held, for the server to compare."""
    return ReconcileRequest(state_of(session).device_id, dict(held(session)))


def held(session: Session) -> list[tuple[str, int]]:
    """List the aggregates that are in this tablet's scope, with their revisions."""
    rows = session.execute(select(HeldAgg.agg, HeldAgg.rev).where(HeldAgg.detached == 0))
    return [(agg, rev) for agg, rev in rows]


def to_offer_again(session: Session, after: int, limit: int = 1000) -> list[tuple[int, str]]:
    """List commands the server once answered for, oldest first, to be asked about after a fork.

    Those the office or their person had decided about, too: a server that lost them lost the decision with them, and work
    it had accepted would be gone (P5).
    """
    rows = session.execute(
        select(OutboxOp.ord, OutboxOp.id)
        .where(OutboxOp.ord > after, OutboxOp.state.in_(ANSWERED))
        .order_by(OutboxOp.ord)
        .limit(limit)
    )
    return [(op_ord, op_id) for op_ord, op_id in rows]
