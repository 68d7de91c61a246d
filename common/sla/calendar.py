"""Working time: opening hours of a weekday, holidays and extra working days (调休) in one IANA zone (R013).

Owns adding and measuring working time on UTC instants, right across daylight saving, leap days and year ends.
Knows no clocks, tickets or policies, and steps by opening stretches, never by minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from common.policy.titles import Title

DAY_MIN = 1440
# A calendar is walked at most this far in one go: beyond it a policy has no open hours worth the name.
WALK_DAYS_MAX = 366 * 40
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of opening hours: minutes after local midnight, `0 <= start_min < end_min <= 1440`."""

    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """One open stretch on one local day, as instants."""

    local_on: date
    starts_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        """Return the real length; on a day of daylight-saving change it differs from the wall clock's."""
        return self.ends_at - self.starts_at


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Opening hours. `week`: seven tuples of spans, Monday first. An extra working day beats a holiday.

    `working_day_min` is how many working minutes one working day (wd) of a limit means.
    """

    zone: str
    week: tuple[tuple[Span, ...], ...]
    working_day_min: int
    holidays: Mapping[date, Title] = field(default_factory=dict)
    extra_days: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)
    _known: dict[date, tuple[Stretch, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """Return the opening hours of a local day."""
        if day in self.extra_days:
            return self.extra_days[day]
        return () if day in self.holidays else self.week[day.weekday()]

    def local(self, instant: datetime) -> datetime:
        """Return the wall-clock time of an instant in this calendar's zone. Raises ValueError if naive."""
        return as_utc(instant).astimezone(ZoneInfo(self.zone))

    def day_start(self, day: date) -> datetime:
        """Return the instant a local day begins, which is not midnight where the clock jumps over it."""
        return _wall_instant(self.zone, day, 0, 0)

    def stretches_on(self, day: date) -> tuple[Stretch, ...]:
        """Return the open stretches of a local day as UTC instants, in order, never overlapping."""
        known = self._known.get(day)
        if known is None:
            known = self._known[day] = tuple(self._compute(day))
        return known

    def _compute(self, day: date) -> Iterator[Stretch]:
        reached: datetime | None = None
        for span in self.spans_on(day):
            starts_at = _wall_instant(self.zone, day, span.start_min, 0)
            # An hour that runs twice is open both times; midnight ends the day when it first strikes.
            ends_at = _wall_instant(self.zone, day, span.end_min, 0 if span.end_min == DAY_MIN else 1)
            if reached is not None and starts_at < reached:
                starts_at = reached
            if starts_at < ends_at:
                reached = ends_at
                yield Stretch(day, starts_at, ends_at)

    def open_from(self, instant: datetime) -> Iterator[Stretch]:
        """Yield open stretches after an instant, the first cut to it; ValueError if 40 years have none."""
        instant = as_utc(instant)
        day = self.local(instant).date() - ONE_DAY
        for offset in range(WALK_DAYS_MAX):
            for stretch in self.stretches_on(day + offset * ONE_DAY):
                if stretch.ends_at > instant:
                    yield Stretch(stretch.local_on, max(stretch.starts_at, instant), stretch.ends_at)
        raise ValueError("calendar_has_no_open_hours")

    def open_between(self, start: datetime, end: datetime) -> Iterator[Stretch]:
        """Yield the open stretches inside `[start, end)`, cut to it."""
        day, last = self.local(start).date() - ONE_DAY, self.local(end).date() + ONE_DAY
        start, end = as_utc(start), as_utc(end)
        while day <= last:
            for stretch in self.stretches_on(day):
                starts_at, ends_at = max(stretch.starts_at, start), min(stretch.ends_at, end)
                if starts_at < ends_at:
                    yield Stretch(day, starts_at, ends_at)
            day += ONE_DAY

    def next_open(self, instant: datetime) -> datetime:
        """Return the first open instant at or after the given one."""
        return next(self.open_from(instant)).starts_at

    def is_open(self, instant: datetime) -> bool:
        """Say whether work is done at this instant; the closing instant itself is closed."""
        return self.next_open(instant) == instant

    def add_working(self, instant: datetime, amount: timedelta) -> datetime:
        """Return the earliest instant by which `amount` of working time has passed.

        A zero amount returns the instant itself, open or not. Raises ValueError for a negative amount.
        """
        if amount < timedelta():
            raise ValueError("amount_negative")
        if not amount:
            return as_utc(instant)
        left = amount
        for stretch in self.open_from(instant):
            if left <= stretch.length:
                return stretch.starts_at + left
            left -= stretch.length
        raise AssertionError("open_from ends only by raising")

    def subtract_working(self, instant: datetime, amount: timedelta) -> datetime:
        """Return the latest instant from which `amount` of working time passes until `instant`."""
        if amount < timedelta():
            raise ValueError("amount_negative")
        if not amount:
            return as_utc(instant)
        instant = as_utc(instant)
        day, left = self.local(instant).date() + ONE_DAY, amount
        for offset in range(WALK_DAYS_MAX):
            for stretch in reversed(self.stretches_on(day - offset * ONE_DAY)):
                ends_at = min(stretch.ends_at, instant)
                if ends_at > stretch.starts_at:
                    if left <= ends_at - stretch.starts_at:
                        return ends_at - left
                    left -= ends_at - stretch.starts_at
        raise ValueError("calendar_has_no_open_hours")

    def working_between(self, start: datetime, end: datetime) -> timedelta:
        """Return the working time from start to end, negative when end comes first."""
        if end < start:
            return -self.working_between(end, start)
        return sum((stretch.length for stretch in self.open_between(start, end)), timedelta())

    def working_minutes_between(self, start: datetime, end: datetime) -> int:
        """Return whole working minutes from start to end, cut towards zero."""
        return whole_minutes(self.working_between(start, end))


