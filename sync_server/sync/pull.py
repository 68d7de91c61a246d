"""The pull half: what entered, changed or left a person's scope since a cursor, read in one snapshot.

Owns pages. Scope is computed from the authenticated person alone; what a tablet says of its scope is never read (T9).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, text

from common.kernel.record import columns_of
from common.protocol.digest import digest_of
from common.protocol.messages import Digest, Put
from sync_server.db.sequencer import Numbering, numbering
from sync_server.sync.cursor import Cursor, mark_at
from sync_server.sync.ready import Rows

_SCOPE = text(
    """
    SELECT m.agg, m.state, m.granted_seq, m.revoked_seq, p.granted_seq, h.last_seq, h.rev
    FROM principal_of p JOIN member m ON m.principal = p.principal LEFT JOIN agg_head h ON h.agg = m.agg
    WHERE p.person_id = :person
    """
)
# What `standings` calls active and numbered, without the rest: asked by every idle tablet.
_HELD = text(
    """
    SELECT DISTINCT m.agg, h.rev
    FROM principal_of p JOIN member m ON m.principal = p.principal JOIN agg_head h ON h.agg = m.agg
    WHERE p.person_id = :person AND m.state = 'active' AND m.granted_seq IS NOT NULL AND h.rev > 0
    """
)
_UNNUMBERED_OF = text(
    """
    SELECT 1 FROM change c WHERE c.seq IS NULL AND c.agg IN
        (SELECT m.agg FROM principal_of p JOIN member m ON m.principal = p.principal WHERE p.person_id = :person)
    LIMIT 1
    """
)
_HOLDS = text(
    """
    SELECT agg, entity, count(*) FROM change WHERE agg IN :aggs AND seq > 0 AND entity <> 'member'
    GROUP BY agg, entity
    """
).bindparams(bindparam("aggs", expanding=True))
_CHANGED = text(
    """
    SELECT DISTINCT agg, entity, row_id FROM change WHERE agg IN :aggs AND seq > :since AND entity <> 'member'
    """
).bindparams(bindparam("aggs", expanding=True))
FIRST_SLICE = 4
LARGEST_SLICE = 64
ROWS_AT_ONCE = 8_000  # some ten megabytes of the server's memory; a single aggregate may be larger
PARAMETERS = 800


@dataclass(slots=True)
class Standing:
    """How one aggregate stands to one person: since when visible, when it ended, and where its newest change is."""

    agg: str
    rev: int = 0
    last_seq: int = 0
    granted: list[tuple[int, int | None]] = field(default_factory=list)
    active: bool = False
    revoked_seq: int = 0
    newest_grant: int = 0

    def position(self, began: int) -> int:
        """Return where in the feed its newest event for this person stands, for a reading that began at a head.

        It never moves back within one reading. So the end of one reason counts while another goes on: the grant that
        ended may be what had moved the aggregate past the pages already read. Zero: nothing to tell.
        """
        ended = self.revoked_seq if self.revoked_seq > began else 0
        if not self.active:
            return ended
        return max(self.last_seq, self.newest_grant, ended) if self.rev else 0

    def was_active_throughout(self, first: int, last: int) -> bool:
        """Say whether at every position from first to last some reason was in force."""
        for since, until in sorted(self.granted, key=_since):
            if since > first:
                return False
            if until is None or until > last:
                return True
            first = max(first, until)
        return False

    def is_held(self, cursor: Cursor) -> bool:
        """Say whether the tablet has its rows: a page of this reading may have dropped what has come back since."""
        return self.was_active_throughout(cursor.base, cursor.pos)


def _since(interval: tuple[int, int | None]) -> int:
    return interval[0]


@dataclass(slots=True)
class Wanted:
    """Which rows of one aggregate are to be sent: entities whole, or single rows; and about how many that is."""

    whole: list[str] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the feed for one person."""

    put: tuple[Put, ...]
    drop: tuple[str, ...]
    cols: dict[str, tuple[str, ...]]
    cursor: Cursor
    head: int
    more: bool


