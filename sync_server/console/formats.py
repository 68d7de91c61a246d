"""How days, instants, durations, money and quantities look in each language.

Owns formats only; words and patterns come from the catalogue (`console.format.*`). Takes no time of its own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from common.i18n import translate

MINOR_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "KWD": 3, "BHD": 3}
CHINESE_SIGNS = {"CNY": "¥", "HKD": "HK$", "TWD": "NT$", "USD": "US$", "EUR": "€"}


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; an unknown name is a bug of who stored it."""
    return ZoneInfo(name)


def local(instant: datetime, time_zone: str) -> datetime:
    """Move an instant into a zone; a naive instant is refused, its zone would be a guess."""
    if instant.tzinfo is None:
        raise ValueError(f"instant without zone: {instant!r}")
    return instant.astimezone(zone(time_zone))


def iso(instant: datetime) -> str:
    """Write an instant as UTC for machines: `2026-11-21T06:05:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _words(day: date, language: str) -> dict[str, object]:
    return {
        "year": day.year,
        "day": day.day,
        "month": translate(language, f"console.format.month.{day.month}"),
        "weekday": translate(language, f"console.format.weekday.{day.isoweekday()}"),
    }


def format_day(day: date, language: str, style: str = "plain") -> str:
    """Write a local day; styles: `plain` 21 Nov 2026, `long` with weekday, `short` without year."""
    return translate(language, f"console.format.day_{style}", **_words(day, language))


def format_instant(instant: datetime, language: str, time_zone: str, style: str = "plain") -> str:
    """Write an instant in the reader's zone to the minute; styles as for days, `time` is only 14:05."""
    here = local(instant, time_zone)
    if style == "time":
        return here.strftime("%H:%M")
    return f"{format_day(here.date(), language, style)} {here:%H:%M}"


def format_duration(minutes: int, language: str) -> str:
    """Write a length of time: 45 min, 2 h 10 min, 3 d 4 h; negative lengths without their sign."""
    left = abs(int(minutes))
    days, rest = divmod(left, 1440)
    hours, mins = divmod(rest, 60)
    parts = [("day", days), ("hour", hours)] if days else [("hour", hours), ("min", mins)]
    shown = [translate(language, f"console.format.{unit}", n=n) for unit, n in parts if n]
    return " ".join(shown) or translate(language, "console.format.min", n=0)


def format_distance(instant: datetime, now: datetime, language: str) -> str:
    """Write how far an instant is from now: `in 2 h 10 min`, `3 h ago`."""
    minutes = int((instant - now) / timedelta(minutes=1))
    if minutes == 0:
        return translate(language, "console.format.now")
    key = "console.format.ahead" if minutes > 0 else "console.format.ago"
    return translate(language, key, span=format_duration(minutes, language))


def format_qty(qty: Decimal | int, unit: str = "") -> str:
    """Write a quantity: thousands grouped, no needless zeros, unit after a narrow space."""
    value = Decimal(qty)
    text = f"{value:,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}\u202f{unit}" if unit else text


def format_money(amount_minor: int, currency: str, language: str) -> str:
    """Write integer minor units of an ISO currency; Chinese uses the sign, English the code."""
    digits = MINOR_DIGITS.get(currency, 2)
    value = Decimal(amount_minor).scaleb(-digits)
    number = f"{abs(value):,.{digits}f}"
    minus = "−" if amount_minor < 0 else ""
    sign = CHINESE_SIGNS.get(currency) if language.startswith("zh") else None
    return f"{minus}{sign}{number}" if sign else f"{minus}{currency}\u00a0{number}"
