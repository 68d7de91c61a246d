"""The overlay: pending commands on top of the server's truth. What a screen reads is base + overlay, always.

Owns base copies and the rebase. Runs inside a transaction of the store; commits nothing.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from common.kernel.clock import instant
from common.kernel.codec import canonical, decode
from common.kernel.command import Place, Role
from common.kernel.execute import execute
from common.kernel.op import Op
from common.kernel.outcome import BadPayload, Outcome
from common.kernel.record import columns_of, synced_entities
from common.kernel.work import Actor, Work
from field_app.store.memo import MEMO, KeepBase, Memo, Row, raw_below, raw_connection, repeat
from field_app.store.private import Private, private_columns, private_of, read_cells, seal_row, write_cells
from field_app.store.schema import BaseRow, OpTouch, OutboxOp, neutral

# Written out: these run several times for each pending command of a rebase.
_IS_KEPT = "SELECT 1 FROM base WHERE entity = ? AND row_id = ?"
_KEEP = "INSERT INTO base (entity, row_id, agg, made_by, body) VALUES (?, ?, ?, ?, ?)"
_KEPT = "SELECT entity, row_id, body FROM base WHERE agg = ?"
_FORGET = "DELETE FROM base WHERE agg = ?"
_TOUCH = "INSERT OR IGNORE INTO op_touch (op_ord, agg) VALUES (?, ?)"
OVERLAY_STATES = ("new", "acked", "parked", "blocked")
_log = logging.getLogger(__name__)


def capture(session: Session, op_id: str) -> Callable[[str, str, str], None]:
    """Return what keeps the server's truth of a row before a pending command first writes it."""
    memo: Memo | None = session.info.get(MEMO)
    keep_base = base_keeper(op_id, private_of(session.connection()))

    def before_touch(entity: str, row_id: str, agg: str) -> None:
        cursor = raw_connection(session).cursor()
        read, key = _read_row(entity), (entity, row_id, agg)
        row = cursor.execute(read, (row_id,)).fetchone()
        keep_base(cursor, key, row)
        if memo is not None:
            memo.note_touch(read, key, row)

    return before_touch


def base_keeper(op_id: str, private: Private | None) -> KeepBase:
    """Return what writes a row's base copy, its private cells sealed, unless an earlier command has."""

    def keep_base(cursor: sqlite3.Cursor, key: tuple[str, str, str], row: Row) -> None:
        if cursor.execute(_IS_KEPT, key[:2]).fetchone() is None:
            body = None if row is None else _write_kept(private, key[0], list(row))
            cursor.execute(_KEEP, (*key, op_id if row is None else "", body))

    return keep_base


def run_op(session: Session, op: Op, actor: Actor, *, live: bool) -> tuple[Outcome, Work]:
    """Run a command's function on the tablet: `live` when the person gives it, not live in a rebase.

    What the server will say of the receipt's time is not known here; until then it is the event's own.
    There is no savepoint: whoever calls undoes what was refused.
    """
    at = instant(op.w - op.e)
    work = Work(session, actor, op, at, at, live, authority=False, clock_error_ms=op.e)
    work.before_touch = capture(session, op.id)
    memo: Memo | None = session.info.get(MEMO)
    if memo is None:
        return execute(work, undo=False), work
    with memo.recording(session) as trace:
        outcome = execute(work, undo=False)
    memo.keep(op.id, trace, "" if outcome.took_effect else outcome.code)
    return outcome, work


def builds_on(session: Session, work: Work) -> tuple[str, ...]:
    """List the pending commands that made the rows this one read or wrote: it shares their fate (T17)."""
    rows = work.read_rows | work.touched.keys()
    ids = [row_id for _, row_id in rows]
    made = session.execute(
        select(BaseRow.entity, BaseRow.row_id, BaseRow.made_by).where(
            BaseRow.row_id.in_(ids), BaseRow.made_by != "", BaseRow.made_by != work.op.id
        )
    )
    return tuple(sorted({made_by for entity, row_id, made_by in made if (entity, row_id) in rows}))[:50]


def note_touches(session: Session, op_ord: int, aggs: Iterable[str]) -> None:
    """Remember which aggregates a command reads or writes: a change of any of them replays it."""
    touched = [(op_ord, agg) for agg in sorted(set(aggs))]
    if touched:
        session.flush()
        session.connection().exec_driver_sql(_TOUCH, touched)


def spread(session: Session, aggs: Iterable[str]) -> tuple[set[str], list[int]]:
    """Follow the overlay's edges: all aggregates and commands that must be rebased together with these."""
    edges = session.execute(
        select(OpTouch.op_ord, OpTouch.agg)
        .join(OutboxOp, OutboxOp.ord == OpTouch.op_ord)
        .where(OutboxOp.state.in_(OVERLAY_STATES))
    ).all()
    by_op: dict[int, set[str]] = {}
    by_agg: dict[str, set[int]] = {}
    for op_ord, agg in edges:
        by_op.setdefault(op_ord, set()).add(agg)
        by_agg.setdefault(agg, set()).add(op_ord)
    reached, waiting = set(aggs), list(aggs)
    ops: set[int] = set()
    while waiting:
        for op_ord in by_agg.get(waiting.pop(), set()) - ops:
            ops.add(op_ord)
            fresh = by_op[op_ord] - reached
            reached |= fresh
            waiting.extend(fresh)
    return reached, sorted(ops)