def as_utc(instant: datetime) -> datetime:
    """Return the instant in UTC. Raises ValueError for a time without zone."""
    if instant.tzinfo is None:
        raise ValueError("instant_without_zone")
    return instant.astimezone(UTC)


def whole_minutes(span: timedelta) -> int:
    """Return whole minutes, cut towards zero."""
    minutes = abs(span) // timedelta(minutes=1)
    return -minutes if span < timedelta() else minutes


def add_local_days(instant: datetime, days: int, zone: str) -> datetime:
    """Return the same wall-clock time `days` later; a time which that day skips moves to the jump."""
    local = instant.astimezone(ZoneInfo(zone))
    rest = timedelta(seconds=local.second, microseconds=local.microsecond)
    minute = local.hour * 60 + local.minute
    return _wall_instant(zone, local.date() + days * ONE_DAY, minute, local.fold) + rest


def show_local(instant: datetime, zone: str) -> str:
    """Write an instant in local time with its offset and zone: `2026-03-02 17:30 UTC+08:00 Asia/Shanghai`."""
    local = instant.astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    return f"{local.date()} {show_time(local)} UTC{offset[:3]}:{offset[3:5]} {zone}"


def show_wall(instant: datetime, zone: str) -> str:
    """Write an instant in local time without its zone, for lines below one that names the zone."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local.date()} {show_time(local)}"


def show_time(local: datetime) -> str:
    """Write a wall-clock time, seconds only where there are any."""
    return local.strftime("%H:%M:%S" if local.second else "%H:%M")


def _wall_instant(zone: str, day: date, minute: int, fold: int) -> datetime:
    """Return the instant at which a wall clock shows a minute of a day; inside a gap, that of the jump."""
    tz = ZoneInfo(zone)
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - wall clock
    instant = wall.replace(tzinfo=tz, fold=fold).astimezone(UTC)
    if instant.astimezone(tz).replace(tzinfo=None) == wall:
        return instant
    before = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    old_offset = before.astimezone(tz).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(tz).utcoffset() == old_offset:
            before = middle
        else:
            after = middle
    return after
