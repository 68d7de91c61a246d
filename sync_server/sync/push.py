"""The push half: commands of a lane, in order, each once.

Owns order, dedupe and parking. What a command does is its own function's, through `UnitOfWork.run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import select

from common.inbox.opening import open_discrepancy
from common.inbox.records import Discrepancy, InboxItem
from common.kernel.clock import instant
from common.kernel.codec import decode, encode
from common.kernel.command import REGISTRY
from common.kernel.ids import derive_id
from common.kernel.op import Op
from common.kernel.outcome import BadPayload, Outcome
from common.kernel.work import Actor, forget_held
from common.protocol.messages import ClockNow, OpResult
from common.protocol.release import is_newer
from sync_server.db.tables import Lane, ParkedOp
from sync_server.db.unit_of_work import Arrival, UnitOfWork, content_hash_of

OPS_A_TRANSACTION = 50


@dataclass(frozen=True, slots=True)
class Numbered:
    """A command with its number in the lane."""

    n: int
    op: Op


class ForkSeen(Exception):  # noqa: N818 - an answer, not an error
    """A number was used for another command, or numbers are missing: this is another copy of the tablet."""


class ServerTooOldError(Exception):
    """The next command comes from a newer app and is unknown here: the server must be updated."""


def understood(ops: list[Numbered], app: str) -> list[Numbered]:
    """Return the commands before the first that only a newer app can give; its group is left whole (F2, T27).

    From an app that is not newer such a command is a mistake, and is parked like one (T17). Raises ServerTooOldError
    where not one is left of some.
    """
    if not ops or not is_newer(app):
        return ops
    strange = next((item for item in ops if _is_strange(item.op)), None)
    if strange is None:
        return ops
    group = strange.op.g
    kept = [item for item in ops if item.n < strange.n and not (group and item.op.g == group)]
    if not kept:
        raise ServerTooOldError
    return kept


def _is_strange(op: Op) -> bool:
    spec = REGISTRY.get(op.k)
    return spec is None or op.v > spec.version


def read_ops(raw: tuple[dict[str, Any], ...]) -> list[Numbered]:
    """Decode the envelopes. Raises BadPayload for an envelope no tablet makes; arguments are judged one by one later."""
    numbered = []
    for i, item in enumerate(raw):
        envelope = dict(item)
        n = envelope.pop("n", None)
        if type(n) is not int or not 1 <= n <= 2**53:
            raise BadPayload("type_int", f"ops[{i}].n")
        numbered.append(Numbered(n, decode(Op, envelope, where=f"ops[{i}]")))
    return numbered


def portions(ops: list[Numbered]) -> Iterator[list[Numbered]]:
    """Cut a request into transactions of about fifty commands, never inside a group."""
    portion: list[Numbered] = []
    for _, members in groupby(ops, key=lambda item: item.op.g or item.op.id):
        portion.extend(members)
        if len(portion) >= OPS_A_TRANSACTION:
            yield portion
            portion = []
    if portion:
        yield portion


@dataclass(slots=True)
class Place:
    """Where a lane stands while a portion is taken; its row is written once, at the end."""

    device_id: str
    incarnation: int
    last_n: int


def push_portion(
    unit: UnitOfWork, lane: Lane, actor: Actor, ops: list[Numbered], clock: ClockNow, *, undo: bool = True
) -> list[OpResult]:
    """Take a portion of a lane. Raises ForkSeen before anything of the offending command is done.

    Without `undo` no command has a savepoint, and MustUndo is raised where one was needed.
    """
    results: list[OpResult] = []
    place = Place(lane.device_id, lane.incarnation, lane.last_n)
    unit.look_up([item.op.id for item in ops])
    taking = Taking(unit, place, actor, clock, undo)
    for _, members in groupby(ops, key=lambda item: item.op.g or item.op.id):
        group = list(members)
        fresh = [item for item in group if not is_known(unit, place, item, results)]
        if not fresh:
            continue
        if len(fresh) == 1:
            results.append(_take(taking, fresh[0]))
        else:
            results.extend(_take_group(taking, fresh))
    lane.last_n = place.last_n
    return results


@dataclass(frozen=True, slots=True)
class Taking:
    """What every command of a portion is taken with."""

    unit: UnitOfWork
    lane: Place
    actor: Actor
    clock: ClockNow
    undo: bool


def is_known(unit: UnitOfWork, lane: Lane | Place, item: Numbered, results: list[OpResult]) -> bool:
    """Answer a command seen before; advance the lane for one that is new. Raises ForkSeen."""
    receipt = unit.receipt_of(item.op.id)
    if item.n <= lane.last_n:
        if receipt is None or (receipt.incarnation == lane.incarnation and receipt.n != item.n):
            raise ForkSeen
    elif item.n > lane.last_n + 1:
        raise ForkSeen
    else:
        lane.last_n = item.n
    if receipt is None:
        return False
    if receipt.content_hash != content_hash_of(item.op):
        unit.add(_alarm(unit, item.op, lane.device_id))
    results.append(OpResult(item.op.id, receipt.status, 0, receipt.code, receipt.details))
    return True


def _take(taking: Taking, item: Numbered) -> OpResult:
    unit, actor, op = taking.unit, taking.actor, item.op
    arrival = arrival_of(unit, taking.lane, item, taking.clock)
    blocker = _blocker(unit, op)
    if blocker is not None:
        outcome = Outcome("blocked", "builds_on_parked", {"op": blocker})
        unit.note(actor, op, arrival, outcome)
        park(unit, actor, op, arrival, outcome, blocker)
    else:
        outcome = unit.run(actor, op, arrival, live=False, undo=taking.undo)
        if outcome.status == "parked":
            park(unit, actor, op, arrival, outcome, None)
    return OpResult(op.id, outcome.status, 0, outcome.code, dict(outcome.values))


def _take_group(taking: Taking, group: list[Numbered]) -> list[OpResult]:
    """All of a group or none: one parked member parks the others (T27, invariant 4)."""
    unit, lane, actor = taking.unit, taking.lane, taking.actor
    before, receipts, entries = dict(unit.touched), dict(unit.receipts), list(unit.entries)
    savepoint = unit.session.begin_nested()
    outcomes = []
    for item in group:
        blocker = _blocker(unit, item.op)
        arrival = arrival_of(unit, lane, item, taking.clock)
        outcome = (
            Outcome("parked", "builds_on_parked", {"op": blocker})
            if blocker
            else unit.run(actor, item.op, arrival, live=False, undo=taking.undo)
        )
        outcomes.append(outcome)
        if not outcome.took_effect:
            break
    if all(outcome.took_effect for outcome in outcomes):
        savepoint.commit()
        return [
            OpResult(item.op.id, outcome.status, 0, outcome.code, dict(outcome.values))
            for item, outcome in zip(group, outcomes, strict=True)
        ]
    savepoint.rollback()
    unit.session.expire_all()
    forget_held(unit.session)
    unit.touched, unit.receipts, unit.entries = before, receipts, entries
    cause = outcomes[-1]
    results = []
    for item in group:
        arrival = arrival_of(unit, lane, item, taking.clock)
        outcome = Outcome("parked", cause.code, cause.values)
        unit.note(actor, item.op, arrival, outcome)
        park(unit, actor, item.op, arrival, outcome, None)
        results.append(OpResult(item.op.id, "parked", 0, cause.code, dict(cause.values)))
    return results


def arrival_of(unit: UnitOfWork, lane: Lane | Place, item: Numbered, clock: ClockNow) -> Arrival:
    """Say when a command happened, by the server's time.

    Within one boot the monotonic clock tells its age, however the wall clock was turned (T13, E2, E5); otherwise the
    clock error the tablet knew when it was given is taken off. Never later than now.
    """
    op = item.op
    if op.bt == clock.bt and clock.m >= op.m:
        happened = unit.now - timedelta(milliseconds=clock.m - op.m)
    else:
        happened = instant(op.w - op.e)
    happened = min(happened, unit.now)
    error_ms = op.w - round((happened - instant(0)).total_seconds() * 1000)
    return Arrival(happened, lane.device_id, lane.incarnation, item.n, error_ms)


def _blocker(unit: UnitOfWork, op: Op) -> str | None:
    if not op.d:
        return None
    waits = select(ParkedOp.op_id).where(ParkedOp.op_id.in_(op.d), ParkedOp.state != "accepted").limit(1)
    return unit.session.scalar(waits)


def park(
    unit: UnitOfWork, actor: Actor, op: Op, arrival: Arrival, outcome: Outcome, blocked_by: str | None
) -> None:
    """Keep a command that had no effect, whole, and show it to its engineer and to the office (3.8)."""
    unit.session.add(
        ParkedOp(
            op_id=op.id,
            person_id=actor.person_id,
            device_id=arrival.device_id,
            envelope=encode(op),
            code=outcome.code,
            blocked_by=blocked_by,
            happened_at=arrival.happened_at,
            state="open",
        )
    )
    ticket_id = op.a.get("ticket_id")
    ticket_id = ticket_id if isinstance(ticket_id, str) and len(ticket_id) == 36 else None
    details = {"command": op.k, **outcome.values}
    unit.add(
        InboxItem(
            id=derive_id("parked", op.id),
            agg=f"inbox:{actor.person_id}",
            person_id=actor.person_id,
            kind=outcome.status,
            code=outcome.code,
            details=details,
            ticket_id=ticket_id,
            op_id=op.id,
            command={"k": op.k, "a": op.a},
            raised_at=unit.now,
            state="open",
        )
    )
    unit.add(
        open_discrepancy(
            op.id, outcome.code, details, unit.now, person_id=actor.person_id, ticket_id=ticket_id
        )
    )


def _alarm(unit: UnitOfWork, op: Op, device_id: str) -> Discrepancy:
    """Raise that one id came with two contents: what came second is kept here in full (K2)."""
    details = {"device": device_id, "second": str(encode(op))[:4000]}
    return open_discrepancy(op.id, "command_id_reused", details, unit.now)
