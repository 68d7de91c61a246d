"""Policy at the console: adopted, filled, confirmed, every figure with its unit and source, versions kept."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import select

from common.kernel.command import Role
from common.policy.policy_commands import AdoptPolicy
from common.policy.policy_set import PolicySet, active_policy
from common.policy.preset import PRESETS, load_preset, preset_data
from sync_server.console.policy.change import field_at
from sync_server.console.policy.words import PolicyWords
from tests.support.office import Desk, Office, words

LOST = re.compile(r"\b(console|field|reason|command|policy|sla)\.[a-z]+[._]")


@pytest.fixture
def manager(office: Office) -> Desk:
    return office.desk(Role.MANAGER, name="Gao Manager")


def adopt(office: Office, preset: str = "medical-device") -> None:
    office.do(AdoptPolicy(office.new(), preset))


def test_without_a_policy_the_page_says_what_to_do_and_adopts_one(office: Office, manager: Desk) -> None:
    page = words(manager.page("/console/policy"))
    assert "No service policy is in force" in page
    assert "Medical devices" in page
    manager.done("/console/policy/adopt", {"preset": "medical-device"})
    (row,) = office.rows(select(PolicySet))
    assert (row.active, row.version, row.adopted_by) == (True, 1, manager.person_id)
    page = words(manager.page("/console/policy"))
    assert "Gao Manager" in page
    assert "14 places are blank and must be filled before go-live" in page


@pytest.mark.parametrize("preset", PRESETS)
def test_every_figure_stands_there_with_its_unit_and_source(manager: Desk, preset: str) -> None:
    page = words(manager.page(f"/console/policy/presets/{preset}"))
    policy = load_preset(preset)
    for rule in policy.clocks:
        assert rule.title.en in page
        assert rule.source in page
        if rule.amount is not None:
            unit = {"wh": "working hours", "wd": "working days", "h": "hours", "d": "days", "week": "weeks"}[
                rule.unit
            ]
            assert f"{rule.amount} {unit}" in page
    for figure in policy.figures:
        assert figure.title.en in page
    assert page.count("to be filled") == len(policy.unset)
    assert "08:30-12:00, 13:30-18:00" in page
    assert "National Day" in page


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
def test_no_word_of_a_preset_is_missing(manager: Desk, preset: str, language: str) -> None:
    words_ = PolicyWords(preset_data(preset), language)
    for section in words_.sections():
        assert section.rows
        for row in section.rows:
            for figure in row.figures:
                assert not LOST.search(f"{row.label} {figure.label} {figure.text}")
                assert field_at(words_, figure.path).kind
    for path in load_preset(preset).unset:
        assert field_at(words_, path).kind in ("whole", "money", "word", "lines", "code")
        assert not LOST.search(words_.label_of(path))


def test_the_calendars_zone_is_one_of_time_and_an_empty_list_says_so() -> None:
    data = {**preset_data("medical-device")}
    data["calendar"] = {
        "zone": "Asia/Shanghai",
        "years": [{"year": 2027, "holidays": [], "source": "x"}],
    }
    calendar = PolicyWords(data, "zh-Hans").sections()[0]
    figures = {figure.label: figure.text for row in calendar.rows for figure in row.figures}
    assert figures["时区"] == "Asia/Shanghai"
    assert "" not in figures.values()
    assert "无" in figures.values()


FILLED = {
    "zones[same_city].match": ("*东城*\n*西城*", lambda p: p.zones[0].match == ("*东城*", "*西城*")),
    "clocks[arrival_same_city].amount": (
        "4",
        lambda p: any(c.amount == 4 for c in p.clocks if c.clock == "arrival"),
    ),
    "warranty.start_event": ("acceptance", lambda p: p.warranty.start_event == "acceptance"),
    "warranty.months": ("12", lambda p: p.warranty.months == 12),
    "fee.price_list[labour].amount_minor": ("300.50", lambda p: p.fee.price_list[0].amount_minor == 30_050),
    "fee.quote_owner": ("sales_centre", lambda p: p.fee.quote_owner == "sales_centre"),
}


@pytest.mark.parametrize("path", FILLED)
def test_a_blank_is_filled_and_names_who_decided(office: Office, manager: Desk, path: str) -> None:
    adopt(office)
    value, holds = FILLED[path]
    assert path in manager.page("/console/policy").replace("%5B", "[").replace("%5D", "]")
    page = words(manager.page(f"/console/policy/change?path={path}"))
    assert "This makes version 2" in page
    manager.done("/console/policy/change", {"path": path, "value": value, "source": "Decision of 3 March"})
    with office.database.read() as session:
        policy = active_policy(session)
    assert holds(policy)
    assert path not in policy.unset
    page = words(manager.page("/console/policy"))
    assert "13 places are blank" in page
    if "[" in path or path.startswith("warranty"):
        assert "Decision of 3 March" in page


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("warranty.months", "many", "must be a whole number"),
        ("warranty.months", "601", "is out of range"),
        ("warranty.months", "", "must be filled in"),
        ("fee.price_list[labour].amount_minor", "1.234", "write an amount like"),
        ("calendar.week.mon", "8-12", "is not a stretch of hours"),
    ],
)
def test_a_wrong_value_says_why_and_changes_nothing(
    office: Office, manager: Desk, path: str, value: str, said: str
) -> None:
    adopt(office)
    answer = manager.post("/console/policy/change", {"path": path, "value": value, "source": "x"})
    assert (answer.status_code, said in words(answer.text)) == (422, True)
    assert f'value="{value}"' in answer.text or f">{value}</textarea>" in answer.text
    assert len(office.rows(select(PolicySet))) == 1


def test_a_figure_of_ours_is_confirmed(office: Office, manager: Desk) -> None:
    adopt(office)
    before = load_preset("medical-device").to_confirm
    for path in before[:3]:
        manager.done("/console/policy/confirm", {"path": path, "source": "Board meeting"})
    with office.database.read() as session:
        policy = active_policy(session)
    assert set(policy.to_confirm) == set(before[3:])
    assert policy.version == 4
    assert "Board meeting" in words(manager.page("/console/policy"))


def test_versions_are_kept_and_can_be_read(office: Office, manager: Desk) -> None:
    adopt(office)
    manager.done("/console/policy/change", {"path": "warranty.months", "value": "18", "source": "GM"})
    adopt(office, "system-contractor")
    rows = {row.version: row for row in office.rows(select(PolicySet))}
    assert [rows[n].active for n in (1, 2, 3)] == [False, False, True]
    assert "Term in months: 18" in words(manager.page(f"/console/policy/versions/{rows[2].id}"))
    assert "Replaced" in words(manager.page(f"/console/policy/versions/{rows[2].id}"))
    assert manager.get("/console/policy/versions/none").status_code == 404
    assert manager.get("/console/policy/presets/none").status_code == 404


def test_a_document_of_ones_own_is_checked_whole(office: Office, manager: Desk) -> None:
    own = {**preset_data("medical-device"), "id": "ours", "title": ["Ours", "本公司", "本公司"]}
    good = {"document": ("policy.json", json.dumps(own).encode(), "application/json")}
    answer = manager.post("/console/policy/adopt", {"own": "1"}, files=good)
    assert answer.status_code == 303
    assert office.rows(select(PolicySet))[0].title == "Ours"
    for raw, said in (
        (b"{", "not readable policy data"),
        (b"\xff\xfe", "not valid UTF-8"),
        (b"", "must be filled in"),
    ):
        bad = manager.post(
            "/console/policy/adopt", {"own": "1"}, files={"document": ("p.json", raw, "application/json")}
        )
        assert (bad.status_code, said in words(bad.text)) == (422, True), words(bad.text)[:600]
    assert len(office.rows(select(PolicySet))) == 1


def test_a_supervisor_reads_and_does_not_write(office: Office, manager: Desk) -> None:
    adopt(office)
    boss = office.desk(Role.SUPERVISOR)
    page = boss.page("/console/policy")
    assert "/console/policy/change" not in page
    assert "/console/policy/adopt" not in page
    form = {"path": "warranty.months", "value": "1", "source": "x"}
    assert boss.post("/console/policy/change", form).status_code == 403
    assert boss.post("/console/policy/adopt", {"preset": "medical-device"}).status_code == 403
    assert office.desk(Role.DISPATCHER).get("/console/policy").status_code == 403
    assert manager.get("/console/policy/change?path=nowhere.at").status_code == 404


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_every_word_is_in_the_readers_language(office: Office, manager: Desk, language: str) -> None:
    adopt(office)
    manager.client.cookies.set("language", language)
    for path in (
        "",
        "/presets/system-contractor",
        "/change?path=warranty.start_event",
        "/change?path=calendar.years[2026].holidays",
    ):
        assert not LOST.search(words(manager.page(f"/console/policy{path}"))), path
