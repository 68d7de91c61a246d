"""The service report as data: everything form F04 asks for, from the rows a tablet carries (R061 R062 R065).

Owns composing it. Language-neutral (codes with the policy's titles, values, instants), in one fixed order, so
that tablet and server make the same from the same rows; rendering is the voucher's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.coverage.entitlement import current_entitlement
from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.kernel.clock import millis
from common.kernel.codec import canonical
from common.kernel.quantity import line_total, to_milli
from common.policy.model import Checklist, Policy
from common.policy.policy_set import find_policy
from common.stock.part_usage import PartUsage
from common.tickets.ticket import Ticket
from common.visit.forms import checklist_part, known_lists, title_list
from common.visit.records import (
    ChecklistAnswer,
    Demonstration,
    Diagnosis,
    RepairAgreement,
    RepairMeasure,
    StopUseNotice,
    Visit,
)
from common.visit.repair import tests_of
from common.visit.seal import standing_files

FORMAT = 1
Content = dict[str, Any]


def compose_report(
    session: Session, ticket_id: str, *, service_type: str = "", policy: Policy | None = None
) -> Content:
    """Compose the report of a ticket's current round. `service_type`: A–D as chosen at sign-off.

    `policy`: the one it was filled in by, where that is not the one in force (F4).

    A ticket not here gives an empty report. Instants end `_at` and are Unix milliseconds.
    """
    ticket = session.get(Ticket, ticket_id)
    if ticket is None:
        return {"format": FORMAT}
    policy = policy or find_policy(session)
    visits = rows_of_round(session, Visit, ticket, Visit.arrived_at)
    measures = [
        m for m in rows_of_round(session, RepairMeasure, ticket, RepairMeasure.made_at) if not m.withdrawn
    ]
    time_zone = policy.calendar.zone if policy else "UTC"
    content: Content = {
        "format": FORMAT,
        "time_zone": time_zone,
        "ticket": _ticket_part(ticket, policy),
        "customer": _customer_part(session, ticket),
        "equipment": _equipment_part(session, ticket),
        "service_on": _service_on(visits, time_zone),
        "visits": [_visit_part(visit) for visit in visits],
        "engineers": sorted({visit.engineer_name for visit in visits}),
        "diagnosis": _diagnosis_part(session, ticket, policy),
        "measures": [{"text": m.text, "minutes": m.minutes} for m in measures],
        "minutes": sum(m.minutes for m in measures),
        "parts": [_part_line(used) for used in parts_of(session, ticket)],
        "tests": [
            {
                key: getattr(test, key)
                for key in ("name", "value", "unit", "low", "high", "passed", "instrument")
            }
            for test in tests_of(session, ticket)
        ],
        "checklists": _checklists_part(session, ticket, policy),
        "demonstrations": [
            {"shown_to": d.shown_to, "points": d.points}
            for d in rows_of_round(session, Demonstration, ticket, Demonstration.at)
        ],
        "stop_use": [
            {
                "hazard": n.hazard,
                "instruction": n.instruction,
                "signer_name": n.signer_name,
                "hash": n.content_hash,
            }
            for n in rows_of_round(session, StopUseNotice, ticket, StopUseNotice.given_at)
        ],
        "service_type": _named(
            policy.fee.service_types if policy else (), service_type or ticket.service_type
        ),
        "entitlement": _entitlement_part(session, ticket),
        "fee": fee_part(session, ticket, policy),
        "agreement": _agreement_part(session, ticket),
    }
    files = [_file_line(row) for row in standing_files(session, ticket.id)]
    # Reports of before there were files stay what they are: no files, no word of them.
    return content | {"files": files} if files else content


def differing_parts(shown: Content, now: Content) -> list[str]:
    """Name the parts in which two reports differ: instants, titles and the order of lists do not count.

    Instants are left out because the server may know the tablet's clock error better than the tablet did.
    """
    return sorted(
        key
        for key in {*shown, *now} - {"format", "service_on"}
        if _substance(shown.get(key)) != _substance(now.get(key))
        and not (key == "files" and _holds(now.get(key), shown.get(key)))
    )


def _holds(now: Any, shown: Any) -> bool:
    """Say whether every file the signer saw stands: one the office adds meanwhile was not seen, and is no difference."""
    if not isinstance(shown or [], list):
        return False
    return {canonical(_substance(one)) for one in shown or []} <= {
        canonical(_substance(one)) for one in now or []
    }


def repriced(shown: Content, now: Content) -> list[str]:
    """Name the codes whose price is another by now, where nothing else of the fee differs; else none."""
    before, after = (_priced(content) for content in (shown, now))
    if before is None or after is None or before.keys() != after.keys():
        return []
    return sorted({key[1] for key, price in before.items() if price != after[key]})


def _priced(content: Content) -> dict[tuple[str, str, Any], Any] | None:
    """Map what is charged (kind, code, quantity) to its price; None for what is no fee or names a line twice."""
    fee = content.get("fee")
    lines = fee.get("lines") if isinstance(fee, dict) else None
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        return None
    found = {
        (str(line.get("kind")), str(line.get("code")), str(line.get("qty_milli"))): line.get(
            "unit_price_minor"
        )
        for line in lines
    }
    return found if len(found) == len(lines) else None


def exceeds(content: Content) -> bool:
    """Say whether a report charges more than the agreement it names."""
    fee, agreement = content.get("fee"), content.get("agreement")
    if not isinstance(fee, dict) or not isinstance(agreement, dict):
        return True
    charged, agreed = fee.get("total_minor"), agreement.get("total_minor")
    return not isinstance(charged, int) or not isinstance(agreed, int) or charged > agreed


def _substance(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {
            k: _substance(v)
            for k, v in value.items()
            if not k.endswith("_at") and k not in ("title", "titles")
        }
        return canonical(kept)
    if isinstance(value, list):
        return sorted(canonical(_substance(item)) for item in value)
    return value


def rows_of_round(session: Session, record: type[Any], ticket: Ticket, order: Any) -> list[Any]:
    """List the rows of a record that belong to the ticket's current round, in order of event, then id."""
    query = select(record).where(record.ticket_id == ticket.id, record.round == ticket.round)
    return list(session.scalars(query.order_by(order, record.id)))


