"""Whatever tickets, visits and clocks can say has words: commands, events, reasons, notices, fields, choices."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import common.nouns  # noqa: F401 - registers commands
from common.i18n import has_key
from common.kernel.codec import fields_of
from common.kernel.command import REGISTRY, CommandSpec
from common.tickets.ticket import CHANNELS, MODES, SERVICE_TYPES, SEVERITIES
from common.tickets.wording import readable, say_reason

ROOMS = [Path(common.nouns.__file__).parent / room for room in ("tickets", "visit", "sla")]
SOURCE = "\n".join(path.read_text("utf-8") for room in ROOMS for path in sorted(room.glob("*.py")))
MINE = [
    spec for spec in REGISTRY.values() if spec.handler.__module__.split(".")[1] in ("tickets", "visit", "sla")
]
IDS = re.compile(
    r"(^|_)(id|ids|hash|sealed|content|changes|document|number|note|reason|language)$|^seen_from_at$"
)


def words_in(pattern: str) -> list[str]:
    """Find the codes the source names in a call."""
    return sorted({code for code in re.findall(pattern, SOURCE) if "{" not in code})


@pytest.mark.parametrize("spec", MINE, ids=lambda spec: spec.kind)
def test_a_command_has_a_label_and_cites_its_rows(spec: CommandSpec) -> None:
    assert has_key(f"command.{spec.kind}")
    assert re.search(r"R\d{3}", spec.payload.__doc__ or "")


def test_every_reason_has_a_sentence() -> None:
    codes = words_in(r'Refused\(\s*"([a-z_]+)"') + words_in(r'flag\(\s*"([a-z_]+)"')
    codes += words_in(r'require\((?:[^"()]|\([^()]*\))*,\s*"([a-z_]+)"') + words_in(r'"(notice_[a-z_]+)"')
    codes += words_in(r'return "(overtaken_[a-z]+)"') + ["notice_solved_by_phone", "notice_refused"]
    codes += ["clock_warning", "clock_breached", "report_sealed"]
    assert len(codes) > 40
    assert [code for code in codes if not has_key(f"reason.{code}")] == []


def test_every_row_that_can_be_missing_has_a_sentence() -> None:
    needed = words_in(r"work\.need\((\w+),")
    tables = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in needed} - {
        "customer",
        "equipment",
        "person",
    }
    assert [table for table in sorted(tables) if not has_key(f"reason.{table}_unknown")] == []


def test_every_event_has_a_sentence() -> None:
    kinds = words_in(r'write_event\(\s*work,\s*ticket,\s*"([a-z_]+)"')
    kinds += words_in(r'field_step\(work, ticket, "[a-z_]+", "([a-z_]+)"') + ["solved_by_phone", "refused"]
    assert len(kinds) > 35
    assert [kind for kind in kinds if not has_key(f"event.{kind}")] == []


def test_every_field_a_person_fills_has_a_label() -> None:
    names = {name for spec in MINE for name, _, _ in fields_of(spec.payload) if not IDS.search(name)}
    missing = {name for name in names if not has_key(f"field.{name}")}
    assert sorted(missing) == []


def test_every_choice_has_a_word() -> None:
    keys = [f"ticket.channel.{one}" for one in CHANNELS] + [f"ticket.mode.{one}" for one in MODES]
    keys += [f"ticket.severity.{one}" for one in SEVERITIES]
    keys += [f"ticket.service_type.{one.lower()}" for one in SERVICE_TYPES]
    keys += [f"checklist.answer.{one}" for one in ("ok", "not_ok", "na")]
    assert [key for key in keys if not has_key(key)] == []


def test_skills_have_names_and_times_no_seconds() -> None:
    assert say_reason("skill_missing", {"skill": "xray"}, "zh-Hans", "Asia/Shanghai") == "缺少技能：放射"
    assert say_reason("skill_missing", {"skill": "forklift"}, "en", "UTC") == "Skill missing: forklift"
    said = readable({"from_ms": 1_795_312_918_000}, "en", "Asia/Shanghai")
    assert said["from"] == "2026-11-22 10:01"
