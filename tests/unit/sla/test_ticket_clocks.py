"""Clocks of a ticket: by event time, however late it arrives; alarms raised and taken back (R009–R015)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from common.i18n import LANGUAGES
from common.inbox.edits import Change
from common.inbox.records import Discrepancy
from common.kernel.command import Place, Role
from common.kernel.outcome import Outcome
from common.policy.model import Policy
from common.policy.policy_commands import AdoptPolicy
from common.policy.policy_set import PolicySet, find_policy
from common.sla.clock_commands import ApproveClockException, RaiseClockAlarms, tickets_with_due_alarms
from common.sla.clock_record import SlaClock
from common.sla.clocks import clocks_of, explain_stored, judge_stored
from common.tickets.closing import AcceptFieldWork, CancelTicket, HoldTicket, ReopenTicket, ResumeTicket
from common.tickets.field_work import StartTravel
from common.tickets.intake import EditTicket, SolveByPhone
from common.tickets.wording import say_reason
from common.visit.on_site import ArriveOnSite
from common.visit.repair import RecordTest
from tests.support.visit_world import VisitWorld


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a `system-contractor` company: dispatch in 3 h, arrival within 8 working hours of the call."""
    made = VisitWorld(preset="system-contractor")
    made.ticket = made.a_ticket(customer_id=made.a_customer(zone="city"))
    yield made
    made.close()


def clock(world: VisitWorld, kind: str) -> SlaClock:
    """Read one clock of the ticket's round."""
    world.session.expire_all()
    return next(one for one in clocks_of(world.session, world.row) if one.kind == kind)


def policy_of(world: VisitWorld) -> Policy:
    """Read the policy."""
    policy = find_policy(world.session)
    assert policy is not None
    return policy


def status(world: VisitWorld, kind: str) -> str:
    """Judge one clock now."""
    return judge_stored(policy_of(world), clock(world, kind), world.now).status


def alarms(world: VisitWorld) -> Outcome:
    """Let the server's job look."""
    return world.do(RaiseClockAlarms(world.ticket), roles=(Role.SYSTEM,), place=Place.SYSTEM)


def told(world: VisitWorld, state: str = "open") -> list[tuple[str, str, int]]:
    """List what the office has been told of this ticket's clocks."""
    rows = world.session.query(Discrepancy).filter_by(ticket_id=world.ticket, state=state)
    return sorted((row.code, row.details["kind"], row.details["known_late"]) for row in rows)


def test_a_warning_then_a_breach_each_told_once(world: VisitWorld) -> None:
    assert alarms(world).status == "noop"
    assert tickets_with_due_alarms(world.session, world.now) == []
    world.tick(140)
    assert tickets_with_due_alarms(world.session, world.now) == [world.ticket]
    assert alarms(world).status == "ok"
    assert alarms(world).status == "noop"
    assert told(world) == [("clock_warning", "dispatch", 0)]
    world.tick(41)
    assert alarms(world).status == "ok"
    assert told(world) == [("clock_breached", "dispatch", 0)]
    assert told(world, "resolved") == [("clock_warning", "dispatch", 0)]
    assert alarms(world).status == "noop"
    assert clock(world, "dispatch").breached_at == clock(world, "dispatch").due_at
    assert not clock(world, "dispatch").known_late


def test_a_breach_taken_back_leaves_the_warning_to_the_office_again() -> None:
    """What was called urgent was not: the longer limit is not over, but was already near enough to warn of."""
    world = VisitWorld(preset="medical-device")
    world.ticket = world.a_ticket(customer_id=world.a_customer(zone="same_city"), urgent=True)
    world.tick(95)
    alarms(world)
    assert told(world) == [("clock_warning", "response", 0)]
    world.tick(105)
    alarms(world)
    assert told(world) == [("clock_breached", "response", 1)]
    world.office(EditTicket(world.ticket, (Change("urgent", "1", "0"),)))
    assert told(world) == [("clock_warning", "response", 0)]
    world.close()


def test_an_arrival_in_time_that_arrives_late_takes_the_breach_back(world: VisitWorld) -> None:
    world.assign()
    done_at = world.now + timedelta(hours=3)
    due = clock(world, "arrival").due_at
    assert due is not None
    world.now = due + timedelta(minutes=1)
    alarms(world)
    assert ("clock_breached", "arrival", 0) in told(world)
    world.tick(120)
    world.field(StartTravel(world.ticket), at=done_at - timedelta(minutes=30))
    world.field(ArriveOnSite(world.id("v"), world.ticket, True, "李伟"), at=done_at)
    assert clock(world, "arrival").stopped_at == done_at
    assert clock(world, "arrival").breached_at is None
    assert clock(world, "arrival").known_at == world.now
    assert status(world, "arrival") == "met"
    assert ("clock_breached", "arrival", 0) in told(world, "resolved")
    assert told(world) == []


def test_a_late_arrival_that_arrives_late_is_judged_by_its_own_time_and_known_late(world: VisitWorld) -> None:
    world.assign()
    done_at = world.now + timedelta(hours=26)
    world.tick(60 * 40)
    world.field(ArriveOnSite(world.id("v"), world.ticket, True, "李伟"), at=done_at)
    arrival = clock(world, "arrival")
    assert (arrival.stopped_at, arrival.breached_at, arrival.known_late) == (done_at, arrival.due_at, True)
    assert ("clock_breached", "arrival", 1) in told(world)
    assert status(world, "arrival") == "met_late"


