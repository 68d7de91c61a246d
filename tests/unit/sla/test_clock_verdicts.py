"""Verdicts by table: limits in every unit, pauses, exceptions, late stops, changes of rule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.sla.clock import ClockException, ClockState, Pause, due_at, judge_clock, merge_pauses
from common.sla.rule import ClockRule, choose_rule, rule_data, rule_from_data
from tests.support.sla_world import a_rule, an_office, at

OFFICE = an_office()
START = at("2026-03-02 10:00")  # a Monday


def judge(
    rule: ClockRule,
    *pauses: Pause,
    stop: str | None = None,
    now: str = "2026-03-02 10:00",
    exception: ClockException | None = None,
    start: str = "2026-03-02 10:00",
) -> ClockState:
    return judge_clock(rule, OFFICE, at(start), pauses, at(stop) if stop else None, exception, at(now))


def pause(start: str, end: str | None, reason: str = "customer asked") -> Pause:
    return Pause(at(start), at(end) if end else None, reason)


@pytest.mark.parametrize(
    ("amount", "unit", "due"),
    [
        (4, "wh", "2026-03-02 15:30"),
        (2, "wh", "2026-03-02 12:00"),
        (1, "wd", "2026-03-03 10:00"),
        (2, "wd", "2026-03-04 10:00"),
        (5, "wd", "2026-03-09 10:00"),
        (3, "h", "2026-03-02 13:00"),
        (12, "h", "2026-03-02 22:00"),
        (4, "d", "2026-03-06 10:00"),
        (1, "week", "2026-03-09 10:00"),
    ],
)
def test_deadline_in_each_unit(amount: int, unit: str, due: str) -> None:
    assert due_at(a_rule(amount, unit), OFFICE, START) == at(due)


@pytest.mark.parametrize(
    ("stop", "now", "status", "remaining", "overdue", "late"),
    [
        (None, "2026-03-02 11:00", "running", 180, 0, 0),
        (None, "2026-03-02 15:30", "running", 0, 0, 0),
        (None, "2026-03-02 15:31", "breached", 0, 1, 1),
        (None, "2026-03-02 20:00", "breached", 0, 150, 270),
        ("2026-03-02 15:30", "2026-03-02 18:00", "met", 0, 0, 0),
        ("2026-03-02 15:29", "2026-05-01 18:00", "met", 1, 0, 0),
        ("2026-03-02 15:31", "2026-03-02 18:00", "met_late", 0, 1, 1),
        ("2026-03-03 08:30", "2026-03-03 09:00", "met_late", 0, 150, 1020),
        ("2026-03-02 09:59", "2026-03-02 18:00", "met", 240, 0, 0),  # a stop before the start uses nothing up
    ],
)
def test_verdict(stop: str | None, now: str, status: str, remaining: int, overdue: int, late: int) -> None:
    state = judge(a_rule(), stop=stop, now=now)
    assert (state.status, state.remaining_min, state.overdue_min, state.late_min) == (
        status,
        remaining,
        overdue,
        late,
    )
    assert state.limit_min == 240


def test_warning_comes_at_the_share_the_policy_names() -> None:
    assert judge(a_rule()).warn_at == at("2026-03-02 14:30")
    assert judge(a_rule(warn_pct=50)).warn_at == at("2026-03-02 12:00")


def test_pause_moves_the_deadline_by_its_working_time_only() -> None:
    state = judge(a_rule(), pause("2026-03-02 11:00", "2026-03-02 14:00"))
    assert state.due_at == at("2026-03-02 17:00")  # 1 h before lunch and half an hour after it did not count


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-02 12:00", "2026-03-02 13:30"),
        ("2026-03-02 18:00", "2026-03-03 08:30"),
        ("2026-03-06 18:30", "2026-03-08 12:00"),
    ],
)
def test_pause_in_closed_hours_adds_nothing(start: str, end: str) -> None:
    rule = a_rule(40, "wh")
    assert judge(rule, pause(start, end)).due_at == judge(rule).due_at


def test_pause_of_an_hours_clock_counts_day_and_night() -> None:
    assert judge(a_rule(12, "h"), pause("2026-03-02 18:00", "2026-03-03 08:30")).due_at == at(
        "2026-03-03 12:30"
    )


def test_open_pause_holds_the_deadline_back() -> None:
    state = judge(a_rule(), pause("2026-03-02 11:00", None), now="2026-06-01 10:00")
    assert (state.status, state.due_at, state.remaining_min, state.counted_min) == ("paused", None, 180, 60)


def test_pause_after_the_breach_does_not_undo_it() -> None:
    state = judge(a_rule(), pause("2026-03-02 16:00", None), now="2026-03-09 10:00")
    assert (state.status, state.due_at, state.overdue_min) == ("breached", at("2026-03-02 15:30"), 30)


def test_overlapping_doubled_and_empty_pauses_count_once() -> None:
    once = judge(a_rule(), pause("2026-03-02 11:00", "2026-03-02 14:00")).due_at
    many = judge(
        a_rule(),
        pause("2026-03-02 13:00", "2026-03-02 14:00"),
        pause("2026-03-02 11:00", "2026-03-02 13:30"),
        pause("2026-03-02 11:00", "2026-03-02 13:30"),
        pause("2026-03-02 15:00", "2026-03-02 15:00"),
        pause("2026-03-02 17:00", "2026-03-02 09:00"),
    ).due_at
    assert many == once


def test_pause_begun_before_the_clock_counts_from_its_start() -> None:
    merged = merge_pauses([pause("2026-03-01 10:00", "2026-03-02 11:00")], START)
    assert merged == (Pause(START, at("2026-03-02 11:00"), "customer asked"),)


def test_approved_exception_takes_a_late_clock_out_but_not_a_met_one() -> None:
    storm = ClockException("typhoon", "supervisor", at("2026-03-02 12:00"), at("2026-03-02 12:10"))
    assert judge(a_rule(), stop="2026-03-04 10:00", exception=storm).status == "excepted"
    assert judge(a_rule(), now="2026-03-04 10:00", exception=storm).status == "excepted"
    assert judge(a_rule(), stop="2026-03-02 11:00", exception=storm).status == "met"


def test_change_of_severity_counts_from_the_first_start_and_keeps_pauses() -> None:
    held = pause("2026-03-02 11:00", "2026-03-02 12:00")
    assert judge(a_rule(4), held).due_at == at("2026-03-02 16:30")
    assert judge(a_rule(2), held, now="2026-03-02 14:40").status == "breached"
    assert judge(a_rule(2), held).due_at == at("2026-03-02 14:30")


def test_rule_without_figure_cannot_be_judged() -> None:
    with pytest.raises(ValueError, match="clock_rule_incomplete"):
        judge(a_rule(None))
    assert not a_rule(None).is_complete
    assert not a_rule(start_event=None).is_complete


def test_most_specific_rule_is_chosen() -> None:
    rules = [
        a_rule(code="any"),
        a_rule(code="urgent", urgency="urgent"),
        a_rule(code="city", zone="city"),
        a_rule(code="city_urgent", zone="city", urgency="urgent"),
        a_rule(code="complex", level="complex"),
        a_rule(code="other", clock="repair"),
    ]

    def chosen(**asked: str | None) -> str | None:
        wanted = {"urgency": "normal", "zone": None, "level": "minor"} | asked
        rule = choose_rule(rules, "response", **wanted)
        return rule.code if rule else None

    assert chosen() == "any"
    assert chosen(urgency="urgent") == "urgent"
    assert chosen(urgency="urgent", zone="city") == "city_urgent"
    assert chosen(zone="city", level="complex") == "city"
    assert chosen(urgency="urgent", level="complex") == "urgent"
    assert choose_rule(rules, "arrival", urgency=None, zone=None, level=None) is None


def test_rule_survives_being_frozen_as_data() -> None:
    rule = a_rule(note=a_rule().title, zone="city")
    assert rule_from_data(rule_data(rule)) == rule


def test_the_same_facts_give_the_same_verdict_whenever_asked() -> None:
    early = judge(a_rule(), stop="2026-03-02 12:00", now="2026-03-02 12:00")
    late = judge(a_rule(), stop="2026-03-02 12:00", now="2027-03-02 12:00")
    assert early == late
    assert early.counted_min == 120
    assert timedelta(minutes=early.remaining_min) == timedelta(hours=2)
