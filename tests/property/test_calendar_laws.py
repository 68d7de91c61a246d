"""Laws of working time, held against a slow oracle that looks at every minute's wall clock.

Seconds and boundaries inside an hour that runs twice are outside the oracle; the unit tests have those.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from common.policy.titles import Title
from common.sla.calendar import Span, WorkingCalendar
from common.sla.clock import Pause, due_at, judge_clock
from tests.support.sla_world import a_rule

MINUTE = timedelta(minutes=1)
ZONES = ("Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
# Days around changes of offset, a leap day, a year's end and an ordinary week.
DAYS = (
    date(2026, 3, 7),
    date(2026, 3, 28),
    date(2026, 10, 24),
    date(2026, 10, 31),
    date(2028, 2, 27),
    date(2026, 12, 30),
    date(2026, 6, 10),
    date(2026, 4, 4),
    date(2026, 10, 3),
)


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    # No boundary in the small hours, where clocks change: it could fall into an hour that runs twice.
    hours = [0, *range(4, 25)]
    cuts = sorted(draw(st.lists(st.sampled_from(hours), min_size=0, max_size=6, unique=True)))
    return tuple(Span(a * 60, b * 60) for a, b in zip(cuts[::2], cuts[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> WorkingCalendar:
    week = tuple(draw(spans()) for _ in range(6)) + ((Span(540, 1020),),)
    around = draw(st.sampled_from(DAYS))
    some_days = st.integers(0, 6).map(lambda offset: around + timedelta(days=offset))
    holidays = {day: Title("Closed", "休息", "休息") for day in draw(st.sets(some_days, max_size=3))}
    extra = {day: (Span(480, 720),) for day in draw(st.sets(some_days, max_size=2))}
    return WorkingCalendar(draw(st.sampled_from(ZONES)), week, 480, holidays, extra)


instants = st.builds(
    lambda day, minute: datetime(day.year, day.month, day.day, tzinfo=UTC) + minute * MINUTE,
    st.sampled_from(DAYS),
    st.integers(0, 5 * 1440),
)
amounts = st.integers(0, 3000).map(lambda minutes: minutes * MINUTE)


def is_open_minute(calendar: WorkingCalendar, instant: datetime) -> bool:
    wall = instant.astimezone(ZoneInfo(calendar.zone))
    minute = wall.hour * 60 + wall.minute
    return any(span.start_min <= minute < span.end_min for span in calendar.spans_on(wall.date()))


def oracle_between(calendar: WorkingCalendar, start: datetime, end: datetime) -> int:
    minutes = int((end - start) / MINUTE)
    return sum(is_open_minute(calendar, start + offset * MINUTE) for offset in range(minutes))


@given(calendars(), instants, st.integers(0, 4 * 1440))
@settings(max_examples=60)
def test_measuring_agrees_with_the_oracle(calendar: WorkingCalendar, start: datetime, minutes: int) -> None:
    end = start + minutes * MINUTE
    assert calendar.working_minutes_between(start, end) == oracle_between(calendar, start, end)


@given(calendars(), instants, st.integers(1, 1200))
@settings(max_examples=60)
def test_adding_agrees_with_the_oracle(calendar: WorkingCalendar, start: datetime, minutes: int) -> None:
    cursor, left = start, minutes
    while left:
        left -= is_open_minute(calendar, cursor)
        cursor += MINUTE
    assert calendar.add_working(start, minutes * MINUTE) == cursor


@given(calendars(), instants, amounts)
def test_what_was_added_is_measured_and_can_be_taken_away(
    calendar: WorkingCalendar, start: datetime, amount: timedelta
) -> None:
    end = calendar.add_working(start, amount)
    assert calendar.working_between(start, end) == amount
    begin = calendar.subtract_working(start, amount)
    assert calendar.working_between(begin, start) == amount
    if amount and calendar.is_open(start):
        assert calendar.subtract_working(end, amount) == start


@given(calendars(), instants, amounts, amounts)
def test_adding_twice_is_adding_the_sum_and_never_goes_back(
    calendar: WorkingCalendar, start: datetime, first: timedelta, second: timedelta
) -> None:
    once = calendar.add_working(start, first + second)
    assert calendar.add_working(calendar.add_working(start, first), second) == once
    assert once >= calendar.add_working(start, first) >= start


@given(calendars(), instants, st.integers(0, 5000), amounts)
def test_starting_later_never_ends_earlier(
    calendar: WorkingCalendar, start: datetime, shift: int, amount: timedelta
) -> None:
    assert calendar.add_working(start + shift * MINUTE, amount) >= calendar.add_working(start, amount)


@given(calendars(), st.tuples(instants, instants, instants))
def test_measures_of_neighbouring_stretches_add_up(
    calendar: WorkingCalendar, times: tuple[datetime, datetime, datetime]
) -> None:
    first, middle, last = sorted(times)
    whole = calendar.working_between(first, last)
    assert calendar.working_between(first, middle) + calendar.working_between(middle, last) == whole
    assert timedelta() <= whole <= last - first


@given(calendars(), instants)
def test_next_open_is_open_and_nothing_before_it_is(calendar: WorkingCalendar, instant: datetime) -> None:
    opens = calendar.next_open(instant)
    assert opens >= instant
    assert is_open_minute(calendar, opens)
    assert calendar.working_between(instant, opens) == timedelta()


@st.composite
def pause_lists(draw: st.DrawFn) -> list[Pause]:
    base = datetime(2026, 3, 7, tzinfo=UTC)
    edges = draw(st.lists(st.integers(0, 6 * 1440), min_size=0, max_size=8))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [Pause(base + a * MINUTE, base + b * MINUTE) for a, b in pairs]


starts = st.integers(0, 2 * 1440).map(lambda minute: datetime(2026, 3, 7, tzinfo=UTC) + minute * MINUTE)
rules = st.sampled_from(["wh", "h"]).flatmap(
    lambda unit: st.integers(1, 40).map(lambda amount: a_rule(amount, unit))
)


@given(calendars(), rules, starts, pause_lists(), st.data())
def test_splitting_a_pause_changes_nothing(
    calendar: WorkingCalendar, rule: object, start: datetime, pauses: list[Pause], data: st.DataObject
) -> None:
    split: list[Pause] = []
    for pause in pauses:
        assert pause.ended_at is not None
        length = int((pause.ended_at - pause.started_at) / MINUTE)
        middle = pause.started_at + data.draw(st.integers(0, max(length, 0))) * MINUTE
        split += [Pause(middle, pause.ended_at), Pause(pause.started_at, middle)] if length > 0 else [pause]
    assert due_at(rule, calendar, start, split) == due_at(rule, calendar, start, pauses)  # type: ignore[arg-type]


@given(calendars(), rules, starts, pause_lists(), pause_lists())
def test_another_pause_never_makes_a_deadline_earlier(
    calendar: WorkingCalendar, rule: object, start: datetime, pauses: list[Pause], more: list[Pause]
) -> None:
    due = due_at(rule, calendar, start, pauses)  # type: ignore[arg-type]
    later = due_at(rule, calendar, start, pauses + more)  # type: ignore[arg-type]
    assert due is not None
    assert later is not None
    assert later >= due


@given(calendars(), rules, starts, pause_lists(), st.integers(0, 8 * 1440))
def test_verdict_and_figures_agree(
    calendar: WorkingCalendar, rule: object, start: datetime, pauses: list[Pause], minutes: int
) -> None:
    now = start + minutes * MINUTE
    state = judge_clock(rule, calendar, start, pauses, None, None, now)  # type: ignore[arg-type]
    stopped = judge_clock(rule, calendar, start, pauses, now, None, now)  # type: ignore[arg-type]
    assert state.due_at is not None
    assert state.warn_at is not None
    assert start <= state.warn_at <= state.due_at
    assert (state.status == "breached") == (now > state.due_at)
    assert (stopped.status == "met_late") == (state.status == "breached")
    if state.status != "breached":
        assert state.counted_min + state.remaining_min == state.limit_min
    else:
        assert state.counted_min - state.overdue_min == state.limit_min