def test_of_two_arrivals_the_earlier_one_counts(world: VisitWorld) -> None:
    helper = world.a_person(name="王芳")
    world.assign()
    world.assign(helper)
    early, late = world.now + timedelta(hours=1), world.now + timedelta(hours=2)
    world.tick(180)
    world.field(ArriveOnSite(world.id("v"), world.ticket, True, "李伟"), at=late)
    world.field(ArriveOnSite(world.id("v"), world.ticket, True, "王芳"), at=early, person=helper)
    assert clock(world, "arrival").stopped_at == early


def test_hold_moves_the_deadline_by_its_length(world: VisitWorld) -> None:
    due = clock(world, "arrival").due_at
    assert due is not None
    world.office(HoldTicket(world.ticket, "awaiting_customer"))
    assert (clock(world, "arrival").state, clock(world, "arrival").due_at) == ("paused", None)
    world.tick(60)
    world.office(ResumeTicket(world.ticket))
    arrival = clock(world, "arrival")
    assert (arrival.state, arrival.due_at) == ("running", due + timedelta(hours=1))
    assert len(arrival.pauses) == 1


def test_an_exception_takes_the_breach_back_and_needs_a_supervisor(world: VisitWorld) -> None:
    world.tick(200)
    alarms(world)
    approve = ApproveClockException(world.ticket, clock(world, "dispatch").id, "台风", True)
    assert world.office(approve, Role.DISPATCHER).code == "not_permitted"
    assert world.office(approve, Role.SUPERVISOR).status == "ok"
    assert world.office(approve, Role.SUPERVISOR).status == "noop"
    assert status(world, "dispatch") == "excepted"
    assert clock(world, "dispatch").breached_at is None
    assert told(world) == []
    assert "clock_excepted" in world.events()
    foreign = ApproveClockException(world.a_ticket(), clock(world, "dispatch").id, "x")
    assert world.office(foreign, Role.SUPERVISOR).code == "sla_clock_unknown"


def test_what_never_happened_is_not_measured(world: VisitWorld) -> None:
    world.office(SolveByPhone(world.ticket, "重启后正常"), Role.SPECIALIST)
    assert {one.state for one in clocks_of(world.session, world.row)} == {"dropped"}
    world.tick(60 * 100)
    assert alarms(world).status == "noop"
    assert world.ticket not in tickets_with_due_alarms(world.session, world.now)


def test_accepted_field_work_is_measured_after_all(world: VisitWorld) -> None:
    world.assign()
    world.office(CancelTicket(world.ticket, "误取消"))
    assert clock(world, "arrival").state == "dropped"
    visit = world.go()
    arrived_at = world.now
    world.repair(visit)
    world.field(world.report(service_type="C"))
    world.office(AcceptFieldWork(world.ticket))
    assert (clock(world, "arrival").state, clock(world, "arrival").stopped_at) == ("stopped", arrived_at)


def test_a_failed_test_lets_the_repair_clock_run_on() -> None:
    world = VisitWorld()
    world.assign()
    visit = world.go()
    world.repair(visit)
    assert clock(world, "repair").state == "stopped"
    world.tick(10)
    world.field(RecordTest(world.id("t"), world.ticket, visit, "flow_rate", "3", False))
    assert (clock(world, "repair").state, world.row.state) == ("running", "repairing")
    world.tick(10)
    world.field(RecordTest(world.id("t"), world.ticket, visit, "flow_rate", "5", True))
    assert clock(world, "repair").stopped_at == world.now
    world.close()


def test_a_reopened_ticket_gets_new_clocks(world: VisitWorld) -> None:
    world.office(SolveByPhone(world.ticket, "重启后正常"), Role.SPECIALIST)
    world.tick(60)
    world.office(ReopenTicket(world.ticket, "又坏了"), Role.SUPERVISOR)
    assert clock(world, "arrival").started_at == world.now
    assert world.session.query(SlaClock).filter_by(ticket_id=world.ticket, kind="arrival").count() == 2


def test_without_a_policy_nothing_is_promised() -> None:
    world = VisitWorld()
    for row in world.session.query(PolicySet):
        row.active = False
    world.session.commit()
    world.ticket = world.a_ticket(customer_id=world.customer)
    assert clocks_of(world.session, world.row) == []
    assert world.row.promised_at is None
    world.close()


def test_a_new_policy_leaves_running_clocks_by_the_rule_they_began_with(world: VisitWorld) -> None:
    before = clock(world, "arrival").due_at
    world.must(AdoptPolicy(world.id("p"), "medical-device"), roles=(Role.ADMINISTRATOR,))
    world.assign()
    world.tick(30)
    world.field(ArriveOnSite(world.id("v"), world.ticket, True, "李伟"))
    assert (clock(world, "arrival").due_at, clock(world, "arrival").state) == (before, "stopped")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_clock_explains_itself_and_says_what_was_known_late(world: VisitWorld, language: str) -> None:
    world.assign()
    done_at = world.now + timedelta(hours=26)
    world.tick(60 * 40)
    world.field(ArriveOnSite(world.id("v"), world.ticket, True, "李伟"), at=done_at)
    lines = explain_stored(policy_of(world), clock(world, "arrival"), world.now)
    assert "sla.explain.known_late" in {line.key for line in lines}
    assert all("{" not in line.in_language(language) for line in lines)
    row = world.session.query(Discrepancy).filter_by(code="clock_breached").first()
    said = say_reason(row.code, row.details, language, "Asia/Shanghai")
    assert "{" not in said
    assert world.row.number in said
