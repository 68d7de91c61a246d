"""Every figure of both presets (§5.2) with unit and source; and what stays blank."""

from __future__ import annotations

from datetime import date

import pytest

from common.policy.model import Policy
from common.policy.preset import (
    PRESETS,
    fill_policy,
    load_policy,
    load_preset,
    preset_data,
    unset_facets,
    zone_of,
)
from common.sla.clock import due_at
from common.sla.rule import choose_rule
from tests.support.sla_world import at

MEDICAL = load_preset("medical-device")
CONTRACTOR = load_preset("system-contractor")

CLOCKS = [
    (MEDICAL, "response", 4, "wh", "received", "first_response", "000-A 4.1"),
    (MEDICAL, "response_urgent", 2, "wh", "received", "first_response", "000-A 4.1"),
    (MEDICAL, "confirm", 1, "wd", "received", "accepted", "000-B 9(1)"),
    (MEDICAL, "dispatch", 2, "wd", "accepted", "dispatched", "000-B 9(2)"),
    (MEDICAL, "arrival_same_city", None, "h", "dispatched", "arrived", "R011"),
    (MEDICAL, "arrival_elsewhere", None, "d", "dispatched", "arrived", "R011"),
    (MEDICAL, "repair_minor", 2, "wd", "arrived", "fixed", "000-A 4.2"),
    (MEDICAL, "repair_complex", 1, "week", "arrived", "fixed", "000-A 4.2"),
    (CONTRACTOR, "response", None, "h", "received", "first_response", "000-I 措5"),
    (CONTRACTOR, "dispatch_city", 3, "h", "received", "dispatched", "000-I 措4"),
    (CONTRACTOR, "dispatch_suburb", 7, "h", "received", "dispatched", "000-I 措4"),
    (CONTRACTOR, "arrival", 8, "wh", "received", "arrived", "000-I 措4"),
    (CONTRACTOR, "repair", 12, "h", None, "fixed", "000-I 措4"),
]
FIGURES = [
    (MEDICAL, "hotline", 24, "h_per_day"),
    (MEDICAL, "retention_extra", 1, "year"),
    (MEDICAL, "retention_floor", 2, "year"),
    (MEDICAL, "loaner_after", None, "h"),
    (MEDICAL, "loaner_within", None, "h"),
    (MEDICAL, "complaint_close", None, "d"),
    (CONTRACTOR, "loaner_after", 12, "h"),
    (CONTRACTOR, "loaner_within", 24, "h"),
    (CONTRACTOR, "visit_in_warranty", 3, "month"),
    (CONTRACTOR, "visit_after_warranty", 6, "month"),
    (CONTRACTOR, "call_every", 1, "month"),
    (CONTRACTOR, "complaint_report", 3, "d"),
    (CONTRACTOR, "complaint_close_domestic", 5, "d"),
    (CONTRACTOR, "complaint_close_foreign", 7, "d"),
    (CONTRACTOR, "complaint_statistics", 10, "day_of_month"),
    (CONTRACTOR, "kpi_timely", 95, "pct"),
    (CONTRACTOR, "kpi_satisfaction", 95, "pct"),
    (CONTRACTOR, "kpi_complaints", 2, "pct"),
    (CONTRACTOR, "authority_limit", None, "minor"),
]


@pytest.mark.parametrize(("policy", "code", "amount", "unit", "start", "stop", "source"), CLOCKS)
def test_clock_figure(
    policy: Policy, code: str, amount: int | None, unit: str, start: str | None, stop: str, source: str
) -> None:
    [rule] = [rule for rule in policy.clocks if rule.code == code]
    assert (rule.amount, rule.unit, rule.start_event, rule.stop_event) == (amount, unit, start, stop)
    assert source in rule.source


@pytest.mark.parametrize(("policy", "code", "amount", "unit"), FIGURES)
def test_published_figure(policy: Policy, code: str, amount: int | None, unit: str) -> None:
    [figure] = [figure for figure in policy.figures if figure.code == code]
    assert (figure.amount, figure.unit) == (amount, unit)


def test_the_tables_above_leave_no_figure_out() -> None:
    for policy in (MEDICAL, CONTRACTOR):
        assert {rule.code for rule in policy.clocks} == {row[1] for row in CLOCKS if row[0] is policy}
        assert {figure.code for figure in policy.figures} == {row[1] for row in FIGURES if row[0] is policy}


@pytest.mark.parametrize(
    ("policy", "clock", "urgency", "zone", "level", "start", "due"),
    [
        (MEDICAL, "response", "normal", None, "minor", "2026-03-02 10:00", "2026-03-02 15:30"),
        (MEDICAL, "response", "urgent", None, "minor", "2026-03-02 10:00", "2026-03-02 12:00"),
        (MEDICAL, "response", "urgent", None, "complex", "2026-03-06 17:00", "2026-03-09 09:30"),
        (MEDICAL, "confirm", "normal", None, "minor", "2026-03-06 10:00", "2026-03-09 10:00"),
        (MEDICAL, "dispatch", "normal", None, "minor", "2026-09-30 10:00", "2026-10-09 10:00"),
        (MEDICAL, "repair", "normal", None, "minor", "2026-02-13 10:00", "2026-02-24 10:00"),
        (MEDICAL, "repair", "normal", None, "complex", "2026-02-13 10:00", "2026-02-20 10:00"),
        (CONTRACTOR, "dispatch", "normal", "city", "minor", "2026-03-02 10:00", "2026-03-02 13:00"),
        (CONTRACTOR, "dispatch", "normal", "suburb", "minor", "2026-03-02 10:00", "2026-03-02 17:00"),
        (CONTRACTOR, "arrival", "urgent", "suburb", "minor", "2026-03-02 10:00", "2026-03-03 10:00"),
    ],
)
def test_deadline_by_the_preset(
    policy: Policy, clock: str, urgency: str, zone: str | None, level: str, start: str, due: str
) -> None:
    rule = choose_rule(policy.clocks, clock, urgency=urgency, zone=zone, level=level)
    assert rule is not None
    assert due_at(rule, policy.calendar, at(start)) == at(due)


