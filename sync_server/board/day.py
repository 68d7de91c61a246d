"""A day on the board, read in one snapshot: engineers, their absences and work, and who still waits (R046 R047).

Owns the reading, a fixed number of queries however many tickets there are. How it looks is the console's.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, func, select
from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.kernel.clock import millis
from common.kernel.command import Role
from common.people.person import Absence, Person, Qualification, absences_between, people_with_role
from common.policy.model import Policy
from common.policy.policy_set import find_policy
from common.sla.clock_record import SlaClock
from common.tickets.ticket import OPEN, Assignment, Ticket, TicketEvent
from sync_server.db.tables import Change, Device

NO_VISIT = ("cancelled", "refused", "remote_solved")
TRAY_MOST = 300


@dataclass(frozen=True, slots=True)
class Work:
    """A ticket on the board with what is shown of it; `held` None: it waits in the tray. `due`: its next clock."""

    ticket: Ticket
    held: Assignment | None
    customer: str
    unit: str
    due: SlaClock | None
    reached: bool | None = None  # by its engineer's tablet; None: he has none, or nobody is sent
    is_moved: bool = False  # after he had acknowledged it

    @property
    def version(self) -> int:
        """Return a number that changes with whatever a move depends on, so that nobody moves what he did not see."""
        held, ticket = self.held, self.ticket
        place = (
            (held.id, held.engineer_id, millis(held.from_at), millis(held.until_at), held.state)
            if held
            else ()
        )
        return zlib.crc32(repr((ticket.state, ticket.hold_reason, ticket.assignee_id, *place)).encode())


@dataclass(frozen=True, slots=True)
class BoardDay:
    """Everything a board shows of a stretch of time."""

    policy: Policy | None
    engineers: Sequence[Person]
    qualifications: Mapping[str, Sequence[Qualification]]
    absences: Mapping[str, Sequence[Absence]]
    devices: Mapping[str, Device]
    placed: Sequence[Work]
    waiting: Sequence[Work]


def read_day(session: Session, from_at: datetime, until_at: datetime) -> BoardDay:
    """Read the board between two instants."""
    engineers = people_with_role(session, Role.ENGINEER)
    ids = [person.id for person in engineers]
    placed = (
        select(Assignment, Ticket)
        .join(Ticket, Ticket.id == Assignment.ticket_id)
        .where(
            Assignment.state == "active",
            Assignment.from_at < until_at,
            Assignment.until_at > from_at,
            Ticket.state.not_in(NO_VISIT),
        )
        .order_by(Assignment.from_at, Assignment.id)
    )
    waiting = (
        select(Ticket).where(Ticket.state.in_(OPEN), ~_is_assigned()).order_by(Ticket.received_at, Ticket.id)
    )
    pairs = [(ticket, held) for held, ticket in session.execute(placed).all()]
    alone = [(ticket, None) for ticket in session.scalars(waiting.limit(TRAY_MOST))]
    shown = _dress(session, [*pairs, *alone])
    held_by = select(Qualification).where(Qualification.person_id.in_(ids), Qualification.revoked.is_(False))
    return BoardDay(
        policy=find_policy(session),
        engineers=engineers,
        qualifications=_by_person(session, held_by.order_by(Qualification.code)),
        absences=_grouped(absences_between(session, ids, from_at, until_at)),
        devices=_devices(session, ids),
        placed=shown[: len(pairs)],
        waiting=shown[len(pairs) :],
    )


def read_work(session: Session, ticket_id: str, assignment_id: str | None) -> Work | None:
    """Read one ticket as the board shows it: on its assignment while that is active, else in the tray."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return None
    held = session.get(Assignment, assignment_id) if assignment_id else None
    if held is None or held.ticket_id != ticket_id or held.state != "active":
        active = select(Assignment).where(Assignment.ticket_id == ticket_id, Assignment.state == "active")
        held = session.scalars(active.order_by(Assignment.assigned_at, Assignment.id)).first()
    return _dress(session, [(ticket, held)])[0]


def visits_by_day(session: Session, from_at: datetime, until_at: datetime) -> list[datetime]:
    """List when the visits between two instants begin."""
    query = (
        select(Assignment.from_at)
        .join(Ticket, Ticket.id == Assignment.ticket_id)
        .where(
            Assignment.state == "active",
            Assignment.from_at >= from_at,
            Assignment.from_at < until_at,
            Ticket.state.not_in(NO_VISIT),
        )
    )
    return list(session.scalars(query))


