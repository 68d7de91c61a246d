"""What a report still lacks before the customer may sign (R067): one answer for screens and command.

Owns the rules of completeness; the policy says which fields are wanted. Sentences: `missing.<code>`.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.policy.model import ChecklistItem, Policy
from common.tickets.ticket import Ticket
from common.visit.records import RepairMeasure, Visit
from common.visit.repair import all_passed
from common.visit.report import (
    answers_of,
    checklists_for,
    fee_part,
    model_of,
    newest_agreement,
    newest_diagnosis,
    rows_of_round,
)

WANTED_BY_DEFAULT = ("cause", "measures", "opinion", "test")
AT_SIGN_OFF = ("opinion",)


def missing_fields(
    session: Session, ticket_id: str, policy: Policy | None, *, service_type: str = ""
) -> tuple[str, ...]:
    """List what the report lacks, in the order in which it is worked through; empty: it may be signed."""
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return ("ticket",)
    wanted = {field.code for field in policy.report_fields} if policy else set(WANTED_BY_DEFAULT)
    diagnosis = newest_diagnosis(session, ticket)
    measures = [
        m for m in rows_of_round(session, RepairMeasure, ticket, RepairMeasure.made_at) if not m.withdrawn
    ]
    customer = session.get(Customer, ticket.customer_id)
    chosen = service_type or ticket.service_type
    lacking = {
        "visit": not rows_of_round(session, Visit, ticket, Visit.arrived_at),
        "checklist": bool(policy and open_items(session, ticket, policy)),
        "product": "product" in wanted and model_of(session, ticket) is None,
        "user_name": "user_name" in wanted and not (customer and customer.name),
        "diagnosis": diagnosis is None,
        "cause": "cause" in wanted and diagnosis is not None and not diagnosis.cause_code,
        "measures": "measures" in wanted and not measures,
        "time_used": "time_used" in wanted and bool(measures) and not sum(m.minutes for m in measures),
        "test": bool({"test", "result"} & wanted) and not all_passed(session, ticket),
        "service_type": not chosen,
        "agreement": False,
        "agreement_exceeded": False,
    }
    if chosen == "A" and (policy is None or policy.signature.is_agreement_needed_for_paid_work):
        agreement = newest_agreement(session, ticket)
        lacking["agreement"] = agreement is None
        total = fee_part(session, ticket, policy)["total_minor"]
        lacking["agreement_exceeded"] = agreement is not None and total > agreement.total_minor
    return tuple(code for code, lacks in lacking.items() if lacks)


def missing_sign_off(
    policy: Policy | None,
    *,
    accepted: bool,
    opinion: str,
    refusal_reason: str,
    signer_name: str,
    signer_role: str,
    strokes: str,
) -> tuple[str, ...]:
    """List what the customer has still to give: opinion or reason, signer's name and role, signature."""
    rules = policy.signature if policy else None
    wants_opinion = policy is None or any(field.code == "opinion" for field in policy.report_fields)
    lacking = {
        "opinion": accepted and wants_opinion and not opinion,
        "refusal_reason": not accepted
        and (rules is None or rules.is_refusal_reason_required)
        and not refusal_reason,
        "signer_name": (rules is None or rules.is_name_required) and not signer_name,
        "signer_role": rules is not None and rules.is_role_required and not signer_role,
        "signature": len(strokes) <= len("[]"),
    }
    return tuple(code for code, lacks in lacking.items() if lacks)


def open_items(session: Session, ticket: Ticket, policy: Policy) -> list[tuple[str, ChecklistItem]]:
    """List the required checklist items without an answer, with their template's code."""
    answers = answers_of(session, ticket)
    return [
        (checklist.code, item)
        for checklist in checklists_for(policy, model_of(session, ticket))
        for item in checklist.items
        if item.is_required and (checklist.code, item.code) not in answers
    ]
