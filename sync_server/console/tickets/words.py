"""States, verdicts and clocks of tickets as words with a colour and an icon, the same on every page and the board.

Owns the choice of tone and icon. Sentences stand in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.i18n import translate
from common.policy.model import Policy
from common.sla.clock import ClockState
from common.tickets.ticket import Ticket
from common.tickets.wording import say_code, say_event, say_reason
from sync_server.console.board_data import Tone
from sync_server.console.rendering import Pages

STATES: dict[str, tuple[Tone, str]] = {
    "received": ("warn", "inbox"),
    "accepted": ("warn", "inbox"),
    "triaged": ("warn", "inbox"),
    "reopened": ("warn", "refresh"),
    "dispatched": ("planned", "tablet"),
    "acknowledged": ("confirmed", "check"),
    "en_route": ("moving", "truck"),
    "on_site": ("working", "wrench"),
    "diagnosed": ("working", "wrench"),
    "repairing": ("working", "wrench"),
    "tested": ("working", "check-circle"),
    "awaiting_parts": ("paused", "part"),
    "signed": ("confirmed", "signature"),
    "settled": ("confirmed", "signature"),
    "checked_out": ("confirmed", "signature"),
    "written_off": ("done", "book"),
    "archived": ("done", "inbox"),
    "remote_solved": ("done", "phone"),
    "refused": ("done", "close"),
    "cancelled": ("done", "close"),
}
VERDICTS: dict[str, tuple[Tone, str]] = {
    "covered": ("working", "check-circle"),
    "contract": ("confirmed", "book"),
    "paid": ("warn", "scales"),
    "undetermined": ("paused", "info"),
}
CLOCKS: dict[str, tuple[Tone, str]] = {
    "running": ("planned", "clock"),
    "paused": ("paused", "pause"),
    "met": ("working", "check-circle"),
    "breached": ("alert", "alert"),
    "met_late": ("warn", "alert"),
    "excepted": ("done", "scales"),
    "dropped": ("done", "dot"),
}
EVENTS: dict[str, tuple[Tone, str]] = {
    "received": ("neutral", "phone"),
    "assigned": ("planned", "user"),
    "reassigned": ("planned", "user"),
    "assignment_moved": ("planned", "calendar"),
    "unassigned": ("paused", "user"),
    "appointment_agreed": ("confirmed", "calendar"),
    "rescheduled": ("paused", "calendar"),
    "acknowledged": ("confirmed", "check"),
    "en_route": ("moving", "truck"),
    "arrived": ("working", "building"),
    "left": ("done", "truck"),
    "diagnosed": ("working", "search"),
    "measure": ("working", "wrench"),
    "test_passed": ("working", "check-circle"),
    "agreement_signed": ("confirmed", "signature"),
    "signed": ("confirmed", "signature"),
    "report_refused": ("alert", "signature"),
    "stop_use_given": ("alert", "alert"),
    "help_requested": ("alert", "people"),
    "help_answered": ("working", "people"),
    "cancelled": ("alert", "close"),
    "refused": ("alert", "close"),
    "held": ("paused", "pause"),
    "resumed": ("working", "refresh"),
    "note": ("neutral", "book"),
    "edited": ("neutral", "ticket"),
}
PLAIN: tuple[Tone, str] = ("neutral", "dot")


def clock_mark(row: Any, state: ClockState, now: datetime) -> tuple[str, Tone, str]:
    """Name a clock's verdict with tone and icon; one still running but warned is orange."""
    if row.state == "dropped":
        return "sla_clock.state.dropped", *CLOCKS["dropped"]
    tone, icon = CLOCKS[state.status]
    if state.status == "running" and state.warn_at is not None and state.warn_at <= now:
        tone = "warn"
    return f"sla.status.{state.status}", tone, icon


def zone_name(policy: Policy | None, code: str, language: str) -> str:
    """Name a zone as the policy does."""
    titles = {zone.code: zone.title for zone in policy.zones} if policy else {}
    return titles[code].in_language(language) if code in titles else code


def coded(known: Any, code: str, language: str) -> str:
    """Name a code of the policy (fault, cause, channel), the bare code where the policy does not know it."""
    title = next((one.title for one in known if one.code == code), None)
    return title.in_language(language) if title else code


def skill_name(code: str, language: str) -> str:
    """Name a skill or certificate by its code."""
    return say_code(language, "skill", code) if code else ""


def say_rule_break(
    code: str, values: Mapping[str, Any], policy: Policy | None, language: str, time_zone: str
) -> str:
    """Say a broken rule of dispatch, zones by their names."""
    shown = dict(values)
    if "zone" in shown:
        shown["zone"] = zone_name(policy, str(shown["zone"]), language)
    return say_reason(code, shown, language, time_zone)


def urgency(ticket: Ticket, language: str) -> tuple[str, Tone, str]:
    """Say how pressing a ticket is, with tone and icon."""
    if ticket.danger:
        return translate(language, "ticket.danger.true"), "alert", "alert"
    if ticket.urgent:
        return translate(language, "ticket.urgent.true"), "alert", "clock"
    tone: Tone = "warn" if ticket.severity == "complex" else "neutral"
    return translate(language, f"ticket.severity.{ticket.severity}"), tone, "dot"


def teach(pages: Pages) -> None:
    """Give templates these words."""
    pages.environment.globals |= {
        "state_marks": STATES, "verdict_marks": VERDICTS, "event_marks": EVENTS, "plain_mark": PLAIN,
        "clock_mark": clock_mark, "zone_name": zone_name, "coded": coded, "urgency": urgency,
        "say_event": say_event, "say_reason": say_reason, "skill_name": skill_name,
    }  # fmt: skip
