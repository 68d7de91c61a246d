"""The voucher reads the same everywhere: fixed order, three languages, nothing left untranslated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from common.i18n import LANGUAGES
from common.visit.records import ServiceReport
from common.visit.report import compose_report
from common.visit.voucher import SignedOff, money, sign_off_lines, voucher_lines
from tests.support.visit_world import VisitWorld

ORDER = ["customer", "equipment", "service", "fault", "measures", "parts", "tests", "checklist", "checklist"]
ORDER += ["demonstration", "fee"]


@pytest.fixture(scope="module")
def content() -> Iterator[dict[str, Any]]:
    """Compose the report of a paid visit."""
    world = VisitWorld()
    world.assign()
    visit = world.go()
    world.repair(visit, "man_made")
    assert world.field(world.report(service_type="A")).status == "ok"
    yield world.session.query(ServiceReport).one().content
    world.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_sections_stand_in_the_order_of_the_form(content: dict[str, Any], language: str) -> None:
    sections = voucher_lines(content, language)
    assert [section.code for section in sections] == ORDER
    for section in sections:
        assert not section.title.startswith("voucher.")
        assert section.rows
        for row in section.rows:
            assert row.value
            assert not row.label.startswith(("voucher.", "checklist.", "agreement."))
            assert "{" not in row.label + row.value


def test_words_are_in_the_readers_language_values_as_written(content: dict[str, Any]) -> None:
    pages = {language: voucher_lines(content, language) for language in LANGUAGES}
    rows = {
        language: {row.label: row.value for s in page for row in s.rows} for language, page in pages.items()
    }
    assert rows["en"]["Cause"] != rows["zh-Hans"]["故障原因"]
    assert rows["en"]["What was seen"] == rows["zh-Hans"]["故障现象"] == rows["zh-Hant"]["故障現象"] == "漏液"
    assert rows["en"]["Arrived"] == "2026-03-02 10:11"
    assert rows["zh-Hans"]["合计"] == "CNY 420.00"
    assert rows["zh-Hant"]["服務類型"] == "有費服務"


def test_an_empty_report_renders_without_stumbling() -> None:
    assert [section.code for section in voucher_lines({"format": 1}, "en")] == ["fee"]


def test_a_report_of_a_bare_ticket_renders() -> None:
    world = VisitWorld()
    assert "customer" in [
        s.code for s in voucher_lines(compose_report(world.session, world.ticket), "zh-Hans")
    ]
    world.close()


def test_the_sign_off_stands_beside_the_content(content: dict[str, Any]) -> None:
    world = VisitWorld()
    signed = SignedOff("A-1", True, "满意", "", "王主任", "设备科", world.now, "李伟", "f" * 64)
    section = sign_off_lines(signed, content["time_zone"], "zh-Hans")
    values = {row.label: row.value for row in section.rows}
    assert values["签字人"] == "王主任 · 设备科"
    assert values["签字时间"] == "2026-03-02 09:00"
    assert "原因" not in values
    world.close()


def test_money_is_exact() -> None:
    assert money(123_450, "CNY") == "CNY 1,234.50"
    assert money(-5, "CNY") == "CNY -0.05"
    assert money(0, "") == "0.00"
