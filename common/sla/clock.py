"""The verdict on one SLA clock: met, running, paused, breached or excepted, always by event time (R009–R014).

Pure: the same facts give the same verdict on tablet and server, whenever they arrive. A change of severity,
zone or policy needs nothing special: the new rule counts its limit from the first start, pauses kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from common.sla.calendar import WorkingCalendar, whole_minutes
from common.sla.rule import ClockRule, limit_of

Status = Literal["running", "paused", "met", "breached", "met_late", "excepted"]
ZERO = timedelta()


@dataclass(frozen=True, slots=True)
class Pause:
    """A time that does not count, `ended_at` None while it lasts. `reason` is what people wrote or chose."""

    started_at: datetime
    ended_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClockException:
    """A special case a supervisor approved (特殊情况除外, R014); the customer is told beforehand."""

    reason: str
    approved_by: str
    approved_at: datetime
    customer_told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ClockState:
    """A clock at one instant. `due_at`, `warn_at` None while an open pause stands before them.

    `limit_min`, `counted_min`, `remaining_min`, `overdue_min`: the clock's own time (working minutes for wh,
    wd); `late_min` is real minutes after the promise, which is what the customer lived through.
    """

    status: Status
    due_at: datetime | None
    warn_at: datetime | None
    stopped_at: datetime | None
    limit_min: int
    counted_min: int
    remaining_min: int
    overdue_min: int
    late_min: int

    @property
    def is_late(self) -> bool:
        """Say whether the limit was passed, excepted or not."""
        return self.late_min > 0 or self.overdue_min > 0 or self.status in ("breached", "met_late")


def due_at(
    rule: ClockRule, calendar: WorkingCalendar, started_at: datetime, pauses: Sequence[Pause] = ()
) -> datetime | None:
    """Return the deadline, None while an open pause holds it back; ValueError for an incomplete rule."""
    limit = limit_of(rule, calendar, started_at)
    return reach(rule, calendar, started_at, limit, merge_pauses(pauses, started_at))


def judge_clock(
    rule: ClockRule,
    calendar: WorkingCalendar,
    started_at: datetime,
    pauses: Sequence[Pause],
    stopped_at: datetime | None,
    exception: ClockException | None,
    now: datetime,
) -> ClockState:
    """Judge a clock from its facts. The deadline instant itself is in time; a stop during a pause is in time.

    Raises ValueError for an incomplete rule.
    """
    limit = limit_of(rule, calendar, started_at)
    until = max(stopped_at or now, started_at)
    merged = merge_pauses(pauses, started_at, stopped_at)
    due = reach(rule, calendar, started_at, limit, merged)
    warn = reach(rule, calendar, started_at, limit * rule.warn_pct / 100, merged)
    is_late = due is not None and until > due
    counted = counted_between(rule, calendar, started_at, until, merged)
    overdue = counted_between(rule, calendar, due, until, merged) if due and is_late else ZERO
    is_held = any(p.started_at <= until and (p.ended_at is None or until < p.ended_at) for p in merged)
    return ClockState(
        status=_status(stopped_at is not None, is_late, is_held, exception is not None),
        due_at=due,
        warn_at=warn,
        stopped_at=stopped_at,
        limit_min=whole_minutes(limit),
        counted_min=whole_minutes(counted),
        remaining_min=0 if is_late else whole_minutes(max(limit - counted, ZERO)),
        overdue_min=whole_minutes(overdue),
        late_min=whole_minutes(until - due) if due and is_late else 0,
    )


def _status(is_stopped: bool, is_late: bool, is_held: bool, is_excepted: bool) -> Status:
    if is_stopped and not is_late:
        return "met"
    if is_excepted:
        return "excepted"
    if is_late:
        return "met_late" if is_stopped else "breached"
    return "paused" if is_held else "running"


def merge_pauses(
    pauses: Sequence[Pause], started_at: datetime, stopped_at: datetime | None = None
) -> tuple[Pause, ...]:
    """Return the pauses in order, cut to the clock's life, overlaps joined under the first reason."""
    merged: list[Pause] = []
    for pause in sorted(pauses, key=lambda p: p.started_at):
        begin = max(pause.started_at, started_at).astimezone(UTC)
        end = pause.ended_at
        if stopped_at is not None:
            end = stopped_at if end is None else min(end, stopped_at)
        if end is not None and end <= begin:
            continue
        last = merged[-1] if merged else None
        if last is not None and (last.ended_at is None or begin <= last.ended_at):
            later = None if end is None or last.ended_at is None else max(end, last.ended_at)
            merged[-1] = Pause(last.started_at, later, last.reason)
        else:
            merged.append(Pause(begin, end, pause.reason))
    return tuple(merged)


def reach(
    rule: ClockRule, calendar: WorkingCalendar, start: datetime, amount: timedelta, merged: Sequence[Pause]
) -> datetime | None:
    """Return when `amount` of the clock's time is counted, None if paused before (`merge_pauses`)."""
    cursor, left = start, amount
    for pause in merged:
        candidate = _add(rule, calendar, cursor, left)
        if candidate <= pause.started_at:
            return candidate
        left -= _count(rule, calendar, cursor, pause.started_at)
        if pause.ended_at is None:
            return None
        cursor = pause.ended_at
    return _add(rule, calendar, cursor, left)


def counted_between(
    rule: ClockRule, calendar: WorkingCalendar, start: datetime, end: datetime, merged: Sequence[Pause]
) -> timedelta:
    """Return the clock's own time between two instants, pauses taken out."""
    total = _count(rule, calendar, start, end)
    for pause in merged:
        begin = max(pause.started_at, start)
        stop = end if pause.ended_at is None else min(pause.ended_at, end)
        if begin < stop:
            total -= _count(rule, calendar, begin, stop)
    return total


def _add(rule: ClockRule, calendar: WorkingCalendar, instant: datetime, amount: timedelta) -> datetime:
    return calendar.add_working(instant, amount) if rule.is_working else instant.astimezone(UTC) + amount


def _count(rule: ClockRule, calendar: WorkingCalendar, start: datetime, end: datetime) -> timedelta:
    return calendar.working_between(start, end) if rule.is_working else end - start
