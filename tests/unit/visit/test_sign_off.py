"""Sign-off: sealed for good; what the office changed meanwhile is shown, not merged into it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.equipment.equipment import Equipment, PastVoucher
from common.inbox.opening import open_discrepancy
from common.kernel.command import Place, Role
from common.stock.part_commands import SetPrice
from common.stock.part_usage import RecordPartUsage
from common.tickets.intake import EditTicket
from common.visit.diagnosis import RecordDiagnosis
from common.visit.hashing import content_hash
from common.visit.on_site import AnswerChecklist, ArriveOnSite, RecordDemonstration
from common.visit.records import RepairMeasure, ReportAddendum, ServiceReport, StopUseNotice
from common.visit.repair import RecordMeasure, RecordTest, WithdrawMeasure
from common.visit.report import compose_report
from common.visit.sign_off import AddAddendum, read_content
from common.visit.stop_use import GiveStopUseNotice, notice_content
from tests.support.visit_world import DESK, STROKES, VisitWorld
from tests.support.world import change


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a company with a ticket repaired and not yet signed."""
    made = VisitWorld()
    made.assign()
    made.visit = made.go()  # type: ignore[attr-defined]
    made.repair(made.visit)  # type: ignore[attr-defined]
    yield made
    made.close()


def sealed(world: VisitWorld) -> ServiceReport:
    """Read the only report."""
    world.session.expire_all()
    return world.session.query(ServiceReport).one()


def test_an_incomplete_report_cannot_be_signed_on_site(world: VisitWorld) -> None:
    measure = world.id("m")
    world.field(RecordMeasure(measure, world.ticket, world.visit, "x", 1))  # type: ignore[attr-defined]
    world.field(RecordTest(world.id("t"), world.ticket, world.visit, "flow_rate", "3", False))  # type: ignore[attr-defined]
    refused = world.field(world.report(), live=True)
    assert (refused.code, refused.values["missing"]) == ("report_incomplete", "test")
    late = world.field(world.report())
    assert (late.status, late.code) == ("flagged", "report_incomplete")
    assert sealed(world).accepted


def test_a_signature_needs_a_name_and_strokes(world: VisitWorld) -> None:
    refused = world.field(world.report(strokes="[]", signer_role=""), live=True)
    assert (refused.code, refused.values["missing"]) == ("sign_off_incomplete", "signer_role signature")


@pytest.mark.fault("P8")
def test_what_is_signed_is_what_was_shown(world: VisitWorld) -> None:
    shown = compose_report(world.session, world.ticket)
    stale = world.report(shown=shown)
    world.field(RecordMeasure(world.id("m"), world.ticket, world.visit, "清洁", 5))  # type: ignore[attr-defined]
    assert world.field(stale, live=True).code == "content_differs"
    lie = replace(world.report(), content_hash="0" * 64)
    assert world.field(lie, live=True).code == "content_hash_wrong"
    assert world.session.query(ServiceReport).count() == 0


def test_the_offices_change_meanwhile_is_shown_and_the_sealed_copy_stays(world: VisitWorld) -> None:
    report = world.report()
    edit = EditTicket(world.ticket, (change("address", "东单北大街53号", "帅府园1号"),))
    assert world.office(edit, *DESK).status == "ok"
    outcome = world.field(report)
    assert (outcome.status, outcome.code, outcome.values["parts"]) == (
        "flagged",
        "content_differs",
        "customer",
    )
    row = sealed(world)
    assert row.content["customer"]["address"] == "东单北大街53号"
    assert content_hash(row.content) == row.content_hash == report.content_hash
    assert world.row.state == "signed"


@pytest.mark.parametrize("agreement_came_first", [False, True])
def test_a_price_changed_meanwhile_is_one_flag(agreement_came_first: bool) -> None:
    """On the tablet the old price held; the office knew the new one when agreement, part and report came."""
    tablet, office = VisitWorld(), VisitWorld()  # the same ids in both
    payloads = [work_with_a_price(side) for side in (tablet, office)][0]
    for payload in payloads:
        tablet.field(payload)
    report = tablet.report(service_type="A")
    if not agreement_came_first:
        office.must(SetPrice(office.part, 15_000, "CNY"))
    told = []
    for payload in (*payloads, report):
        outcome = office.field(payload)
        for flag in outcome.flags:
            told.append((flag.code, flag.values.get("codes")))
            row = open_discrepancy(
                office.id("op"), flag.code, flag.values, office.now, ticket_id=office.ticket
            )
            office.session.add(row)  # as the server's unit of work does
        if payload is payloads[0] and agreement_came_first:
            office.must(SetPrice(office.part, 15_000, "CNY"))
    assert told == [("price_changed", "PS-100")]
    assert sealed(office).content["fee"]["total_minor"] == 42_000
    for side in (tablet, office):
        side.close()


