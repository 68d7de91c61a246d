"""Bugs that other service desks shipped in their SLA clocks, each as a case that passes here.

Named by the public reports they come from; docstrings say what a report describes, the cases are ours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from common.sla.calendar import Span, WorkingCalendar
from common.sla.clock import ClockState, Pause, judge_clock
from common.sla.rule import ClockRule
from tests.support.sla_world import a_rule, an_office, at

OFFICE = an_office(holidays={}, extra_days={})
NINE_TO_FIVE = an_office(week=((Span(540, 1020),),) * 5 + ((), ()), holidays={}, extra_days={})


def judge(
    rule: ClockRule,
    start: str,
    now: str,
    *pauses: Pause,
    stop: str | None = None,
    office: WorkingCalendar = OFFICE,
) -> ClockState:
    return judge_clock(rule, office, at(start), pauses, at(stop) if stop else None, None, at(now))


def hold(start: str, end: str | None) -> Pause:
    return Pause(at(start), at(end) if end else None, "waiting for the customer")


def due(state: ClockState) -> datetime:
    assert state.due_at is not None
    return state.due_at


def test_helpdesk_3776_six_months_on_hold_are_six_months_not_42_days() -> None:
    """Six months on hold were reported as 42 days."""
    half_year = hold("2026-01-05 10:00", "2026-07-06 10:00")
    working = judge(a_rule(2, "wd"), "2026-01-05 09:00", "2026-07-06 10:00", half_year)
    assert (working.status, working.counted_min) == ("running", 60)
    assert working.due_at == at("2026-07-08 09:00")
    elapsed = judge(a_rule(1, "week"), "2026-01-05 09:00", "2026-07-06 10:00", half_year)
    assert elapsed.due_at == at("2026-01-12 09:00") + timedelta(days=182)


@pytest.mark.fault("E3")
@pytest.mark.parametrize(
    "zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Los_Angeles", "Asia/Kolkata"]
)
def test_helpdesk_3776_clock_is_not_overdue_at_birth_in_another_time_zone(zone: str) -> None:
    """A fresh ticket's badge was red at once for readers in another time zone."""
    office = an_office(zone, holidays={}, extra_days={})
    born = at("2026-03-02 10:00", zone)
    state = judge_clock(a_rule(), office, born, [], None, None, born)
    assert (state.status, state.remaining_min) == ("running", 240)
    assert state.due_at == at("2026-03-02 15:30", zone)


def test_helpdesk_2212_lunch_break_is_not_counted() -> None:
    """The timer ran through lunch, when nobody was there to answer."""
    over_lunch = judge(a_rule(1), "2026-03-02 11:30", "2026-03-02 14:00", stop="2026-03-02 14:00")
    assert (over_lunch.status, over_lunch.counted_min) == ("met", 60)
    at_lunch = judge(a_rule(1), "2026-03-02 12:15", "2026-03-02 13:45")
    assert (at_lunch.status, at_lunch.counted_min) == ("running", 15)


def test_helpdesk_2449_hold_of_a_ticket_born_on_a_closed_day_moves_by_working_time() -> None:
    """Hold time was added to the time of creation, wrong for tickets created on closed days."""
    saturday = judge(
        a_rule(), "2026-03-07 10:00", "2026-03-09 10:00", hold("2026-03-07 12:00", "2026-03-08 12:00")
    )
    assert saturday.due_at == at("2026-03-09 14:00")
    into_monday = judge(
        a_rule(), "2026-03-07 10:00", "2026-03-09 10:00", hold("2026-03-07 12:00", "2026-03-09 09:30")
    )
    assert into_monday.due_at == at("2026-03-09 15:00")


def test_erpnext_47029_47172_47884_hold_never_pushes_the_deadline_outside_working_hours() -> None:
    """Hold time was added to the finished deadline, which so left the hours the agreement allows."""
    state = judge(
        a_rule(), "2026-03-02 13:30", "2026-03-02 17:30", hold("2026-03-02 14:00", "2026-03-02 17:00")
    )
    assert state.due_at == at("2026-03-03 11:00")
    assert OFFICE.is_open(due(state))


def test_erpnext_49414_hold_from_closing_to_opening_changes_nothing() -> None:
    """The fix's review: nine to five, held from 17:00 to 09:00, must not move the deadline by 16 hours."""
    free = judge(a_rule(8), "2026-03-02 10:00", "2026-03-03 09:30", office=NINE_TO_FIVE)
    night = hold("2026-03-02 17:00", "2026-03-03 09:00")
    held = judge(a_rule(8), "2026-03-02 10:00", "2026-03-03 09:30", night, office=NINE_TO_FIVE)
    assert held == free
    assert due(held) == at("2026-03-03 10:00")


