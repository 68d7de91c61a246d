"""Calendars and rules for tests of time: a Chinese office week with lunch, and instants in its local time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from common.policy.titles import Title
from common.sla.calendar import Span, WorkingCalendar
from common.sla.rule import ClockRule

OFFICE_DAY = (Span(8 * 60 + 30, 12 * 60), Span(13 * 60 + 30, 18 * 60))
OFFICE_WEEK = (OFFICE_DAY,) * 5 + ((), ())
NATIONAL_DAY = Title("National Day", "国庆节", "國慶節")


def an_office(zone: str = "Asia/Shanghai", **over: object) -> WorkingCalendar:
    """Return Monday to Friday 08:30–12:00 and 13:30–18:00, National Day of 2026 closed, 10 October worked."""
    values: dict[str, object] = {
        "zone": zone,
        "week": OFFICE_WEEK,
        "working_day_min": 480,
        "holidays": {date(2026, 10, day): NATIONAL_DAY for day in range(1, 8)},
        "extra_days": {date(2026, 10, 10): OFFICE_DAY},
    }
    return WorkingCalendar(**(values | over))  # type: ignore[arg-type]


def a_rule(amount: int | None = 4, unit: str = "wh", **over: object) -> ClockRule:
    """Return a response rule of four working hours unless told otherwise."""
    values: dict[str, object] = {
        "code": "response",
        "clock": "response",
        "title": Title("Response", "响应", "回應"),
        "source": "000-A 4.1",
        "amount": amount,
        "unit": unit,
        "start_event": "received",
        "stop_event": "first_response",
        "warn_pct": 75,
    }
    return ClockRule(**(values | over))  # type: ignore[arg-type]


def at(text: str, zone: str = "Asia/Shanghai") -> datetime:
    """Return the instant of a local time written `2026-03-02 10:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
