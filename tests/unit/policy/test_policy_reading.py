"""Strict reading: whatever is wrong is refused with the path of the place and a code that has a sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from common.i18n import LANGUAGES, has_key
from common.policy.preset import fill_policy, load_policy, load_preset, policy_hash, preset_data
from common.policy.reader import PolicyError, parse_json

Change = Callable[[dict[str, Any]], object]
BAD: list[tuple[str, str, Change]] = [
    ("$.format", "missing", lambda d: d.pop("format")),
    ("$.format", "out_of_range", lambda d: d.update(format=2)),
    ("$.extra", "unknown_key", lambda d: d.update(extra=1)),
    ("$.locked", "not_true_or_false", lambda d: d.update(locked="no")),
    ("$.version", "not_a_whole_number", lambda d: d.update(version=True)),
    ("$.id", "not_a_code", lambda d: d.update(id="no spaces")),
    ("$.source", "text_unusable", lambda d: d.update(source=" x")),
    ("$.source", "text_unusable", lambda d: d.update(source="\ud800")),
    ("$.source", "text_unusable", lambda d: d.update(source="a\x00b")),
    ("$.source", "not_text", lambda d: d.update(source=7)),
    ("$.title", "not_three_languages", lambda d: d.update(title=["One", "一"])),
    ("$.title", "not_three_languages", lambda d: d.update(title=["One", "一", ""])),
    ("$.clocks", "not_a_list", lambda d: d.update(clocks={})),
    ("$.clocks", "list_too_short", lambda d: d.update(clocks=[])),
    ("$.clocks[0]", "not_an_object", lambda d: d["clocks"].insert(0, 3)),
    ("$.clocks[response].unit", "not_allowed", lambda d: d["clocks"][0].update(unit="minutes")),
    ("$.clocks[response].amount", "out_of_range", lambda d: d["clocks"][0].update(amount=0)),
    ("$.clocks[response].amount", "out_of_range", lambda d: d["clocks"][0].update(amount=2**63)),
    ("$.clocks[response].stop", "not_text", lambda d: d["clocks"][0].update(stop=None)),
    ("$.clocks[response].warn_pct", "out_of_range", lambda d: d["clocks"][0].update(warn_pct=100)),
    ("$.clocks[response].urgency", "code_unknown", lambda d: d["clocks"][0].update(urgency="panic")),
    ("$.clocks[dispatch].zone", "code_unknown", lambda d: d["clocks"][3].update(zone="moon")),
    ("$.clocks[response]", "code_doubled", lambda d: d["clocks"].append(d["clocks"][0])),
    ("$.clocks[again]", "same_conditions", lambda d: d["clocks"].append({**d["clocks"][0], "code": "again"})),
    ("$.zones[same_city].match[0]", "pattern_unusable", lambda d: d["zones"][0].update(match=[""])),
    ("$.calendar.zone", "zone_unknown", lambda d: d["calendar"].update(zone="Asia/Atlantis")),
    ("$.calendar.zone", "zone_unknown", lambda d: d["calendar"].update(zone="../../etc/passwd")),
    ("$.calendar.week.mon[0]", "not_hours", lambda d: d["calendar"]["week"].update(mon=["8:30-12:00"])),
    ("$.calendar.week.mon[0]", "not_hours", lambda d: d["calendar"]["week"].update(mon=["12:00-08:30"])),
    ("$.calendar.week.mon[0]", "not_hours", lambda d: d["calendar"]["week"].update(mon=["08:00-24:30"])),
    (
        "$.calendar.week.mon[1]",
        "hours_overlap",
        lambda d: d["calendar"]["week"].update(mon=["08:00-12:00", "11:00-17:00"]),
    ),
    (
        "$.calendar.week",
        "never_open",
        lambda d: d["calendar"]["week"].update(dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), [])),
    ),
    (
        "$.calendar.years[2026].holidays[0].on",
        "not_a_day",
        lambda d: d["calendar"]["years"][0]["holidays"][0].update(on="2026-02-30"),
    ),
    (
        "$.calendar.years[2026].holidays[0].on",
        "not_a_day",
        lambda d: d["calendar"]["years"][0]["holidays"][0].update(on="20260101"),
    ),
    (
        "$.calendar.years[2026].holidays[0].on",
        "other_year",
        lambda d: d["calendar"]["years"][0]["holidays"][0].update(on="2025-12-31"),
    ),
    (
        "$.calendar.years[2026].holidays[0].to",
        "out_of_range",
        lambda d: d["calendar"]["years"][0]["holidays"][0].update(to="2025-12-31"),
    ),
    (
        "$.calendar.years[2026].holidays[1].on",
        "day_doubled",
        lambda d: d["calendar"]["years"][0]["holidays"][1].update(on="2026-01-02", to="2026-01-05"),
    ),
    (
        "$.calendar.years[2026].extra_working_days[0].on",
        "day_doubled",
        lambda d: d["calendar"]["years"][0]["extra_working_days"][0].update(on="2026-01-02"),
    ),
    ("$.warranty.after_expiry", "not_allowed", lambda d: d["warranty"].update(after_expiry="free")),
    (
        "$.cause_codes[material].warranty",
        "not_allowed",
        lambda d: d["cause_codes"][0].update(warranty="maybe"),
    ),
    ("$.fee.currency", "not_allowed", lambda d: d["fee"].update(currency="GOLD")),
    (
        "$.fee.price_list[labour].amount_minor",
        "out_of_range",
        lambda d: d["fee"]["price_list"][0].update(amount_minor=-1),
    ),
    (
        "$.checklists[on_site_conduct].items[badge_shown].kind",
        "not_allowed",
        lambda d: d["checklists"][0]["items"][0].update(kind="photo"),
    ),
    ("$.satisfaction.grades", "scores_not_falling", lambda d: d["satisfaction"]["grades"].reverse()),
]


def medical() -> dict[str, Any]:
    return copy.deepcopy(dict(preset_data("medical-device")))


@pytest.mark.parametrize(("path", "code", "change"), BAD)
def test_fault_is_refused_at_its_place(path: str, code: str, change: Change) -> None:
    data = medical()
    change(data)
    with pytest.raises(PolicyError) as refused:
        load_policy(data)
    assert (refused.value.path, refused.value.code) == (path, code)
    refused.value.detail.encode()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_json"),
        ("[]", "not_an_object"),
        ('{"a": 1, "a": 2}', "key_doubled"),
        ('{"a": 0.5}', "number_not_whole"),
        ('{"a": NaN}', "number_not_whole"),
        ('{"a": ' + "[" * 200_000, "not_json"),
        ('{"a": ' + "9" * 5000 + "}", "not_json"),
    ],
)
def test_unreadable_text_is_refused(text: str, code: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_json(text)
    assert refused.value.code == code


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(PolicyError, match="preset_unknown"):
        preset_data("../medical-device")


@pytest.mark.parametrize(
    "path",
    ["", "clocks", "clocks[response]", "clocks[none].amount", "clocks[response].none", "warranty.months.x"],
)
def test_only_existing_places_can_be_filled(path: str) -> None:
    if path in ("clocks",):
        filled = fill_policy(medical(), {path: []})
        with pytest.raises(PolicyError, match="list_too_short"):
            load_policy(filled)
        return
    with pytest.raises(PolicyError, match="no_such_place"):
        fill_policy(medical(), {path: 1})


def test_locked_brand_policy_cannot_be_altered() -> None:
    data = medical() | {"locked": True}
    with pytest.raises(PolicyError, match="policy_locked"):
        fill_policy(data, {"warranty.months": 12})


def test_filling_leaves_the_original_alone() -> None:
    data = medical()
    before = json.dumps(data)
    filled = fill_policy(data, {"warranty.months": 12})
    assert json.dumps(data) == before
    assert load_policy(filled).warranty.months == 12


def test_hash_names_the_data_and_not_its_writing() -> None:
    data = medical()
    turned = dict(reversed(list(data.items())))
    assert policy_hash(turned) == policy_hash(data) == load_preset("medical-device").policy_hash
    assert policy_hash(data | {"version": 2}) != policy_hash(data)
    assert load_preset("medical-device").data_version.startswith("medical-device@1#")


def test_every_code_has_a_sentence() -> None:
    codes = {code for _, code, _ in BAD} | {
        "not_json",
        "number_not_whole",
        "key_doubled",
        "list_too_long",
        "preset_unknown",
        "policy_locked",
        "no_such_place",
    }
    for code in codes:
        assert has_key(f"policy.error.{code}"), code


def test_titles_answer_in_three_languages() -> None:
    title = load_preset("medical-device").title
    assert [title.in_language(language) for language in (*LANGUAGES, "fr")] == [
        "Medical devices",
        "医疗器械",
        "醫療器材",
        "Medical devices",
    ]
