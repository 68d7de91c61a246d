"""Reading a new value for one place of the policy: the kind of field its place asks for, and the JSON it becomes.

Owns kinds of fields. Whether the value may stand there is checked by the command.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from common.sla.rule import EVENTS
from sync_server.console.entry import Entry, amount_text
from sync_server.console.policy.words import PREFIXES, PolicyWords, find

WHOLE = frozenset({"amount", "months", "warn_pct", "working_day_min", "score"})
WORDS = {
    "start": EVENTS,
    "stop": EVENTS,
    "start_event": ("acceptance", "final_acceptance", "sale"),
    "after_expiry": ("paid", "cost_only", "lifetime", "refuse"),
    "warranty": ("covered", "excluded", "decide"),
}
LISTS = frozenset({"match", "mon", "tue", "wed", "thu", "fri", "sat", "sun"})


@dataclass(frozen=True, slots=True)
class Field:
    """How a place is asked for: `kind` whole, money, word, flag, lines, code or json; `value` as it stands now."""

    path: str
    kind: str
    value: str
    options: tuple[str, ...] = ()
    prefix: str = ""
    unit: str = ""


def field_at(words: PolicyWords, path: str) -> Field:
    """Say how a place is asked for."""
    key = path.rpartition(".")[2]
    now = find(words.data, path)
    around = find(words.data, path.rpartition(".")[0])
    unit = str(around.get("unit", "")) if isinstance(around, dict) else ""
    if key in WHOLE:
        return Field(path, "whole", "" if now is None else str(now), unit=unit if key == "amount" else "")
    if key.endswith("_minor"):
        return Field(
            path, "money", "" if now is None else amount_text(now, words.currency), unit=words.currency
        )
    if key in WORDS:
        return Field(path, "word", str(now or ""), WORDS[key], PREFIXES[key])
    if isinstance(now, bool):
        return Field(path, "flag", "1" if now else "")
    if key in LISTS:
        return Field(path, "lines", "\n".join(now or ()))
    if isinstance(now, list | dict):
        return Field(path, "json", json.dumps(now, ensure_ascii=False, indent=1))
    return Field(path, "code", str(now or ""))


def value_of(entry: Entry, asked: Field, currency: str) -> str:
    """Read what was entered as JSON text; what is wrong is noted at `value`."""
    text = entry.text("value")
    if asked.kind == "flag":
        return json.dumps(entry.flag("value"))
    if not text:
        entry.wrong("value", "text_missing")
        return "null"
    value: Any = text
    if asked.kind == "whole":
        value = entry.whole("value")
    elif asked.kind == "money":
        value = entry.minor("value", currency)
    elif asked.kind == "word":
        value = entry.choice("value", asked.options)
    elif asked.kind == "lines":
        value = [line.strip() for line in text.splitlines() if line.strip()]
    elif asked.kind == "json":
        return text
    return json.dumps(value, ensure_ascii=False)


def confirm_path(words: PolicyWords, path: str) -> str:
    """Return a plain value inside a marked object: setting it as it is confirms the object."""
    node = find(words.data, path)
    if not isinstance(node, dict):
        return ""
    plain = (
        key
        for key, value in node.items()
        if isinstance(value, str | int) and key not in ("source", "confirm")
    )
    key = next(plain, "")
    return f"{path}.{key}" if key else ""
