"""Three-way edits, field by field: the old value travels with the new, the loser is kept (sync-protocol 3.7).

Owns the merge. Which side wins a field is said by the noun; that both are shown is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import String
from sqlalchemy.types import TypeEngine

from common.inbox.records import FieldConflict
from common.kernel.clock import LATEST_MS, instant
from common.kernel.codec import LARGEST_INT, compact, encode, read_json
from common.kernel.fields import Code, Many, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.quantity import LARGEST_MILLI, from_milli
from common.kernel.record import DayColumn, DocumentColumn, FlagColumn, InstantColumn, QuantityColumn, Synced
from common.kernel.work import Work

FLAGS = {"true": True, "1": True, "false": False, "0": False}
Hook = Callable[[Work, Any], None]
_after_edit: dict[type[Any], Hook] = {}


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


def after_edit(record: type[Any]) -> Callable[[Hook], Hook]:
    """Register what follows from an edit of a record, such as folding its search text anew."""

    def register(hook: Hook) -> Hook:
        _after_edit[record] = hook
        return hook

    return register


def apply_changes(
    work: Work,
    row: Synced,
    changes: tuple[Change, ...],
    winners: Mapping[str, Winner],
    needed: Collection[str] = (),
) -> Outcome:
    """Merge edits into a row. `winners` lists the fields that may be edited, `needed` those never left empty.

    Returns ok, noop (already so) or merged (`edit_met_another`, with the number of lost values).
    Refuses `field_not_editable`, `field_empty`, `value_not_readable`, `value_too_long`.
    """
    wrote = lost = 0
    for change in changes:
        if change.field not in winners:
            raise Refused("field_not_editable", field=change.field)
        if change.field in needed and not change.new:
            raise Refused("field_empty", field=change.field)
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
        work.add(_conflict(work, row, change.field, kept, dropped, takes))
        if takes:
            setattr(row, change.field, wanted)
        wrote += takes
        lost += 1
    if wrote:
        edited(work, row)
    if lost:
        return Outcome("merged", "edit_met_another", {"n": lost})
    return OK if wrote else NOOP


def edited(work: Work, row: Synced) -> None:
    """Note who edited a row last, and do what follows from the edit."""
    if hasattr(row, "edited_by"):
        row.edited_by = work.actor.person_id
    if hook := _after_edit.get(type(row)):
        hook(work, row)


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
    """Write a column's value as the text an edit carries: instants in milliseconds, flags 1 or 0."""
    if isinstance(value, bool):
        return str(int(value))
    wire = encode(value)
    return "" if wire is None else wire if isinstance(wire, str) else compact(wire)


def read_value(row: Synced, field: str, text: str) -> Any:
    """Read an edit's text as the column's type; '' is None where the column allows it.

    Refuses `value_not_readable`, `value_too_long`.
    """
    column = row.__table__.columns[field]  # type: ignore[attr-defined]
    if text == "" and column.nullable:
        return None
    try:
        return _read(column.type, field, text)
    except (ValueError, TypeError, KeyError):
        raise Refused("value_not_readable", field=field) from None


def _read(kind: TypeEngine[Any], field: str, text: str) -> Any:
    if isinstance(kind, FlagColumn):
        return FLAGS[text]
    if isinstance(kind, DocumentColumn):
        return read_json(text)
    if isinstance(kind, DayColumn):
        return date.fromisoformat(text)
    if isinstance(kind, InstantColumn):
        return instant(_whole(text, 0, LATEST_MS))
    if isinstance(kind, QuantityColumn):
        return from_milli(_whole(text, -LARGEST_MILLI, LARGEST_MILLI))
    if isinstance(kind, String):
        if kind.length is not None and len(text) > kind.length:
            raise Refused("value_too_long", field=field, n=kind.length)
        return text
    return _whole(text, -LARGEST_INT, LARGEST_INT)


def _whole(text: str, low: int, high: int) -> int:
    value = int(text)
    if not low <= value <= high:
        raise ValueError("out of range")
    return value
