"""Clock values to and from the documents a clock's row holds.

Owns the shape of `rule`, `pauses`, `changes`, `exception` in the table. Judges nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.kernel.clock import instant, millis
from common.kernel.codec import decode, encode
from common.sla.clock import ClockException, Pause
from common.sla.explain import RuleChange
from common.sla.rule import ClockRule


def rule_document(rule: ClockRule) -> dict[str, Any]:
    """Write a rule whole, so that a clock is judged by what held when it was chosen."""
    written: dict[str, Any] = encode(rule)
    return written


def read_rule(document: Any) -> ClockRule:
    """Read a stored rule."""
    return decode(ClockRule, document, strict=False)


def pause_documents(pauses: list[Pause]) -> list[dict[str, Any]]:
    """Write pauses."""
    return [
        {"started_at": millis(p.started_at), "ended_at": _millis(p.ended_at), "reason": p.reason}
        for p in pauses
    ]


def read_pauses(documents: Any) -> list[Pause]:
    """Read pauses."""
    return [Pause(instant(d["started_at"]), _instant(d["ended_at"]), d["reason"]) for d in documents]


def exception_document(exception: ClockException) -> dict[str, Any]:
    """Write an approved exception."""
    written: dict[str, Any] = encode(exception)
    return written


def read_exception(document: Any) -> ClockException | None:
    """Read an approved exception, None where there is none."""
    return None if document is None else decode(ClockException, document, strict=False)


def change_document(change: RuleChange) -> dict[str, Any]:
    """Write a change of rule."""
    written: dict[str, Any] = encode(change)
    return written


def read_changes(documents: Any) -> list[RuleChange]:
    """Read changes of rule."""
    return [decode(RuleChange, document, strict=False) for document in documents]


def _millis(at: datetime | None) -> int | None:
    return None if at is None else millis(at)


def _instant(ms: int | None) -> datetime | None:
    return None if ms is None else instant(ms)
