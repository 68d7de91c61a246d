"""Each rule an assignment can break, with its reason, and the ranking of engineers (R046–R051)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from common.i18n import LANGUAGES
from common.policy.titles import say
from common.tickets.dispatch_rules import (
    WEIGHT,
    Absence,
    Certificate,
    EngineerFacts,
    RuleBreak,
    Slot,
    TicketFacts,
    judge_assignment,
    judge_start,
    load_on,
    rank_engineers,
)
from tests.support.sla_world import an_office, at

OFFICE = an_office()
ENGINEER = EngineerFacts(
    "e1",
    frozenset({"ultrasound"}),
    (Certificate("electrician", date(2026, 3, 2)),),
    frozenset({"city"}),
    (),
    480,
)
TICKET = TicketFacts("t1", frozenset({"ultrasound"}), frozenset({"electrician"}), "city")


def slot(
    start: str = "2026-03-02 09:00", end: str = "2026-03-02 11:00", ticket: str = "t1", travel: int = 0
) -> Slot:
    return Slot(ticket, at(start), at(end), travel)


def codes(
    engineer: EngineerFacts = ENGINEER, ticket: TicketFacts = TICKET, own: Slot | None = None, *others: Slot
) -> list[str]:
    return [one.code for one in judge_assignment(engineer, ticket, own or slot(), others, OFFICE)]


def test_fitting_assignment_breaks_nothing() -> None:
    assert codes() == []


def test_missing_skill_and_zone_are_named() -> None:
    other = replace(TICKET, skills=frozenset({"ultrasound", "ventilator"}), zone="suburb")
    found = judge_assignment(ENGINEER, other, slot(), (), OFFICE)
    assert [(one.code, dict(one.values)) for one in found] == [
        ("skill_missing", {"skill": "ventilator"}),
        ("zone_not_served", {"zone": "suburb"}),
    ]
    assert codes(replace(ENGINEER, zones=frozenset()), replace(TICKET, zone="suburb")) == []


@pytest.mark.parametrize(
    ("certificates", "day", "expected"),
    [
        ((Certificate("electrician", date(2026, 3, 2)),), "2026-03-02", []),  # the last day still counts
        ((Certificate("electrician", date(2026, 3, 2)),), "2026-03-03", ["certificate_expired"]),
        ((Certificate("electrician"),), "2030-03-04", []),
        (
            (Certificate("electrician", date(2025, 1, 1)), Certificate("electrician", date(2027, 1, 1))),
            "2026-03-03",
            [],
        ),
        ((Certificate("welder"),), "2026-03-02", ["certificate_missing"]),
        ((), "2026-03-02", ["certificate_missing"]),
    ],
)
def test_certificates_hold_on_the_local_day_of_the_work(
    certificates: tuple[Certificate, ...], day: str, expected: list[str]
) -> None:
    own = slot(f"{day} 09:00", f"{day} 11:00")
    assert codes(replace(ENGINEER, certificates=certificates), TICKET, own) == expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (slot("2026-03-02 11:00", "2026-03-02 12:00", "t2"), []),
        (slot("2026-03-02 08:30", "2026-03-02 09:00", "t2"), []),
        (slot("2026-03-02 10:59", "2026-03-02 12:00", "t2"), ["assignment_overlaps"]),
        (
            slot("2026-03-02 11:00", "2026-03-02 12:00", "t2", 30),
            ["assignment_overlaps"],
        ),  # travel to the next
        (slot("2026-03-02 10:00", "2026-03-02 12:00", "t1"), []),  # the slot being moved
    ],
)
def test_overlap_counts_travel(other: Slot, expected: list[str]) -> None:
    assert codes(ENGINEER, TICKET, slot(), other) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-03-02 08:30", "2026-03-02 18:00", []),
        ("2026-03-02 10:00", "2026-03-02 15:00", []),  # lunch may be worked through
        ("2026-03-02 08:00", "2026-03-02 10:00", ["outside_working_hours"]),
        ("2026-03-02 17:00", "2026-03-02 18:01", ["outside_working_hours"]),
        ("2026-03-02 12:30", "2026-03-02 14:00", ["outside_working_hours"]),
        ("2026-03-07 09:00", "2026-03-07 10:00", ["outside_working_hours"]),  # Saturday
        ("2026-10-10 09:00", "2026-10-10 10:00", []),  # Saturday worked (调休)
        ("2026-10-01 09:00", "2026-10-01 10:00", ["outside_working_hours"]),  # holiday
        ("2026-03-06 17:00", "2026-03-09 09:00", ["outside_working_hours"]),  # a weekend in between
        ("2026-03-02 11:00", "2026-03-02 10:00", ["outside_working_hours"]),
    ],
)
def test_working_hours(start: str, end: str, expected: list[str]) -> None:
    free = replace(ENGINEER, certificates=(Certificate("electrician"),), daily_load_max_min=None)
    assert codes(free, TICKET, slot(start, end)) == expected


def test_daily_load_counts_travel_and_the_days_other_work() -> None:
    other = slot("2026-03-02 11:00", "2026-03-02 16:00", "t2")
    assert codes(ENGINEER, TICKET, slot(), other) == []
    [found] = judge_assignment(ENGINEER, TICKET, slot(travel=61), (other,), OFFICE)
    assert found == RuleBreak("daily_load_exceeded", {"day": "2026-03-02", "load_min": 481, "limit_min": 480})
    assert codes(ENGINEER, TICKET, slot(), slot("2026-03-03 09:00", "2026-03-03 18:00", "t2")) == []


def test_load_over_midnight_counts_on_both_days() -> None:
    night = slot("2026-03-02 22:00", "2026-03-03 03:00", "t2", 60)
    assert [load_on(date(2026, 3, day), [night], OFFICE) for day in (1, 2, 3, 4)] == [0, 180, 180, 0]


def test_absence_covers_the_way_there() -> None:
    away = replace(ENGINEER, absences=(Absence(at("2026-03-02 07:00"), at("2026-03-02 08:45"), "training"),))
    assert codes(away) == []
    assert codes(away, TICKET, slot(travel=30)) == ["engineer_absent"]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (("2026-03-02 09:00", "2026-03-02 10:00"), []),
        (("2026-03-02 08:00", "2026-03-02 09:00"), []),  # arriving at the window's end is inside
        (("2026-03-02 09:01", "2026-03-02 10:00"), ["customer_window_missed"]),
        (("2026-03-02 08:00", "2026-03-02 08:59"), ["customer_window_missed"]),
        ((None, "2026-03-02 08:59"), ["customer_window_missed"]),
        ((None, None), []),
    ],
)
def test_arrival_must_lie_in_the_customers_window(
    window: tuple[str | None, str | None], expected: list[str]
) -> None:
    starts, ends = (at(one) if one else None for one in window)
    assert codes(ENGINEER, replace(TICKET, window_from_at=starts, window_until_at=ends)) == expected


def test_work_under_way_cannot_be_taken_away() -> None:
    under_way = replace(TICKET, under_way_with="e2")
    [found] = judge_assignment(ENGINEER, under_way, slot(), (), OFFICE)
    assert found.code == "work_under_way"
    assert found.is_blocking
    assert codes(replace(ENGINEER, engineer_id="e2"), under_way) == []
    assert not RuleBreak("skill_missing").is_blocking


def test_gravest_break_comes_first() -> None:
    bad = EngineerFacts("e9", absences=(Absence(at("2026-03-02 00:00"), at("2026-03-03 00:00")),))
    found = codes(bad, replace(TICKET, under_way_with="e2"), slot("2026-03-02 06:00", "2026-03-02 07:00"))
    assert found[0] == "work_under_way"
    assert [WEIGHT[code] for code in found] == sorted((WEIGHT[code] for code in found), reverse=True)


def test_ranking_prefers_fitting_then_idle_then_near_in_time() -> None:
    engineers = [replace(ENGINEER, engineer_id=name) for name in ("busy", "free", "near", "unskilled")]
    engineers[3] = replace(engineers[3], skills=frozenset())
    afternoon = slot("2026-03-02 15:00", "2026-03-02 16:00")
    others = {
        "busy": [slot("2026-03-02 08:30", "2026-03-02 12:00", "t2")],
        "free": [slot("2026-03-02 08:30", "2026-03-02 09:30", "t3")],
        "near": [slot("2026-03-02 13:30", "2026-03-02 14:30", "t4")],
    }
    ranked = rank_engineers(engineers, TICKET, afternoon, others, OFFICE)
    assert [one.engineer_id for one in ranked] == ["near", "free", "busy", "unskilled"]
    assert [one.load_min for one in ranked] == [60, 60, 210, 0]
    assert [one.gap_min for one in ranked] == [30, 330, 180, None]
    assert ranked[3].breaks == (RuleBreak("skill_missing", {"skill": "ultrasound"}),)


def test_every_break_has_a_whole_sentence() -> None:
    awful = EngineerFacts(
        "e9",
        certificates=(Certificate("electrician", date(2020, 1, 1)),),
        zones=frozenset({"moon"}),
        absences=(Absence(at("2026-03-01 00:00"), at("2026-03-08 00:00"), "ill"),),
        daily_load_max_min=1,
    )
    ticket = TicketFacts(
        "t1",
        frozenset({"ultrasound"}),
        frozenset({"electrician", "welder"}),
        "city",
        at("2026-03-02 09:00"),
        at("2026-03-02 10:00"),
        "e2",
    )
    own = slot("2026-03-02 06:00", "2026-03-02 07:00")
    other = Slot("t2", own.from_at, own.until_at + timedelta(hours=1))
    found = (*judge_assignment(awful, ticket, own, (other,), OFFICE), *judge_start(own.from_at, own.until_at))
    assert {one.code for one in found} == set(WEIGHT)
    for one in found:
        for language in LANGUAGES:
            sentence = say(language, f"reason.{one.code}", one.values)
            assert "{" not in sentence
            assert sentence != f"reason.{one.code}"