def parts_of(session: Session, ticket: Ticket) -> list[PartUsage]:
    """List the standing part lines of the current round."""
    return [
        used for used in rows_of_round(session, PartUsage, ticket, PartUsage.used_at) if not used.withdrawn
    ]


def newest_agreement(session: Session, ticket: Ticket) -> RepairAgreement | None:
    """Find the agreement in force: the last one signed in the current round."""
    signed = rows_of_round(session, RepairAgreement, ticket, RepairAgreement.signed_at)
    return signed[-1] if signed else None


def newest_diagnosis(session: Session, ticket: Ticket) -> Diagnosis | None:
    """Find the diagnosis in force: the last one of the current round."""
    made = rows_of_round(session, Diagnosis, ticket, Diagnosis.made_at)
    return made[-1] if made else None


def model_of(session: Session, ticket: Ticket) -> EquipmentModel | None:
    """Find the model of the ticket's unit."""
    unit = session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    return session.get(EquipmentModel, unit.model_id) if unit else None


def checklists_for(policy: Policy, model: EquipmentModel | None) -> tuple[Checklist, ...]:
    """List the checklists a visit must answer: those for every visit and those of the model."""
    wanted = model.checklist if model else ""
    return tuple(c for c in policy.checklists if c.product_type is None or wanted in (c.code, c.product_type))


def answers_of(session: Session, ticket: Ticket) -> dict[tuple[str, str], ChecklistAnswer]:
    """Map (template, item) to the answer given in the current round."""
    given = rows_of_round(session, ChecklistAnswer, ticket, ChecklistAnswer.answered_at)
    return {(answer.template, answer.item): answer for answer in given}


def fee_part(session: Session, ticket: Ticket, policy: Policy | None) -> Content:
    """Add up the fee: labour, travel and other as agreed, parts as used and charged (R068). Minor units."""
    agreement = newest_agreement(session, ticket)
    lines = [line for line in (agreement.lines if agreement else []) if line["kind"] != "part"]
    currency = agreement.currency if agreement else policy.fee.currency if policy else ""
    for used in parts_of(session, ticket):
        if used.charged:
            amount = line_total(used.qty, used.unit_price_minor)
            lines.append(
                {
                    "kind": "part",
                    "code": used.part_number,
                    "title": used.part_name,
                    "qty_milli": to_milli(used.qty),
                    "unit_price_minor": used.unit_price_minor,
                    "amount_minor": amount,
                }
            )
            currency = currency or used.currency
    return {"currency": currency, "lines": lines, "total_minor": sum(line["amount_minor"] for line in lines)}


