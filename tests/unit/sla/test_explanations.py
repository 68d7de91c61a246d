"""A clock's explanation: every line in three languages, figures that add up, the story complete."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.i18n import LANGUAGES, has_key
from common.policy.titles import Title, say_duration
from common.sla.clock import ClockException, Pause
from common.sla.explain import ExplainLine, RuleChange, explain_clock
from tests.support.sla_world import a_rule, an_office, at

OFFICE = an_office()
START = "2026-09-30 10:00"
REPAIR = a_rule(2, "wd", code="repair_minor", source="000-A 4.2", start_event="arrived", stop_event="fixed")
BREAK = Pause(at("2026-09-30 14:00"), at("2026-09-30 15:00"), "waiting for keys")


def lines(
    *pauses: Pause, stop: str | None = None, now: str = "2026-10-08 11:30", **more: object
) -> list[ExplainLine]:
    rule = more.pop("rule", REPAIR)
    exception = more.pop("exception", None)
    stopped = at(stop) if stop else None
    return explain_clock(rule, OFFICE, at(START), pauses, stopped, exception, at(now), **more)  # type: ignore[arg-type]


def test_the_whole_story_reads_in_order() -> None:
    assert [line.in_language("en") for line in lines(BREAK)] == [
        "Rule: Response, 2 working days (source: 000-A 4.2)",
        "One working day counts as 8 h; the limit is 16 h of working time",
        "Started 2026-09-30 10:00 UTC+08:00 Asia/Shanghai: arrived on site",
        "2026-09-30 Wed 10:00–12:00, 13:30–14:00, 15:00–18:00: 5 h 30 min (so far 5 h 30 min)",
        "Paused 2026-09-30 14:00 to 2026-09-30 15:00 (waiting for keys): 1 h not counted",
        "2026-10-01 to 2026-10-07: holiday (National Day)",
        "2026-10-08 Thu 08:30–12:00, 13:30–18:00: 8 h (so far 13 h 30 min)",
        "2026-10-09 Fri 08:30–11:00: 2 h 30 min (so far 16 h)",
        "Due 2026-10-09 11:00 UTC+08:00 Asia/Shanghai",
        "Running on 2026-10-08 11:30 UTC+08:00 Asia/Shanghai: 8 h 30 min of 16 h used, 7 h 30 min left",
    ]


def test_it_reads_as_well_in_chinese() -> None:
    said = [line.in_language("zh-Hans") for line in lines(BREAK)]
    assert said[1] == "1 个工作日按8小时计；时限为工作时间16小时"
    assert said[5] == "2026-10-01 至 2026-10-07：节假日（国庆节）"
    assert lines(BREAK)[5].in_language("zh-Hant") == "2026-10-01 至 2026-10-07：節假日（國慶節）"


@pytest.mark.parametrize(
    "pauses", [(), (BREAK,), (BREAK, Pause(at("2026-10-08 09:00"), at("2026-10-09 16:45")))]
)
@pytest.mark.parametrize("amount", [1, 2, 7])
def test_counted_days_add_up_to_the_limit(pauses: tuple[Pause, ...], amount: int) -> None:
    rule = a_rule(amount, "wd")
    days = [line.values for line in lines(*pauses, rule=rule) if line.key == "sla.explain.day"]
    total = timedelta()
    for values in days:
        assert isinstance(values["length"], timedelta)
        total += values["length"]
        assert values["total"] == total
    assert total == timedelta(minutes=480 * amount)


def test_open_pause_shows_what_is_left() -> None:
    said = [line.in_language("en") for line in lines(Pause(at("2026-09-30 14:00"), None))]
    assert "Paused since 2026-09-30 14:00 (–)" in said
    assert "No deadline while the clock is paused; 13 h 30 min of the limit are left" in said
    assert said[-1].startswith("Paused on 2026-10-08 11:30")


def test_late_stop_names_both_times_and_both_delays() -> None:
    said = [
        line.in_language("en")
        for line in lines(
            stop="2026-10-09 18:00", now="2026-10-12 09:00", stop_known_at=at("2026-10-12 08:30")
        )
    ]
    assert said[-3] == "Stopped 2026-10-09 18:00 UTC+08:00 Asia/Shanghai: fixed"
    assert said[-2].startswith("The office learned of it 2026-10-12 08:30 UTC+08:00")
    assert said[-1] == "Done late by 6 h 30 min; 8 h after the promised time"


@pytest.mark.parametrize(
    ("told", "key"),
    [
        (None, "customer_not_told"),
        ("2026-10-08 10:00", "customer_told"),
        ("2026-10-12 10:00", "customer_told_late"),
    ],
)
def test_exception_says_who_approved_and_whether_the_customer_knew(told: str | None, key: str) -> None:
    exception = ClockException(
        "typhoon", "the supervisor", at("2026-10-08 09:00"), at(told) if told else None
    )
    found = lines(stop="2026-10-12 10:00", exception=exception)
    assert [line.key for line in found][-3:] == [
        "sla.explain.exception",
        f"sla.explain.{key}",
        "sla.verdict.excepted",
    ]
    assert "typhoon" in found[-3].in_language("en")
    assert "the supervisor" in found[-3].in_language("en")


def test_change_of_rule_is_told_where_it_happened() -> None:
    change = RuleChange(
        at("2026-10-08 08:45"), Title("Minor", "轻微", "輕微"), Title("Complex", "复杂", "複雜"), "worse"
    )
    keys = [line.key for line in lines(changes=[change])]
    assert keys.index("sla.explain.changed") == keys.index("sla.explain.day") + 3


def test_clock_in_hours_needs_no_days() -> None:
    said = [line.in_language("en") for line in lines(rule=a_rule(12, "h"))]
    assert said[1] == "The limit is 12 h, nights and holidays included"
    assert said[3] == "Due 2026-09-30 22:00 UTC+08:00 Asia/Shanghai"


def test_half_a_year_on_hold_is_one_line_not_a_hundred() -> None:
    found = lines(Pause(at("2026-09-30 11:00"), at("2027-03-31 11:00")), now="2027-04-01 10:00")
    assert len(found) < 12


def test_one_week_is_not_one_weeks() -> None:
    assert "1 week (source" in lines(rule=a_rule(1, "week"))[0].in_language("en")


def test_every_line_has_its_sentence_in_every_language() -> None:
    exception = ClockException("typhoon", "the supervisor", at("2026-10-08 09:00"))
    for line in lines(BREAK, stop="2026-10-12 10:00", exception=exception):
        assert has_key(line.key)
        for language in LANGUAGES:
            assert "{" not in line.in_language(language)


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 min", "0分钟"),
        (61, "1 min 1 s", "1分钟1秒"),
        (97_200, "27 h", "27小时"),
        (-90, "-1 min 30 s", "-1分钟30秒"),
    ],
)
def test_durations_are_exact_words(seconds: int, english: str, chinese: str) -> None:
    assert say_duration("en", timedelta(seconds=seconds)) == english
    assert say_duration("zh-Hans", timedelta(seconds=seconds)) == chinese
