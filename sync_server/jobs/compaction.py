"""Job: thin out the feed once what is in it is old (sync-protocol 3.4, T8).

Of each row the newest change is kept, once it is a day old: pulling before and after ends in the same state from any
cursor. Beyond the horizon batches and ended memberships go; whoever was away longer is told to read everything anew.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import aliased

from sync_server.db.database import Database
from sync_server.db.tables import Batch, Change, Member
from sync_server.db.unit_of_work import UnitOfWork

KEEP_ALL_FOR = timedelta(hours=24)
HORIZON = timedelta(days=180)
PORTION = 1000
PORTIONS_AT_MOST = 200


def thin_out_feed(database: Database) -> int:
    """Compact the feed and forget what lies beyond the horizon; returns how many rows went."""
    return compact_feed(database) + forget_beyond_horizon(database)


def compact_feed(database: Database) -> int:
    """Delete superseded changes in small transactions; returns how many."""
    total = 0
    for _ in range(PORTIONS_AT_MOST):
        did = database.transact(_portion)
        total += did
        if did < PORTION:
            break
    return total


def _portion(unit: UnitOfWork) -> int:
    newer = aliased(Change)
    superseded = (
        select(newer.id)
        .where(
            newer.agg == Change.agg,
            newer.entity == Change.entity,
            newer.row_id == Change.row_id,
            newer.seq > Change.seq,
        )
        .exists()
    )
    old = (
        select(Change.id)
        .where(Change.at < unit.now - KEEP_ALL_FOR, Change.seq.is_not(None), superseded)
        .order_by(Change.seq)
        .limit(PORTION)
    )
    ids = list(unit.session.scalars(old))
    if ids:
        unit.session.execute(delete(Change).where(Change.id.in_(ids)))
    return len(ids)


def forget_beyond_horizon(database: Database) -> int:
    """Delete old batches, then memberships that ended before the oldest one left; returns how many.

    The newest batch always stays: a quiet server forgets nobody. In this order, because a cursor is believed as far
    back as its batch is there: what a membership's end tells may go only after the cursors that need it.
    """
    total = 0
    for work in (_old_batches, _ended_members):
        for _ in range(PORTIONS_AT_MOST):
            did = database.transact(work)
            total += did
            if did < PORTION:
                break
    return total


def _old_batches(unit: UnitOfWork) -> int:
    newest = select(func.max(Batch.last_seq)).scalar_subquery()
    old = select(Batch.last_seq).where(Batch.at < unit.now - HORIZON, Batch.last_seq < newest)
    numbers = list(unit.session.scalars(old.order_by(Batch.last_seq).limit(PORTION)))
    if numbers:
        unit.session.execute(delete(Batch).where(Batch.last_seq.in_(numbers)))
    return len(numbers)


def _ended_members(unit: UnitOfWork) -> int:
    oldest = select(func.min(Batch.last_seq)).scalar_subquery()
    ended = select(Member.id).where(Member.state == "revoked", Member.revoked_seq < oldest)
    # One granted anew meanwhile is not revoked any more, and stays.
    gone = (
        delete(Member)
        .where(Member.id.in_(ended.limit(PORTION)), Member.state == "revoked")
        .returning(Member.id)
    )
    ids = list(unit.session.scalars(gone))
    if ids:
        unit.session.execute(
            delete(Change).where(Change.entity == "member", Change.row_id.in_(ids), Change.seq.is_not(None))
        )
    return len(ids)
