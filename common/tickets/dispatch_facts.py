"""Facts for the dispatch rules, read from the tables: engineers, tickets, slots already given (R047, R051).

Owns the reading. The rules judge; dispatching and the board ask here. Runs at the office only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.equipment.equipment import Equipment, EquipmentModel
from common.kernel.command import Role
from common.people.person import Person, Qualification, absences_between, people_with_role
from common.policy.policy_set import find_policy
from common.tickets.dispatch_rules import (
    Absence,
    Certificate,
    EngineerFacts,
    RankedEngineer,
    RuleBreak,
    Slot,
    TicketFacts,
    judge_assignment,
    judge_start,
    rank_engineers,
)
from common.tickets.ticket import OPEN, UNDER_WAY, Assignment, Ticket

AROUND = timedelta(days=1)


def ticket_facts(session: Session, ticket: Ticket, moved_from: str = "") -> TicketFacts:
    """Read what a ticket asks of an engineer. `moved_from`: the engineer the work would be taken from."""
    unit = session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    model = session.get(EquipmentModel, unit.model_id) if unit else None
    return TicketFacts(
        ticket_id=ticket.id,
        skills=frozenset({model.skill} if model and model.skill else ()),
        certificates=frozenset({model.certificate} if model and model.certificate else ()),
        zone=ticket.zone or None,
        window_from_at=ticket.window_from_at,
        window_until_at=ticket.window_until_at,
        under_way_with=moved_from if moved_from and ticket.state in UNDER_WAY else None,
    )


def engineer_facts(session: Session, person: Person, from_at: datetime, until_at: datetime) -> EngineerFacts:
    """Read an engineer's skills, certificates, zones and absences around a window."""
    held = session.scalars(
        select(Qualification).where(Qualification.person_id == person.id, Qualification.revoked.is_(False))
    ).all()
    absences = absences_between(session, [person.id], from_at - AROUND, until_at + AROUND)
    last_day = until_at.date()
    return EngineerFacts(
        engineer_id=person.id,
        skills=frozenset(
            q.code
            for q in held
            if q.kind == "skill" and (q.valid_until_on is None or q.valid_until_on >= last_day)
        ),
        certificates=tuple(Certificate(q.code, q.valid_until_on) for q in held if q.kind == "certificate"),
        zones=frozenset(person.zones),
        absences=tuple(Absence(a.from_at, a.until_at, a.reason) for a in absences),
    )


def slots_between(
    session: Session, engineer_ids: Iterable[str], from_at: datetime, until_at: datetime
) -> dict[str, list[Slot]]:
    """List the slots engineers hold on open tickets around a window, by engineer."""
    query = (
        select(Assignment)
        .join(Ticket, Ticket.id == Assignment.ticket_id)
        .where(
            Assignment.engineer_id.in_(list(engineer_ids)),
            Assignment.state == "active",
            Assignment.from_at < until_at + AROUND,
            Assignment.until_at > from_at - AROUND,
            Ticket.state.in_(OPEN),
        )
        .order_by(Assignment.from_at, Assignment.id)
    )
    slots: dict[str, list[Slot]] = {}
    for held in session.scalars(query):
        slots.setdefault(held.engineer_id, []).append(Slot(held.ticket_id, held.from_at, held.until_at))
    return slots


def breaks_of(
    session: Session,
    ticket: Ticket,
    person: Person,
    from_at: datetime,
    until_at: datetime,
    moved_from: str = "",
    *,
    now: datetime,
) -> tuple[RuleBreak, ...]:
    """Judge one assignment as of an instant; without a policy's calendar only that it begins in the past."""
    policy, late = find_policy(session), judge_start(from_at, now)
    if policy is None:
        return late
    slots = slots_between(session, [person.id], from_at, until_at)
    broken = judge_assignment(
        engineer_facts(session, person, from_at, until_at),
        ticket_facts(session, ticket, moved_from),
        Slot(ticket.id, from_at, until_at),
        slots.get(person.id, []),
        policy.calendar,
    )
    return (*broken, *late)


def rank_for_ticket(
    session: Session, ticket: Ticket, from_at: datetime, until_at: datetime
) -> tuple[RankedEngineer, ...]:
    """Rank all engineers for a slot on a ticket, best first; empty while no policy is adopted."""
    policy = find_policy(session)
    if policy is None:
        return ()
    people = people_with_role(session, Role.ENGINEER)
    return rank_engineers(
        [engineer_facts(session, person, from_at, until_at) for person in people],
        ticket_facts(session, ticket),
        Slot(ticket.id, from_at, until_at),
        slots_between(session, [person.id for person in people], from_at, until_at),
        policy.calendar,
    )
