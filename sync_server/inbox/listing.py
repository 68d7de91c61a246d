"""The office's inbox as statements: parked commands, exceptions, clock alarms, conflicts, what was settled.

Owns joins and what counts as open. Cutting to pages is the console's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from common.inbox.inbox_commands import HANDED
from common.inbox.records import Discrepancy, FieldConflict, InboxItem
from common.people.person import Person
from common.sla.alarm_record import CODES
from common.tickets.ticket import Ticket
from sync_server.db.tables import Device, ParkedOp

ALARMS = tuple(CODES.values())
Giver = aliased(Person)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many things are open in each part of the inbox."""

    parked: int
    exceptions: int
    clocks: int
    conflicts: int

    @property
    def all(self) -> int:
        """Return all of them together."""
        return self.parked + self.exceptions + self.clocks + self.conflicts


def parked_listed() -> Select[Any]:
    """Select (parked command, inbox item, person, ticket number, device name) of those that wait for nobody else."""
    blocker = aliased(ParkedOp)
    waits = exists().where(blocker.op_id == ParkedOp.blocked_by, blocker.state == "open")
    return _parked().where(ParkedOp.state == "open", ~waits)


def waiting_for(session: Session, op_ids: Iterable[str]) -> dict[str, list[Any]]:
    """List what is blocked by these commands, directly or through one another: rows as of `parked_listed`."""
    found: dict[str, list[Any]] = {op_id: [] for op_id in op_ids}
    root_of = {op_id: op_id for op_id in found}
    front = list(found)
    while front:
        query = _parked().where(ParkedOp.state == "open", ParkedOp.blocked_by.in_(front))
        front = []
        for row in session.execute(query.order_by(ParkedOp.happened_at, ParkedOp.op_id)):
            op_id, blocker = row[0].op_id, row[0].blocked_by
            if op_id in root_of:
                continue
            root_of[op_id] = root_of[blocker]
            found[root_of[blocker]].append(row)
            front.append(op_id)
    return found


def exceptions_listed() -> Select[Any]:
    """Select (discrepancy, ticket number, person) of flagged facts that wait for a look."""
    return _discrepancies().where(_is_exception())


def alarms_listed() -> Select[Any]:
    """Select (discrepancy, ticket number, person) of clocks that warn or are overdue."""
    return _discrepancies().where(_is_alarm())


def settled_listed() -> Select[Any]:
    """Select (discrepancy, ticket number, person, resolver) of what was settled."""
    return (
        _discrepancies(Giver.name)
        .where(Discrepancy.state == "resolved")
        .outerjoin(Giver, Giver.id == Discrepancy.resolved_by)
    )


def conflicts_listed() -> Select[Any]:
    """Select open conflicts of two edits."""
    return select(FieldConflict).where(FieldConflict.state == "open")


def conflicts_of(session: Session, row_id: str) -> list[FieldConflict]:
    """List the open conflicts of one record, oldest first."""
    mine = conflicts_listed().where(FieldConflict.row_id == row_id)
    return list(session.scalars(mine.order_by(FieldConflict.raised_at, FieldConflict.id)))


def count_open(session: Session) -> Counts:
    """Count what is open."""

    def count(statement: Select[Any]) -> int:
        return int(session.scalar(statement) or 0)

    rows = select(func.count()).select_from(Discrepancy)
    return Counts(
        count(select(func.count()).select_from(ParkedOp).where(ParkedOp.state == "open")),
        count(rows.where(_is_exception())),
        count(rows.where(_is_alarm())),
        count(select(func.count()).select_from(FieldConflict).where(FieldConflict.state == "open")),
    )


def _parked() -> Select[Any]:
    mine = and_(InboxItem.op_id == ParkedOp.op_id, InboxItem.kind.in_(("parked", "blocked")))
    found: Any = select(ParkedOp, InboxItem, Person.name, Ticket.number, Device.name)
    joined: Select[Any] = (
        found.outerjoin(InboxItem, mine)
        .outerjoin(Person, Person.id == ParkedOp.person_id)
        .outerjoin(Ticket, Ticket.id == InboxItem.ticket_id)
        .outerjoin(Device, Device.id == ParkedOp.device_id)
    )
    return joined


def _discrepancies(*more: Any) -> Select[Any]:
    return (
        select(Discrepancy, Ticket.number, Person.name, *more)
        .outerjoin(Ticket, Ticket.id == Discrepancy.ticket_id)
        .outerjoin(Person, Person.id == Discrepancy.person_id)
    )


def _is_alarm() -> ColumnElement[bool]:
    return and_(Discrepancy.state == "open", Discrepancy.code.in_(ALARMS))


def _is_exception() -> ColumnElement[bool]:
    """An open discrepancy that is no alarm and not the mark of a command still parked: that is listed itself."""
    parked = exists().where(
        ParkedOp.op_id == Discrepancy.op_id,
        ParkedOp.state == "open",
        or_(ParkedOp.code == Discrepancy.code, Discrepancy.code == HANDED),
    )
    blocked = and_(
        Discrepancy.code == "builds_on_parked", exists().where(ParkedOp.op_id == Discrepancy.op_id)
    )
    return and_(Discrepancy.state == "open", Discrepancy.code.not_in(ALARMS), ~or_(parked, blocked))
