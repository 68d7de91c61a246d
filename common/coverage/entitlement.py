"""Judging a ticket and confirming the judgement (R035, R037).

Owns gathering what the judge needs and keeping what it said. The tablet judges with the rows it carries; the
server judges again with all of them, and its verdict stands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.coverage.coverage import Coverage, Entitlement
from common.coverage.judge import (
    SERVICE_TYPE,
    EntitlementJudgement,
    ServiceContract,
    judge_entitlement,
)
from common.equipment.equipment import Equipment
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Id, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.policy.model import Policy
from common.policy.policy_set import find_policy
from common.tickets.events import write_event
from common.tickets.ticket import Ticket, ticket_agg


@dataclass(frozen=True, slots=True)
class ConfirmEntitlement:
    """Confirm a proposed verdict or decide otherwise (R034, R035)."""

    ticket_id: Id
    entitlement_id: Id
    verdict: Literal["covered", "contract", "paid"]
    service_type: Literal["A", "B", "C", "D"]
    note: Note = ""


@command(
    ConfirmEntitlement,
    nature=Nature.INTENT,
    roles=(Role.SUPERVISOR,),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def confirm_entitlement(work: Work, c: ConfirmEntitlement) -> Outcome:
    """Confirm a ticket's newest judgement. Refuses `entitlement_unknown`, `entitlement_superseded`."""
    ticket = work.need(Ticket, c.ticket_id)
    entitlement = work.need(Entitlement, c.entitlement_id)
    if entitlement.ticket_id != ticket.id:
        raise Refused("entitlement_unknown")
    newest = current_entitlement(work.session, ticket.id)
    if newest is None or newest.id != entitlement.id:
        raise Refused("entitlement_superseded")
    wanted = (c.verdict, c.service_type, c.note)
    held = (entitlement.verdict, entitlement.service_type, entitlement.note)
    if entitlement.confirmed_by and wanted == held:
        return NOOP
    if c.verdict != entitlement.verdict:
        entitlement.reason, entitlement.values = "decided_by_supervisor", {"note": c.note}
    entitlement.verdict, entitlement.service_type, entitlement.note = wanted
    entitlement.provisional = False
    entitlement.confirmed_by = work.actor.person_id
    ticket.service_type = c.service_type
    write_event(work, ticket, "entitlement_confirmed", c.note, verdict=c.verdict, service_type=c.service_type)
    return OK


def judge_for_ticket(work: Work, ticket: Ticket, cause_code: str | None) -> Entitlement:
    """Judge a ticket's unit as of the day the fault was reported; the judgement is a proposal (R035).

    `cause_code` None: the cause is not known yet. One judgement a command; the newest counts, and its service
    type stands on the ticket.
    """
    found = judge_now(work.session, ticket, cause_code)
    ticket.service_type = found.service_type or ""
    return work.add(
        Entitlement(
            id=work.derive("entitlement"),
            agg=ticket_agg(ticket.id),
            ticket_id=ticket.id,
            verdict=found.verdict,
            reason=found.reason,
            service_type=found.service_type or "",
            cause_code=cause_code,
            values=dict(found.values),
            provisional=found.is_provisional,
            data_version=found.data_version,
            judged_at=work.at,
            judged_by=work.actor.person_id,
            confirmed_by=None,
            note="",
        )
    )


def judge_now(session: Session, ticket: Ticket, cause_code: str | None) -> EntitlementJudgement:
    """Judge without keeping it; `undetermined` for `policy_missing` or `equipment_not_known`."""
    policy = find_policy(session)
    if policy is None:
        return EntitlementJudgement("undetermined", "policy_missing", None, "", None)
    unit = session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    if unit is None:
        return EntitlementJudgement("undetermined", "equipment_not_known", None, policy.data_version, None)
    on_day = ticket.received_at.astimezone(ZoneInfo(policy.calendar.zone)).date()
    return judge_unit(session, unit, policy, cause_code, on_day)


def judge_unit(
    session: Session, unit: Equipment, policy: Policy, cause_code: str | None, on_day: date
) -> EntitlementJudgement:
    """Judge one unit on a local day with the coverage registered for it."""
    entries = coverage_of(session, unit.id)
    contracts = [ServiceContract(e.number, e.from_on, e.until_on) for e in entries if e.kind == "contract"]
    added = [e for e in entries if e.kind == "warranty" and "acceptance" not in e.terms]
    start_on = unit.sold_on if policy.warranty.start_event == "sale" else unit.accepted_on
    found = judge_entitlement(
        start_on, unit.warranty_months, policy.warranty, contracts, cause_code, on_day, policy.data_version
    )
    running = [e for e in added if e.from_on <= on_day <= e.until_on]
    if not running or (found.expires_on is not None and found.expires_on >= on_day):
        return found
    last = max(running, key=lambda e: (e.until_on, e.id))
    term = (last.until_on.year - last.from_on.year) * 12 + last.until_on.month - last.from_on.month + 1
    found = judge_entitlement(
        last.from_on, term, policy.warranty, contracts, cause_code, on_day, policy.data_version
    )
    values = {**found.values, "expires": last.until_on.isoformat()}
    return replace(found, expires_on=last.until_on, values=values)


def coverage_of(session: Session, equipment_id: str) -> list[Coverage]:
    """List what covers a unit and is not cancelled, by first day."""
    query = select(Coverage).where(Coverage.equipment_id == equipment_id, Coverage.cancelled.is_(False))
    return list(session.scalars(query.order_by(Coverage.from_on, Coverage.id)))


def current_entitlement(session: Session, ticket_id: str) -> Entitlement | None:
    """Find the newest judgement of a ticket."""
    query = select(Entitlement).where(Entitlement.ticket_id == ticket_id)
    return session.scalars(
        query.order_by(Entitlement.judged_at.desc(), Entitlement.id.desc()).limit(1)
    ).first()


def service_type_for(verdict: str) -> str:
    """Return the service type a verdict proposes, '' where it must be decided."""
    return next((kind or "" for known, kind in SERVICE_TYPE.items() if known == verdict), "")
