"""The cursor: opaque to tablets, checked here before it is believed.

`pos` and `tie` say how far pages have come, `base` the last position at which the tablet was complete, `witness` the
newest head it ever saw with that batch's random `mark` (T7, T26). `origin` is the head at which a pull from nothing
began: what ended before it was never held. A cursor older than the oldest batch kept is of no use: what ended meanwhile
may be forgotten, and everything is read anew (T8).
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass

from sqlalchemy import Connection, text

from sync_server.db.sequencer import STREAM

_MARK = text("SELECT mark FROM batch WHERE stream = :s AND last_seq = :seq")
_HISTORY = text(
    """
    SELECT (SELECT min(last_seq) FROM batch WHERE stream = :s),
        (SELECT mark FROM batch WHERE stream = :s AND last_seq = :seq)
    """
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the feed. Zero everywhere is the beginning."""

    pos: int = 0
    tie: str = ""
    base: int = 0
    origin: int = 0
    witness: int = 0
    mark: int = 0

    def write(self) -> str:
        """Write the cursor for the tablet to keep."""
        return json.dumps(astuple(self), separators=(",", ":"))


def read_cursor(raw: str) -> Cursor | None:
    """Read a cursor given back; None if it was not written here."""
    if not raw:
        return Cursor()
    try:
        pos, tie, base, origin, witness, mark = json.loads(raw)
    except (ValueError, TypeError):
        return None
    if (
        any(type(v) is not int or not 0 <= v < 2**63 for v in (pos, base, origin, witness, mark))
        or type(tie) is not str
    ):
        return None
    return Cursor(pos, tie, base, origin, witness, mark) if base <= pos <= witness else None


def is_of_this_history(connection: Connection, cursor: Cursor) -> bool:
    """Say whether the tablet's newest head is one this database really gave, and not a later one it has lost."""
    if cursor.witness == 0:
        return cursor.pos == 0
    oldest, mark = connection.execute(_HISTORY, {"s": STREAM, "seq": cursor.witness}).one()
    if (cursor.base or cursor.origin) < (oldest or 0):
        return False
    return bool(mark == cursor.mark)


def mark_at(connection: Connection, head: int) -> int:
    """Return the random mark of the batch that ended at `head`."""
    return int(connection.execute(_MARK, {"s": STREAM, "seq": head}).scalar() or 0)
