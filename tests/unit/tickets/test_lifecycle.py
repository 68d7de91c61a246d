"""The ticket's lifecycle: every state reachable, one end, and each office move from where it is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common.i18n import has_key
from common.kernel.command import Role
from common.tickets.closing import (
    ArchiveTicket,
    CancelTicket,
    HoldTicket,
    ReopenTicket,
    ResumeTicket,
    SettleTicket,
    WriteOffTicket,
)
from common.tickets.intake import RefuseTicket, SolveByPhone
from common.tickets.ticket import ENDED, OPEN, TICKET
from common.visit.on_site import ArriveOnSite
from common.visit.repair import RecordMeasure
from common.visit.sealed import accepted_report
from tests.support.visit_world import VisitWorld


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a company with one ticket."""
    made = VisitWorld()
    yield made
    made.close()


def test_every_state_can_be_reached_and_only_the_archive_is_final() -> None:
    seen, waiting = {TICKET.start}, [TICKET.start]
    while waiting:
        for state in TICKET.moves[waiting.pop()] - seen:
            seen.add(state)
            waiting.append(state)
    assert seen == TICKET.states == set(TICKET.moves)
    assert TICKET.final == {"archived"}
    assert set(OPEN) | set(ENDED) == TICKET.states
    assert not set(OPEN) & set(ENDED)


@pytest.mark.parametrize("state", sorted(TICKET.states))
def test_every_state_has_words(state: str) -> None:
    assert has_key(f"ticket.state.{state}")


@pytest.mark.parametrize(
    ("payload", "state", "event"),
    [
        (SolveByPhone, "remote_solved", "solved_by_phone"),
        (RefuseTicket, "refused", "refused"),
        (CancelTicket, "cancelled", "cancelled"),
    ],
)
def test_a_ticket_may_end_without_a_visit(world: VisitWorld, payload: Any, state: str, event: str) -> None:
    assert world.office(payload(world.ticket, "原因"), Role.SPECIALIST, Role.DISPATCHER).status == "ok"
    assert (world.row.state, world.row.closed_at, world.row.outcome_note) == (state, world.now, "原因")
    assert event in world.events()
    assert world.office(payload(world.ticket, "原因"), Role.SPECIALIST, Role.DISPATCHER).status == "noop"
    assert world.office(ArchiveTicket(world.ticket, "2026/1"), Role.CLERK).status == "ok"
    refused = world.office(ReopenTicket(world.ticket, "又坏了"), Role.SUPERVISOR)
    assert (refused.status, refused.code) == ("parked", "move_not_allowed")


def test_work_under_way_is_not_cancelled_without_a_reason(world: VisitWorld) -> None:
    world.assign()
    world.go()
    refused = world.office(CancelTicket(world.ticket, "客户撤回"))
    assert (refused.code, world.row.state) == ("work_under_way", "on_site")
    assert world.office(CancelTicket(world.ticket, "客户撤回", "已电话通知工程师")).status == "ok"


def test_nothing_is_written_off_before_the_customer_signed(world: VisitWorld) -> None:
    world.assign()
    assert world.office(WriteOffTicket(world.ticket), Role.CLERK).code == "not_signed"
    assert world.office(ArchiveTicket(world.ticket, "2026/1"), Role.CLERK).code == "move_not_allowed"
    assert world.office(SettleTicket(world.ticket), Role.CLERK).code == "move_not_allowed"


def test_hold_pauses_and_resume_sends_the_engineer_again(world: VisitWorld) -> None:
    world.assign()
    world.go()
    assert world.office(HoldTicket(world.ticket, "awaiting_parts", "密封圈缺货")).status == "ok"
    assert (world.row.state, world.row.hold_reason) == ("awaiting_parts", "awaiting_parts")
    assert world.office(HoldTicket(world.ticket, "awaiting_parts")).status == "noop"
    world.tick(600)
    assert world.office(ResumeTicket(world.ticket)).status == "ok"
    assert (world.row.state, world.row.hold_reason) == ("dispatched", "")
    assert world.office(ResumeTicket(world.ticket)).status == "noop"
    world.go()
    assert world.row.state == "on_site"


def test_a_reopened_ticket_begins_a_new_round_beside_the_sealed_report(world: VisitWorld) -> None:
    world.finish()
    assert world.office(ReopenTicket(world.ticket, "第二天又漏"), Role.SUPERVISOR).status == "ok"
    row = world.row
    assert (row.state, row.round, row.assignee_id, row.closed_at) == ("reopened", 2, None, None)
    assert accepted_report(world.session, row) is None
    world.tick(10)
    world.assign()
    visit = world.go()
    world.repair(visit)
    report = world.report(number="A-2")
    assert world.field(report).status == "ok"
    sealed = accepted_report(world.session, world.row)
    assert sealed is not None
    assert (sealed.round, len(sealed.content["measures"]), len(sealed.content["parts"])) == (2, 1, 1)
    assert sealed.supersedes is not None
    assert world.row.state == "signed"


def test_the_leader_may_come_a_second_time_a_helper_moves_nothing_back(world: VisitWorld) -> None:
    world.assign()
    first = world.go()
    world.field(RecordMeasure(world.id("m"), world.ticket, first, "拆机", 30))
    helper = world.a_person(name="王芳")
    world.assign(helper)
    world.tick(20)
    arrived = world.field(ArriveOnSite(world.id("visit"), world.ticket, True, "王芳"), person=helper)
    assert (arrived.status, world.row.state) == ("ok", "repairing")
    world.tick(1440)
    world.go()
    assert world.row.state == "on_site"