def _ticket_part(ticket: Ticket, policy: Policy | None) -> Content:
    return {
        "number": ticket.number,
        "round": ticket.round,
        "received_at": millis(ticket.received_at),
        "channel": _named(policy.channels if policy else (), ticket.channel),
        "severity": _named(policy.levels if policy else (), ticket.severity),
        "urgent": ticket.urgent,
        "fault_text": ticket.fault_text,
        "fault_code": _named(policy.fault_codes if policy else (), ticket.fault_code),
        "fault_since_on": ticket.fault_since_on.isoformat() if ticket.fault_since_on else "",
    }


def _customer_part(session: Session, ticket: Ticket) -> Content:
    customer = session.get(Customer, ticket.customer_id)
    return {
        "number": customer.number if customer else "",
        "name": customer.name if customer else "",
        "address": ticket.address,
        "contact": ticket.contact,
        "phone": ticket.contact_phone,
    }


def _equipment_part(session: Session, ticket: Ticket) -> Content | None:
    unit = session.get(Equipment, ticket.equipment_id) if ticket.equipment_id else None
    if unit is None:
        return None
    model = session.get(EquipmentModel, unit.model_id)
    return {
        "id": unit.id,
        "serial": unit.serial,
        "udi": unit.udi,
        "location": unit.location,
        "software_version": unit.software_version,
        "model": model.code if model else "",
        "name": model.name if model else "",
        "manufacturer": model.manufacturer if model else "",
    }


def _service_on(visits: list[Visit], time_zone: str) -> str:
    if not visits:
        return ""
    return visits[-1].arrived_at.astimezone(ZoneInfo(time_zone)).date().isoformat()


def _file_line(row: Any) -> Content:
    return {key: getattr(row, key) for key in ("id", "kind", "name", "caption", "sha256")}


def _visit_part(visit: Visit) -> Content:
    return {
        "engineer": visit.engineer_name,
        "badge_shown": visit.badge_shown,
        "travel_at": _millis(visit.travel_at),
        "arrived_at": millis(visit.arrived_at),
        "left_at": _millis(visit.left_at),
    }


def _diagnosis_part(session: Session, ticket: Ticket, policy: Policy | None) -> Content | None:
    made = newest_diagnosis(session, ticket)
    if made is None:
        return None
    return {
        "phenomenon": made.phenomenon,
        "customer_account": made.customer_account,
        "finding": made.finding,
        "cause": _named(policy.cause_codes if policy else (), made.cause_code),
        "fault_code": _named(policy.fault_codes if policy else (), made.fault_code),
        "evidence": made.evidence,
    }


def _part_line(used: PartUsage) -> Content:
    return {
        "number": used.part_number,
        "name": used.part_name,
        "qty_milli": to_milli(used.qty),
        "serial_in": used.serial_in,
        "serial_out": used.serial_out,
        "charged": used.charged,
    }


def _checklists_part(session: Session, ticket: Ticket, policy: Policy | None) -> list[Content]:
    answers = answers_of(session, ticket)
    known = known_lists(session, policy, answers)
    order = {code: place for place, code in enumerate(known)}
    templates = sorted(
        {template for template, _ in answers}, key=lambda code: (order.get(code, len(order)), code)
    )
    parts: list[Content] = []
    for template in templates:
        given = [answer for (code, _), answer in answers.items() if code == template]
        parts.append(checklist_part(template, known.get(template), given))
    return parts


def _entitlement_part(session: Session, ticket: Ticket) -> Content | None:
    row = current_entitlement(session, ticket.id)
    if row is None:
        return None
    return {
        "verdict": row.verdict,
        "reason": row.reason,
        "values": row.values,
        "data_version": row.data_version,
        "is_confirmed": row.confirmed_by is not None,
    }


def _agreement_part(session: Session, ticket: Ticket) -> Content | None:
    signed = newest_agreement(session, ticket)
    if signed is None:
        return None
    return {
        "plan": signed.plan,
        "total_minor": signed.total_minor,
        "currency": signed.currency,
        "signer_name": signed.signer_name,
        "signed_at": millis(signed.signed_at),
        "hash": signed.content_hash,
    }


def _named(known: Iterable[Any], code: str) -> Content:
    """Write a code with the policy's titles, so that the report reads the same when the policy changes."""
    title = next((one.title for one in known if one.code == code), None)
    return {"code": code, "title": title_list(title)}


def _millis(at: datetime | None) -> int | None:
    return None if at is None else millis(at)