@pytest.mark.parametrize(
    ("policy", "blank"),
    [
        (
            MEDICAL,
            {
                "zones[same_city].match",
                "zones[elsewhere].match",
                "clocks[arrival_same_city].amount",
                "clocks[arrival_elsewhere].amount",
                "warranty.start_event",
                "warranty.months",
                "warranty.after_expiry",
                "fee.price_list[labour].amount_minor",
                "fee.price_list[travel].amount_minor",
                "fee.small_fee_ceiling_minor",
                "fee.quote_owner",
                "figures[loaner_after].amount",
                "figures[loaner_within].amount",
                "figures[complaint_close].amount",
            },
        ),
        (
            CONTRACTOR,
            {
                "zones[city].match",
                "zones[suburb].match",
                "clocks[response].amount",
                "clocks[repair].start",
                "fee.price_list[labour].amount_minor",
                "fee.price_list[travel].amount_minor",
                "fee.small_fee_ceiling_minor",
                "figures[authority_limit].amount",
            },
        ),
    ],
)
def test_what_the_source_leaves_blank_is_listed_not_guessed(policy: Policy, blank: set[str]) -> None:
    assert set(unset_facets(policy)) == blank


def test_every_blank_can_be_filled_and_then_none_is_left() -> None:
    values = {
        "zones[same_city].match": ["*上海市*"],
        "zones[elsewhere].match": ["*"],
        "clocks[arrival_same_city].amount": 48,
        "clocks[arrival_elsewhere].amount": 7,
        "warranty.start_event": "acceptance",
        "warranty.months": 12,
        "warranty.after_expiry": "paid",
        "fee.price_list[labour].amount_minor": 20000,
        "fee.price_list[travel].amount_minor": 10000,
        "fee.small_fee_ceiling_minor": 50000,
        "fee.quote_owner": "sales_centre",
        "figures[loaner_after].amount": 48,
        "figures[loaner_within].amount": 72,
        "figures[complaint_close].amount": 5,
    }
    filled = load_policy(fill_policy(preset_data("medical-device"), values))
    assert unset_facets(filled) == ()
    assert zone_of(filled, "上海市 浦东新区 1号") == "same_city"
    assert zone_of(filled, "苏州市工业园区") == "elsewhere"
    assert zone_of(MEDICAL, "上海市") is None
    assert filled.policy_hash != MEDICAL.policy_hash


@pytest.mark.parametrize("preset", PRESETS)
def test_what_we_filled_ourselves_is_to_be_confirmed(preset: str) -> None:
    confirm = load_preset(preset).to_confirm
    assert {"calendar", "calendar.years[2026]", "calendar.years[2027]"} <= set(confirm)


@pytest.mark.parametrize("policy", [MEDICAL, CONTRACTOR])
def test_working_calendar_of_the_presets(policy: Policy) -> None:
    calendar = policy.calendar
    assert calendar.zone == "Asia/Shanghai"
    assert sum(span.end_min - span.start_min for span in calendar.week[0]) == calendar.working_day_min
    closed_2026 = [day for day in calendar.holidays if day.year == 2026]
    assert len(closed_2026) == 33
    assert sorted(calendar.extra_days) == [
        date(2026, 1, 4),
        date(2026, 2, 14),
        date(2026, 2, 28),
        date(2026, 5, 9),
        date(2026, 9, 20),
        date(2026, 10, 10),
    ]
    assert all(day.weekday() >= 5 for day in calendar.extra_days)
    assert len([day for day in calendar.holidays if day.year == 2027]) == 13  # the statutory days alone


@pytest.mark.parametrize("policy", [MEDICAL, CONTRACTOR])
def test_forms_of_the_presets(policy: Policy) -> None:
    assert [kind.code for kind in policy.fee.service_types] == ["A", "B", "C", "D"]
    assert {channel.code for channel in policy.channels} == {
        "phone",
        "email",
        "web",
        "wechat",
        "letter",
        "visit",
        "outlet",
    }
    assert [item.code for item in policy.satisfaction.items] == [
        "attitude",
        "skill",
        "arrival_time",
        "promises",
    ]
    assert [grade.score for grade in policy.satisfaction.grades] == [4, 3, 2, 1]
    assert policy.satisfaction.is_sealed
    assert policy.satisfaction.is_for_every_job
    assert {"man_made", "natural_disaster", "earthquake", "lightning", "pests", "user_fault"} == (
        policy.warranty.excluded_causes
    )
    assert {"cause", "measures", "parts", "opinion"} <= {field.code for field in policy.report_fields}
    [conduct] = [one for one in policy.checklists if one.product_type is None]
    assert 6 <= len(conduct.items) <= 10
    assert conduct.items[0].code == "badge_shown"
    assert len(policy.checklists) == 3
    assert policy.signature.is_agreement_needed_for_paid_work


def test_warranty_of_the_contractor_is_by_contract_from_acceptance() -> None:
    warranty = CONTRACTOR.warranty
    assert (warranty.start_event, warranty.months, warranty.after_expiry) == ("acceptance", None, "cost_only")
