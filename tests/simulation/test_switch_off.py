"""Every cure has a test that takes it away and expects the simulation to notice: else the simulation is too weak.

Faults are narrowed to those the cure is for, so that few histories suffice. The cures are those of the design's
table (sync-protocol, "what each cure is worth") and of its traps T1–T33 that live in this engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from sqlalchemy import delete, update

import common.kernel.execute as kernel_execute
from field_app.store import apply, overlay
from field_app.store.schema import OutboxOp, SyncState
from sync_server.db import feed, sequencer, unit_of_work
from sync_server.db.tables import Lane, Receipt
from sync_server.sync import lanes, pull, push, service
from sync_server.sync.cursor import mark_at as service_mark
from tests.simulation.history import History

Patch = pytest.MonkeyPatch
TRIES = 120
FIRST = 500_000
# Rare ones begin with the history that once noticed.
SEEN_BY = {
    "groups share a fate (T27)": 500_035,
    "safe in this history, not in the one before (T26)": 500_242,
}


def breaks(faults: set[str], first: int = FIRST, steps: int = 60) -> bool:
    """Live through histories with these faults until one breaks an invariant."""
    for seed in range(first, first + TRIES):
        history = History(seed, steps=steps, faults=frozenset(faults))
        try:
            history.run()
        except Exception:
            return True
        finally:
            history.scrap()
    return False


def _no_dedupe(patch: Patch) -> None:
    """Commands are not recognised by their id."""
    real = push.is_known

    def known(unit: Any, lane: Lane, item: Any, results: Any) -> bool:
        if real(unit, lane, item, []):
            unit.receipts.pop(item.op.id, None)
            unit.session.execute(delete(Receipt).where(Receipt.op_id == item.op.id))
            unit.session.expire_all()
        return False

    patch.setattr(push, "is_known", known)


def _nothing_kept(patch: Patch) -> None:
    """An acknowledged command is deleted at once."""
    real = apply._leave_overlay

    def leave(session: Any, ords: set[int], state: str) -> None:
        real(session, ords, state)
        session.execute(delete(OutboxOp).where(OutboxOp.ord.in_(ords)))

    patch.setattr(apply, "_leave_overlay", leave)


def _no_mark(patch: Patch) -> None:
    """A cursor is believed without its batch's mark, and a lane without its token."""
    patch.setattr(service, "is_of_this_history", lambda _connection, _cursor: True)


def _no_witness(patch: Patch) -> None:
    """Only the position a page reached is checked, not the newest head the tablet has seen (T7)."""

    def check(connection: Any, cursor: Any) -> bool:
        head = sequencer.numbering(connection).head
        if cursor.pos == 0 or cursor.pos < head:
            return True
        return (
            bool(cursor.pos == head and cursor.mark == service_mark(connection, head))
            or cursor.pos != cursor.witness
        )

    patch.setattr(service, "is_of_this_history", check)


def _no_token(patch: Patch) -> None:
    """Any copy of a tablet may go on in the lane."""

    def enter(unit: Any, request: Any, random_bytes: Any) -> Any:
        lane = unit.session.get(Lane, (request.dev, request.inc))
        if lane is None:
            return lanes.fork_lane(unit, request.dev, random_bytes)
        lane.token = random_bytes(9).hex()
        return lanes.LaneState(lane.token, lane.last_n)

    patch.setattr(service, "enter_lane", enter)
    patch.setattr(push, "is_known", _trusting_known)


def _trusting_known(unit: Any, lane: Lane, item: Any, results: list[Any]) -> bool:
    """A number seen before is taken for the same command (no "same number, other id" check)."""
    if item.n <= lane.last_n:
        receipt = unit.session.get(Receipt, item.op.id)
        status = receipt.status if receipt else "ok"
        results.append(push.OpResult(item.op.id, status, 0))
        return True
    lane.last_n = item.n
    return unit.session.get(Receipt, item.op.id) is not None


def _number_alone(patch: Patch) -> None:
    """A lane's number stands for the command."""
    patch.setattr(push, "is_known", _trusting_known)


def _no_reoffer(patch: Patch) -> None:
    """After a fork nothing is offered again."""
    real = apply.take_fork

    def take(state: SyncState, fork: Any) -> None:
        real(state, fork)
        state.reoffer = 0

    patch.setattr(apply, "take_fork", take)


def _no_base(patch: Patch) -> None:
    """Pending commands write into the server's truth and it is not put back."""
    patch.setattr(apply, "restore_base", lambda _session, _aggs: None)


def _no_replay(patch: Patch) -> None:
    """A page overwrites what is pending."""
    patch.setattr(apply, "replay", lambda _session, _ords, _actor: None)


