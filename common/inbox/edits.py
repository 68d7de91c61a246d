"""Three-way edits, field by field: the old value travels with the new one, and the loser is kept (sync-protocol 3.7).

Owns the merge. Which side wins a field is said by the noun; that both are shown is said here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from common.inbox.records import FieldConflict
from common.kernel.codec import compact, encode
from common.kernel.fields import Code, Many, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.record import Synced
from common.kernel.work import Work


class Winner(StrEnum):
    """Who keeps a field both changed: the person on site, the office's plan, or whoever arrives later."""

    FIELD = "field"
    OFFICE = "office"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Change:
    """One field's change: `old` is what the editor saw, `new` what he wants, both as text ('' is empty)."""

    field: Code
    old: Note
    new: Note


Changes = Annotated[tuple[Change, ...], Many(60)]


def apply_changes(work: Work, row: Synced, changes: tuple[Change, ...], winners: Mapping[str, Winner]) -> Outcome:
    """Merge edits into a row. `winners` lists the fields that may be edited at all; values are read per column type.

    Returns ok, noop (already so) or merged (`edit_met_another`, with the number of lost values).
    Refuses `field_not_editable`, `value_not_readable`.
    """
    wrote = lost = 0
    for change in changes:
        if change.field not in winners:
            raise Refused("field_not_editable", field=change.field)
        current = getattr(row, change.field)
        wanted = read_value(row, change.field, change.new)
        if current == wanted:
            continue
        if current == read_value(row, change.field, change.old):
            setattr(row, change.field, wanted)
            wrote += 1
            continue
        winner = winners[change.field]
        takes = winner is Winner.LATER or (winner is Winner.FIELD) == work.actor.is_field
        kept, dropped = (wanted, current) if takes else (current, wanted)
        if takes:
            setattr(row, change.field, wanted)
        work.add(_conflict(work, row, change.field, kept, dropped, takes))
        wrote += takes
        lost += 1
    if lost:
        return Outcome("merged", "edit_met_another", {"n": lost})
    return OK if wrote else NOOP


def _conflict(work: Work, row: Synced, field: str, kept: Any, lost: Any, mine_won: bool) -> FieldConflict:
    other = getattr(row, "edited_by", None)
    mine = work.actor.person_id
    return FieldConflict(
        id=work.derive("conflict", row.id, field),
        agg=row.agg,
        entity=row.__tablename__,  # type: ignore[attr-defined]
        row_id=row.id,
        field=field,
        kept=show_value(kept),
        lost=show_value(lost),
        kept_by=mine if mine_won else other,
        lost_by=other if mine_won else mine,
        op_id=work.op.id,
        raised_at=work.at,
        state="open",
    )


def show_value(value: Any) -> str:
    """Write a column's value as the text an edit carries."""
    wire = encode(value)
    return "" if wire is None else wire if isinstance(wire, str) else compact(wire)


def read_value(row: Synced, field: str, text: str) -> Any:
    """Read an edit's text as the column's type; '' is None where the column allows it. Refuses `value_not_readable`."""
    column = row.__table__.columns[field]  # type: ignore[attr-defined]
    if text == "" and column.nullable:
        return None
    try:
        wire = text if column.type.python_type is str else int(text) if text.lstrip("-").isdigit() else text
        loader = getattr(column.type, "process_result_value", None)
        return loader(wire, None) if loader else column.type.python_type(wire)
    except (ValueError, TypeError, NotImplementedError):
        raise Refused("value_not_readable", field=field) from None
