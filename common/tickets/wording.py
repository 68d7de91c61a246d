"""Codes and figures of events, notices and reasons, made readable in a language.

Owns turning stored values into words. The sentences stand in the catalogue; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.i18n import has_key, translate
from common.kernel.clock import instant
from common.sla.calendar import show_wall
from common.tickets.ticket import TicketEvent
from common.visit.voucher import money

# Which words a value stands for, by its name; names not here are shown as they are.
WORDS = {
    "command": "command",
    "channel": "ticket.channel",
    "severity": "ticket.severity",
    "state": "ticket.state",
    "wanted": "ticket.state",
    "reason": "ticket.hold_reason",
    "verdict": "coverage.verdict",
    "service_type": "ticket.service_type",
    "clock": "sla.clock",
    "kind": "sla.clock",
    "skill": "skill",
    "certificate": "skill",
}
LISTS = {"fields": "field", "missing": "missing", "parts": "report.part", "breaks": "dispatch.break"}


def say_event(event: TicketEvent, language: str, time_zone: str) -> str:
    """Say one line of the timeline; its note stands apart."""
    return translate(language, f"event.{event.kind}", **readable(event.values, language, time_zone)).strip()


def say_reason(code: str, values: Mapping[str, Any], language: str, time_zone: str) -> str:
    """Say a reason, a flag or a notice."""
    return translate(language, f"reason.{code}", **readable(values, language, time_zone)).strip()


def readable(values: Mapping[str, Any], language: str, time_zone: str) -> dict[str, str]:
    """Make values readable: `…_ms` becomes local time without the ending, `total_minor` money, codes words."""
    shown: dict[str, str] = {}
    for name, value in values.items():
        if name.endswith("_ms"):
            shown[name.removesuffix("_ms")] = _minute(int(value), time_zone) if value else ""
        elif name == "total_minor":
            shown["total"] = money(int(value), str(values.get("currency", "")))
        elif name == "known_late":
            shown[name] = translate(language, "sla.known_late") if value else ""
        elif name in LISTS:
            words = (say_code(language, LISTS[name], code) for code in str(value).split())
            shown[name] = translate(language, "list.separator").join(words)
        else:
            shown[name] = say_code(language, WORDS[name], str(value)) if name in WORDS else str(value)
    return shown


def _minute(at_ms: int, time_zone: str) -> str:
    return show_wall(instant(at_ms).replace(second=0, microsecond=0), time_zone)


def say_code(language: str, area: str, code: str) -> str:
    """Name a code of an area of the catalogue, the bare code where it has no name there."""
    key = f"{area}.{code.lower()}"
    return translate(language, key) if has_key(key) else code
