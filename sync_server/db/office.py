"""The office's way to give commands: console, command line, import and scheduled work come through here.

Owns envelope, dedupe and all-or-nothing of several commands. What a command does is its own function's. A
refused command of someone present leaves its line in the audit and nothing else, not even a receipt: he can
correct and send again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from common.kernel.clock import millis
from common.kernel.command import Place, Role
from common.kernel.op import Op, make_op
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.people.person import Person, roles_of
from sync_server.db.database import Database
from sync_server.db.unit_of_work import Arrival, MustUndo, UnitOfWork, content_hash_of

SYSTEM_ID = "system"  # stands where a person's id stands; no person has it
REFUSED = "refused"  # status of an audit entry that has no receipt
REFUSALS_NOTED = 20
SYSTEM = Actor(SYSTEM_ID, frozenset({Role.SYSTEM}), Place.SYSTEM)


class _TakenBack(Exception):  # noqa: N818 - ends the transaction, is no error
    """Rolls the transaction back and carries what is to be answered."""

    def __init__(self, ops: list[Op], outcomes: list[Outcome]) -> None:
        super().__init__("refused")
        self.ops, self.outcomes = ops, outcomes


@dataclass(frozen=True, slots=True)
class Given:
    """One command to give: `op_id` '' makes a new one, `happened_at` None means now."""

    payload: Any
    op_id: str = ""
    happened_at: datetime | None = None


def office_actor(session: Session, person_id: str) -> Actor:
    """Make the actor of a person at the office; without roles if he is unknown or no longer active."""
    person = session.get(Person, person_id)
    return Actor(person_id, roles_of(person) if person is not None else frozenset(), Place.OFFICE)


def perform(database: Database, actor: Actor, payload: Any, *, op_id: str | None = None) -> Outcome:
    """Give one command now. The same `op_id` again has no second effect and gets the first answer.

    `parked` with its reason code means refused: nothing was changed. Raises DatabaseBusyError.
    """
    return perform_many(database, actor, [Given(payload, op_id or "")])[0]


def perform_many(
    database: Database,
    actor: Actor,
    commands: Sequence[Any],
    *,
    progress: Callable[[int], None] | None = None,
    also: Callable[[UnitOfWork], None] = lambda _unit: None,
) -> list[Outcome]:
    """Give many commands in one transaction: all take effect, or none.

    `commands` are payloads or `Given`. Returns one outcome a command; if any is `parked`, nothing was changed
    and the outcomes of the others say what would have been. `also` writes what the server itself remembers of them,
    in the same transaction. Raises DatabaseBusyError.
    """

    def write(unit: UnitOfWork, *, undo: bool) -> list[Outcome]:
        ops, outcomes = [], []
        for done, command in enumerate(commands):
            given = command if isinstance(command, Given) else Given(command)
            ops.append(envelope(database, given))
            outcomes.append(_give(unit, actor, given, ops[-1], undo=undo))
            if progress and done % 100 == 99:
                progress(done + 1)
        if any(not outcome.took_effect for outcome in outcomes):
            raise _TakenBack(ops, outcomes)
        also(unit)
        return outcomes

    try:
        try:
            return database.transact(partial(write, undo=False))
        except MustUndo:
            return database.transact(partial(write, undo=True))
    except _TakenBack as refused:
        note_refused(database, actor, zip(refused.ops, refused.outcomes, strict=True))
        return refused.outcomes


def note_refused(database: Database, actor: Actor, given: Iterable[tuple[Op, Outcome]]) -> None:
    """Keep in the audit what a person at the office was refused, in a transaction of its own (R171).

    Of many given together the first ones. Status `refused`: such a line has no receipt, `verify` knows it by that.
    """
    found = [(op, outcome) for op, outcome in given if not outcome.took_effect][:REFUSALS_NOTED]

    def write(unit: UnitOfWork) -> None:
        for op, outcome in found:
            unit.audit(actor, op, Arrival(unit.now), outcome, status=REFUSED)

    if Role.SYSTEM not in actor.roles:
        database.transact(write)


def envelope(database: Database, given: Given) -> Op:
    """Put a command into its envelope."""
    op_id = given.op_id or database.new_id()
    return make_op(given.payload, op_id, replace(database.clock.read(), wall_ms=_given_ms(op_id, given)))


def give(unit: UnitOfWork, database: Database, actor: Actor, given: Given) -> Outcome:
    """Give one command inside a transaction somebody else owns; who it is must still end it when parked."""
    return _give(unit, actor, given, envelope(database, given))


def _give(unit: UnitOfWork, actor: Actor, given: Given, op: Op, *, undo: bool = True) -> Outcome:
    receipt = unit.receipt_of(op.id) if given.op_id else None
    if receipt is not None:
        if receipt.content_hash != content_hash_of(op):  # a form sent back, changed and sent once more (K2)
            return Outcome("parked", "command_id_reused")
        return Outcome(receipt.status, receipt.code, receipt.details)  # type: ignore[arg-type]
    return unit.run(actor, op, Arrival(given.happened_at or unit.now), live=True, undo=undo)


def _given_ms(op_id: str, given: Given) -> int:
    """Return when a command was given: its own instant, else when its id was made, the same each time it is sent."""
    if given.happened_at is not None:
        return millis(given.happened_at)
    made = uuid.UUID(op_id)
    return made.int >> 80 if made.version == 7 else 0
