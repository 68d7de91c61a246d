"""The post-commit sequencer: gives numbers to what has been committed, marks each batch, and links the audit chain.

Numbering serially, under the head's row lock and after commit, is what makes the feed free of gaps: whoever sees
number s sees all below s, however long other transactions stay open (sync-protocol 3.4, ADR-0003).
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, text

from common.kernel.ids import RandomBytes

STREAM = "main"
BACKLOG_TX = 500
_UNNUMBERED = text("SELECT 1 FROM change WHERE seq IS NULL AND stream = :stream LIMIT 1")
_UNCHAINED = text("SELECT 1 FROM audit WHERE seq IS NULL LIMIT 1")
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


def has_unnumbered(connection: Connection, stream: str = STREAM) -> bool:
    """Say whether this transaction sees committed changes without a number."""
    return connection.execute(_UNNUMBERED, {"stream": stream}).first() is not None


def is_numbered(connection: Connection, stream: str = STREAM) -> bool:
    """Say whether all this transaction sees has its number and its place in the audit chain."""
    return not has_unnumbered(connection, stream) and connection.execute(_UNCHAINED).first() is None


def sequence(connection: Connection, random_bytes: RandomBytes, now_ms: int, stream: str = STREAM) -> int:
    """Number everything visible, in the caller's transaction, and return the head. Commit it at once.

    Safe with any number of rivals: the head's row is locked until commit. Returns without locking when nothing waits.
    """
    if is_numbered(connection, stream):
        return head_of(connection, stream)
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


def head_of(connection: Connection, stream: str = STREAM) -> int:
    """Return the newest number given."""
    return int(
        connection.execute(text("SELECT seq FROM stream_head WHERE stream = :s"), {"s": stream}).scalar_one()
    )


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
