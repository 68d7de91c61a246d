"""A clock explains itself line by line, so that a person can check its arithmetic by hand.

Owns the order and the figures of the lines; sentences stand in the catalogue (`sla.explain.*`).
Recomputes nothing differently from the verdict: every figure comes from the functions that judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from common.policy.titles import Title, Values, Word, say
from common.sla.calendar import ONE_DAY, WorkingCalendar, as_utc, show_local, show_time, show_wall
from common.sla.clock import (
    ZERO,
    ClockException,
    ClockState,
    Pause,
    counted_between,
    judge_clock,
    merge_pauses,
)
from common.sla.rule import ClockRule, limit_of


@dataclass(frozen=True, slots=True)
class ExplainLine:
    """One line: a catalogue key and its values."""

    key: str
    values: Values

    def in_language(self, language: str) -> str:
        """Return the sentence."""
        return say(language, self.key, self.values)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A change of severity, zone or policy while the clock ran, with the reason people gave."""

    at: datetime
    old: Title
    new: Title
    reason: str


Dated = tuple[datetime, ExplainLine]


def explain_clock(
    rule: ClockRule,
    calendar: WorkingCalendar,
    started_at: datetime,
    pauses: Sequence[Pause],
    stopped_at: datetime | None,
    exception: ClockException | None,
    now: datetime,
    *,
    changes: Sequence[RuleChange] = (),
    stop_known_at: datetime | None = None,
) -> list[ExplainLine]:
    """Explain a verdict: rule and source, start, each day, changes, pauses, due, stop, exception.

    `stop_known_at`: when the office learned of the stop, given only when that was later than the event.
    """
    state = judge_clock(rule, calendar, started_at, pauses, stopped_at, exception, now)
    merged = merge_pauses(pauses, started_at, stopped_at)
    limit = limit_of(rule, calendar, started_at)
    until = state.due_at or merged[-1].started_at
    dated = [*_pause_lines(rule, calendar, merged), *_change_lines(changes, calendar.zone)]
    if rule.is_working:
        dated += _day_lines(calendar, as_utc(started_at), until, merged)
    dated.sort(key=lambda pair: pair[0])
    event = Word(f"sla.event.{rule.start_event}")
    start: Values = {"at": show_local(started_at, calendar.zone), "event": event}
    lines = [*_rule_lines(rule, calendar, limit), ExplainLine("sla.explain.started", start)]
    lines += [line for _, line in dated]
    if state.due_at is not None:
        lines.append(ExplainLine("sla.explain.due", {"at": show_local(state.due_at, calendar.zone)}))
    else:
        left = limit - counted_between(rule, calendar, started_at, until, merged)
        lines.append(ExplainLine("sla.explain.due_held", {"left": left}))
    lines += _stop_lines(rule, calendar.zone, stopped_at, stop_known_at)
    lines += _exception_lines(state, calendar.zone, exception)
    lines.append(_verdict_line(rule, calendar, started_at, merged, state, limit, now))
    return lines


def _rule_lines(rule: ClockRule, calendar: WorkingCalendar, limit: timedelta) -> Iterator[ExplainLine]:
    unit = Word(f"sla.explain.unit.{rule.unit}{'.one' if rule.amount == 1 else ''}")
    values: Values = {"title": rule.title, "amount": rule.amount or 0, "unit": unit, "source": rule.source}
    yield ExplainLine("sla.explain.rule", values)
    if rule.unit == "wd":
        length = timedelta(minutes=calendar.working_day_min)
        yield ExplainLine("sla.explain.working_day", {"length": length, "limit": limit})
    else:
        kind = "working" if rule.is_working else "elapsed"
        yield ExplainLine(f"sla.explain.limit_{kind}", {"limit": limit})


def _pause_lines(rule: ClockRule, calendar: WorkingCalendar, merged: Sequence[Pause]) -> Iterator[Dated]:
    for pause in merged:
        start = show_wall(pause.started_at, calendar.zone)
        if pause.ended_at is None:
            values: Values = {"start": start, "reason": pause.reason or "–"}
            yield pause.started_at, ExplainLine("sla.explain.paused_open", values)
            continue
        values = {
            "start": start,
            "end": show_wall(pause.ended_at, calendar.zone),
            "reason": pause.reason or "–",
            "length": counted_between(rule, calendar, pause.started_at, pause.ended_at, ()),
        }
        yield pause.started_at, ExplainLine("sla.explain.paused", values)


def _change_lines(changes: Sequence[RuleChange], zone: str) -> Iterator[Dated]:
    for change in changes:
        values: Values = {
            "at": show_wall(change.at, zone),
            "old": change.old,
            "new": change.new,
            "reason": change.reason,
        }
        yield as_utc(change.at), ExplainLine("sla.explain.changed", values)