def _is_assigned() -> Any:
    return exists().where(and_(Assignment.ticket_id == Ticket.id, Assignment.state == "active"))


def _dress(session: Session, pairs: Sequence[tuple[Ticket, Assignment | None]]) -> list[Work]:
    """Put customers, units and clocks beside tickets."""
    tickets = [ticket for ticket, _ in pairs]
    names = _named(session, Customer, {ticket.customer_id for ticket in tickets})
    units = _named(session, Equipment, {ticket.equipment_id for ticket in tickets if ticket.equipment_id})
    models = _named(session, EquipmentModel, {unit.model_id for unit in units.values()})
    clocks = _next_clocks(session, tickets)
    sent = [held for _, held in pairs if held is not None]
    reached, moved = _reached(session, sent), _moved(session, sent)
    return [
        Work(
            ticket,
            held,
            names[ticket.customer_id].name if ticket.customer_id in names else "",
            _unit(units.get(ticket.equipment_id or ""), models),
            clocks.get(ticket.id),
            reached.get(held.id) if held else None,
            held is not None and held.id in moved,
        )
        for ticket, held in pairs
    ]


def _reached(session: Session, held: Sequence[Assignment]) -> dict[str, bool]:
    """Say of appointments whether the newest tablet of their engineer has read up to their last change."""
    devices = _devices(session, sorted({one.engineer_id for one in held}))
    wanted = [one.id for one in held if one.engineer_id in devices]
    query = select(Change.row_id, func.max(Change.seq), func.count() - func.count(Change.seq)).where(
        Change.entity == "assignment", Change.row_id.in_(wanted)
    )
    told = {row_id: (seq, waits) for row_id, seq, waits in session.execute(query.group_by(Change.row_id))}
    found = {}
    for one in held:
        if one.engineer_id in devices:
            seq, waits = told.get(one.id, (0, 0))
            device = devices[one.engineer_id]
            found[one.id] = not waits and device.last_contact_at is not None and device.position >= (seq or 0)
    return found


def _moved(session: Session, held: Sequence[Assignment]) -> set[str]:
    """List appointments that were moved after their engineer had acknowledged them."""
    seen = {one.ticket_id: one for one in held if one.seen_at is not None}
    query = select(TicketEvent.ticket_id, func.max(TicketEvent.at)).where(
        TicketEvent.kind == "assignment_moved", TicketEvent.ticket_id.in_(sorted(seen))
    )
    told = session.execute(query.group_by(TicketEvent.ticket_id)) if seen else ()
    return {seen[id_].id for id_, at in told if at > (seen[id_].seen_at or at)}


def _unit(unit: Equipment | None, models: Mapping[str, Any]) -> str:
    if unit is None:
        return ""
    model = models.get(unit.model_id)
    return f"{model.name if model else ''} {unit.serial}".strip()


def _named(session: Session, record: type[Any], ids: set[str]) -> dict[str, Any]:
    if not ids:
        return {}
    return {row.id: row for row in session.scalars(select(record).where(record.id.in_(sorted(ids))))}


def _next_clocks(session: Session, tickets: Sequence[Ticket]) -> dict[str, SlaClock]:
    """Map tickets to the running clock that ends first."""
    rounds = {ticket.id: ticket.round for ticket in tickets}
    if not rounds:
        return {}
    query = select(SlaClock).where(SlaClock.ticket_id.in_(sorted(rounds)), SlaClock.state == "running")
    found: dict[str, SlaClock] = {}
    for clock in session.scalars(query.order_by(SlaClock.due_at.desc(), SlaClock.id)):
        if clock.round == rounds[clock.ticket_id] and clock.due_at is not None and clock.exception is None:
            found[clock.ticket_id] = clock
    return found


def _by_person(session: Session, query: Select[Any]) -> dict[str, list[Any]]:
    return _grouped(session.scalars(query))


def _grouped(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.person_id].append(row)
    return found


def _devices(session: Session, ids: Sequence[str]) -> dict[str, Device]:
    query = select(Device).where(Device.person_id.in_(ids), Device.state == "active")
    seen = sorted(
        session.scalars(query), key=lambda device: millis(device.last_contact_at or device.enrolled_at)
    )
    return {device.person_id: device for device in seen}