def restore_base(session: Session, aggs: set[str]) -> None:
    """Put the server's truth back into the tables for these aggregates and forget its copies."""
    connection = session.connection()
    by_entity: dict[str, list[list[Any]]] = {}
    made_here: dict[str, list[tuple[str]]] = {}
    session.flush()
    for agg in sorted(aggs):
        for entity, row_id, body in connection.exec_driver_sql(_KEPT, (agg,)).all():
            if body is None:
                made_here.setdefault(entity, []).append((row_id,))
            else:
                by_entity.setdefault(entity, []).append(read_cells(body))
        connection.exec_driver_sql(_FORGET, (agg,))
    for entity, ids in made_here.items():
        connection.exec_driver_sql(f'DELETE FROM main."{entity}" WHERE id = ?', ids)  # noqa: S608 - own names
    for entity, rows in by_entity.items():
        _write_as_stored(connection, entity, list(columns_of(entity)), rows)
    session.expire_all()


def replay(session: Session, op_ords: list[int], actor: Actor) -> None:
    """Run pending commands again, in the order given, on top of what is in the tables now.

    One that no longer fits has no effect for the moment and says why (`local_code`); the server decides.
    A bug in one function never stops the others: the store must not wedge (T18).
    """
    if not op_ords:
        return
    memo: Memo | None = session.info.get(MEMO)
    query = select(OutboxOp.ord, OutboxOp.id, OutboxOp.local_code)
    rows = session.execute(query.where(OutboxOp.ord.in_(op_ords)).order_by(OutboxOp.ord)).all()
    private = private_of(session.connection())
    for op_ord, op_id, old_code in rows:
        trace = memo.find(op_id) if memo is not None else None
        if trace is not None and repeat(session, trace, base_keeper(op_id, private)):
            code = trace.code
        else:
            code = _run_again(session, op_ord, actor)
        if code != old_code:
            session.execute(update(OutboxOp).where(OutboxOp.ord == op_ord).values(local_code=code))
    session.expunge_all()


def _run_again(session: Session, op_ord: int, actor: Actor) -> str:
    """Run one pending command's function; returns why it has no effect for the moment, '' where it has."""
    envelope = session.scalar(select(OutboxOp.envelope).where(OutboxOp.ord == op_ord))
    session.expunge_all()  # so that every read of this command is seen as one
    savepoint = session.begin_nested()
    try:
        outcome, work = run_op(session, decode(Op, envelope), actor, live=False)
    except BadPayload as fault:
        savepoint.rollback()
        return fault.code
    except Exception:
        savepoint.rollback()
        session.expire_all()
        _log.exception("command %s could not be replayed; it stays in the outbox", op_ord)
        return "replay_failed"
    if outcome.took_effect:
        savepoint.commit()
    else:
        savepoint.rollback()
        work.touched.clear()
    note_touches(session, op_ord, {*work.touched.values(), *work.loaded})
    return "" if outcome.took_effect else outcome.code


def write_rows(connection: Connection, entity: str, names: Iterable[str], rows: list[list[Any]]) -> None:
    """Write rows as they travel: insert, or replace all columns that came. Private columns are sealed on the way.

    Columns an older server does not send get their neutral value in a new row and stay in one that is there (F2).
    """
    names = [name for name in names if name in columns_of(entity)]
    private = private_of(connection)
    _, hidden = private_columns().get(entity, ("id", ()))
    places = [(i, f"{entity}|{name}") for i, name in enumerate(names) if name in hidden]
    if private is not None and places:
        known_by, seal = names.index("id"), private.seal
        rows = [list(row) for row in rows]
        for row in rows:
            row_id = row[known_by]
            for i, place in places:
                row[i] = seal(row[i], place, row_id)
    _write_as_stored(connection, entity, names, rows)


def _write_as_stored(connection: Connection, entity: str, names: list[str], rows: list[list[Any]]) -> None:
    filled = fill_of(entity, frozenset(names))
    quoted = ", ".join(f'"{name}"' for name in (*names, *filled))
    marks = ", ".join((*("?" for _ in names), *(repr(value) for value in filled.values())))
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name != "id")
    cursor = raw_below(connection).cursor()  # takes the rows as they came; SQLAlchemy would copy each
    cursor.executemany(
        f'INSERT INTO main."{entity}" ({quoted}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}',  # noqa: S608
        rows,
    )
    cursor.close()


@cache
def fill_of(entity: str, came: frozenset[str]) -> dict[str, int | str | None]:
    """Map the columns that may not be empty and did not come to their neutral values."""
    table = synced_entities()[entity].__table__
    return {c.name: neutral(c) for c in table.columns if c.name not in came and not c.nullable}


def _write_kept(private: Private | None, entity: str, cells: list[Any]) -> str:
    return canonical(cells) if private is None else write_cells(seal_row(private, entity, cells))


def actor_for(person_id: str, device_id: str) -> Actor:
    """Say who works on this tablet."""
    return Actor(person_id, frozenset({Role.ENGINEER}), Place.TABLET, device_id)


@cache
def _read_row(entity: str) -> str:
    quoted = ", ".join(f'"{name}"' for name in columns_of(entity))
    return f'SELECT {quoted} FROM "{entity}" WHERE id = ?'  # noqa: S608 - own names