def _day_lines(
    calendar: WorkingCalendar, start: datetime, end: datetime, merged: Sequence[Pause]
) -> Iterator[Dated]:
    """One line a day with counted time, one for a run of closed days; days wholly paused need none."""
    total = ZERO
    closed: list[date] = []
    day, last = calendar.local(start).date(), calendar.local(end).date()
    while day <= last:
        if not calendar.stretches_on(day):
            if _is_paused_all(calendar, day, merged):
                day += ONE_DAY
                continue
            if closed and calendar.holidays.get(closed[0]) != calendar.holidays.get(day):
                yield _closed_line(calendar, closed, start)
                closed = []
            closed.append(day)
        else:
            if closed:
                yield _closed_line(calendar, closed, start)
                closed = []
            parts = list(_counted_parts(calendar, day, start, end, merged))
            length = sum((ends - begins for begins, ends in parts), ZERO)
            total += length
            if parts:
                yield (
                    parts[0][0],
                    ExplainLine(
                        "sla.explain.day",
                        {
                            "day": day.isoformat(),
                            "weekday": Word(f"sla.weekday.{day.weekday()}"),
                            "stretches": ", ".join(_show_part(calendar, part) for part in parts),
                            "length": length,
                            "total": total,
                        },
                    ),
                )
        day += ONE_DAY


def _counted_parts(
    calendar: WorkingCalendar, day: date, start: datetime, end: datetime, merged: Sequence[Pause]
) -> Iterator[tuple[datetime, datetime]]:
    for stretch in calendar.stretches_on(day):
        cursor, stop = max(stretch.starts_at, start), min(stretch.ends_at, end)
        for pause in merged:
            if cursor >= stop or pause.started_at >= stop:
                break
            if pause.ended_at is not None and pause.ended_at <= cursor:
                continue
            if cursor < pause.started_at:
                yield cursor, pause.started_at
            cursor = stop if pause.ended_at is None else pause.ended_at
        if cursor < stop:
            yield cursor, stop


def _show_part(calendar: WorkingCalendar, part: tuple[datetime, datetime]) -> str:
    begins, ends = (calendar.local(instant) for instant in part)
    return f"{show_time(begins)}–{show_time(ends) if begins.date() == ends.date() else '24:00'}"


def _closed_line(calendar: WorkingCalendar, days: Sequence[date], start: datetime) -> Dated:
    name = calendar.holidays.get(days[0])
    values: dict[str, str | Title | Word] = {"day": days[0].isoformat(), "last": days[-1].isoformat()}
    values["weekday"] = Word(f"sla.weekday.{days[0].weekday()}")
    if name is not None:
        values["name"] = name
    key = "holiday" if name is not None else "closed"
    if len(days) > 1:
        key = "holidays" if name is not None else "closed_days"
    return max(calendar.day_start(days[0]), start), ExplainLine(f"sla.explain.{key}", values)


def _is_paused_all(calendar: WorkingCalendar, day: date, merged: Sequence[Pause]) -> bool:
    begins, ends = calendar.day_start(day), calendar.day_start(day + ONE_DAY)
    return any(p.started_at <= begins and (p.ended_at is None or p.ended_at >= ends) for p in merged)


def _stop_lines(
    rule: ClockRule, zone: str, stopped_at: datetime | None, known_at: datetime | None
) -> Iterator[ExplainLine]:
    if stopped_at is None:
        return
    stop: Values = {"at": show_local(stopped_at, zone), "event": Word(f"sla.event.{rule.stop_event}")}
    yield ExplainLine("sla.explain.stopped", stop)
    if known_at is not None and known_at > stopped_at:
        yield ExplainLine("sla.explain.known_late", {"at": show_local(known_at, zone)})


def _exception_lines(state: ClockState, zone: str, exception: ClockException | None) -> Iterator[ExplainLine]:
    if exception is None:
        return
    yield ExplainLine(
        "sla.explain.exception",
        {
            "at": show_wall(exception.approved_at, zone),
            "approver": exception.approved_by,
            "reason": exception.reason,
        },
    )
    told_at = exception.customer_told_at
    if told_at is None:
        yield ExplainLine("sla.explain.customer_not_told", {})
        return
    is_late = state.due_at is not None and told_at > state.due_at
    key = "sla.explain.customer_told_late" if is_late else "sla.explain.customer_told"
    yield ExplainLine(key, {"at": show_wall(told_at, zone)})


def _verdict_line(
    rule: ClockRule,
    calendar: WorkingCalendar,
    started_at: datetime,
    merged: Sequence[Pause],
    state: ClockState,
    limit: timedelta,
    now: datetime,
) -> ExplainLine:
    until = max(state.stopped_at or now, started_at)
    counted = counted_between(rule, calendar, started_at, until, merged)
    values: dict[str, str | timedelta] = {
        "at": show_local(now, calendar.zone),
        "limit": limit,
        "counted": counted,
        "remaining": max(limit - counted, ZERO),
        "overdue": max(counted - limit, ZERO),
        "late": ZERO,
    }
    if state.due_at is not None and until > state.due_at:
        values["late"] = until - state.due_at
    return ExplainLine(f"sla.verdict.{state.status}", values)
