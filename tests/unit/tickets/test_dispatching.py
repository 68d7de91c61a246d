"""Dispatch: rules need a reason, helpers, moves, notices; appointments; whose tablet holds what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from common.inbox.records import InboxItem
from common.kernel.command import Place, Role
from common.kernel.scope import grants_of, user
from common.tickets.appointment import AgreeAppointment, RescheduleTicket
from common.tickets.closing import CancelTicket, HoldTicket, ReleaseTicket, tickets_to_release
from common.tickets.dispatch_facts import rank_for_ticket
from common.tickets.dispatching import AssignTicket, MoveAssignment, UnassignTicket
from common.tickets.field_work import AcknowledgeTicket
from common.tickets.ownership import claim_on_ticket
from common.tickets.ticket import Assignment, ticket_agg
from tests.support.visit_world import DESK, VisitWorld


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a company with one ticket."""
    made = VisitWorld()
    yield made
    made.close()


def assign(world: VisitWorld, reason: str = "", **over: object) -> AssignTicket:
    """Write an assignment for ten to twelve o'clock."""
    start = world.now + timedelta(hours=1)
    values = {"engineer_id": world.engineer, "from_at": start, "until_at": start + timedelta(hours=2)}
    return AssignTicket(world.ticket, world.id("a"), **(values | over), override_reason=reason)  # type: ignore[arg-type]


def test_a_fit_engineer_goes_without_a_reason(world: VisitWorld) -> None:
    order = assign(world)
    assert world.office(order).status == "ok"
    assert (world.row.state, world.row.assignee_id) == ("dispatched", world.engineer)
    assert world.office(order).status == "noop"
    notice = world.session.query(InboxItem).one()
    assert (notice.code, notice.person_id) == ("notice_assigned", world.engineer)


def test_a_broken_rule_is_named_and_needs_a_reason(world: VisitWorld) -> None:
    night = world.now.replace(hour=18)
    order = {"from_at": night, "until_at": night + timedelta(hours=2)}
    refused = world.office(assign(world, **order))
    assert (refused.code, refused.values["breaks"]) == ("assignment_breaks_rules", "outside_working_hours")
    assert world.office(assign(world, "急诊用机", **order)).status == "ok"
    held = world.session.query(Assignment).one()
    assert (held.rule_breaks, held.override_reason) == (["outside_working_hours"], "急诊用机")


def test_a_missing_certificate_is_a_broken_rule(world: VisitWorld) -> None:
    model = world.a_model(certificate="pump", skill="pump")
    unit = world.a_unit(world.customer, model)
    world.ticket = world.a_ticket(unit_id=unit, customer_id=world.customer)
    refused = world.office(assign(world))
    assert set(str(refused.values["breaks"]).split()) == {"certificate_missing", "skill_missing"}
    start = world.now + timedelta(hours=1)
    ranked = rank_for_ticket(world.session, world.row, start, start + timedelta(hours=1))
    assert [one.engineer_id for one in ranked] == [world.engineer]
    assert len(ranked[0].breaks) == 2


@pytest.mark.parametrize("wrong", ["backwards", "no_engineer", "twice", "held", "closed"])
def test_an_assignment_must_make_sense(world: VisitWorld, wrong: str) -> None:
    order, code = assign(world), ""
    if wrong == "backwards":
        order, code = assign(world, until_at=world.now - timedelta(hours=2)), "window_backwards"
    elif wrong == "no_engineer":
        order, code = assign(world, engineer_id=world.a_person(Role.CLERK)), "not_an_engineer"
    elif wrong == "twice":
        world.assign()
        code = "already_assigned"
    elif wrong == "held":
        world.office(HoldTicket(world.ticket, "awaiting_customer"))
        code = "ticket_on_hold"
    else:
        world.office(CancelTicket(world.ticket, "x"))
        code = "ticket_not_open"
    assert world.office(order).code == code


def test_a_second_engineer_helps_and_the_first_keeps_the_lead(world: VisitWorld) -> None:
    first = world.assign()
    helper = world.a_person(name="王芳")
    second = world.assign(helper)
    assert world.row.assignee_id == world.engineer
    assert world.office(UnassignTicket(world.ticket, first, "生病")).status == "ok"
    assert (world.row.assignee_id, world.row.state) == (helper, "dispatched")
    assert world.office(UnassignTicket(world.ticket, second, "撤回")).status == "ok"
    assert (world.row.assignee_id, world.row.state) == (None, "triaged")
    assert world.office(UnassignTicket(world.ticket, second, "撤回")).status == "noop"