def settled_for(connection: Connection, seen: Numbering, person_id: str) -> bool:
    """Say whether this snapshot holds nothing of the person's scope that is committed but not numbered (T7b)."""
    if not seen.changes_wait:
        return True
    return connection.execute(_UNNUMBERED_OF, {"person": person_id}).first() is None


def standings(connection: Connection, person_id: str) -> dict[str, Standing]:
    """Read how every aggregate stands to the person, all reasons folded together."""
    found: dict[str, Standing] = {}
    for agg, state, granted, revoked, principal_seq, last_seq, rev in connection.execute(
        _SCOPE, {"person": person_id}
    ):
        standing = found.get(agg)
        if standing is None:
            standing = found[agg] = Standing(agg, rev or 0, last_seq or 0)
        if revoked is not None:
            standing.revoked_seq = max(standing.revoked_seq, revoked)
        if granted is None:  # never in force since; but what an earlier time of it gave may lie on the tablet
            continue
        since = max(granted, principal_seq)
        if state == "active":
            standing.active = True
            standing.newest_grant = max(standing.newest_grant, since)
        standing.granted.append((since, revoked))
    return found


def read_page(connection: Connection, person_id: str, cursor: Cursor, head: int, max_bytes: int) -> Page:
    """Read the next page after a cursor: whole aggregates in order of position, cut by bytes, never inside one.

    `head` is the newest number this snapshot sees.
    """
    if cursor.base == cursor.pos == cursor.witness == head and not cursor.tie:
        return Page((), (), {}, Cursor(head, "", head, head, head, cursor.mark), head, False)
    origin = cursor.origin if cursor.pos or cursor.tie else head
    began = cursor.base or origin
    waiting = _waiting(connection, person_id, cursor, began)
    put: list[Put] = []
    drop: list[str] = []
    size = 0
    reached: Standing | None = None
    done, slice_ = 0, FIRST_SLICE
    while done < len(waiting):
        portion = waiting[done : done + slice_]
        wanted = _wanted_of(connection, [s for s in portion if s.active], cursor)
        portion = portion[: _how_many_at_once(portion, wanted)]
        rows = _rows_of(connection, {s.agg: wanted[s.agg] for s in portion if s.agg in wanted})
        for standing in portion:
            if standing.active:
                full = not standing.is_held(cursor)
                found = rows.get(standing.agg) or Rows()
                item = Put(standing.agg, standing.rev, full, found)
                size += found.weigh() + 60
                if size > max_bytes and reached is not None:
                    after = Cursor(reached.position(began), reached.agg, cursor.base, origin, head)
                    return _cut(connection, put, drop, after)
                put.append(item)
            else:
                drop.append(standing.agg)
                size += 60
            reached = standing
        done += len(portion)
        slice_ = _next_slice(max_bytes - size, size // done)
    return Page(tuple(put), tuple(drop), _columns(put), _complete(connection, head), head, False)


def _waiting(connection: Connection, person_id: str, cursor: Cursor, began: int) -> list[Standing]:
    """Find what the cursor has not reached, in the order in which it is read."""
    placed = ((s.position(began), s.agg, s) for s in standings(connection, person_id).values())
    ahead = [item for item in placed if item[0] and item[:2] > (cursor.pos, cursor.tie)]
    return [standing for _, _, standing in sorted(ahead, key=itemgetter(0, 1))]


def _next_slice(left: int, each: int) -> int:
    """Say how many aggregates to read next: about what still fits, so that no page reads much more than it sends."""
    return min(max(left // max(each, 1), 1), LARGEST_SLICE)


def read_aggregates(connection: Connection, person_id: str, have: dict[str, int]) -> Page:
    """Read in full what a tablet holds at another revision, and name what it should not hold."""
    head = numbering(connection).head
    visible = {s.agg: s for s in standings(connection, person_id).values() if s.active and s.rev}
    wrong = [s for agg, s in sorted(visible.items()) if have.get(agg) != s.rev]
    rows: dict[str, Rows] = {}
    for start in range(0, len(wrong), LARGEST_SLICE):
        rows |= _rows_of(connection, _wanted_of(connection, wrong[start : start + LARGEST_SLICE], Cursor()))
    put = [Put(s.agg, s.rev, True, rows.get(s.agg, {})) for s in wrong]
    drop = tuple(sorted(have.keys() - visible.keys()))
    return Page(tuple(put), drop, _columns(put), _complete(connection, head), head, False)


def scope_digest(connection: Connection, person_id: str) -> Digest:
    """Hash what the person should hold at this snapshot."""
    rows = connection.execute(_HELD, {"person": person_id})
    assert rows.cursor is not None
    return digest_of(rows.cursor.fetchall())


def _complete(connection: Connection, head: int) -> Cursor:
    return Cursor(head, "", head, head, head, mark_at(connection, head))


def _cut(connection: Connection, put: list[Put], drop: list[str], after: Cursor) -> Page:
    after = replace(after, mark=mark_at(connection, after.witness))
    return Page(tuple(put), tuple(drop), _columns(put), after, after.witness, True)


def _columns(put: list[Put]) -> dict[str, tuple[str, ...]]:
    return {entity: columns_of(entity) for entity in sorted({e for item in put for e in item.rows})}


def _wanted_of(connection: Connection, active: list[Standing], cursor: Cursor) -> dict[str, Wanted]:
    """Find which rows to read: all of the aggregates the tablet does not hold, the changed ones of the others."""
    full = [s.agg for s in active if not s.is_held(cursor)]
    partly = [s.agg for s in active if s.is_held(cursor)]
    found: dict[str, Wanted] = {}
    if full:
        for agg, entity, count in connection.execute(_HOLDS, {"aggs": full}):
            wanted = found.setdefault(agg, Wanted())
            wanted.whole.append(entity)
            wanted.count += count
    if partly:
        for agg, entity, row_id in connection.execute(_CHANGED, {"aggs": partly, "since": cursor.base}):
            wanted = found.setdefault(agg, Wanted())
            wanted.changed.append((entity, row_id))
            wanted.count += 1
    return found


def _how_many_at_once(portion: list[Standing], wanted: dict[str, Wanted]) -> int:
    """Say how many of these aggregates to read together: small ones may be followed by parts of a huge catalogue."""
    rows = 0
    for place, standing in enumerate(portion):
        rows += wanted[standing.agg].count if standing.agg in wanted else 0
        if rows > ROWS_AT_ONCE and place:
            return place
    return len(portion)


def _rows_of(connection: Connection, wanted: dict[str, Wanted]) -> dict[str, Rows]:
    """Read the rows of aggregates, table by table."""
    whole: dict[str, list[str]] = {}
    changed: dict[str, list[str]] = {}
    for agg, what in wanted.items():
        for entity in what.whole:
            whole.setdefault(entity, []).append(agg)
        for entity, row_id in what.changed:
            changed.setdefault(entity, []).append(row_id)
    found: dict[str, Rows] = {}
    for entity, aggs in whole.items():
        _collect(connection, found, entity, "agg", sorted(aggs))
    for entity, ids in changed.items():
        _collect(connection, found, entity, "id", sorted(set(ids)))
    return found


def _collect(
    connection: Connection, found: dict[str, Rows], entity: str, key: str, values: list[str]
) -> None:
    names = columns_of(entity)
    where = names.index("agg")
    quoted = ", ".join(f'"{name}"' for name in names)
    query = text(f'SELECT {quoted} FROM "{entity}" WHERE "{key}" IN :keys')  # noqa: S608 - own names
    query = query.bindparams(bindparam("keys", expanding=True))
    by_agg: dict[str, list[Any]] = {}
    for start in range(0, len(values), PARAMETERS):
        result = connection.execute(query, {"keys": values[start : start + PARAMETERS]})
        assert result.cursor is not None
        # The driver's own tuples: what is stored is what travels (ADR-0004), so nothing has to be converted.
        for row in sorted(result.cursor.fetchall()):
            by_agg.setdefault(row[where], []).append(row)
        result.close()
    for agg, rows in by_agg.items():
        found.setdefault(agg, Rows())[entity] = rows
