"""Lists of tickets as statements: the ticket list and the intake register (F01, R003, R155).

Owns joins, filters and what may be sorted by. Cutting to pages is the console's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select

from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.kernel.clock import LATEST_MS, instant
from common.kernel.search import matching
from common.people.person import Person
from common.sla.clock_record import SlaClock
from common.tickets.ticket import OPEN, UNDER_WAY, WAITING, WITH_ENGINEER, Ticket, TicketEvent

STATES: dict[str, tuple[str, ...]] = {
    "open": OPEN,
    "waiting": WAITING,
    "with_engineer": tuple(state for state in WITH_ENGINEER if state not in UNDER_WAY),
    "under_way": UNDER_WAY,
    "signed": ("signed", "settled", "checked_out"),
    "written_off": ("written_off",),
    "ended": ("remote_solved", "refused", "cancelled"),
    "archived": ("archived",),
}
CLOCKS = ("overdue", "at_risk", "running", "paused")
NOBODY = "none"


def next_due() -> ColumnElement[Any]:
    """Say when the ticket's next open clock ends."""
    found = select(func.min(SlaClock.due_at)).where(
        SlaClock.ticket_id == Ticket.id, SlaClock.round == Ticket.round, SlaClock.state == "running"
    )
    return found.correlate(Ticket).scalar_subquery()


def tickets_listed(search: str, filters: Mapping[str, str], now: datetime) -> Select[Any]:
    """Select (Ticket, customer, serial, model, engineer, due) by search words and filters.

    Filters: `state` (of STATES, `held`, `help`), `engineer` (id or `none`), `zone`, `clock` (of CLOCKS), `severity`.
    """
    query = _joined(next_due().label("due_at")).where(*matching(Ticket.folded, search))
    conditions = [_CONDITION[name](value, now) for name, value in filters.items() if name in _CONDITION]
    return query.where(*conditions)


def register_entries(search: str, filters: Mapping[str, str], now: datetime) -> Select[Any]:
    """Select the intake register's rows: as above, then who took the call, when dispatched, when written off.

    Filters: `month` (YYYY-MM is turned into `from_at`, `until_at` by the caller), `entry` open | closed.
    """
    taker = select(Person.name).where(Person.id == Ticket.taken_by).correlate(Ticket).scalar_subquery()
    query = _joined(
        taker.label("taker"), _event_at("assigned").label("sent_at"), _event_at("written_off").label("off_at")
    ).where(*matching(Ticket.folded, search))
    entry = filters.get("entry")
    if entry == "due":
        query = query.where(Ticket.state.in_(STATES["signed"]))
    elif entry == "open":
        query = query.where(Ticket.state.in_(OPEN))
    elif entry == "closed":
        query = query.where(Ticket.state.not_in((*OPEN, *STATES["signed"])))
    return query


def sort_columns() -> dict[str, Any]:
    """Map the names a list may be sorted by to columns; what has no deadline comes last."""
    last = literal(instant(LATEST_MS), Ticket.received_at.type)
    return {
        "number": Ticket.number,
        "received": Ticket.received_at,
        "customer": Customer.name,
        "engineer": func.coalesce(Person.name, ""),
        "state": Ticket.state_since_at,
        "due": func.coalesce(next_due(), last),
    }


def _joined(*more: ColumnElement[Any]) -> Select[Any]:
    return (
        select(
            Ticket,
            Customer.name.label("customer"),
            Equipment.serial.label("serial"),
            EquipmentModel.name.label("model"),
            EquipmentModel.code.label("model_code"),
            Person.name.label("engineer"),
            *more,
        )
        .outerjoin(Customer, Customer.id == Ticket.customer_id)
        .outerjoin(Equipment, Equipment.id == Ticket.equipment_id)
        .outerjoin(EquipmentModel, EquipmentModel.id == Equipment.model_id)
        .outerjoin(Person, Person.id == Ticket.assignee_id)
    )


def _event_at(kind: str) -> ColumnElement[Any]:
    found = select(func.max(TicketEvent.at)).where(
        TicketEvent.ticket_id == Ticket.id, TicketEvent.kind == kind
    )
    return found.correlate(Ticket).scalar_subquery()


def _by_state(value: str, _now: datetime) -> ColumnElement[bool]:
    if value == "held":
        return Ticket.hold_reason != ""
    if value == "help":
        return Ticket.help_wanted.is_(True)
    return Ticket.state.in_(STATES.get(value, (value,)))


def _by_engineer(value: str, _now: datetime) -> ColumnElement[bool]:
    if value == NOBODY:
        return and_(Ticket.assignee_id.is_(None), Ticket.state.in_(OPEN))
    return Ticket.assignee_id == value


def _by_clock(value: str, now: datetime) -> ColumnElement[bool]:
    wanted = {
        "overdue": and_(SlaClock.state == "running", SlaClock.due_at < now),
        "at_risk": and_(
            SlaClock.state == "running",
            SlaClock.warn_at <= now,
            or_(SlaClock.due_at.is_(None), SlaClock.due_at >= now),
        ),
        "running": SlaClock.state == "running",
        "paused": SlaClock.state == "paused",
    }[value]
    return exists().where(SlaClock.ticket_id == Ticket.id, SlaClock.round == Ticket.round, wanted)


def _by_zone(value: str, _now: datetime) -> ColumnElement[bool]:
    return Ticket.zone == value


def _by_severity(value: str, _now: datetime) -> ColumnElement[bool]:
    return Ticket.urgent.is_(True) if value == "urgent" else Ticket.severity == value


_CONDITION = {
    "state": _by_state,
    "engineer": _by_engineer,
    "clock": _by_clock,
    "zone": _by_zone,
    "severity": _by_severity,
}
