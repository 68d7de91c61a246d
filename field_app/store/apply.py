"""What an answer of the server does to the store: one transaction, truth below, pending commands replayed on top.

The order of steps is the argument for correctness: results → truth restored → rows in → what is decided leaves the
overlay → cursor → the rest replayed (sync-protocol 3.2). Killed at any point, the transaction never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, text, update
from sqlalchemy.orm import Session

from common.inbox.records import InboxItem
from common.kernel.clock import Reading
from common.kernel.record import columns_of, synced_entities
from common.protocol.messages import Fork, HaveAnswer, OpResult, Put, SyncAnswer, SyncRequest
from field_app.store.files import take_wishes
from field_app.store.memo import MEMO, Memo
from field_app.store.overlay import OVERLAY_STATES, actor_for, replay, restore_base, spread, write_rows
from field_app.store.schema import BaseRow, HeldAgg, OpTouch, OutboxOp, SyncState
from field_app.store.store import state_of

DECIDED = ("accepted", "declined", "withdrawn", "resent")
WAITS_FOR_DECISION = ("parked", "blocked")
PARAMETERS = 500


@dataclass(frozen=True, slots=True)
class Page:
    """What an answer brings: rows to put, aggregates to drop, and where that leaves the cursor."""

    answer: SyncAnswer

    @property
    def aggs(self) -> set[str]:
        """List every aggregate the page speaks of."""
        return {put.agg for put in self.answer.put} | set(self.answer.drop)

    def changes_what_is_there(self, held: set[str]) -> bool:
        """Say whether rows may appear or vanish that a command looked for in vain: then all are replayed."""
        return bool(
            self.answer.drop or self.aggs - held or any(agg.startswith("policy:") for agg in self.aggs)
        )

    @property
    def decides(self) -> bool:
        """Say whether the page may decide what becomes of a parked command."""
        return any("inbox_item" in put.rows for put in self.answer.put)


def apply_answer(session: Session, request: SyncRequest, answer: SyncAnswer, reading: Reading) -> None:
    """Take an answer to this request in. An answer to a request of another lane state is left alone."""
    state = state_of(session)
    if (request.inc, request.tok) != (state.incarnation, state.token):
        return
    _hear(state, answer.now, reading)
    if answer.fork is not None:
        take_fork(state, answer.fork)
        return
    state.token = answer.tok or state.token
    if answer.reset or answer.epoch not in ("", state.epoch):
        # Another history counts anew: what a backup of the old one has, none of this may have.
        state.durable = answer.durable
    state.epoch = answer.epoch or state.epoch
    for result in answer.res:
        _take_result(session, result)
    if answer.reset:
        state.generation += 1
        state.position, state.reoffer = 0, 1
    elif request.cur != state.cursor:
        return
    _take_page(session, state, Page(answer))
    state = state_of(session)  # a replay forgets what was read before it
    if answer.dig:
        state.reconcile = int(answer.dig == "bad")
    state.durable = max(state.durable, answer.durable)
    take_wishes(session, state, answer)
    if not state.reoffer:  # until then the numbers of results are those of the history before
        _let_go(session, state.durable)


def apply_reconciled(session: Session, answer: SyncAnswer, reading: Reading) -> None:
    """Take in what differed: after this the tablet holds exactly its scope at the answer's head."""
    state = state_of(session)
    _hear(state, answer.now, reading)
    state.reconcile = 0
    _take_page(session, state, Page(answer))


def take_fork(state: SyncState, fork: Fork) -> None:
    """Go on under the new incarnation; first ask which commands the server does not know."""
    state.incarnation, state.token, state.reoffer = fork.inc, fork.tok, 1


def apply_have(session: Session, asked: Iterable[str], answer: HaveAnswer, *, last: bool) -> None:
    """Put commands the server has lost back into the outbox; after the last portion number the lane afresh (T24, T26)."""
    unknown = set(answer.unknown)
    known = [op_id for op_id in asked if op_id not in unknown]
    if unknown:
        session.execute(
            update(OutboxOp)
            .where(OutboxOp.id.in_(unknown))
            .values(state="new", result_seq=0, status="", code="", details={})
        )
    if known:
        session.execute(update(OutboxOp).where(OutboxOp.id.in_(known)).values(result_seq=answer.head))
    if not last:
        return
    state = state_of(session)
    number_afresh(session, 1)
    state.reoffer = 0
    rebase_all(session)


