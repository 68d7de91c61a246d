"""A whole visit in the field, given to the console's company: from setting out to the signed report.

Owns the steps, each a command as the engineer's tablet sends it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.kernel.codec import canonical
from common.kernel.command import Place, Role
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.policy.policy_set import find_policy
from common.stock.part import price_list_version
from common.stock.part_usage import RecordPartUsage
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Ticket
from common.visit.completeness import open_items
from common.visit.diagnosis import AgreementLine, RecordDiagnosis, SignAgreement, agreement_content
from common.visit.hashing import content_hash
from common.visit.on_site import AnswerChecklist, ArriveOnSite, LeaveSite, RecordDemonstration
from common.visit.repair import RecordMeasure, RecordTest
from common.visit.report import compose_report
from common.visit.seal import attached_files, pack_seal, seal_document, seal_text, template_version
from common.visit.sign_off import SignReport
from common.visit.stop_use import GiveStopUseNotice, notice_content
from sync_server.db.database import Database
from sync_server.db.office import Given, envelope, perform
from sync_server.db.tables import Device
from sync_server.db.unit_of_work import Arrival, UnitOfWork
from sync_server.keys import to_text
from sync_server.sync.parked import DecideParked
from sync_server.sync.push import park
from tests.support.console_world import ENGINEERS, ConsoleWorld, an_id

Send = Callable[..., Outcome]  # as `perform`
STROKES = (
    "[[[10,60,0],[30,20,16],[50,70,33],[70,25,50],[95,60,66]],"
    "[[110,30,400],[112,62,420]],[[90,45,600],[150,40,640]]]"
)


def ticket_of(company: ConsoleWorld, ticket_id: str) -> Ticket:
    """Read the ticket."""
    with company.database.read() as session:
        found = session.get(Ticket, ticket_id)
    assert found is not None
    return found


def whole_visit(
    company: ConsoleWorld, ticket_id: str, engineer: str = "li", *, paid: bool = False, stop_use: bool = False,
    language: str = "zh-Hans", send: Send = perform,
) -> str:  # fmt: skip
    """Do the visit of an assigned ticket; returns the report's id. `send`: how the signed report reaches the server."""
    visit, clock = company.new_id(), company.clock

    def told(payload: object) -> None:
        clock.advance(timedelta(minutes=5))
        company.in_field(payload, engineer)

    told(AcknowledgeTicket(ticket_id))
    told(StartTravel(ticket_id))
    told(ArriveOnSite(visit, ticket_id, True, ENGINEERS[engineer]))
    with company.database.read() as session:
        policy, ticket = find_policy(session), session.get(Ticket, ticket_id)
        assert policy is not None
        assert ticket is not None
        items = [
            AnswerChecklist(ticket_id, template, item.code, "ok", "1" if item.kind == "value" else "")
            for template, item in open_items(session, ticket, policy)
        ]
    for answer in items:
        company.in_field(answer, engineer)
    cause = "man_made" if paid else "material"
    told(
        RecordDiagnosis(
            company.new_id(), ticket_id, visit, "管路漏液，流速偏低", "密封圈老化开裂", cause, "leak"
        )
    )
    if stop_use:
        hazard, order = "外壳带电，有触电危险", "立即断电停用，挂警示牌"
        shown = notice_content(ticket.number, ticket.equipment_id or "", hazard, order)
        notice = GiveStopUseNotice(
            company.new_id(),
            ticket_id,
            ticket.equipment_id or "",
            hazard,
            order,
            "王主任",
            STROKES,
            content_hash(shown),
        )
        told(notice)
    if paid:
        told(agreement(company, ticket_id))
    told(RecordPartUsage(company.new_id(), ticket_id, an_id("seal"), Decimal(1), visit, charged=paid))
    told(RecordMeasure(company.new_id(), ticket_id, visit, "更换密封圈并校准流速", 25))
    told(RecordTest(company.new_id(), ticket_id, visit, "flow_rate", "5.0", True, "mL/h", "4.9", "5.1"))
    told(RecordDemonstration(company.new_id(), ticket_id, visit, "张护士", "开机自检与管路安装"))
    report_id = company.new_id()
    clock.advance(timedelta(minutes=5))
    sign_sealed(company, signed_report(company, ticket_id, report_id, language), engineer, send)
    told(LeaveSite(visit, ticket_id))
    return report_id


