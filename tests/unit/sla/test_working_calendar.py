"""Adding and measuring working time: tables of days where it goes wrong elsewhere."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from common.sla.calendar import Span, WorkingCalendar, add_local_days, show_local, whole_minutes
from tests.support.sla_world import OFFICE_DAY, an_office, at

AROUND_THE_CLOCK = ((Span(0, 1440),),) * 7


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-03-02 08:30", 210, "2026-03-02 12:00"),  # ends at the closing stroke, not after lunch
        ("2026-03-02 08:30", 211, "2026-03-02 13:31"),  # lunch is not counted
        ("2026-03-02 12:30", 60, "2026-03-02 14:30"),  # reported at lunch
        ("2026-03-02 03:00", 60, "2026-03-02 09:30"),  # reported at night
        ("2026-03-06 17:00", 120, "2026-03-09 09:30"),  # over the weekend
        ("2026-03-07 10:00", 1, "2026-03-09 08:31"),  # reported on Saturday
        ("2026-09-30 17:30", 60, "2026-10-08 09:00"),  # over seven days of holiday
        ("2026-10-09 17:00", 120, "2026-10-10 09:30"),  # Saturday worked (调休)
        ("2026-12-31 17:00", 120, "2027-01-01 09:30"),  # over the year's end
        ("2028-02-28 17:00", 120, "2028-02-29 09:30"),  # 29 February exists
        ("2027-02-26 17:00", 120, "2027-03-01 09:30"),  # and here it does not
        ("2026-03-02 09:00", 480 * 5, "2026-03-09 09:00"),  # a working week later
        ("2026-03-02 12:30", 0, "2026-03-02 12:30"),  # nothing added, nothing moved
    ],
)
def test_working_time_is_added(start: str, minutes: int, end: str) -> None:
    calendar = an_office()
    assert calendar.add_working(at(start), timedelta(minutes=minutes)) == at(end)
    assert calendar.working_minutes_between(at(start), at(end)) == minutes


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2026-03-02 12:00", "2026-03-02 13:30", 0),
        ("2026-03-02 18:00", "2026-03-03 08:30", 0),
        ("2026-03-02 11:59", "2026-03-02 13:31", 2),
        ("2026-10-01 00:00", "2026-10-08 00:00", 0),
        ("2026-10-10 00:00", "2026-10-12 00:00", 480),
        ("2026-01-01 00:00", "2027-01-01 00:00", (261 - 5 + 1) * 480),
        ("2026-03-03 09:00", "2026-03-02 09:00", -480),
    ],
)
def test_working_time_is_measured(start: str, end: str, minutes: int) -> None:
    assert an_office().working_minutes_between(at(start), at(end)) == minutes


@pytest.mark.parametrize(
    ("asked", "opens"),
    [
        ("2026-03-02 10:15", "2026-03-02 10:15"),
        ("2026-03-02 12:00", "2026-03-02 13:30"),
        ("2026-03-06 18:00", "2026-03-09 08:30"),
        ("2026-09-30 23:00", "2026-10-08 08:30"),
    ],
)
def test_next_open(asked: str, opens: str) -> None:
    calendar = an_office()
    assert calendar.next_open(at(asked)) == at(opens)
    assert calendar.is_open(at(asked)) == (asked == opens)


@pytest.mark.fault("E3")
def test_night_shift_on_the_night_clocks_go_forward_is_an_hour_shorter() -> None:
    night = an_office("America/New_York", week=((Span(0, 360),),) * 7)
    midnight = at("2026-03-08 00:00", "America/New_York")
    assert night.working_minutes_between(midnight, midnight + timedelta(hours=12)) == 5 * 60
    # One hour of work after 01:30 is 03:30: the hour from two to three does not exist.
    assert night.add_working(at("2026-03-08 01:30", "America/New_York"), timedelta(hours=1)) == at(
        "2026-03-08 03:30", "America/New_York"
    )


@pytest.mark.fault("E3")
def test_night_shift_on_the_night_clocks_go_back_is_an_hour_longer() -> None:
    night = an_office("America/New_York", week=((Span(0, 360),),) * 7)
    midnight = at("2026-11-01 00:00", "America/New_York")
    assert night.working_minutes_between(midnight, midnight + timedelta(hours=12)) == 7 * 60


def test_opening_time_inside_the_skipped_hour_is_the_jump() -> None:
    early = an_office("Europe/Berlin", week=((Span(150, 300),),) * 7)
    assert early.next_open(at("2026-03-29 00:00", "Europe/Berlin")) == at("2026-03-29 03:00", "Europe/Berlin")
    assert (
        early.working_minutes_between(
            at("2026-03-29 00:00", "Europe/Berlin"), at("2026-03-30 00:00", "Europe/Berlin")
        )
        == 120
    )


def test_office_hours_do_not_move_when_clocks_do() -> None:
    berlin = an_office("Europe/Berlin")
    friday, monday = at("2026-03-27 17:00", "Europe/Berlin"), at("2026-03-30 09:30", "Europe/Berlin")
    assert berlin.add_working(friday, timedelta(hours=2)) == monday


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Havana", "Asia/Beirut", "America/Santiago"])
def test_round_the_clock_counts_every_hour_where_midnight_jumps(zone: str) -> None:
    always = an_office(zone, week=AROUND_THE_CLOCK, holidays={}, extra_days={})
    start, end = at("2026-01-01 00:00", zone), at("2027-01-01 00:00", zone)
    assert always.working_between(start, end) == end - start


@pytest.mark.fault("E3")
def test_day_that_never_was_has_no_hours() -> None:
    apia = an_office("Pacific/Apia", week=AROUND_THE_CLOCK, holidays={}, extra_days={})
    assert apia.stretches_on(date(2011, 12, 30)) == ()


def test_ten_years_take_a_walk_over_days_not_minutes() -> None:
    calendar = an_office(holidays={}, extra_days={})
    end = calendar.add_working(at("2026-01-01 09:00"), timedelta(hours=8 * 2609))
    assert whole_minutes(calendar.working_between(at("2026-01-01 09:00"), end)) == 8 * 60 * 2609
    assert end.year in (2035, 2036)
    assert len(calendar._known) < 3700


def test_calendar_that_never_opens_is_refused_not_searched_for_ever() -> None:
    shut = WorkingCalendar("Asia/Shanghai", ((),) * 7, 480)
    with pytest.raises(ValueError, match="calendar_has_no_open_hours"):
        shut.next_open(at("2026-03-02 10:00"))
    assert shut.working_minutes_between(at("2026-03-02 10:00"), at("2026-04-02 10:00")) == 0


def test_time_without_zone_and_negative_amounts_are_refused() -> None:
    naive = datetime(2026, 3, 2, 10)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="instant_without_zone"):
        an_office().add_working(naive, timedelta(hours=1))
    with pytest.raises(ValueError, match="amount_negative"):
        an_office().add_working(at("2026-03-02 10:00"), timedelta(minutes=-1))


def test_extra_working_day_beats_a_holiday() -> None:
    on = date(2026, 10, 3)
    calendar = an_office(extra_days={on: OFFICE_DAY})
    assert calendar.spans_on(on) == OFFICE_DAY


def test_calendar_days_keep_the_time_of_day_over_a_change_of_offset() -> None:
    zone = "Europe/Berlin"
    assert add_local_days(at("2026-03-25 15:00", zone), 7, zone) == at("2026-04-01 15:00", zone)
    assert add_local_days(at("2026-03-28 02:30", zone), 1, zone) == at("2026-03-29 03:00", zone)
    assert add_local_days(at("2028-02-28 09:00"), 1, "Asia/Shanghai") == at("2028-02-29 09:00")


def test_deadlines_are_shown_in_local_time_with_the_zone() -> None:
    assert show_local(at("2026-03-02 17:30"), "Asia/Shanghai") == "2026-03-02 17:30 UTC+08:00 Asia/Shanghai"
    assert show_local(at("2026-07-01 09:00", "Asia/Kathmandu"), "Asia/Kathmandu").endswith(
        "UTC+05:45 Asia/Kathmandu"
    )