def test_moving_to_another_engineer_tells_both(world: VisitWorld) -> None:
    held = world.assign()
    world.field(AcknowledgeTicket(world.ticket))
    other = world.a_person(name="王芳")
    start = world.now + timedelta(hours=5)
    order = MoveAssignment(world.ticket, held, other, start, start + timedelta(hours=1), "李伟生病", "测试")
    assert world.office(order).status == "ok"
    assert (world.row.assignee_id, world.row.state) == (other, "dispatched")
    told = {(row.person_id, row.code) for row in world.session.query(InboxItem)}
    assert {(world.engineer, "notice_taken_away"), (other, "notice_assigned")} <= told
    assert world.office(order).code == "assignment_ended"


def test_moving_the_time_keeps_the_assignment(world: VisitWorld) -> None:
    held = world.assign()
    start = world.now + timedelta(hours=5)
    order = MoveAssignment(
        world.ticket, held, world.engineer, start, start + timedelta(hours=1), "客户要求", "x"
    )
    assert world.office(order).status == "ok"
    assert world.get(Assignment, held).from_at == start
    assert world.office(order).status == "noop"
    assert "assignment_moved" in world.events()


def test_the_customer_is_told_before_the_time_is_moved(world: VisitWorld) -> None:
    world.assign()
    start = world.now + timedelta(hours=3)
    agreed = AgreeAppointment(world.ticket, start, start + timedelta(hours=2), "张护士")
    assert world.office(agreed).status == "ok"
    assert world.office(agreed).status == "noop"
    later = start + timedelta(days=1)
    window = (later, later + timedelta(hours=2))
    again = AgreeAppointment(world.ticket, *window, "张护士")
    assert world.office(again).code == "window_agreed_already"
    untold = RescheduleTicket(world.ticket, *window, "缺件", False, start)
    assert world.field(untold).code == "customer_not_told"
    blind = RescheduleTicket(world.ticket, *window, "缺件", True, None)
    assert (world.field(blind).status, world.field(blind).code) == ("parked", "window_changed")
    good = RescheduleTicket(world.ticket, *window, "缺件", True, start)
    assert world.field(good).status == "ok"
    assert world.row.window_from_at == later
    assert world.session.query(Assignment).one().from_at == later
    assert world.field(good).status == "noop"


def test_telling_the_customer_after_the_window_began_is_looked_at(world: VisitWorld) -> None:
    world.assign()
    start = world.now + timedelta(hours=1)
    world.office(AgreeAppointment(world.ticket, start, start + timedelta(hours=1), "张护士"))
    world.tick(90)
    later = start + timedelta(days=1)
    late = RescheduleTicket(world.ticket, later, later + timedelta(hours=1), "堵车", True, start)
    assert (world.field(late).status, world.field(late).status) == ("flagged", "noop")


def test_an_appointment_of_a_closed_ticket_is_refused(world: VisitWorld) -> None:
    world.office(CancelTicket(world.ticket, "x"))
    agreed = AgreeAppointment(world.ticket, world.now, world.now + timedelta(hours=1), "张护士")
    assert world.office(agreed).code == "ticket_not_open"
    back = AgreeAppointment(world.ticket, world.now, world.now, "张护士")
    assert world.office(back, *DESK).code == "window_backwards"


def test_claims_and_scope_follow_assignment_visit_and_release(world: VisitWorld) -> None:
    stranger = world.a_person(name="赵六")
    assert grants_of(world.session, ticket_agg(world.ticket)) == frozenset()
    assert world.field(AcknowledgeTicket(world.ticket), person=stranger).code == "not_your_ticket"
    world.finish()
    mine = {(user(world.engineer), f"{kind}:{key}") for kind, key in _aggregates(world)}
    assert grants_of(world.session, ticket_agg(world.ticket)) == mine
    assert world.work is not None
    assert claim_on_ticket(world.work, world.ticket) == "current"
    world.office(CancelTicket(world.ticket, "x"))
    held = world.session.query(Assignment).one()
    held.state = "ended"
    world.session.commit()
    assert grants_of(world.session, ticket_agg(world.ticket)) == mine  # he has been there
    world.row.closed_at = world.now
    world.session.commit()
    assert tickets_to_release(world.session, world.now) == []
    world.tick(15 * 24 * 60)
    assert tickets_to_release(world.session, world.now) == [world.ticket]
    released = world.do(ReleaseTicket(world.ticket), roles=(Role.SYSTEM,), place=Place.SYSTEM)
    assert released.status == "ok"
    assert grants_of(world.session, ticket_agg(world.ticket)) == frozenset()
    assert tickets_to_release(world.session, world.now) == []


def _aggregates(world: VisitWorld) -> list[tuple[str, str]]:
    return [("ticket", world.ticket), ("customer", world.customer), ("equipment", world.unit)]