def number_afresh(session: Session, first: int) -> None:
    """Number the unsent commands one behind the other from `first` on: a lane has no gaps."""
    unsent = select(OutboxOp.ord, OutboxOp.n).where(OutboxOp.state == "new").order_by(OutboxOp.ord)
    next_n = first
    for op_ord, n in session.execute(unsent).all():
        if n != next_n:
            session.execute(update(OutboxOp).where(OutboxOp.ord == op_ord).values(n=next_n))
        next_n += 1
    state_of(session).next_n = next_n


def rebase_all(session: Session) -> None:
    """Rebuild everything a screen reads from base and overlay. Equal to what the steps leave (invariant 6)."""
    state = state_of(session)
    restore_base(session, set(session.scalars(select(BaseRow.agg).distinct())))
    overlay = select(OutboxOp.ord).where(OutboxOp.state.in_(OVERLAY_STATES)).order_by(OutboxOp.ord)
    _replay(session, state, list(session.scalars(overlay)))


def _hear(state: SyncState, now_ms: int, reading: Reading) -> None:
    if now_ms:
        state.clock_error_ms = reading.wall_ms - now_ms
    state.last_contact_ms = reading.wall_ms


def _take_result(session: Session, result: OpResult) -> None:
    state = result.s if result.s in WAITS_FOR_DECISION else "acked"
    session.execute(
        update(OutboxOp)
        .where(OutboxOp.id == result.id, OutboxOp.state == "new")
        .values(state=state, result_seq=result.q, status=result.s, code=result.c, details=dict(result.f))
    )


def _let_go(session: Session, durable: int) -> None:
    """Delete answered commands that are in a backup that was restored and checked (T26)."""
    session.execute(
        delete(OutboxOp).where(
            OutboxOp.state.in_(("kept", "closed")),
            OutboxOp.result_seq <= durable,
            OutboxOp.result_seq > 0,
        )
    )


def _take_page(session: Session, state: SyncState, page: Page) -> None:
    answer = page.answer
    if not answer.more:
        state.position = answer.head
    settled = session.execute(
        select(OutboxOp.ord).where(
            OutboxOp.state == "acked", OutboxOp.result_seq > 0, OutboxOp.result_seq <= state.position
        )
    )
    leaving = set(settled.scalars())
    asked = leaving
    if page.decides:
        waiting = select(OutboxOp.ord).where(OutboxOp.state.in_(WAITS_FOR_DECISION))
        asked = leaving | set(session.scalars(waiting))
    seeds = page.aggs | _aggs_of(session, asked)
    if page.changes_what_is_there(set(session.scalars(select(HeldAgg.agg)))):
        seeds |= set(session.scalars(select(OpTouch.agg)))
    reached, op_ords = spread(session, seeds)
    if op_ords or asked:
        restore_base(session, reached)
    _write_page(session, state, answer)
    _leave_overlay(session, leaving, "kept")
    if page.decides:
        _leave_overlay(session, _decided(session), "closed")
    state.cursor = answer.cur
    staying = select(OutboxOp.ord).where(OutboxOp.ord.in_(op_ords), OutboxOp.state.in_(OVERLAY_STATES))
    _replay(session, state, sorted(session.scalars(staying)))
    if not answer.more:
        _drop(
            session, session.scalars(select(HeldAgg.agg).where(HeldAgg.generation < state.generation)).all()
        )
    _sweep_detached(session)


def _write_page(session: Session, state: SyncState, answer: SyncAnswer) -> None:
    connection = session.connection()
    held = set(session.scalars(select(HeldAgg.agg)))
    bulk: dict[str, list[list[Any]]] = {}
    for put in answer.put:
        if put.full and put.agg in held:
            _clear_except(connection, put, answer.cols)
        for entity, rows in put.rows.items():
            bulk.setdefault(entity, []).extend(rows)
    for entity, rows in bulk.items():
        if entity in synced_entities():
            names, rows = _known_columns(entity, answer.cols[entity], rows)
            write_rows(connection, entity, names, rows)
    if answer.put:
        connection.exec_driver_sql(
            "INSERT INTO agg (agg, rev, generation, detached) VALUES (?, ?, ?, 0) ON CONFLICT (agg) "
            "DO UPDATE SET rev = excluded.rev, generation = excluded.generation, detached = 0",
            [(put.agg, put.rev, state.generation) for put in answer.put],
        )
    _drop(session, answer.drop)
    session.expire_all()


