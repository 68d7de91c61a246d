"""Checks the audit chain: whose first bad entry it is, and why. The sequencer writes it; nothing else does."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from sync_server.db.schema import FIRST_HASH
from sync_server.db.sequencer import STREAM, link_hash


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first entry that does not fit: `code` is audit_missing, audit_changed or audit_cut."""

    seq: int
    code: str
    entry_id: str = ""


def first_fault(session: Session) -> ChainFault | None:
    """Walk the chain from its beginning; None if every entry and the head agree (P8, D9)."""
    seq, prev = 0, FIRST_HASH
    entries = session.execute(
        text("SELECT id, seq, at, entry, prev_hash, hash FROM audit WHERE seq IS NOT NULL ORDER BY seq"),
        execution_options={"stream_results": True},
    )
    for entry_id, number, at, entry, prev_hash, stored in entries:
        seq += 1
        if number != seq:
            return ChainFault(seq, "audit_missing")
        if prev_hash != prev or link_hash(prev, seq, at, entry) != stored:
            return ChainFault(seq, "audit_changed", entry_id)
        prev = stored
    head_seq, head_hash = session.execute(
        text("SELECT audit_seq, audit_hash FROM stream_head WHERE stream = :s"), {"s": STREAM}
    ).one()
    if (head_seq, head_hash) != (seq, prev):
        return ChainFault(seq + 1, "audit_cut")
    return None
