"""The post-commit sequencer: gives numbers to what has been committed, marks each batch, and links the audit chain.

Numbering serially, under the head's row lock and after commit, is what makes the feed free of gaps: whoever sees
number s sees all below s, however long other transactions stay open (sync-protocol 3.4, ADR-0003).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, text

from common.kernel.ids import RandomBytes

STREAM = "main"
BACKLOG_TX = 500
_SEEN = text(
    """
    SELECT seq, durable, epoch, EXISTS (SELECT 1 FROM change WHERE seq IS NULL AND stream = :stream),
        EXISTS (SELECT 1 FROM audit WHERE seq IS NULL)
    FROM stream_head WHERE stream = :stream
    """
)
_HEAD = "SELECT seq, audit_seq, audit_hash FROM stream_head WHERE stream = :stream"
_NUMBER = text(
    """
    UPDATE change SET seq = :head + todo.k FROM (
        SELECT change.id AS id, row_number() OVER (ORDER BY oldest.at, change.tx, change.agg, change.id) AS k
        FROM change JOIN (
            SELECT tx, min(at) AS at FROM change WHERE seq IS NULL AND stream = :stream
            GROUP BY tx ORDER BY 2, 1 LIMIT :txs
        ) AS oldest ON oldest.tx = change.tx
        WHERE change.seq IS NULL AND change.stream = :stream
    ) AS todo WHERE change.id = todo.id
    """
)
_HEADS = text(
    """
    INSERT INTO agg_head (agg, last_seq, rev)
    SELECT agg, max(seq), 1 FROM change WHERE seq > :head AND stream = :stream AND entity <> 'member' GROUP BY agg
    ON CONFLICT (agg) DO UPDATE SET last_seq = excluded.last_seq, rev = agg_head.rev + 1
    """
)
_GRANTED = text(
    """
    UPDATE member SET state = 'active', granted_seq = (SELECT max(seq) FROM change WHERE change.row_id = member.id
        AND change.entity = 'member' AND change.seq > :head)
    WHERE state = 'granting' AND id IN (SELECT row_id FROM change WHERE entity = 'member' AND seq > :head)
    """
)
_REVOKED = text(
    """
    UPDATE member SET state = 'revoked', revoked_seq = (SELECT max(seq) FROM change WHERE change.row_id = member.id
        AND change.entity = 'member' AND change.seq > :head)
    WHERE state = 'revoking' AND id IN (SELECT row_id FROM change WHERE entity = 'member' AND seq > :head)
    """
)
_MARK = text("INSERT INTO batch (stream, last_seq, mark, at) VALUES (:stream, :seq, :mark, :at)")
_ENTRIES = text("SELECT id, at, entry FROM audit WHERE seq IS NULL ORDER BY at, tx, ordinal LIMIT 5000")
_LINK = text("UPDATE audit SET seq = :seq, prev_hash = :prev, hash = :hash WHERE id = :id")
_ADVANCE = text(
    "UPDATE stream_head SET seq = :seq, audit_seq = :audit_seq, audit_hash = :audit_hash WHERE stream = :stream"
)


@dataclass(frozen=True, slots=True)
class Numbering:
    """What one transaction sees of the feed: the newest number given, and whether something waits for one."""

    head: int
    durable: int
    epoch: str
    changes_wait: bool
    entries_wait: bool

    @property
    def is_done(self) -> bool:
        """Say whether all has its number and its place in the audit chain."""
        return not (self.changes_wait or self.entries_wait)


def numbering(connection: Connection, stream: str = STREAM) -> Numbering:
    """Look how far the numbering has come, in one statement: every idle tablet's sync asks for it."""
    head, durable, epoch, changes, entries = connection.execute(_SEEN, {"stream": stream}).one()
    return Numbering(head, durable, epoch, bool(changes), bool(entries))


def sequence(connection: Connection, random_bytes: RandomBytes, now_ms: int, stream: str = STREAM) -> int:
    """Number everything visible, in the caller's transaction, and return the head. Commit it at once.

    Safe with any number of rivals: the head's row is locked until commit. Returns without locking when nothing waits.
    """
    seen = numbering(connection, stream)
    if seen.is_done:
        return seen.head
    lock = " FOR UPDATE" if connection.dialect.name == "postgresql" else ""
    head, audit_seq, audit_hash = connection.execute(text(_HEAD + lock), {"stream": stream}).one()
    given = connection.execute(_NUMBER, {"stream": stream, "head": head, "txs": BACKLOG_TX}).rowcount
    if given:
        since = {"head": head, "stream": stream}
        connection.execute(_HEADS, since)
        connection.execute(_GRANTED, {"head": head})
        connection.execute(_REVOKED, {"head": head})
        mark = int.from_bytes(random_bytes(8), "big") >> 11
        connection.execute(_MARK, {"stream": stream, "seq": head + given, "mark": mark, "at": now_ms})
    audit_seq, audit_hash = _chain(connection, audit_seq, audit_hash)
    moved = {"stream": stream, "seq": head + given, "audit_seq": audit_seq, "audit_hash": audit_hash}
    connection.execute(_ADVANCE, moved)
    return int(head + given)


def link_hash(prev_hash: str, seq: int, at_ms: int, entry: str) -> str:
    """Hash one audit entry onto the chain: SHA-256 over previous hash, number, instant and canonical entry."""
    return hashlib.sha256(f"{prev_hash}|{seq}|{at_ms}|{entry}".encode()).hexdigest()


def _chain(connection: Connection, seq: int, prev: str) -> tuple[int, str]:
    links = []
    for entry_id, at, entry in connection.execute(_ENTRIES):
        seq += 1
        current = link_hash(prev, seq, at, entry)
        links.append({"id": entry_id, "seq": seq, "prev": prev, "hash": current})
        prev = current
    if links:
        connection.execute(_LINK, links)
    return seq, prev
