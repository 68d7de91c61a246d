"""What is wrong, and what the customer agrees to pay for it (R034 R059 R060, F05).

Owns diagnoses and repair agreements. Whether the job is covered is judged by the coverage room.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from sqlalchemy import select

from common.coverage.entitlement import judge_for_ticket
from common.kernel.codec import encode
from common.kernel.command import TABLET, Nature, Role, command
from common.kernel.fields import (
    Code,
    Count,
    Id,
    Line,
    Many,
    Minor,
    Name,
    Needed,
    Note,
    OptionalCode,
    Qty,
    Strokes,
)
from common.kernel.outcome import NOOP, OK, Outcome
from common.kernel.work import Work
from common.policy.policy_set import find_policy
from common.sla.clocks import clock_event
from common.stock.part import Part, price_items, price_list_version
from common.tickets.events import field_step, write_event
from common.tickets.ticket import Ticket, ticket_agg
from common.visit.hashing import Hash, content_hash
from common.visit.records import Diagnosis, RepairAgreement
from common.visit.sealed import require_unsealed


@dataclass(frozen=True, slots=True)
class RecordDiagnosis:
    """Record phenomenon, finding, cause and evidence; the cause decides who pays (R034 R035 R059)."""

    diagnosis_id: Id
    ticket_id: Id
    visit_id: Id
    phenomenon: Needed
    finding: Needed
    cause_code: Code
    fault_code: OptionalCode = ""
    customer_account: Note = ""
    evidence: Note = ""


@command(
    RecordDiagnosis,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def record_diagnosis(work: Work, c: RecordDiagnosis) -> Outcome:
    """Keep it and judge the entitlement again. Flags `cause_unknown`, `report_sealed`, `overtaken_…`."""
    ticket = work.need(Ticket, c.ticket_id)
    if work.has(Diagnosis, c.diagnosis_id):
        return NOOP
    require_unsealed(work, ticket)
    policy = find_policy(work.session)
    known = policy is None or c.cause_code in {cause.code for cause in policy.cause_codes}
    work.require(known, "cause_unknown", cause=c.cause_code)
    work.add(
        Diagnosis(
            id=c.diagnosis_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            visit_id=c.visit_id,
            round=ticket.round,
            phenomenon=c.phenomenon,
            customer_account=c.customer_account,
            finding=c.finding,
            cause_code=c.cause_code,
            fault_code=c.fault_code,
            evidence=c.evidence,
            made_at=work.at,
        )
    )
    if c.fault_code:
        ticket.fault_code = c.fault_code
    judge_for_ticket(work, ticket, c.cause_code)
    if field_step(work, ticket, "diagnosed", "diagnosed", cause=c.cause_code):
        clock_event(work, ticket, "diagnosed")
    return OK


@dataclass(frozen=True, slots=True)
class AgreementLine:
    """One line of the price: minor units for `qty` at `unit_price_minor`."""

    kind: Literal["labour", "travel", "part", "other"]
    code: Code
    title: Line
    qty: Qty
    unit_price_minor: Minor
    amount_minor: Minor


@dataclass(frozen=True, slots=True)
class SignAgreement:
    """The customer signs plan and price before paid work begins (维修协议, R060 R068)."""

    agreement_id: Id
    ticket_id: Id
    plan: Needed
    lines: Annotated[tuple[AgreementLine, ...], Many(100)]
    total_minor: Minor
    currency: Code
    price_version: Count
    signer_name: Name
    signer_role: Line
    strokes: Strokes
    content_hash: Hash


def agreement_content(
    number: str, plan: str, lines: tuple[AgreementLine, ...], total_minor: int, currency: str
) -> dict[str, Any]:
    """Gather what the customer reads before signing; screen and command take the hash over the same."""
    return {
        "ticket": number,
        "plan": plan,
        "lines": [line_document(line) for line in lines],
        "total_minor": total_minor,
        "currency": currency,
    }


def line_document(line: AgreementLine) -> dict[str, Any]:
    """Write a line as it is stored: quantity in thousandths."""
    written = encode(line)
    written["qty_milli"] = written.pop("qty")
    return dict(written)


@command(
    SignAgreement,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def sign_agreement(work: Work, c: SignAgreement) -> Outcome:
    """Seal it. Flags `price_changed`, `total_wrong`, `content_hash_wrong`, `report_sealed`."""
    ticket = work.need(Ticket, c.ticket_id)
    if work.has(RepairAgreement, c.agreement_id):
        return NOOP
    require_unsealed(work, ticket)
    shown = agreement_content(ticket.number, c.plan, c.lines, c.total_minor, c.currency)
    work.require(
        sum(line.amount_minor for line in c.lines) == c.total_minor, "total_wrong", number=ticket.number
    )
    work.require(content_hash(shown) == c.content_hash, "content_hash_wrong", number=ticket.number)
    moved = " ".join(_moved_prices(work, ticket, c))
    work.require(not moved, "price_changed", number=ticket.number, codes=moved)
    work.add(
        RepairAgreement(
            id=c.agreement_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            round=ticket.round,
            plan=c.plan,
            lines=shown["lines"],
            total_minor=c.total_minor,
            currency=c.currency,
            price_version=c.price_version,
            signer_name=c.signer_name,
            signer_role=c.signer_role,
            strokes=c.strokes,
            content_hash=c.content_hash,
            signed_at=work.at,
        )
    )
    write_event(
        work, ticket, "agreement_signed", signer=c.signer_name, total_minor=c.total_minor, currency=c.currency
    )
    return OK


def _moved_prices(work: Work, ticket: Ticket, c: SignAgreement) -> list[str]:
    """List the codes whose list price is another by now; none while the price list is the one that was shown."""
    if price_list_version(work.session) == c.price_version:
        return []
    return sorted(
        {line.code for line in c.lines if line.unit_price_minor not in _prices_now(work, ticket, line)}
    )


def _prices_now(work: Work, ticket: Ticket, line: AgreementLine) -> set[int]:
    """Find the list prices of a line, its own where the list does not name it."""
    if line.kind == "part":
        found = set(work.session.scalars(select(Part.price_minor).where(Part.number == line.code)))
    else:
        items = price_items(work.session, line.kind, ticket.zone)
        found = {item.amount_minor for item in items if item.code == line.code}
    return found or {line.unit_price_minor}
