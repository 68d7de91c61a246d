"""Commands that no longer open: a bit of a sealed one was changed, and the page of the file is whole (A6, P5).

Owns finding them and setting them aside. They stay in the file as they are; all others go on being shown and sent.
Whether one can be read shows only under the key: this is looked at once the vault is open, and when a turn stumbles over
one.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from common.inbox.spoiled import ReportSpoiled
from common.kernel.clock import instant
from common.kernel.command import REGISTRY
from common.kernel.ids import derive_id, is_id
from field_app.store.apply import number_afresh, rebase_all
from field_app.store.memo import MEMO, Memo
from field_app.store.opening import RECOVERY, Recovery
from field_app.store.outbox import UNSENT, number_of
from field_app.store.private import Private, StillPlain, private_of
from field_app.store.roomy import StoreFullError
from field_app.store.schema import SPOILED, OutboxOp
from field_app.store.settings import keep_setting, setting_of
from field_app.store.store import Store
from field_app.vault.cipher import SealBroken, Sealer

# Past the views that open what is sealed: they would stumble over the very rows this is about.
_ROWS = "SELECT ord, id, state, envelope, details FROM main.op WHERE state <> ? ORDER BY ord"
_SET_ASIDE = "UPDATE main.op SET state = ?, local_code = '' WHERE ord = ?"
_LEAVE = "DELETE FROM op_touch WHERE op_ord = ?"
_ANSWER_LOST = "UPDATE main.op SET details = ? WHERE ord = ?"
_UNTOLD = """SELECT ord, id, kind, ticket_id, given_ms FROM main.op
    WHERE state = ? AND status = '' AND code = '' ORDER BY ord"""
_NOTE_TOLD = "UPDATE main.op SET code = ? WHERE ord = ?"
TOLD = "told"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """A row with a cell that does not open: the command itself, or only the details of its answer."""

    ord: int
    op_id: str
    state: str
    is_command: bool


def unseal(store: Store, sealer: Sealer, key_id: str) -> None:
    """Have a store use the key that is open now, and set aside what it does not open. Raises OtherKeyError."""
    store.unseal(sealer, key_id)
    with suppress(StoreFullError):  # looked at again when a turn stumbles over it
        set_spoiled_aside(store)


def set_spoiled_aside(store: Store) -> int:
    """Set commands aside that no longer open, and leave word of those the office does not have; returns how many.

    Nothing is written where there are none. Raises StoreFullError.
    """
    with store.read() as session:
        found = len(_spoiled(session.connection()))
    if found:
        now_ms = store.clock.read().wall_ms
        store.write(lambda session: _set_aside(session, now_ms))
    _tell_office(store)
    return found


def _tell_office(store: Store) -> None:
    """Have the office told of each, once; what is refused now, past the lease, is told when this is next looked at."""
    with store.read() as session:
        untold = session.connection().exec_driver_sql(_UNTOLD, (SPOILED,)).all()
    for op_ord, *row in untold:

        def note(session: Session, _: str, op_ord: int = op_ord) -> None:
            session.connection().exec_driver_sql(_NOTE_TOLD, (TOLD, op_ord))

        store.give(_report(*row), beside=note)


def _report(op_id: str, kind: str, ticket_id: str | None, given_ms: int) -> ReportSpoiled:
    """Write the report from what stands beside the command in the clear; that may be spoiled as well."""
    return ReportSpoiled(
        op_id if is_id(op_id) else derive_id("spoiled", op_id),
        kind if kind in REGISTRY else "unknown",
        instant(given_ms),
        ticket_id if ticket_id and is_id(ticket_id) else None,
    )


def _spoiled(connection: Connection) -> list[_Found]:
    private = private_of(connection)
    if private is None or private.sealer is None:  # a plain file was looked through when it was opened
        return []
    found = []
    for op_ord, op_id, state, envelope, details in connection.exec_driver_sql(_ROWS, (SPOILED,)):
        is_whole = _opens(private, envelope, "op|envelope", op_id)
        if not is_whole or not _opens(private, details, "op|details", op_id):
            found.append(_Found(op_ord, op_id, state, not is_whole))
    return found


def _opens(private: Private, sealed: object, place: str, op_id: str) -> bool:
    try:
        return bool(private.open(sealed, place, op_id))
    except (SealBroken, StillPlain, UnicodeDecodeError):
        return False


def _set_aside(session: Session, now_ms: int) -> int:
    connection, memo = session.connection(), session.info.get(MEMO)
    private = private_of(connection)
    assert private is not None
    found = _spoiled(connection)
    gone = [one for one in found if one.is_command]
    first = session.scalar(select(func.min(OutboxOp.n)).where(OutboxOp.state.in_(UNSENT)))
    for one in found:
        if one.is_command:
            _log.error("command %s of the outbox no longer opens and is set aside", one.ord)
            connection.exec_driver_sql(_SET_ASIDE, (SPOILED, one.ord))
            connection.exec_driver_sql(_LEAVE, (one.ord,))
        else:
            emptied = private.seal("{}", "op|details", one.op_id)
            connection.exec_driver_sql(_ANSWER_LOST, (emptied, one.ord))
    if isinstance(memo, Memo):
        memo.forget([one.op_id for one in gone])
    unsent = sum(one.state in UNSENT for one in gone)  # what was answered the office has
    if unsent:
        number_afresh(session, first or 1)
        _leave_word(session, unsent, now_ms)
    if gone:
        rebase_all(session)
    return len(found)


def _leave_word(session: Session, lost: int, now_ms: int) -> None:
    """Add to what the person has to be told of and has not read yet."""
    if told := setting_of(session, RECOVERY):
        before = Recovery(**json.loads(told))
        word = replace(before, saved=max(before.saved - lost, 0), lost=before.lost + lost)
    else:
        waiting = session.scalar(select(number_of(UNSENT))) or 0
        word = Recovery(SPOILED, now_ms, waiting, lost)
    keep_setting(session, RECOVERY, json.dumps(asdict(word)))