def sign_sealed(company: ConsoleWorld, report: SignReport, engineer: str, send: Send = perform) -> None:
    """Give a report with the seal of the engineer's enrolled tablet, as the app makes it."""
    device_id, secret = an_id(f"tablet-{engineer}"), hashlib.sha256(engineer.encode()).digest()
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public, op_id = to_text(key.public_key().public_bytes_raw()), company.new_id()
    with company.database.read() as session:
        is_new, version = session.get(Device, device_id) is None, template_version(session)
        files = attached_files(session, report.ticket_id)
    if is_new:
        company.database.transact(
            lambda unit: unit.session.add(_device(device_id, engineer, public, unit.now))
        )
    document = seal_document(
        report, json.loads(report.content), device_id=device_id, device_at_ms=uuid.UUID(op_id).int >> 80,
        policy_version=version, files=files,
    )  # fmt: skip
    sealed = replace(report, seal=pack_seal(document, public, to_text(key.sign(seal_text(document)))))
    actor = Actor(an_id(engineer), frozenset({Role.ENGINEER}), Place.TABLET, device_id)
    outcome = send(company.database, actor, sealed, op_id=op_id)
    assert outcome.took_effect, outcome


def parked_and_accepted(database: Database, actor: Actor, payload: Any, *, op_id: str) -> Outcome:
    """Hand a command over from a tablet that was sent away: it waits, and the office accepts it."""
    op = envelope(database, Given(payload, op_id))

    def write(unit: UnitOfWork) -> None:
        arrival, waits = Arrival(unit.now, actor.device_id, 1, 1), Outcome("parked", "device_lost")
        unit.note(actor, op, arrival, waits)
        park(unit, actor, op, arrival, waits, None)

    database.transact(write)
    boss = Actor(an_id("admin"), frozenset({Role.SUPERVISOR}), Place.OFFICE)
    return perform(database, boss, DecideParked(op_id, "accept", "ok"))


def _device(device_id: str, engineer: str, public: str, at: datetime) -> Device:
    return Device(
        id=device_id, person_id=an_id(engineer), name="Tablet", public_key=public, state="active", enrolled_at=at,
        last_contact_at=None, clock_error_ms=0, unsent=0, oldest_unsent_at=None, app="test", position=0, forks=0,
    )  # fmt: skip


def agreement(company: ConsoleWorld, ticket_id: str) -> SignAgreement:
    """Write the agreement over labour and one part."""
    lines = (
        AgreementLine("labour", "labour", "人工费", Decimal(1), 30_000, 30_000),
        AgreementLine("part", "PS-100", "泵密封圈", Decimal(1), 12_000, 12_000),
    )
    ticket = ticket_of(company, ticket_id)
    shown = agreement_content(ticket.number, "更换密封圈", lines, 42_000, "CNY")
    with company.database.read() as session:
        version = price_list_version(session)
    return SignAgreement(
        company.new_id(), ticket_id, "更换密封圈", lines, 42_000, "CNY", version, "王主任", "设备科", STROKES,
        content_hash(shown),
    )  # fmt: skip


def signed_report(company: ConsoleWorld, ticket_id: str, report_id: str, language: str) -> SignReport:
    """Compose the report and have it signed."""
    ticket = ticket_of(company, ticket_id)
    with company.database.read() as session:
        content = compose_report(session, ticket_id, service_type=ticket.service_type or "C")
    return SignReport(
        report_id, ticket_id, f"A-{ticket.number}", language, True, canonical(content), content_hash(content),  # type: ignore[arg-type]
        ticket.service_type or "C", "李伟", "王主任", STROKES, "设备科主任", "服务及时，满意",  # type: ignore[arg-type]
    )  # fmt: skip
