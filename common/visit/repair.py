"""The repair itself: what was done, and the test that proves it (R061 R063).

Owns measures and test values. A repair counts as finished when the newest value of every test has passed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.command import TABLET, Nature, Role, command
from common.kernel.fields import Id, Line, Minutes, Name, Needed, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.sla.clocks import clock_event, unstop_clock
from common.tickets.events import field_step, move, overtaken_by, write_event
from common.tickets.ticket import Ticket, ticket_agg
from common.visit.records import RepairMeasure, TestValue
from common.visit.sealed import require_unsealed


@dataclass(frozen=True, slots=True)
class RecordMeasure:
    """Record what was done and the minutes it took (R061)."""

    measure_id: Id
    ticket_id: Id
    visit_id: Id
    text: Needed
    minutes: Minutes


@command(
    RecordMeasure,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def record_measure(work: Work, c: RecordMeasure) -> Outcome:
    """Keep it. Flags `report_sealed`, `overtaken_…`."""
    ticket = work.need(Ticket, c.ticket_id)
    if work.has(RepairMeasure, c.measure_id):
        return NOOP
    require_unsealed(work, ticket)
    work.add(
        RepairMeasure(
            id=c.measure_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            visit_id=c.visit_id,
            round=ticket.round,
            text=c.text,
            minutes=c.minutes,
            made_at=work.at,
            withdrawn=False,
        )
    )
    if field_step(work, ticket, "repairing", "measure", c.text, minutes=c.minutes):
        clock_event(work, ticket, "repair_started")
    return OK


@dataclass(frozen=True, slots=True)
class WithdrawMeasure:
    """Take back a measure that was recorded wrongly (R061)."""

    measure_id: Id
    ticket_id: Id
    reason: Note = ""


@command(
    WithdrawMeasure,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def withdraw_measure(work: Work, c: WithdrawMeasure) -> Outcome:
    """Mark it withdrawn. Refuses `repair_measure_unknown`; flags `report_sealed`."""
    ticket, row = work.need(Ticket, c.ticket_id), work.need(RepairMeasure, c.measure_id)
    if row.ticket_id != ticket.id:
        raise Refused("repair_measure_unknown")
    if row.withdrawn:
        return NOOP
    require_unsealed(work, ticket)
    row.withdrawn = True
    write_event(work, ticket, "measure_withdrawn", c.reason, text=row.text[:200])
    return OK


@dataclass(frozen=True, slots=True)
class RecordTest:
    """Record one value of the function test with its limits and whether it passed (R063)."""

    test_id: Id
    ticket_id: Id
    visit_id: Id
    name: Name
    value: Name
    passed: bool
    unit: Line = ""
    low: Line = ""
    high: Line = ""
    instrument: Line = ""


@command(
    RecordTest,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def record_test(work: Work, c: RecordTest) -> Outcome:
    """Keep it; when all tests have passed the repair clock stops. Flags `report_sealed`, `overtaken_…`."""
    ticket = work.need(Ticket, c.ticket_id)
    if work.has(TestValue, c.test_id):
        return NOOP
    require_unsealed(work, ticket)
    work.add(
        TestValue(
            id=c.test_id,
            agg=ticket.agg,
            ticket_id=ticket.id,
            visit_id=c.visit_id,
            round=ticket.round,
            name=c.name,
            value=c.value,
            unit=c.unit,
            low=c.low,
            high=c.high,
            passed=c.passed,
            instrument=c.instrument,
            measured_at=work.at,
            withdrawn=False,
        )
    )
    if all_passed(work.session, ticket):
        if field_step(work, ticket, "tested", "test_passed", name=c.name):
            clock_event(work, ticket, "fixed")
    else:
        write_event(work, ticket, "test_recorded", name=c.name, passed=int(c.passed))
        _not_fixed(work, ticket)
    return OK


@dataclass(frozen=True, slots=True)
class WithdrawTest:
    """Take back a test value that was recorded wrongly (R063)."""

    test_id: Id
    ticket_id: Id
    reason: Note = ""


@command(
    WithdrawTest,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def withdraw_test(work: Work, c: WithdrawTest) -> Outcome:
    """Mark it withdrawn. Refuses `test_value_unknown`; flags `report_sealed`."""
    ticket, row = work.need(Ticket, c.ticket_id), work.need(TestValue, c.test_id)
    if row.ticket_id != ticket.id:
        raise Refused("test_value_unknown")
    if row.withdrawn:
        return NOOP
    require_unsealed(work, ticket)
    row.withdrawn = True
    work.session.flush()
    write_event(work, ticket, "test_withdrawn", c.reason, name=row.name)
    if all_passed(work.session, ticket):
        if field_step(work, ticket, "tested", "test_passed", name=row.name):
            clock_event(work, ticket, "fixed")
    else:
        _not_fixed(work, ticket)
    return OK


def tests_of(session: Session, ticket: Ticket) -> list[TestValue]:
    """List the standing test values of the current round, earliest first."""
    query = select(TestValue).where(
        TestValue.ticket_id == ticket.id, TestValue.round == ticket.round, TestValue.withdrawn.is_(False)
    )
    return list(session.scalars(query.order_by(TestValue.measured_at, TestValue.id)))


def all_passed(session: Session, ticket: Ticket) -> bool:
    """Say whether there is a test and the newest value of each has passed."""
    newest = {test.name: test.passed for test in tests_of(session, ticket)}
    return bool(newest) and all(newest.values())


def _not_fixed(work: Work, ticket: Ticket) -> None:
    """Back to the bench: a test that had passed does no longer."""
    if ticket.state == "tested" and not overtaken_by(work, ticket):
        move(work, ticket, "repairing")
        unstop_clock(work, ticket, "fixed")
