"""Days, lengths, money and quantities look right in each language."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from sync_server.console import formats

AT = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Mon 23 Nov 2026 01:05"),
        ("zh-Hans", "2026年11月23日 周一 01:05"),
        ("zh-Hant", "2026年11月23日 週一 01:05"),
    ],
)
def test_an_instant_is_written_in_the_readers_zone_and_language(language: str, expected: str) -> None:
    assert formats.format_instant(AT, language, "Asia/Shanghai", "long") == expected


def test_an_instant_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without zone"):
        formats.format_instant(datetime(2026, 1, 1), "en", "UTC")  # noqa: DTZ001


def test_short_days_leave_out_the_year() -> None:
    assert formats.format_day(date(2026, 2, 3), "en", "short") == "3 Feb"
    assert formats.format_day(date(2026, 2, 3), "zh-Hant", "short") == "2月3日"


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(0, "0 min"), (45, "45 min"), (130, "2 h 10 min"), (-60, "1 h"), (1440 * 3 + 245, "3 d 4 h")],
)
def test_lengths_name_their_two_largest_units(minutes: int, expected: str) -> None:
    assert formats.format_duration(minutes, "en") == expected


def test_distances_say_their_direction() -> None:
    assert formats.format_distance(AT + timedelta(minutes=130), AT, "en") == "in 2 h 10 min"
    assert formats.format_distance(AT - timedelta(hours=3), AT, "zh-Hans") == "3小时前"
    assert formats.format_distance(AT, AT, "en") == "now"


def test_money_keeps_minor_units_exact() -> None:
    assert formats.format_money(123456789012345678, "CNY", "en") == "CNY\u00a01,234,567,890,123,456.78"
    assert formats.format_money(-5, "CNY", "zh-Hans") == "−¥0.05"
    assert formats.format_money(500, "JPY", "en") == "JPY\u00a0500"


def test_quantities_lose_needless_zeros_and_never_use_exponents() -> None:
    assert formats.format_qty(Decimal("1200.500")) == "1,200.5"
    assert formats.format_qty(Decimal("1E+3"), "pcs") == "1,000\u202fpcs"
    assert formats.format_qty(Decimal("0.000")) == "0"
