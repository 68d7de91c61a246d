"""Work in the field meets what the office decided meanwhile: never lost, never silently counted (sync-protocol 3.7)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.i18n import LANGUAGES
from common.kernel.command import Role
from common.tickets.closing import AcceptFieldWork, CancelTicket, HoldTicket, ReopenTicket
from common.tickets.dispatching import MoveAssignment, UnassignTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote, RequestHelp, StartTravel
from common.tickets.wording import say_reason
from common.visit.on_site import ArriveOnSite
from common.visit.records import RepairMeasure, ServiceReport, Visit
from common.visit.repair import RecordMeasure
from tests.support.visit_world import VisitWorld


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a company with one assigned ticket."""
    made = VisitWorld()
    made.assignment = made.assign()  # type: ignore[attr-defined]
    yield made
    made.close()


def reassign(world: VisitWorld) -> str:
    """Give the ticket to somebody else; returns the new engineer."""
    other = world.a_person(name="王芳")
    start = world.now.replace(hour=6)
    moved = MoveAssignment(
        world.ticket,
        world.assignment,  # type: ignore[attr-defined]
        other,
        start,
        start.replace(hour=8),
        "李伟生病",
        "测试",
    )
    assert world.office(moved).status == "ok"
    return other


@pytest.mark.fault("F7")
def test_a_cancelled_ticket_keeps_the_arrival_and_the_state(world: VisitWorld) -> None:
    assert world.office(CancelTicket(world.ticket, "客户撤回")).status == "ok"
    outcome = world.field(ArriveOnSite(world.id("visit"), world.ticket, True, "李伟"))
    assert (outcome.status, outcome.code) == ("flagged", "overtaken_cancelled")
    assert world.row.state == "cancelled"
    assert "arrived" in world.events()
    assert world.session.query(Visit).count() == 1


@pytest.mark.fault("F7")
def test_a_reassigned_ticket_keeps_the_work_of_the_former_engineer(world: VisitWorld) -> None:
    other = reassign(world)
    for payload in (AcknowledgeTicket(world.ticket), StartTravel(world.ticket)):
        outcome = world.field(payload)
        assert [flag.code for flag in outcome.flags] == ["overtaken_reassigned"]
    assert world.row.state == "dispatched"
    assert world.row.assignee_id == other
    note = world.field(AddNote(world.ticket, "已在途中"))
    assert (note.status, note.code) == ("flagged", "no_longer_assigned")


def test_a_held_ticket_keeps_the_travel_and_stays_held(world: VisitWorld) -> None:
    assert world.office(HoldTicket(world.ticket, "awaiting_customer")).status == "ok"
    outcome = world.field(StartTravel(world.ticket))
    assert (outcome.status, outcome.code, world.row.state) == ("flagged", "overtaken_held", "dispatched")


def test_a_whole_report_signed_for_a_cancelled_ticket_can_be_taken_over(world: VisitWorld) -> None:
    assert world.office(CancelTicket(world.ticket, "客户撤回")).status == "ok"
    visit = world.go()
    world.repair(visit)
    outcome = world.field(world.report())
    assert (outcome.status, outcome.code) == ("flagged", "overtaken_cancelled")
    assert world.session.query(ServiceReport).count() == 1
    assert world.session.query(RepairMeasure).count() == 1
    assert world.row.state == "cancelled"
    assert world.office(AcceptFieldWork(world.ticket, "客户已签字")).status == "ok"
    assert (world.row.state, world.row.closed_at) == ("signed", None)
    assert world.office(AcceptFieldWork(world.ticket)).status == "noop"


def test_there_is_nothing_to_take_over_without_a_signature(world: VisitWorld) -> None:
    world.go()
    assert world.office(AcceptFieldWork(world.ticket)).code == "not_signed"


def test_a_reassigned_report_can_be_taken_over_too(world: VisitWorld) -> None:
    reassign(world)
    visit = world.go()
    world.repair(visit)
    assert world.field(world.report()).code == "overtaken_reassigned"
    assert world.row.state == "dispatched"
    assert world.office(AcceptFieldWork(world.ticket)).status == "ok"
    assert world.row.state == "signed"


def test_who_is_present_is_told_instead(world: VisitWorld) -> None:
    assert world.office(CancelTicket(world.ticket, "客户撤回")).status == "ok"
    outcome = world.field(StartTravel(world.ticket), live=True)
    assert (outcome.status, outcome.code) == ("parked", "overtaken_cancelled")
    assert "en_route" not in world.events()


def test_the_office_may_accept_with_override(world: VisitWorld) -> None:
    reassign(world)
    outcome = world.field(StartTravel(world.ticket), override=True)
    assert (outcome.status, world.row.state) == ("ok", "en_route")


def test_late_work_on_a_signed_report_is_kept_and_flagged(world: VisitWorld) -> None:
    helper = world.a_person(name="王芳")
    world.assign(helper)
    visit = world.finish_from_here()
    late = world.field(RecordMeasure(world.id("m"), world.ticket, visit, "清洁", 5), person=helper)
    assert (late.status, late.code) == ("flagged", "report_sealed")
    assert world.session.query(RepairMeasure).count() == 2
    refused = world.field(RecordMeasure(world.id("m"), world.ticket, visit, "清洁", 5), live=True)
    assert (refused.status, refused.code) == ("parked", "report_sealed")


def test_work_under_way_is_left_with_its_engineer(world: VisitWorld) -> None:
    world.go()
    other = world.a_person(name="王芳")
    start = world.now.replace(hour=6)
    moved = MoveAssignment(world.ticket, world.assignment, other, start, start.replace(hour=8), "x", "测试")  # type: ignore[attr-defined]
    assert world.office(moved).code == "work_under_way"
    assert world.office(UnassignTicket(world.ticket, world.assignment, "x")).code == "work_under_way"  # type: ignore[attr-defined]


def test_help_stands_among_the_exceptions_of_the_office_only(world: VisitWorld) -> None:
    assert world.field(RequestHelp(world.ticket, "需要第二人")).code == "help_requested"
    assert world.row.help_wanted
    tablet = VisitWorld(authority=False)
    tablet.assign()
    assert tablet.field(RequestHelp(tablet.ticket, "需要第二人"), live=True).status == "ok"
    tablet.close()


def test_a_reopened_ticket_is_no_longer_the_former_engineers(world: VisitWorld) -> None:
    world.finish_from_here()
    assert world.office(ReopenTicket(world.ticket, "又漏"), Role.SUPERVISOR).status == "ok"
    outcome = world.field(AcknowledgeTicket(world.ticket))
    assert outcome.code == "overtaken_reassigned"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_meeting_is_said_in_words(language: str) -> None:
    for code in ("cancelled", "reassigned", "held", "signed"):
        said = say_reason(f"overtaken_{code}", {"number": "T7"}, language, "Asia/Shanghai")
        assert "T7" in said
        assert "{" not in said
