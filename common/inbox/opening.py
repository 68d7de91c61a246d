"""The one way to put something before the office: an entry of its inbox, made the same by everyone who finds one.

Owns how an entry begins. Whether one is needed is decided by whoever asks; resolving is a command of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from common.inbox.records import OFFICE_INBOX, Discrepancy
from common.kernel.ids import derive_id


def open_discrepancy(
    op_id: str,
    code: str,
    details: Mapping[str, Any],
    at: datetime,
    *,
    person_id: str | None = None,
    ticket_id: str | None = None,
    row_id: str = "",
) -> Discrepancy:
    """Make an entry the office must look at; a command has at most one of each code unless `row_id` names it."""
    return Discrepancy(
        id=row_id or discrepancy_id(op_id, code),
        agg=OFFICE_INBOX,
        code=code,
        details=dict(details),
        ticket_id=ticket_id,
        op_id=op_id,
        person_id=person_id,
        raised_at=at,
        state="open",
        resolution="",
        resolved_by=None,
        resolved_at=None,
    )


def discrepancy_id(op_id: str, code: str) -> str:
    """Name the entry of a command and a code."""
    return derive_id("discrepancy", op_id, code)