def work_with_a_price(world: VisitWorld) -> list[Any]:
    """Bring a ticket to its paid repair; returns agreement and part, not yet given."""
    world.assign()
    visit = world.go()
    for answer in world.checklists():
        world.field(answer)
    world.field(RecordDiagnosis(world.id("d"), world.ticket, visit, "漏液", "摔坏", "man_made", "leak"))
    world.field(RecordMeasure(world.id("m"), world.ticket, visit, "更换密封圈", 25))
    world.field(RecordTest(world.id("t"), world.ticket, visit, "flow_rate", "5.0", True))
    agreement = world.agreement()
    return [
        agreement,
        RecordPartUsage(world.id("u"), world.ticket, world.part, Decimal(1), visit, charged=True),
    ]


@pytest.mark.fault("P8")
def test_after_signing_nothing_of_the_visit_can_be_changed(world: VisitWorld) -> None:
    assert world.field(world.report()).status == "ok"
    before = world.rows()
    visit: str = world.visit  # type: ignore[attr-defined]
    attempts = [
        ArriveOnSite(world.id("v"), world.ticket, True, "李伟"),
        AnswerChecklist(world.ticket, "on_site_conduct", "site_clean", "not_ok"),
        RecordMeasure(world.id("m"), world.ticket, visit, "x", 1),
        RecordTest(world.id("t"), world.ticket, visit, "flow_rate", "3", False),
        RecordDemonstration(world.id("s"), world.ticket, visit, "张", "x"),
        WithdrawMeasure(world.session.query(RepairMeasure).one().id, world.ticket),
        world.agreement(),
        world.report(),
    ]
    for payload in attempts:
        outcome = world.field(payload, live=True)
        assert (outcome.status, outcome.code) == ("parked", "report_sealed"), payload
    assert world.rows() == before


@pytest.mark.fault("K4")
def test_a_second_signature_that_arrives_late_is_kept_beside_the_first(world: VisitWorld) -> None:
    first, second = world.report(), world.report(number="A-2")
    assert world.field(first).status == "ok"
    world.tick(1)
    late = world.field(second)
    assert (late.status, late.code) == ("flagged", "report_sealed")
    rows = {row.id: row.supersedes for row in world.session.query(ServiceReport)}
    assert rows == {first.report_id: None, second.report_id: first.report_id}


def test_a_refusal_keeps_the_ticket_open_and_the_clock_running(world: VisitWorld) -> None:
    assert world.row.state == "tested"
    outcome = world.field(world.report(accepted=False, refusal_reason="仍有异响"))
    assert (outcome.status, outcome.code) == ("flagged", "report_refused")
    assert (world.row.state, sealed(world).accepted) == ("repairing", False)
    assert world.events()[-1] == "report_refused"
    world.tick(5)
    world.field(RecordMeasure(world.id("m"), world.ticket, world.visit, "紧固支架", 10))  # type: ignore[attr-defined]
    world.field(RecordTest(world.id("t"), world.ticket, world.visit, "noise", "无", True))  # type: ignore[attr-defined]
    assert world.field(world.report(number="A-2")).status == "ok"
    assert world.row.state == "signed"
    vouchers = world.session.query(PastVoucher).order_by(PastVoucher.accepted).all()
    assert [row.accepted for row in vouchers] == [False, True]


@pytest.mark.fault("K4")
def test_a_correction_stands_beside_the_report(world: VisitWorld) -> None:
    report = world.report()
    world.field(report)
    before = (sealed(world).content, sealed(world).content_hash)
    add = AddAddendum(world.id("x"), report.report_id, world.ticket, "笔误", "应为 26 分钟", "李伟")
    assert world.field(add).status == "ok"
    office = AddAddendum(world.id("x"), report.report_id, world.ticket, "核对", "已核对", "周主管")
    assert world.do(office, roles=(Role.SUPERVISOR,), place=Place.OFFICE).status == "ok"
    assert world.session.query(ReportAddendum).count() == 2
    assert (sealed(world).content, sealed(world).content_hash) == before
    ghost = AddAddendum(world.id("x"), world.id("ghost"), world.ticket, "x", "y", "李伟")
    assert world.field(ghost).code == "service_report_unknown"


@pytest.mark.parametrize("text", ['{"a":1.5}', "[1,2]", '{"a":"\\ud800"}', '{"a":"\\u0000"}', "{]"])
def test_content_no_tablet_writes_is_refused(world: VisitWorld, text: str) -> None:
    outcome = world.field(replace(world.report(), content=text))
    assert (outcome.status, outcome.code) == ("parked", "content_unreadable")


def test_content_is_read_as_it_was_written() -> None:
    assert read_content('{"a":"维修\\n完成","b":[1]}') == {"a": "维修\n完成", "b": [1]}


def test_a_stop_use_notice_waits_for_nothing(world: VisitWorld) -> None:
    world.field(world.report())
    shown = notice_content(world.row.number, world.unit, "漏电", "立即停用")
    notice = GiveStopUseNotice(
        world.id("n"), world.ticket, world.unit, "漏电", "立即停用", "王主任", STROKES, content_hash(shown)
    )
    outcome = world.field(notice)
    assert (outcome.status, outcome.code) == ("flagged", "stop_use_given")
    assert world.get(Equipment, world.unit).state == "stopped"
    assert world.row.danger
    assert world.session.query(StopUseNotice).count() == 1
    wrong = replace(notice, notice_id=world.id("n"), content_hash="0" * 64)
    assert world.field(wrong, live=True).code == "content_hash_wrong"