def _writes_only(patch: Patch) -> None:
    """Only what a command wrote spreads a rebase, not what it read."""
    real = overlay.note_touches
    patch.setattr(kernel_execute, "watch", _watch_writes)
    patch.setattr(overlay, "note_touches", real)
    patch.setattr(apply.Page, "changes_what_is_there", lambda _page, _held: False)


def _watch_writes(session: Any, work: Any) -> Callable[[], None]:
    from common.kernel.work import watch

    stop = watch(session, work)
    work.loaded = _Deaf()
    return stop


class _Deaf(set[str]):
    """A set that hears nothing."""

    def add(self, _item: str) -> None:
        """Forget it."""


def _early_leave(patch: Patch) -> None:
    """A command leaves the overlay when acknowledged, though its effect has not come yet."""

    def take(session: Any, result: Any) -> None:
        session.execute(
            update(OutboxOp).where(OutboxOp.id == result.id).values(state="kept", result_seq=result.q)
        )

    patch.setattr(apply, "_take_result", take)


def _no_drop(patch: Patch) -> None:
    """What is taken away is not said."""
    patch.setattr(
        feed, "_next_state", lambda state, wanted: "granting" if wanted and state == "revoked" else None
    )


def _full_forgotten(patch: Patch) -> None:
    """What newly comes into scope comes without its history."""
    patch.setattr(pull.Standing, "was_active_throughout", lambda *_: True)


def _no_receipt_with_effect(patch: Patch) -> None:
    """The effect is committed, the receipt is not."""
    real = unit_of_work.UnitOfWork.note

    def note(self: Any, actor: Any, op: Any, arrival: Any, outcome: Any) -> None:
        real(self, actor, op, arrival, outcome)
        del self.receipts[op.id]

    patch.setattr(unit_of_work.UnitOfWork, "note", note)


def _unnumbered_forgotten(patch: Patch) -> None:
    """A change is numbered but its aggregate's head is not moved."""
    from sqlalchemy import text

    patch.setattr(sequencer, "_HEADS", text("SELECT :head, :stream"))


def _group_torn(patch: Patch) -> None:
    """A group's members go their own ways."""

    def each(taking: Any, group: Any) -> Any:
        return [push._take(taking, item) for item in group]

    patch.setattr(push, "_take_group", each)


def _durable_for_ever(patch: Patch) -> None:
    """What was safe in one history is believed to be safe in those that follow it."""
    real, most = apply._let_go, WeakKeyDictionary[Any, int]()

    def let_go(session: Any, durable: int) -> None:
        tablet = session.get_bind()
        most[tablet] = max(most.get(tablet, 0), durable)
        real(session, most[tablet])

    patch.setattr(apply, "_let_go", let_go)


CURES: list[tuple[str, Callable[[Patch], None], set[str]]] = [
    ("dedupe by command id (T14)", _no_dedupe, {"lost_answer", "doubled", "device_restore"}),
    ("receipt in the effect's transaction (T16)", _no_receipt_with_effect, {"lost_answer"}),
    ("kept commands after acknowledgement (T26)", _nothing_kept, {"server_restore"}),
    ("commands offered again after a fork (T26)", _no_reoffer, {"server_restore"}),
    ("random mark per batch (T26)", _no_mark, {"server_restore"}),
    ("newest head in the cursor (T7)", _no_witness, {"server_restore", "narrow"}),
    ("lane token and same number, other id (T24, T25)", _no_token, {"clone", "device_restore"}),
    ("same number, other id (T24)", _number_alone, {"device_restore", "clone", "server_restore"}),
    ("base copies (T18)", _no_base, {"lost_answer"}),
    ("replay of pending commands (T18)", _no_replay, {"lost_request"}),
    ("reads spread a rebase", _writes_only, {"lost_request"}),
    ("a command stays until its effect is here (T19)", _early_leave, {"lost_answer"}),
    ("revocations in the feed (T9)", _no_drop, set()),
    ("history with what newly enters scope (T9)", _full_forgotten, set()),
    ("aggregate heads move with the numbers (T1)", _unnumbered_forgotten, set()),
    ("safe in this history, not in the one before (T26)", _durable_for_ever, {"server_restore"}),
    ("groups share a fate (T27)", _group_torn, {"server_restore"}),
]


@pytest.mark.fault("P3", "P4", "P5")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("cure", "take_away", "faults"), CURES, ids=[name for name, _, _ in CURES])
def test_without_the_cure_histories_break(
    cure: str, take_away: Callable[[Patch], None], faults: set[str], monkeypatch: Patch
) -> None:
    take_away(monkeypatch)
    assert breaks(faults, SEEN_BY.get(cure, FIRST)), (
        f"{TRIES} histories did not notice that this is gone: {cure}"
    )
