"""Conflicts of two edits in words: which field of what, who wrote which value, what stands.

Owns the wording, for the inbox and for the pages of the records themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session
from starlette.requests import Request

from common.i18n import has_key, translate
from common.inbox.records import FieldConflict
from sync_server.console.desk import Desk
from sync_server.console.inbox.payload import Words
from sync_server.db.office import SYSTEM_ID
from sync_server.inbox.listing import conflicts_of
from sync_server.inbox.names import names_of

PAGES = {
    "customer": "customers",
    "equipment": "equipment",
    "person": "people",
    "part": "stock/parts",
    "ticket": "tickets",
}


def show_conflicts(
    desk: Desk, request: Request, session: Session, rows: Sequence[FieldConflict]
) -> list[dict[str, Any]]:
    """Put conflicts into words."""
    ids = [one for row in rows for one in (row.row_id, row.kept_by, row.lost_by, row.kept, row.lost)]
    words = Words(desk.site.language(request), desk.site.settings.time_zone, names_of(session, ids))
    return [_conflict(words, row) for row in rows]


def open_conflicts(desk: Desk, request: Request, session: Session, row_id: str) -> list[dict[str, Any]]:
    """List the open conflicts of one record in words."""
    return show_conflicts(desk, request, session, conflicts_of(session, row_id))


def _conflict(words: Words, row: FieldConflict) -> dict[str, Any]:
    noun = f"inbox.entity.{row.entity}"
    page = PAGES.get(row.entity)
    return {
        "row": row,
        "noun": translate(words.language, noun) if has_key(noun) else row.entity,
        "name": words.names.get(row.row_id, ""),
        "url": f"/console/{page}/{row.row_id}" if page else "",
        "field": words.label(row.field),
        "kept": _shown(words, row, row.kept),
        "lost": _shown(words, row, row.lost),
        "kept_by": _person(words, row.kept_by),
        "lost_by": _person(words, row.lost_by),
    }


def _person(words: Words, person_id: str | None) -> str:
    if person_id == SYSTEM_ID:
        return translate(words.language, "role.system")
    return words.names.get(person_id or "", "")


def _shown(words: Words, row: FieldConflict, value: str) -> str:
    key = f"{row.entity}.{row.field}.{value}"
    flag = f"{row.entity}.{row.field}.{ {'1': 'true', '0': 'false'}.get(value, '') }"
    for candidate in (key, flag):
        if has_key(candidate):
            return translate(words.language, candidate)
    return words.names.get(value, value)
