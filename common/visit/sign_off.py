"""Sign-off: the customer accepts or refuses what he has read, and it is sealed (R065 R066 R067 R075 R113).

Owns reports, addenda and ratings. Nothing ever changes a report; what is wrong in it is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from sqlalchemy import select

from common.equipment.equipment import file_voucher
from common.inbox.records import Discrepancy
from common.kernel.clock import instant, millis
from common.kernel.codec import canonical, read_json
from common.kernel.command import ANYWHERE, TABLET, Nature, Role, command
from common.kernel.fields import Id, Line, Name, Needed, Note, Sealed, Strokes, Text
from common.kernel.outcome import NOOP, OK, BadPayload, Outcome, Refused
from common.kernel.work import Work
from common.policy.model import Policy
from common.policy.policy_set import find_policy, policy_of_form
from common.sla.clocks import clock_event, unstop_clock
from common.tickets.events import field_step, move, overtaken_by, write_event
from common.tickets.ticket import Ticket, ticket_agg
from common.visit.completeness import missing_fields, missing_sign_off
from common.visit.hashing import Hash, content_hash
from common.visit.records import Rating, ReportAddendum, ReportSeal, ServiceReport
from common.visit.report import compose_report, differing_parts, exceeds, repriced
from common.visit.seal import counter_document, counter_text, judge_seal, template_of, unpack_seal
from common.visit.sealed import reports_of, require_unsealed

Document = Annotated[str, Text(2, 300_000)]
SealText = Annotated[str, Text(0, 60_000)]


@dataclass(frozen=True, slots=True)
class SignReport:
    """The customer signs, accepting or refusing what he was shown, the `content` (R065 R066 R067).

    Since version 2 with `seal`, the tablet's signature over all of it (`common.visit.seal`); '' from older apps.
    """

    report_id: Id
    ticket_id: Id
    number: Name
    language: Literal["en", "zh-Hans", "zh-Hant"]
    accepted: bool
    content: Document
    content_hash: Hash
    service_type: Literal["A", "B", "C", "D"]
    engineer_name: Name
    signer_name: Name
    strokes: Strokes
    signer_role: Line = ""
    opinion: Note = ""
    refusal_reason: Note = ""
    seal: SealText = ""


@command(
    SignReport,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
    version=2,
    upcasters={1: lambda a: a},
)
def sign_report(work: Work, c: SignReport) -> Outcome:
    """Seal it and put it into the unit's pouch. Refuses `content_unreadable`.

    Flags `report_incomplete`, `sign_off_incomplete`, `content_hash_wrong`, `content_differs`,
    `price_changed`, `report_sealed`, `overtaken_…`; where the person is present these refuse. The server flags
    `seal_broken`.
    """
    ticket, content = work.need(Ticket, c.ticket_id), read_content(c.content)
    report = work.session.get(ServiceReport, c.report_id)
    if report is None:
        require_unsealed(work, ticket)
        _check(work, ticket, content, c)
        report = work.add(_sealed(work, ticket, content, c))
        _keep_seal(work, report, c.seal)
        _move_ticket(work, ticket, c)
    # The pouch is another aggregate and may be here without it even where the report is here already.
    _file(work, ticket, report)
    return OK


def read_content(text: str) -> dict[str, Any]:
    """Read the content of a report as it travelled. Refuses `content_unreadable`."""
    try:
        content = read_json(text)
        canonical(content).encode()
    except (BadPayload, UnicodeEncodeError):
        raise Refused("content_unreadable") from None
    if type(content) is not dict or "\x00" in canonical(content) or "\\u0000" in text:
        raise Refused("content_unreadable")
    return content


def _check(work: Work, ticket: Ticket, content: dict[str, Any], c: SignReport) -> None:
    policy, number = _policy_of(work, c), ticket.number
    now = compose_report(work.session, ticket.id, service_type=c.service_type, policy=policy)
    moved = [] if work.live else repriced(content, now)
    if c.accepted:
        missing = missing_fields(work.session, ticket.id, policy, service_type=c.service_type)
        if moved:
            missing = tuple(code for code in missing if code != "agreement_exceeded" or exceeds(content))
        work.require(not missing, "report_incomplete", number=number, missing=" ".join(missing))
    lacking = missing_sign_off(
        policy,
        accepted=c.accepted,
        opinion=c.opinion,
        refusal_reason=c.refusal_reason,
        signer_name=c.signer_name,
        signer_role=c.signer_role,
        strokes=c.strokes,
    )
    work.require(not lacking, "sign_off_incomplete", number=number, missing=" ".join(lacking))
    work.require(content_hash(content) == c.content_hash, "content_hash_wrong", number=number)
    differing = [part for part in differing_parts(content, now) if part != "fee" or not moved]
    work.require(not differing, "content_differs", number=number, parts=" ".join(differing))
    if moved and not _is_told(work, ticket):
        work.require(False, "price_changed", number=number, codes=" ".join(moved))


def _policy_of(work: Work, c: SignReport) -> Policy | None:
    """Return the policy the report is judged by: the one it was filled in by, whatever is in force by now (F4)."""
    if work.live:
        return find_policy(work.session)
    return policy_of_form(work.session, template_of(c.seal), work.at)


def _is_told(work: Work, ticket: Ticket) -> bool:
    """Say whether the office has been told of the new prices with the agreement: once is enough."""
    told = select(Discrepancy.id).where(
        Discrepancy.ticket_id == ticket.id, Discrepancy.code == "price_changed"
    )
    return work.authority and work.session.scalar(told.limit(1)) is not None


def _sealed(work: Work, ticket: Ticket, content: dict[str, Any], c: SignReport) -> ServiceReport:
    earlier = reports_of(work.session, ticket.id)
    return ServiceReport(
        id=c.report_id,
        agg=ticket.agg,
        ticket_id=ticket.id,
        round=ticket.round,
        number=c.number,
        content=content,
        content_hash=c.content_hash,
        language=c.language,
        service_type=c.service_type,
        accepted=c.accepted,
        refusal_reason=c.refusal_reason,
        opinion=c.opinion,
        signer_name=c.signer_name,
        signer_role=c.signer_role,
        strokes=c.strokes,
        signed_at=work.at,
        device_at=instant(work.op.w),
        clock_error_ms=work.clock_error_ms,
        engineer_id=work.actor.person_id,
        engineer_name=c.engineer_name,
        supersedes=earlier[-1].id if earlier else None,
    )


def _keep_seal(work: Work, report: ServiceReport, text: str) -> None:
    """Keep the tablet's seal; where the master checks it and finds it whole, it signs too."""
    read = unpack_seal(text)
    if read is None:
        if text and work.authority:
            work.flag("seal_broken", number=report.number)
        return
    seal, key, signature = read
    row = work.add(
        ReportSeal(
            id=report.id,
            agg=report.agg,
            ticket_id=report.ticket_id,
            seal=seal,
            key=key,
            signature=signature,
            counter=None,
            counter_key="",
            counter_signature="",
        )
    )
    if not work.authority or work.notary is None:
        return
    enrolled = work.notary.key_of(work.actor.device_id)
    verdict = judge_seal(report, row, work.notary.verify, device_key=enrolled or "")
    if verdict.state == "broken":
        work.flag("seal_broken", number=report.number)
        return
    counter = counter_document(report, verdict.fingerprint, millis(work.received_at))
    row.counter = counter
    row.counter_key, row.counter_signature = work.notary.sign(counter_text(counter))
    work.session.flush()


