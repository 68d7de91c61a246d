"""Lanes: who a request comes from, and whether it is still the same tablet (sync-protocol 3.9).

Owns tokens, numbers and forks. A fork costs nothing: ids stay, numbers start again, receipts make repetition harmless.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from common.kernel.ids import RandomBytes
from common.protocol.messages import Fork, SyncRequest
from sync_server.db.tables import Device, Lane
from sync_server.db.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class LaneState:
    """An accepted lane: the token for the answer and the number of the last command taken."""

    token: str
    last_n: int


def open_lane(unit: UnitOfWork, device_id: str, incarnation: int, random_bytes: RandomBytes) -> Lane:
    """Make a new lane with its first token."""
    lane = Lane(
        device_id=device_id, incarnation=incarnation, last_n=0, token=_token(random_bytes), prev_token=""
    )
    unit.session.add(lane)
    unit.session.flush()
    return lane


def enter_lane(unit: UnitOfWork, request: SyncRequest, random_bytes: RandomBytes) -> LaneState | Fork:
    """Check the token and give the next one; the lane's row stays locked until the transaction ends (T15).

    The current token is the caller's own last answer; the one before means that answer was lost. Anything else is
    another copy of the tablet, or a server that was restored: a fork.
    """
    lane = unit.session.get(Lane, (request.dev, request.inc), with_for_update=True)
    if lane is None or request.tok not in (lane.token, lane.prev_token) or not request.tok:
        return fork_lane(unit, request.dev, random_bytes)
    lane.prev_token, lane.token = request.tok, _token(random_bytes)
    return LaneState(lane.token, lane.last_n)


def hold_lane(unit: UnitOfWork, request: SyncRequest, token: str) -> Lane | None:
    """Lock the lane again for the next part of the same request; None if somebody else entered meanwhile."""
    lane = unit.session.get(Lane, (request.dev, request.inc), with_for_update=True, populate_existing=True)
    return lane if lane is not None and lane.token == token else None


def fork_lane(unit: UnitOfWork, device_id: str, random_bytes: RandomBytes) -> Fork:
    """Open the next incarnation beside the others; the old lane is left as it is."""
    device = unit.session.get(Device, device_id, with_for_update=True)
    newest = unit.session.scalar(select(func.max(Lane.incarnation)).where(Lane.device_id == device_id)) or 0
    lane = open_lane(unit, device_id, newest + 1, random_bytes)
    if device is not None:
        device.forks += 1
        device.leased_at = None  # a copy or an older state may hold no lease, or an old one
    return Fork(lane.incarnation, lane.token)


def _token(random_bytes: RandomBytes) -> str:
    return random_bytes(9).hex()
