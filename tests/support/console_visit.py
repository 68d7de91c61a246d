"""A whole visit in the field, given to the console's company: from setting out to the signed report.

Owns the steps, each a command as the engineer's tablet sends it.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from common.kernel.codec import canonical
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
from common.visit.sign_off import SignReport
from common.visit.stop_use import GiveStopUseNotice, notice_content
from tests.support.console_world import ENGINEERS, ConsoleWorld, an_id

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
    language: str = "zh-Hans",
) -> str:  # fmt: skip
    """Do the visit of an assigned ticket; returns the report's id."""
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
    told(signed_report(company, ticket_id, report_id, language))
    told(LeaveSite(visit, ticket_id))
    return report_id


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