def _move_ticket(work: Work, ticket: Ticket, c: SignReport) -> None:
    if c.accepted:
        if field_step(work, ticket, "signed", "signed", signer=c.signer_name, report=c.number):
            ticket.service_type = c.service_type
            clock_event(work, ticket, "fixed")
            clock_event(work, ticket, "signed")
        return
    write_event(work, ticket, "report_refused", c.refusal_reason, signer=c.signer_name, report=c.number)
    if not overtaken_by(work, ticket):
        unstop_clock(work, ticket, "fixed")
        if ticket.state == "tested":
            move(work, ticket, "repairing")
    if work.authority:
        work.flag("report_refused", number=ticket.number)


def _file(work: Work, ticket: Ticket, report: ServiceReport) -> None:
    content = report.content
    unit, diagnosis = content.get("equipment"), content.get("diagnosis") or {}
    if not isinstance(unit, dict) or not ticket.equipment_id or unit.get("id") != ticket.equipment_id:
        return
    file_voucher(
        work,
        report_id=report.id,
        equipment_id=ticket.equipment_id,
        ticket_number=ticket.number,
        service_on=_day(content.get("service_on"), report),
        engineer_name=report.engineer_name,
        fault=str(diagnosis.get("phenomenon") or ticket.fault_text),
        cause_code=str((diagnosis.get("cause") or {}).get("code") or ""),
        measures="\n".join(str(m.get("text", "")) for m in content.get("measures") or []),
        parts=[
            {
                "number": str(p.get("number", "")),
                "name": str(p.get("name", "")),
                "qty": p.get("qty_milli", 0),
                "serial_in": str(p.get("serial_in", "")),
            }
            for p in content.get("parts") or []
        ],
        accepted=report.accepted,
        content_hash=report.content_hash,
    )


def _day(text: Any, report: ServiceReport) -> date:
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return report.signed_at.date()


@dataclass(frozen=True, slots=True)
class AddAddendum:
    """Correct a signed report beside it, never in it (R065)."""

    addendum_id: Id
    report_id: Id
    ticket_id: Id
    reason: Needed
    text: Needed
    by_name: Name


@command(
    AddAddendum,
    nature=Nature.FACT,
    roles=(Role.ENGINEER, Role.SUPERVISOR),
    places=ANYWHERE,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def add_addendum(work: Work, c: AddAddendum) -> Outcome:
    """Add it. Refuses `service_report_unknown`."""
    ticket, report = work.need(Ticket, c.ticket_id), work.need(ServiceReport, c.report_id)
    if report.ticket_id != ticket.id:
        raise Refused("service_report_unknown")
    if work.has(ReportAddendum, c.addendum_id):
        return NOOP
    work.add(
        ReportAddendum(
            id=c.addendum_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            report_id=report.id,
            reason=c.reason,
            text=c.text,
            by_id=work.actor.person_id,
            by_name=c.by_name,
            made_at=work.at,
        )
    )
    write_event(work, ticket, "addendum", c.reason, report=report.number)
    return OK


@dataclass(frozen=True, slots=True)
class RecordRating:
    """The customer rates the visit; sealed, so that the rated person cannot read it (R075 R108 R113)."""

    rating_id: Id
    ticket_id: Id
    sealed: Sealed


@command(
    RecordRating,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def record_rating(work: Work, c: RecordRating) -> Outcome:
    """Keep the sealed card at the server; the tablet keeps only that it was given."""
    ticket = work.need(Ticket, c.ticket_id)
    write_event(work, ticket, "rated")
    # No tablet has the aggregate in its scope, so none shall hold the row.
    if work.authority:
        work.add(
            Rating(
                id=c.rating_id,
                agg=f"rating:{ticket.id}",
                ticket_id=ticket.id,
                sealed=c.sealed,
                given_at=work.at,
            )
        )
    return OK