def test_erpnext_51111_several_holds_add_up_to_their_working_time() -> None:
    """The same fix again: hold time has to enter before the deadline is reckoned."""
    holds = [
        hold("2026-03-02 10:30", "2026-03-02 11:00"),
        hold("2026-03-02 11:30", "2026-03-02 14:00"),
        hold("2026-03-02 14:30", "2026-03-02 15:00"),
    ]
    state = judge(a_rule(), "2026-03-02 10:00", "2026-03-02 15:00", *holds)
    assert state.counted_min == 90
    assert state.due_at == at("2026-03-02 17:30")


def test_erpnext_52489_hold_is_counted_once_not_twice() -> None:
    """The review of the last attempt: hold time entered at the start and again at the end."""
    one = hold("2026-03-02 11:00", "2026-03-02 12:00")
    once = judge(a_rule(), "2026-03-02 10:00", "2026-03-02 14:00", one)
    assert once.due_at == at("2026-03-02 16:30")
    assert judge(a_rule(), "2026-03-02 10:00", "2026-03-02 14:00", one, one) == once


def test_pause_then_resolve_directly_keeps_the_pause_out() -> None:
    """Resolving a held ticket without resuming it first counted the whole hold."""
    state = judge(
        a_rule(),
        "2026-03-02 10:00",
        "2026-03-20 12:00",
        hold("2026-03-02 11:00", None),
        stop="2026-03-20 11:00",
    )
    assert (state.status, state.counted_min, state.remaining_min) == ("met", 60, 180)


def test_glpi_6902_pending_time_survives_a_change_of_urgency() -> None:
    """Put to pending, then raised to very high: the new agreement forgot the time it had been waiting."""
    waiting = hold("2026-03-02 11:00", None)
    before = judge(a_rule(4), "2026-03-02 10:00", "2026-03-04 11:00", waiting)
    after = judge(a_rule(2), "2026-03-02 10:00", "2026-03-04 11:00", waiting)
    assert (before.status, before.remaining_min) == ("paused", 180)
    assert (after.status, after.remaining_min) == ("paused", 60)
    resumed = judge(
        a_rule(2), "2026-03-02 10:00", "2026-03-04 11:00", hold("2026-03-02 11:00", "2026-03-04 11:00")
    )
    assert (resumed.status, resumed.due_at) == ("running", at("2026-03-04 12:00"))


def test_glpi_14148_leaving_pending_does_not_expire_the_clock() -> None:
    """Pending beyond the limit, then back to `new`: the clock was expired at once."""
    state = judge(
        a_rule(2), "2026-03-02 10:00", "2026-03-02 17:00", hold("2026-03-02 10:30", "2026-03-02 17:00")
    )
    assert (state.status, state.remaining_min) == ("running", 90)
    assert state.due_at == at("2026-03-03 09:00")


def test_glpi_10594_limit_in_days_held_over_a_weekend_is_not_extended_by_it() -> None:
    """A limit in days counted pending weekends as working time, so the deadline moved too far."""
    free = judge(a_rule(1, "wd"), "2026-03-06 15:00", "2026-03-09 09:00")
    held = judge(
        a_rule(1, "wd"), "2026-03-06 15:00", "2026-03-09 09:00", hold("2026-03-06 18:00", "2026-03-09 08:30")
    )
    assert held == free
    assert due(held) == at("2026-03-09 15:00")


def test_glpi_15605_new_agreement_counts_from_the_opening_and_keeps_the_hold() -> None:
    """On hold for days, then another agreement: it started from the opening date without the time on hold."""
    waiting = hold("2026-03-02 11:00", "2026-03-03 11:00")
    before = judge(a_rule(4), "2026-03-02 10:00", "2026-03-03 11:00", waiting)
    after = judge(a_rule(1, "wd"), "2026-03-02 10:00", "2026-03-03 11:00", waiting)
    assert before.due_at == at("2026-03-03 15:30")
    assert after.due_at == at("2026-03-04 10:00")


def test_servicenow_work_closed_offline_is_judged_by_when_it_was_done() -> None:
    """The upload's time stood in place of the work's, and an administrator repaired it later."""
    state = judge(a_rule(), "2026-03-02 10:00", "2026-03-05 09:00", stop="2026-03-02 15:00")
    assert (state.status, state.stopped_at) == ("met", at("2026-03-02 15:00"))
