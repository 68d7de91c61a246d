"""A sealed report is voided by two people, for a reason, once; it stays readable."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from common.approvals.approval import Approval, DecideApproval, RequestApproval, UseApproval
from common.kernel.command import Place, Role
from common.kernel.outcome import Outcome
from common.tickets.ticket import Ticket
from common.visit.records import ReportVoid, ServiceReport
from common.visit.sealed import accepted_report
from common.visit.voiding import VoidReport
from tests.support.visit_world import VisitWorld


@pytest.fixture
def world() -> VisitWorld:
    """A ticket whose report is signed."""
    made = VisitWorld()
    made.finish()
    return made


def by(world: VisitWorld, person: str, payload: Any, role: Role = Role.SUPERVISOR) -> Outcome:
    return world.do(payload, person=person, roles=(role,), place=Place.OFFICE)


def report_of(world: VisitWorld) -> ServiceReport:
    found = world.session.query(ServiceReport).one()
    assert isinstance(found, ServiceReport)
    return found


def asked(world: VisitWorld, person: str) -> RequestApproval:
    report = report_of(world)
    request = RequestApproval(world.id("approval"), "void_report", report.id, report.number, "签字人有误")
    assert by(world, person, request).status == "ok"
    return request


def voiding(world: VisitWorld, approval_id: str) -> VoidReport:
    return VoidReport(world.id("void"), world.ticket, report_of(world).id, approval_id)


@pytest.mark.fault("K4")
def test_two_people_void_a_report_and_it_stays_as_it_was_signed(world: VisitWorld) -> None:
    one, two = world.id("zhou"), world.id("gao")
    before = (report_of(world).content, report_of(world).content_hash, report_of(world).strokes)
    request = asked(world, one)
    assert by(world, one, voiding(world, request.approval_id)).code == "approval_missing"
    assert by(world, one, DecideApproval(request.approval_id, "approve")).code == "approval_own"
    approve = DecideApproval(request.approval_id, "approve", "已核对")
    assert by(world, two, approve, Role.MANAGER).status == "ok"
    assert by(world, two, approve, Role.MANAGER).status == "noop"
    void = voiding(world, request.approval_id)
    assert by(world, one, void).status == "ok"
    assert by(world, one, void).status == "noop"
    row = world.get(ReportVoid, void.void_id)
    assert (row.asked_by, row.approved_by, row.reason) == (one, two, "签字人有误")
    assert (report_of(world).content, report_of(world).content_hash, report_of(world).strokes) == before
    assert accepted_report(world.session, world.get(Ticket, world.ticket)) is None
    assert world.events()[-1] == "report_voided"
    assert world.get(Approval, request.approval_id).state == "used"
    assert by(world, two, voiding(world, request.approval_id)).code == "approval_missing"


def test_a_request_is_for_one_report_and_runs_out(world: VisitWorld) -> None:
    one, two = world.id("zhou"), world.id("gao")
    other = RequestApproval(world.id("approval"), "void_report", world.id("else"), "R-9", "x")
    by(world, one, other)
    by(world, two, DecideApproval(other.approval_id, "approve"))
    assert by(world, one, voiding(world, other.approval_id)).code == "approval_missing"
    late = asked(world, one)
    world.tick(3 * 24 * 60 + 1)
    assert by(world, two, DecideApproval(late.approval_id, "approve")).code == "approval_ran_out"
    held = asked(world, one)
    assert by(world, two, DecideApproval(held.approval_id, "approve")).status == "ok"
    world.now += timedelta(days=1, minutes=1)
    assert by(world, one, voiding(world, held.approval_id)).code == "approval_ran_out"


def test_what_was_declined_stays_so_and_machines_do_not_ask(world: VisitWorld) -> None:
    one, two = world.id("zhou"), world.id("gao")
    request = asked(world, one)
    assert by(world, two, DecideApproval(request.approval_id, "decline", "无需作废")).status == "ok"
    assert (
        by(world, world.id("third"), DecideApproval(request.approval_id, "approve")).code
        == "approval_decided"
    )
    assert by(world, one, voiding(world, request.approval_id)).code == "approval_missing"
    machine = RequestApproval(world.id("approval"), "restore", "", "", "x")
    told = world.do(machine, roles=(Role.SYSTEM,), place=Place.SYSTEM)
    assert told.code == "approval_needs_person"
    assert by(world, one, machine, Role.DISPATCHER).code == "not_permitted"


def test_what_is_no_command_is_used_once_by_one_of_the_two_or_at_the_machine(world: VisitWorld) -> None:
    one, two, third = world.id("zhou"), world.id("gao"), world.id("third")
    unit = world.id("unit")

    def approved() -> str:
        request = RequestApproval(world.id("approval"), "export_evidence", unit, "SN-1", "鉴定用")
        assert by(world, one, request).status == "ok"
        assert by(world, two, DecideApproval(request.approval_id, "approve")).status == "ok"
        return request.approval_id

    use = UseApproval(approved(), "export_evidence", unit)
    assert by(world, third, use).code == "approval_not_yours"
    assert by(world, one, UseApproval(use.approval_id, "restore", unit)).code == "approval_missing"
    assert by(world, one, UseApproval(use.approval_id, "export_evidence", one)).code == "approval_missing"
    assert by(world, one, use).status == "ok"
    assert by(world, one, use).code == "approval_missing"
    assert by(world, two, UseApproval(approved(), "export_evidence", unit)).status == "ok"
    machine = UseApproval(approved(), "export_evidence", unit)
    assert world.do(machine, roles=(Role.SYSTEM,), place=Place.SYSTEM).status == "ok"
