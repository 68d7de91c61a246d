"""One visit from the call to the archive, through `execute`; and every command of it replayed."""

from __future__ import annotations

from typing import Any

import pytest

from common.customers.customer import Customer
from common.equipment.equipment import PastVoucher
from common.kernel.clock import Reading, millis
from common.kernel.command import Role
from common.kernel.op import make_op
from common.kernel.outcome import Outcome
from common.policy.policy_set import find_policy
from common.sla.clock_record import SlaClock
from common.sla.clocks import clocks_of, judge_stored
from common.tickets.closing import ArchiveTicket, SettleTicket, WriteOffTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote, AnswerHelp, RequestHelp, StartTravel
from common.tickets.ticket import Ticket
from common.visit.diagnosis import RecordDiagnosis
from common.visit.hashing import content_hash
from common.visit.on_site import ArriveOnSite, LeaveSite, RecordDemonstration
from common.visit.records import Rating, ServiceReport
from common.visit.repair import RecordMeasure, RecordTest, WithdrawMeasure, WithdrawTest
from common.visit.report import compose_report
from common.visit.sign_off import AddAddendum, RecordRating
from common.visit.stop_use import GiveStopUseNotice, notice_content
from tests.support.visit_world import STROKES, VisitWorld


class Replaying(VisitWorld):
    """Runs every command three times and insists that the second and third change nothing."""

    replayed: list[str]

    def do(self, payload: Any, **given: Any) -> Outcome:
        at = given.pop("at", None) or self.now
        op = given.pop("op", None) or make_op(payload, self.id("op"), Reading(millis(at), 0, ""))
        outcome = super().do(payload, op=op, at=at, **given)
        once = self.rows()
        for _ in range(2):
            super().do(payload, op=op, at=at, **given)
            assert self.rows() == once, op.k
        self.__dict__.setdefault("replayed", []).append(op.k)
        return outcome


@pytest.fixture
def world() -> Any:
    """Give a company with one ticket."""
    made = VisitWorld()
    yield made
    made.close()


def test_a_visit_runs_from_the_call_to_the_archive(world: VisitWorld) -> None:
    assert world.row.state == "triaged"
    assert world.row.service_type == "C"
    assert world.row.promised_at is not None
    world.assign()
    assert world.row.state == "dispatched"
    visit = world.go()
    assert world.row.state == "on_site"
    world.field(RecordDiagnosis(world.id("d"), world.ticket, visit, "漏液", "密封圈老化", "material", "leak"))
    assert world.row.state == "diagnosed"
    world.field(RecordMeasure(world.id("m"), world.ticket, visit, "更换密封圈", 25))
    assert world.row.state == "repairing"
    world.repair(visit)
    assert world.row.state == "tested"
    assert world.field(world.report()).status == "ok"
    assert world.row.state == "signed"
    world.field(RecordRating(world.id("rating"), world.ticket, "c2VhbGVk"))
    world.tick(5)
    world.field(LeaveSite(visit, world.ticket))
    assert world.row.state == "checked_out"
    assert world.office(SettleTicket(world.ticket, "F-1"), Role.CLERK).status == "ok"
    assert world.office(WriteOffTicket(world.ticket), Role.CLERK).status == "ok"
    assert world.row.closed_at == world.now
    assert world.office(ArchiveTicket(world.ticket, "2026/0007"), Role.CLERK).status == "ok"
    assert world.row.state == "archived"
    assert "2026/0007" in world.row.folded
    kinds = world.events()
    story = [
        "received",
        "assigned",
        "acknowledged",
        "en_route",
        "arrived",
        "diagnosed",
        "measure",
        "test_passed",
    ]
    story += ["signed", "left", "settled", "written_off", "archived"]
    places = [kinds.index(kind) for kind in story if kind not in ("settled", "written_off", "archived")]
    assert places == sorted(places)
    assert set(story) <= set(kinds)
    voucher = world.session.query(PastVoucher).one()
    report = world.session.query(ServiceReport).one()
    assert (voucher.id, voucher.content_hash, voucher.accepted) == (report.id, report.content_hash, True)
    assert voucher.measures == "更换密封圈\n更换密封圈"
    policy = find_policy(world.session)
    assert policy is not None
    clocks = clocks_of(world.session, world.row)
    assert {clock.kind for clock in clocks} == {"response", "confirm", "dispatch", "repair"}
    assert {judge_stored(policy, clock, world.now).status for clock in clocks} == {"met"}


