"""Taking work in from tablets that get nothing back: too old an app, a revoked device, a person who has left.

Owns these two ways. Nothing that was done in the field is refused at the door (P5, T20, G5): the old app's commands
have their effect, those of the untrusted are kept whole for the office to judge.
"""

from __future__ import annotations

from dataclasses import replace

from common.kernel.clock import instant
from common.kernel.command import Place
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.protocol.messages import ClockNow, Fork, NotTrusted, OpResult, SyncAnswer, SyncRequest
from common.protocol.orders import WipeOrder
from sync_server.db.database import Database, DatabaseBusyError
from sync_server.db.tables import Device, Lane
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.people.audit import note_event
from sync_server.people.orders import Orders
from sync_server.sync.lanes import enter_lane, fork_lane, hold_lane
from sync_server.sync.push import ForkSeen, Numbered, arrival_of, is_known, park, portions, read_ops


def quarantine(
    database: Database, request: SyncRequest, code: str, orders: Orders | None = None
) -> SyncAnswer:
    """Park every command with `code`, and order a wipe where that is due.

    Raises NotTrusted for an unknown device, DatabaseBusyError, BadPayload.
    """
    ops = read_ops(request.ops)

    def enter(unit: UnitOfWork) -> tuple[str, str, WipeOrder | None] | Fork:
        device = unit.session.get(Device, request.dev)
        if device is None:
            raise NotTrusted("device_unknown")
        device.last_contact_at = unit.now
        device.unsent = request.left
        device.oldest_unsent_at = instant(request.old) if request.old else None
        entered = enter_lane(unit, request, database.random_bytes)
        if isinstance(entered, Fork):
            return entered
        wipe = orders.wipe(unit, device, code) if orders is not None else None
        if request.bye and wipe is not None and device.wiped_at is None:
            device.wiped_at = unit.now
            note_event(unit, "device_wiped", device.person_id, device_id=device.id)
        return device.person_id, entered.token, wipe

    def take(unit: UnitOfWork, person_id: str, token: str, portion: list[Numbered]) -> list[OpResult]:
        lane = hold_lane(unit, request, token)
        if lane is None:
            raise DatabaseBusyError
        return park_portion(unit, lane, person_id, portion, request.clk, code)

    entered = database.transact(enter)
    if isinstance(entered, Fork):
        return SyncAnswer(fork=entered, now=_now_ms(database))
    person_id, token, wipe = entered
    results: list[OpResult] = []
    try:
        for portion in portions(ops):
            results.extend(database.transact(lambda unit, p=portion: take(unit, person_id, token, p)))  # type: ignore[misc]
    except ForkSeen:
        fork = database.transact(lambda unit: fork_lane(unit, request.dev, database.random_bytes))
        return SyncAnswer(fork=fork, now=_now_ms(database))
    return replace(without_rows(database, request, token, results), wipe=wipe)


def without_rows(database: Database, request: SyncRequest, token: str, results: list[OpResult]) -> SyncAnswer:
    """Answer with results only; the tablet's rows and cursor stay as they are."""
    head = database.number()
    told = tuple(replace(result, q=head) for result in results)
    return SyncAnswer(tok=token, res=told, cur=request.cur, more=True, now=_now_ms(database))


def park_portion(
    unit: UnitOfWork, lane: Lane, person_id: str, portion: list[Numbered], clock: ClockNow, code: str
) -> list[OpResult]:
    """Keep a portion of a lane for the office to judge."""
    actor = Actor(person_id, frozenset(), Place.TABLET, lane.device_id)
    results: list[OpResult] = []
    for item in portion:
        if is_known(unit, lane, item, results):
            continue
        arrival = arrival_of(unit, lane, item, clock)
        outcome = Outcome("parked", code)
        unit.note(actor, item.op, arrival, outcome)
        park(unit, actor, item.op, arrival, outcome, None)
        results.append(OpResult(item.op.id, "parked", 0, code))
    return results


def _now_ms(database: Database) -> int:
    return database.clock.read().wall_ms
