"""Values put into words for the screens: windows of time, clocks, money, titles of the policy.

Owns sentences made of several values. Knows no control and reads no store.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from common.i18n import translate
from common.visit.voucher import money
from field_app.i18n import Translator
from field_app.state.clock_lines import ClockLine
from field_app.state.status import local_moment
from field_app.widgets.fields import write_decimal

__all__ = ["money", "say_clock", "say_day", "say_left", "say_qty", "say_time", "say_title", "say_window"]

LONG_MIN = 48 * 60


def say_time(at: datetime, zone: tzinfo) -> str:
    """Write the time of day of an instant."""
    return f"{at.astimezone(zone):%H:%M}"


def say_day(t: Translator, at: datetime, now: datetime, zone: tzinfo) -> str:
    """Write a day as people say it: today, tomorrow, yesterday, else weekday and date."""
    day, today = at.astimezone(zone).date(), now.astimezone(zone).date()
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}.get((day - today).days)
    if near:
        return t(f"app.day.{near}")
    month = t(f"app.moment.month.{day.month}")
    return t("app.day.date", weekday=t(f"sla.weekday.{day.weekday()}"), month=month, day=day.day)


def say_window(
    t: Translator, from_at: datetime | None, until_at: datetime | None, now: datetime, zone: tzinfo
) -> str:
    """Write a window of time: `09:30 – 11:00`, with its day when that is not today."""
    if from_at is None:
        return t("app.window.none")
    begin = from_at.astimezone(zone)
    end = until_at.astimezone(zone) if until_at else None
    times = f"{begin:%H:%M}"
    if end is not None:
        times = f"{begin:%H:%M} – {end:%H:%M}" if end.date() == begin.date() else f"{begin:%H:%M} –"
    is_today = begin.date() == now.astimezone(zone).date()
    return times if is_today else f"{say_day(t, from_at, now, zone)} · {times}"


def say_left(t: Translator, minutes: int) -> str:
    """Write a length of time: minutes, hours and minutes, or days and hours."""
    if minutes >= LONG_MIN:
        days, rest = divmod(minutes, 24 * 60)
        key = "app.span.days" if rest >= 60 else "app.span.whole_days"
        return t(key, days=days, hours=rest // 60)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return t("app.span.minutes", minutes=rest)
    return t("app.span.hours" if rest else "app.span.whole_hours", hours=hours, minutes=rest)


def say_clock(t: Translator, line: ClockLine, now: datetime, zone: tzinfo) -> str:
    """Write one clock in a line: what, how much is left or over, and until when."""
    moment = local_moment(t.language, line.due_at, now, zone) if line.due_at else ""
    return t(
        f"app.clock.{line.status}",
        clock=t(f"sla.clock.{line.kind}"),
        span=say_left(t, line.minutes),
        moment=moment,
    )


def say_qty(qty: Decimal) -> str:
    """Write a quantity, with a true minus sign."""
    return write_decimal(qty).replace("-", "−")


def say_title(language: str, known: Iterable[Any], code: str) -> str:
    """Write the policy's title of a code; the code itself where the policy does not know it."""
    title = next((one.title for one in known if one.code == code), None)
    return title.in_language(language) if title else code


def say_reasons(language: str, codes: Iterable[str]) -> str:
    """List what is missing, in words."""
    return translate(language, "list.separator").join(
        translate(language, f"missing.{code}") for code in codes
    )


def next_try(t: Translator, in_ms: int) -> str:
    """Say when the line is tried again."""
    seconds = in_ms // 1000
    if seconds < 5:
        return t("app.outbox.next_soon")
    if seconds < 90:
        return t("app.outbox.next_seconds", n=seconds)
    return t("app.outbox.next_minutes", n=(seconds + 30) // 60)
