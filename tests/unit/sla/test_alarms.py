"""Warned before and at breach, also for what was done offline and arrives late (R015)."""

from __future__ import annotations

from common.sla.alarms import alarms_between
from common.sla.clock import ClockException, ClockState, Pause, judge_clock
from tests.support.sla_world import a_rule, an_office, at

OFFICE = an_office()  # four working hours from 10:00: warned 14:30, due 15:30


def state(
    now: str, stop: str | None = None, *pauses: Pause, amount: int = 4, exception: bool = False
) -> ClockState:
    storm = ClockException("typhoon", "the supervisor", at("2026-03-02 12:00")) if exception else None
    stopped = at(stop) if stop else None
    return judge_clock(a_rule(amount), OFFICE, at("2026-03-02 10:00"), pauses, stopped, storm, at(now))


def raised(of: ClockState, checked: str | None, now: str, *standing: str) -> list[tuple[str, bool]]:
    found = alarms_between(of, at(checked) if checked else None, at(now), standing)
    return [(alarm.kind, alarm.is_known_late) for alarm in found]


def test_nothing_to_say_before_the_warning() -> None:
    assert raised(state("2026-03-02 14:29"), "2026-03-02 14:28", "2026-03-02 14:29") == []


def test_warning_then_breach_each_once() -> None:
    assert raised(state("2026-03-02 14:30"), "2026-03-02 14:29", "2026-03-02 14:30") == [("warn", False)]
    assert raised(state("2026-03-02 14:31"), "2026-03-02 14:30", "2026-03-02 14:31", "warn") == []
    assert raised(state("2026-03-02 15:31"), "2026-03-02 15:29", "2026-03-02 15:31", "warn") == [
        ("breach", False)
    ]
    assert raised(state("2026-03-02 15:32"), "2026-03-02 15:31", "2026-03-02 15:32", "warn", "breach") == []


def test_breach_makes_a_warning_nobody_gave_pointless() -> None:
    assert raised(state("2026-03-03 09:00"), None, "2026-03-03 09:00") == [("breach", False)]


def test_breach_learned_from_late_news_says_so() -> None:
    late = state("2026-03-04 09:00", "2026-03-03 11:00")
    [alarm] = alarms_between(late, at("2026-03-04 08:59"), at("2026-03-04 09:00"))
    assert (alarm.kind, alarm.at, alarm.is_known_late) == ("breach", at("2026-03-02 15:30"), True)


def test_clock_that_began_offline_is_warned_late() -> None:
    assert raised(state("2026-03-02 15:00"), "2026-03-02 14:59", "2026-03-02 15:00") == [("warn", True)]


def test_breach_is_taken_back_when_late_news_says_it_was_done_in_time() -> None:
    done = state("2026-03-03 09:00", "2026-03-02 15:00")
    assert raised(done, "2026-03-03 08:59", "2026-03-03 09:00", "warn", "breach") == [
        ("breach_withdrawn", True)
    ]


def test_breach_is_taken_back_by_a_pause_learned_late_an_exception_or_a_longer_limit() -> None:
    held = state("2026-03-02 16:00", None, Pause(at("2026-03-02 11:00"), at("2026-03-02 14:00")))
    assert ("breach_withdrawn", True) in raised(
        held, "2026-03-02 15:59", "2026-03-02 16:00", "warn", "breach"
    )
    excepted = state("2026-03-02 16:00", exception=True)
    assert raised(excepted, "2026-03-02 15:59", "2026-03-02 16:00", "breach") == [("breach_withdrawn", True)]
    longer = state("2026-03-02 16:00", amount=40)
    assert raised(longer, "2026-03-02 15:59", "2026-03-02 16:00", "warn", "breach") == [
        ("breach_withdrawn", True),
        ("warn_withdrawn", True),
    ]


def test_met_clock_stays_silent() -> None:
    met = state("2026-03-02 15:00", "2026-03-02 14:00")
    assert raised(met, None, "2026-03-05 09:00") == []
    assert raised(met, None, "2026-03-05 09:00", "warn") == []


def test_open_pause_silences_what_it_holds_back() -> None:
    held = state("2026-06-01 09:00", None, Pause(at("2026-03-02 11:00"), None))
    assert raised(held, "2026-03-02 11:00", "2026-06-01 09:00") == []
