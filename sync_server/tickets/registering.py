"""A call at the desk as one transaction: customer, unit, ticket and what was agreed, or nothing of it.

Owns number and all-or-nothing. What each command does is its own function's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from common.kernel.ids import derive_id
from common.kernel.op import Op
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.tickets.ticket import Ticket
from sync_server.db.database import Database
from sync_server.db.office import Given, envelope, give, note_refused
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.tickets.numbers import hold_numbers, next_number

Plan = Callable[[str, str], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a call: the ticket, or the command that was refused (`kind`) and why."""

    ticket_id: str
    number: str = ""
    kind: str = ""
    refusal: Outcome | None = None


class _TakenBack(Exception):  # noqa: N818 - ends the transaction, is no error
    def __init__(self, op: Op, outcome: Outcome) -> None:
        super().__init__(op.k)
        self.op = op
        self.outcome = outcome


def ticket_id_of(call_id: str) -> str:
    """Name the ticket a call becomes, so that a form sent twice makes one ticket."""
    return derive_id(call_id, "ticket")


def register_call(database: Database, actor: Actor, call_id: str, on_day: date, plan: Plan) -> Registered:
    """Give the commands of a call together; `plan` makes them from the ticket's id and number.

    `on_day` is the local day the number belongs to. The same `call_id` again gives the same ticket.
    """
    ticket_id = ticket_id_of(call_id)

    def write(unit: UnitOfWork) -> Registered:
        hold_numbers(unit.session)
        known = unit.session.get(Ticket, ticket_id)
        if known is not None:
            return Registered(ticket_id, known.number)
        number = next_number(unit.session, on_day)
        for payload in plan(ticket_id, number):
            given = Given(payload)
            outcome = give(unit, database, actor, given)
            if not outcome.took_effect:
                raise _TakenBack(envelope(database, given), outcome)
        return Registered(ticket_id, number)

    try:
        return database.transact(write)
    except _TakenBack as refused:
        note_refused(database, actor, [(refused.op, refused.outcome)])
        return Registered(ticket_id, kind=refused.op.k, refusal=refused.outcome)
