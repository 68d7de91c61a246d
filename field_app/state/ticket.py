"""One ticket as its engineer sees it: everything the ticket's pages show, and what is to be done next.

Owns the order of the work on site. Refuses nothing: commands do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.approvals.approval import decision_number
from common.coverage.coverage import Entitlement
from common.coverage.entitlement import current_entitlement
from common.customers.customer import Customer, CustomerContact
from common.equipment.equipment import Equipment, EquipmentModel, PastVoucher, vouchers_of
from common.policy.model import Policy
from common.policy.policy_set import find_policy
from common.tickets.events import timeline
from common.tickets.ticket import ENDED, Assignment, Ticket, TicketEvent
from common.visit.completeness import missing_fields
from common.visit.records import ChecklistAnswer, ServiceReport, Visit
from common.visit.report import rows_of_round
from common.visit.sealed import accepted_report, reports_of, voids_of
from field_app.state.clock_lines import ClockLine, clock_lines
from field_app.store.queries_status import open_notices, unsent_by_ticket, unsent_ids
from field_app.store.queries_today import unit_and_model


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket whole. `visit` is the engineer's open visit; `step` is what comes next, see `next_step`.

    `notices`: ids of the office's unread notices about it; `unsent_ids`: what unsent commands speak of.
    """

    ticket: Ticket
    assignment: Assignment | None
    customer: Customer | None
    contacts: tuple[CustomerContact, ...]
    unit: Equipment | None
    model: EquipmentModel | None
    entitlement: Entitlement | None
    clocks: tuple[ClockLine, ...]
    visit: Visit | None
    visits: tuple[Visit, ...]
    report: ServiceReport | None
    voided: tuple[
        str, str
    ]  # decision number and reason by which the round's report was taken back, else empty
    events: tuple[TicketEvent, ...]
    history: tuple[PastVoucher, ...]
    missing: tuple[str, ...]
    policy: Policy | None
    overtaken: str
    step: str
    notices: tuple[str, ...]
    unsent: int
    unsent_ids: frozenset[str]
    person_id: str

    @property
    def is_sealed(self) -> bool:
        """Say whether the customer has accepted the report: then nothing on it changes any more."""
        return self.report is not None

    def form(self, name: str) -> str:
        """Name a half-typed form of this ticket: one for each round."""
        return f"{name}:{self.ticket.id}:{self.ticket.round}"

    @property
    def can_work(self) -> bool:
        """Say whether work on site can be recorded: the engineer is there and the report is open."""
        return self.visit is not None and not self.is_sealed


def load_ticket(ticket_id: str, person_id: str, now: datetime) -> Callable[[Session], TicketView | None]:
    """Return the query of a ticket's pages; None where this tablet does not hold it."""

    def load(session: Session) -> TicketView | None:
        ticket = session.get(Ticket, ticket_id)
        if ticket is None:
            return None
        policy = find_policy(session)
        unit, model = unit_and_model(session, ticket.equipment_id)
        visits = rows_of_round(session, Visit, ticket, Visit.arrived_at)
        mine = [visit for visit in visits if visit.engineer_id == person_id]
        visit = next((visit for visit in reversed(mine) if visit.left_at is None), None)
        assignment = my_assignment(session, ticket_id, person_id)
        report = accepted_report(session, ticket)
        events = timeline(session, ticket_id)
        missing = missing_fields(session, ticket_id, policy)
        overtaken = overtaken_by_office(ticket, assignment, report)
        answered = bool(rows_of_round(session, ChecklistAnswer, ticket, ChecklistAnswer.answered_at))
        return TicketView(
            ticket=ticket,
            assignment=assignment,
            customer=session.get(Customer, ticket.customer_id),
            contacts=_contacts(session, ticket.customer_id),
            unit=unit,
            model=model,
            entitlement=current_entitlement(session, ticket_id),
            clocks=tuple(clock_lines(session, ticket, now, explain=True)),
            visit=visit,
            visits=tuple(visits),
            report=report,
            voided=_voided(session, ticket) if report is None else ("", ""),
            events=tuple(events),
            history=tuple(vouchers_of(session, unit.id)) if unit else (),
            missing=missing,
            policy=policy,
            overtaken=overtaken,
            step=next_step(
                is_seen=assignment is not None and assignment.seen_at is not None,
                is_travelling=_is_travelling(events, mine, person_id),
                is_there=visit is not None,
                is_signed=report is not None,
                is_overtaken=bool(overtaken),
                has_answered=answered,
                missing=missing,
            ),
            notices=tuple(n.id for n in open_notices(session) if n.ticket_id == ticket_id),
            unsent=unsent_by_ticket(session).get(ticket_id, 0),
            unsent_ids=unsent_ids(session, ticket_id),
            person_id=person_id,
        )

    return load


def _voided(session: Session, ticket: Ticket) -> tuple[str, str]:
    """Name the decision by which the last report of this round does not count any more, and why."""
    voids = voids_of(session, ticket.id)
    for report in reversed(reports_of(session, ticket.id)):
        if report.round == ticket.round and report.id in voids:
            return decision_number(voids[report.id].approval_id), voids[report.id].reason
    return "", ""


def my_assignment(session: Session, ticket_id: str, person_id: str) -> Assignment | None:
    """Find the engineer's assignment to a ticket: the active one, else the last."""
    query = select(Assignment).where(Assignment.ticket_id == ticket_id, Assignment.engineer_id == person_id)
    found = list(session.scalars(query.order_by(Assignment.assigned_at, Assignment.id)))
    active = [assignment for assignment in found if assignment.state == "active"]
    standing = active or found
    return standing[-1] if standing else None


def overtaken_by_office(ticket: Ticket, assignment: Assignment | None, report: ServiceReport | None) -> str:
    """Name what the office decided against going on: `cancelled`, `reassigned`, `held`; '' when nothing."""
    if report is not None:
        return ""
    if ticket.state in ENDED:
        return "cancelled"
    if assignment is None or assignment.state != "active":
        return "reassigned"
    return ""


def next_step(
    *,
    is_seen: bool,
    is_travelling: bool,
    is_there: bool,
    is_signed: bool,
    is_overtaken: bool,
    has_answered: bool,
    missing: tuple[str, ...],
) -> str:
    """Say what comes next: acknowledge, travel, arrive, checklist, diagnosis, agreement, repair, test, sign_off,
    leave, or '' when nothing is left to do here."""
    if is_signed or is_overtaken:
        return "leave" if is_there else ""
    if not is_there:
        return "arrive" if is_travelling else "travel" if is_seen else "acknowledge"
    if "checklist" in missing and not has_answered:
        return "checklist"
    order = (
        ("diagnosis", ("diagnosis", "cause")),
        ("agreement", ("agreement", "agreement_exceeded")),
        ("repair", ("measures", "time_used")),
        ("test", ("test",)),
        ("checklist", ("checklist",)),
    )
    return next((step for step, codes in order if set(codes) & set(missing)), "sign_off")


def _is_travelling(events: list[TicketEvent], mine: list[Visit], person_id: str) -> bool:
    starts = [event.at for event in events if event.kind == "en_route" and event.actor_id == person_id]
    arrivals = [visit.arrived_at for visit in mine]
    return bool(starts) and (not arrivals or max(starts) > max(arrivals))


def _contacts(session: Session, customer_id: str) -> tuple[CustomerContact, ...]:
    query = select(CustomerContact).where(CustomerContact.customer_id == customer_id)
    return tuple(session.scalars(query.order_by(CustomerContact.name, CustomerContact.id)))