def test_every_command_of_a_visit_may_run_again(world: VisitWorld) -> None:
    again = Replaying()
    again.assign()
    again.office(AnswerHelp(again.ticket, "马上来"), Role.SUPERVISOR)
    visit = again.go()
    again.field(RequestHelp(again.ticket, "需要第二人"))
    again.field(AddNote(again.ticket, "电梯坏了"))
    again.repair(visit, "man_made")
    measure, test = again.id("m"), again.id("t")
    again.field(RecordMeasure(measure, again.ticket, visit, "写错了", 1))
    again.field(WithdrawMeasure(measure, again.ticket))
    again.field(RecordTest(test, again.ticket, visit, "leakage", "900", False))
    assert again.row.state == "repairing"
    again.field(WithdrawTest(test, again.ticket))
    assert again.row.state == "tested"
    shown = notice_content(again.row.number, again.unit, "漏电", "立即停用")
    again.field(
        GiveStopUseNotice(
            again.id("n"),
            again.ticket,
            again.unit,
            "漏电",
            "立即停用",
            "王主任",
            STROKES,
            content_hash(shown),
        )
    )
    report = again.report(service_type="A")
    assert again.field(report).status == "ok"
    again.field(AddAddendum(again.id("x"), report.report_id, again.ticket, "笔误", "应为 26 分钟", "李伟"))
    again.field(RecordRating(again.id("r"), again.ticket, "c2VhbGVk"))
    again.field(LeaveSite(visit, again.ticket))
    again.office(SettleTicket(again.ticket), Role.CLERK)
    again.office(WriteOffTicket(again.ticket), Role.CLERK)
    again.office(ArchiveTicket(again.ticket, "2026/1"), Role.CLERK)
    assert again.row.state == "archived"
    field = {"acknowledge_ticket", "start_travel", "arrive_on_site", "answer_checklist", "record_diagnosis"}
    field |= {"sign_agreement", "record_measure", "record_test", "record_demonstration", "sign_report"}
    assert field <= set(again.replayed)
    again.close()


def test_a_whole_visit_replayed_late_changes_nothing(world: VisitWorld) -> None:
    """A tablet whose answer was lost replays all it did on top of rows that hold it already."""
    given: list[tuple[Any, Any, dict[str, Any]]] = []
    plain = world.do

    def keeping(payload: Any, **more: Any) -> Outcome:
        more["at"] = more.get("at") or world.now
        more["op"] = more.get("op") or make_op(payload, world.id("op"), Reading(millis(more["at"]), 0, ""))
        given.append((payload, more["op"], more))
        return plain(payload, **more)

    world.assign()
    world.do = keeping  # type: ignore[method-assign]
    visit = world.go()
    world.repair(visit)
    world.field(world.report())
    world.field(LeaveSite(visit, world.ticket))
    world.do = plain  # type: ignore[method-assign]
    done = world.rows()
    for payload, _op, more in given:
        plain(payload, **more)
    changed = {name for name, rows in world.rows().items() if rows != done[name]}
    assert changed == set()


def test_tablet_and_server_compose_the_same_report() -> None:
    server, tablet = VisitWorld(), VisitWorld(authority=False)
    for one in (server, tablet):
        one.assign()
        visit = one.go()
        one.repair(visit, "man_made")
    shown = compose_report(tablet.session, tablet.ticket, service_type="A")
    assert compose_report(server.session, server.ticket, service_type="A") == shown
    report = tablet.report(service_type="A")
    assert report.content_hash == content_hash(shown)
    assert server.field(report).status == "ok"
    sealed = server.session.query(ServiceReport).one()
    assert content_hash(sealed.content) == sealed.content_hash == report.content_hash
    server.close()
    tablet.close()


def test_a_rating_reaches_the_server_only() -> None:
    tablet = VisitWorld(authority=False)
    tablet.assign()
    tablet.field(RecordRating(tablet.id("r"), tablet.ticket, "c2VhbGVk"))
    assert tablet.session.query(Rating).count() == 0
    assert "rated" in tablet.events()
    tablet.close()


def test_a_tablet_without_customer_and_policy_does_not_stumble(world: VisitWorld) -> None:
    """Rows of other aggregates may be missing: facts are kept all the same."""
    world.assign()
    world.row.customer_id = world.id("elsewhere")
    world.row.equipment_id = None
    world.session.commit()
    visit = world.go()
    world.field(RecordDiagnosis(world.id("d"), world.ticket, visit, "漏液", "密封圈老化", "material"))
    world.field(RecordDemonstration(world.id("s"), world.ticket, visit, "张护士", "开机自检"))
    shown = compose_report(world.session, world.ticket)
    assert shown["customer"]["name"] == ""
    assert shown["equipment"] is None
    outcome = world.field(world.report(service_type="C"))
    assert outcome.status == "flagged"
    assert outcome.code == "report_incomplete"
    assert world.session.query(ServiceReport).count() == 1
    assert world.session.query(PastVoucher).count() == 0
    assert world.session.query(Customer).count() >= 1


def test_an_unknown_ticket_is_the_only_thing_a_fact_is_refused_for(world: VisitWorld) -> None:
    ghost = world.id("ghost")
    for payload in (
        AcknowledgeTicket(ghost),
        StartTravel(ghost),
        ArriveOnSite(world.id("v"), ghost, True, "李伟"),
    ):
        outcome = world.do(payload, person=world.engineer, roles=(Role.ENGINEER,), live=False, override=True)
        assert (outcome.status, outcome.code) == ("parked", "ticket_unknown")
    assert world.session.query(Ticket).count() == 1
    assert world.session.query(SlaClock).count() > 0
