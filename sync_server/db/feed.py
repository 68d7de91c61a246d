"""The change feed's writing half: unnumbered changes and membership, at the end of the business transaction.

Owns `change` and `member`. Gives no numbers: the sequencer does, after the commit.
"""

from __future__ import annotations

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from common.kernel.ids import derive_id
from common.kernel.scope import RULES, grants_of
from sync_server.db.sequencer import STREAM
from sync_server.db.tables import Change, Member
from sync_server.db.unit_of_work import UnitOfWork

_HOLD = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(reason, 0)) FROM unnest(CAST(:reasons AS text[])) AS reason"
)


def write_changes(unit: UnitOfWork) -> None:
    """Write what the unit touched into the feed, and what that does to who may see what."""
    if not unit.touched:
        return
    rows = [_change(unit, agg, entity, row_id) for (entity, row_id), agg in unit.touched.items()]
    reasons = sorted({agg for agg in unit.touched.values() if agg.partition(":")[0] in RULES})
    hold_scope(unit.session, reasons)
    for reason in reasons:
        rows.extend(refresh_scope(unit, reason))
    unit.session.execute(insert(Change), rows)


def hold_scope(session: Session, reasons: list[str]) -> None:
    """Let nobody else judge what these aggregates grant until this transaction ends; `reasons` in order.

    What is granted and what was granted are read one after the other: an assignment committed between the two would be
    taken back. SQLite's writers wait for each other already.
    """
    if reasons and session.get_bind().dialect.name == "postgresql":
        session.execute(_HOLD, {"reasons": reasons})


def refresh_scope(unit: UnitOfWork, reason: str) -> list[dict[str, object]]:
    """Bring the memberships an aggregate grants up to date; returns the change rows that mark the difference."""
    wanted = grants_of(unit.session, reason)
    found = unit.session.execute(
        select(Member.id, Member.principal, Member.agg, Member.state).where(Member.reason == reason)
    ).all()
    known = {(principal, agg): (member_id, state) for member_id, principal, agg, state in found}
    marks = []
    for principal, agg in sorted(wanted - known.keys()):
        member_id = derive_id("member", principal, agg, reason)
        _grant(unit, member_id, principal, agg, reason)
        marks.append(_change(unit, agg, "member", member_id))
    for (principal, agg), (member_id, state) in known.items():
        step = _next_state(state, (principal, agg) in wanted)
        if step:
            values: dict[str, object] = {"state": step}
            if step == "granting":
                values |= {"granted_seq": None, "revoked_seq": None}
            moved = update(Member).where(Member.id == member_id).values(**values).returning(Member.id)
            there = unit.session.scalar(moved)
            if there is None and step == "granting":  # forgotten beyond the horizon a moment ago
                _grant(unit, member_id, principal, agg, reason)
            marks.append(_change(unit, agg, "member", member_id))
    return marks


def _grant(unit: UnitOfWork, member_id: str, principal: str, agg: str, reason: str) -> None:
    fresh = {"id": member_id, "principal": principal, "agg": agg, "reason": reason, "state": "granting"}
    unit.session.execute(insert(Member).values(**fresh))


def _next_state(state: str, wanted: bool) -> str | None:
    """Say what a membership becomes. A revocation taken back is granted anew: sending too much is harmless."""
    if wanted:
        return "granting" if state in ("revoking", "revoked") else None
    return "revoking" if state in ("granting", "active") else None


def _change(unit: UnitOfWork, agg: str, entity: str, row_id: str) -> dict[str, object]:
    return {
        "id": unit.new_id(),
        "stream": STREAM,
        "tx": unit.tx,
        "agg": agg,
        "entity": entity,
        "row_id": row_id,
        "seq": None,
        "at": unit.now,
    }
