"""Job: keep only the newest change of each row in the feed, once it is a day old (sync-protocol 3.4).

Pulling before and after ends in the same state from any cursor: the feed says which rows changed, not what they were.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import aliased

from sync_server.db.database import Database
from sync_server.db.tables import Change
from sync_server.db.unit_of_work import UnitOfWork

KEEP_ALL_FOR = timedelta(hours=24)
PORTION = 1000
PORTIONS_AT_MOST = 200


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