def _known_columns(
    entity: str, came: Iterable[str], rows: list[list[Any]]
) -> tuple[list[str], list[list[Any]]]:
    """Leave out columns a newer server knows and this app does not (T21)."""
    names = list(came)
    known = set(columns_of(entity))
    if known.issuperset(names):
        return names, rows
    places = [i for i, name in enumerate(names) if name in known]
    return [names[i] for i in places], [[row[i] for i in places] for row in rows]


def _clear_except(connection: Connection, put: Put, cols: dict[str, Any]) -> None:
    """Remove rows of an aggregate that its full content does not hold."""
    for entity in synced_entities():
        rows = put.rows.get(entity, ())
        place = list(cols[entity]).index("id") if rows else 0
        ids = {row[place] for row in rows}
        here = connection.execute(text(f'SELECT id FROM main."{entity}" WHERE agg = :agg'), {"agg": put.agg})  # noqa: S608
        gone = [row_id for (row_id,) in here if row_id not in ids]
        if gone:
            wipe = text(f'DELETE FROM main."{entity}" WHERE id IN :ids')  # noqa: S608
            connection.execute(wipe.bindparams(bindparam("ids", expanding=True)), {"ids": gone})


def _drop(session: Session, aggs: Iterable[str]) -> None:
    """Take aggregates out of this tablet's scope; what unsent work still needs stays until it is answered (T12)."""
    for portion in _portions(list(aggs)):
        session.execute(update(HeldAgg).where(HeldAgg.agg.in_(portion)).values(detached=1))


def _portions(aggs: list[str]) -> Iterator[list[str]]:
    """Cut a list to what one statement takes: years of tickets may go at once."""
    for start in range(0, len(aggs), PARAMETERS):
        yield aggs[start : start + PARAMETERS]


def _sweep_detached(session: Session) -> None:
    """Remove aggregates that were taken away and on which nothing waits any more."""
    busy = (
        select(OpTouch.agg)
        .join(OutboxOp, OutboxOp.ord == OpTouch.op_ord)
        .where(OutboxOp.state.in_(OVERLAY_STATES))
    )
    gone = session.scalars(select(HeldAgg.agg).where(HeldAgg.detached == 1, HeldAgg.agg.not_in(busy))).all()
    for portion in _portions(list(gone)):
        for entity in synced_entities():
            wipe = text(f'DELETE FROM main."{entity}" WHERE agg IN :aggs')  # noqa: S608
            session.execute(wipe.bindparams(bindparam("aggs", expanding=True)), {"aggs": portion})
        session.execute(delete(HeldAgg).where(HeldAgg.agg.in_(portion)))
    if gone:
        session.expire_all()


def _leave_overlay(session: Session, ords: set[int], state: str) -> None:
    if ords:
        memo: Memo | None = session.info.get(MEMO)
        if memo is not None:
            memo.forget(list(session.scalars(select(OutboxOp.id).where(OutboxOp.ord.in_(ords)))))
        session.execute(update(OutboxOp).where(OutboxOp.ord.in_(ords)).values(state=state, local_code=""))
        session.execute(delete(OpTouch).where(OpTouch.op_ord.in_(ords)))


def _decided(session: Session) -> set[int]:
    """Find parked commands whose fate the server has told; read before any replay, so it is the server's word."""
    return set(
        session.scalars(
            select(OutboxOp.ord)
            .join(InboxItem, InboxItem.op_id == OutboxOp.id)
            .where(OutboxOp.state.in_(WAITS_FOR_DECISION), InboxItem.state.in_(DECIDED))
        )
    )


def _aggs_of(session: Session, ords: set[int]) -> set[str]:
    return set(session.scalars(select(OpTouch.agg).where(OpTouch.op_ord.in_(ords)))) if ords else set()


def _replay(session: Session, state: SyncState, ords: list[int]) -> None:
    session.flush()
    actor = actor_for(state.person_id, state.device_id)
    replay(session, ords, actor)
