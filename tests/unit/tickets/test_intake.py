"""Intake: registered at once, judged, promised, found again; edits merge field by field."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.coverage.coverage import Entitlement
from common.inbox.records import FieldConflict, InboxItem
from common.kernel.command import Place, Role
from common.kernel.search import matching
from common.sla.clock_record import SlaClock
from common.sla.clocks import clocks_of
from common.tickets.events import timeline
from common.tickets.intake import EditTicket, ReportFault
from common.tickets.ticket import Ticket
from common.tickets.wording import say_event
from tests.support.visit_world import DESK, VisitWorld
from tests.support.world import change


@pytest.fixture
def world() -> Iterator[VisitWorld]:
    """Give a company with one ticket."""
    made = VisitWorld()
    yield made
    made.close()


def test_a_call_is_judged_promised_and_its_clocks_run(world: VisitWorld) -> None:
    row = world.row
    assert (row.zone, row.address, row.service_type) == ("same_city", "东单北大街53号", "C")
    assert world.events() == ["received", "accepted", "triaged"]
    entitlement = world.session.query(Entitlement).filter_by(ticket_id=row.id).one()
    assert (entitlement.verdict, entitlement.reason) == ("covered", "in_warranty_cause_open")
    clocks = {clock.kind: clock.state for clock in clocks_of(world.session, row)}
    assert clocks == {"response": "running", "confirm": "stopped", "dispatch": "running"}
    dispatch = world.session.query(SlaClock).filter_by(kind="dispatch").one()
    assert row.promised_at == dispatch.due_at


def test_it_is_found_by_number_customer_pinyin_serial_and_trade_words(world: VisitWorld) -> None:
    for text in (world.row.number, "协和", "sn-7", "不能开机", "東單"):
        found = world.session.query(Ticket).filter(*matching(Ticket.folded, text)).all()
        assert [ticket.id for ticket in found] == [world.ticket], text


def test_unknown_customer_unit_and_twin_calls(world: VisitWorld) -> None:
    ghost, ticket = world.id("ghost"), world.id("ticket")
    call = {"number": "T9", "channel": "phone", "fault_text": "x", "severity": "minor"}
    missing = ReportFault(ticket_id=ticket, customer_id=ghost, **call)  # type: ignore[arg-type]
    assert world.office(missing, *DESK).code == "customer_unknown"
    wrong = ReportFault(ticket_id=ticket, customer_id=world.customer, equipment_id=ghost, **call)  # type: ignore[arg-type]
    assert world.office(wrong, *DESK).code == "equipment_unknown"
    elsewhere = ReportFault(ticket_id=ticket, customer_id=world.a_customer(), equipment_id=world.unit, **call)  # type: ignore[arg-type]
    assert world.office(elsewhere, *DESK).code == "equipment_of_another_customer"
    good = ReportFault(ticket_id=ticket, customer_id=world.customer, **call)  # type: ignore[arg-type]
    assert world.office(good, *DESK).status == "ok"
    assert world.office(good, *DESK).status == "noop"


def test_an_engineer_may_not_register_calls(world: VisitWorld) -> None:
    call = ReportFault(world.id("t"), "T9", "phone", world.customer, "x", "minor")
    assert (
        world.do(call, person=world.engineer, roles=(Role.ENGINEER,), place=Place.OFFICE).code
        == "not_permitted"
    )


def test_the_office_keeps_the_plan_and_the_field_what_it_sees(world: VisitWorld) -> None:
    world.assign()
    office = EditTicket(
        world.ticket,
        (change("address", "东单北大街53号", "帅府园1号"), change("fault_code", "", "alarm")),
    )
    assert world.office(office, *DESK).status == "ok"
    field = EditTicket(
        world.ticket,
        (change("address", "东单北大街53号", "东单北大街55号"), change("fault_code", "", "leak")),
    )
    outcome = world.field(field)
    assert (outcome.status, outcome.values) == ("merged", {"n": 2})
    assert (world.row.address, world.row.fault_code) == ("帅府园1号", "leak")
    lost = {(row.field, row.kept, row.lost) for row in world.session.query(FieldConflict)}
    assert lost == {("address", "帅府园1号", "东单北大街55号"), ("fault_code", "leak", "alarm")}
    assert "帅府园" in world.row.folded or "帅府园1号" in world.row.address
    notice = world.session.query(InboxItem).filter_by(code="notice_edited").one()
    assert (notice.person_id, notice.agg) == (world.engineer, f"inbox:{world.engineer}")


def test_severity_changes_the_rule_and_keeps_the_start(world: VisitWorld) -> None:
    before = {clock.kind: clock.due_at for clock in clocks_of(world.session, world.row)}
    world.tick(30)
    assert world.office(EditTicket(world.ticket, (change("urgent", "0", "1"),)), *DESK).status == "ok"
    response = world.session.query(SlaClock).filter_by(kind="response").one()
    assert (response.rule["code"], response.started_at) == ("response_urgent", world.row.received_at)
    assert response.due_at < before["response"]
    assert len(response.changes) == 1


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("severity", "huge", "choice_unknown"),
        ("mode", "pigeon", "choice_unknown"),
        ("state", "archived", "field_not_editable"),
        ("urgent", "maybe", "value_not_readable"),
        ("fault_text", "", "field_empty"),
    ],
)
def test_edits_are_bounded(world: VisitWorld, field: str, value: str, code: str) -> None:
    assert world.office(EditTicket(world.ticket, (change(field, "", value),)), *DESK).code == code


def test_the_timeline_speaks_three_languages(world: VisitWorld) -> None:
    world.finish()
    for language in ("en", "zh-Hans", "zh-Hant"):
        said = [
            say_event(event, language, "Asia/Shanghai") for event in timeline(world.session, world.ticket)
        ]
        assert all(text and "{" not in text and not text.startswith("event.") for text in said), said
    assert "2026-03-02 10:00" in said[3]
