"""Many commands in one transaction: imports, and histories whose events happened before now.

Owns all-or-nothing with an answer for each. One command of a person at the console is `sync_server.db.office`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from common.kernel.clock import Reading, millis
from common.kernel.op import make_op
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from sync_server.db.database import Database
from sync_server.db.unit_of_work import Arrival, UnitOfWork

STEP = 100


class _TakenBack(Exception):  # noqa: N818 - ends the transaction, is no error
    """Rolls the transaction back and carries what is to be answered."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        super().__init__("refused")
        self.outcomes = outcomes


def give_many(
    database: Database,
    actor: Actor,
    payloads: Sequence[Any],
    *,
    progress: Callable[[int], None] | None = None,
) -> list[Outcome]:
    """Give many commands in one transaction: all take effect, or none.

    Returns one outcome a command; if any is `parked`, nothing was changed and the others say what would have
    been. `progress` hears every hundredth. Raises DatabaseBusyError.
    """

    def write(unit: UnitOfWork) -> list[Outcome]:
        outcomes = []
        for done, payload in enumerate(payloads, 1):
            outcomes.append(give_at(unit, actor, payload, unit.now))
            if progress and done % STEP == 0:
                progress(done)
        if any(not outcome.took_effect for outcome in outcomes):
            raise _TakenBack(outcomes)
        return outcomes

    try:
        return database.transact(write)
    except _TakenBack as refused:
        return refused.outcomes


def give_at(unit: UnitOfWork, actor: Actor, payload: Any, happened_at: datetime) -> Outcome:
    """Give one command inside a transaction, as of when it happened; what to do with a parked one is the caller's."""
    op = make_op(payload, unit.new_id(), Reading(millis(happened_at), 0, "office"))
    return unit.run(actor, op, Arrival(happened_at), live=True)
