"""Writing a command anew that was not accepted: which of its arguments a person can change, and reading them back.

Owns this for every kind alike, from the types of its arguments. Rules stay with the command.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, cast

from common.inbox.edits import Change
from common.kernel.clock import instant, millis
from common.kernel.codec import fields_of
from common.kernel.command import spec_of
from common.kernel.fields import Many, Text, Whole
from common.kernel.outcome import BadPayload
from common.kernel.quantity import from_milli, parse_quantity, to_milli

LOCAL = "%Y-%m-%d %H:%M"
HIDDEN = frozenset({"seen_from_at", "strokes", "content", "content_hash", "sealed", "shown"})


@dataclass(frozen=True, slots=True)
class EditLine:
    """One argument: `name` in the command, `label` the field's name, `kind`: text, lines, flag, instant, number."""

    name: str
    label: str
    kind: str
    value: str


def edit_lines(kind: str, args: dict[str, Any], zone: tzinfo) -> tuple[EditLine, ...]:
    """List the arguments a person can write anew; ids, hashes and signatures are left as they are."""
    lines: list[EditLine] = []
    for name, hint, _ in fields_of(cast(type, spec_of(kind).payload)):
        if name in HIDDEN:
            continue
        if _is_changes(hint):
            lines += [
                EditLine(f"{name}.{i}", str(change.get("field", "")), "lines", str(change.get("new", "")))
                for i, change in enumerate(args.get(name) or [])
            ]
            continue
        sort = _sort(hint)
        if sort:
            lines.append(EditLine(name, name, sort, _show(sort, args.get(name), zone)))
    return tuple(lines)


def with_changes(kind: str, args: dict[str, Any], values: dict[str, str], zone: tzinfo) -> dict[str, Any]:
    """Put what was written into the arguments. Raises BadPayload `value_not_readable` with the field's name."""
    written = dict(args)
    for line in edit_lines(kind, args, zone):
        if line.name not in values or values[line.name] == line.value:
            continue
        name, _, place = line.name.partition(".")
        if place:
            changes = [dict(change) for change in written[name]]
            changes[int(place)]["new"] = values[line.name]
            written[name] = changes
        else:
            written[name] = _read(line, values[line.name], zone)
    return written


def _is_changes(hint: Any) -> bool:
    bare, bounds = _bare(hint)
    return isinstance(bounds, Many) and typing.get_args(bare)[:1] == (Change,)


def _bare(hint: Any) -> tuple[Any, Any]:
    if typing.get_origin(hint) is typing.Annotated:
        base, *bounds = typing.get_args(hint)
        return base, bounds[0]
    inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
    if typing.get_origin(hint) is not tuple and len(inner) == 1 and len(typing.get_args(hint)) == 2:
        return _bare(inner[0])
    return hint, None


def _sort(hint: Any) -> str:
    base, bounds = _bare(hint)
    if isinstance(bounds, Text):
        return "lines" if bounds.lines else "text"
    if base is bool:
        return "flag"
    if base is datetime:
        return "instant"
    if base is Decimal:
        return "number"
    return "whole" if isinstance(bounds, Whole) else ""


def _show(sort: str, value: Any, zone: tzinfo) -> str:
    if value is None:
        return ""
    match sort:
        case "flag":
            return "1" if value else ""
        case "instant":
            return instant(value).astimezone(zone).strftime(LOCAL)
        case "number":
            return f"{from_milli(value).normalize():f}"
        case _:
            return str(value)


def _read(line: EditLine, text: str, zone: tzinfo) -> Any:
    text = text.strip()
    try:
        match line.kind:
            case "flag":
                return text == "1"
            case "instant":
                return millis(datetime.strptime(text, LOCAL).replace(tzinfo=zone)) if text else None
            case "number":
                return to_milli(parse_quantity(text))
            case "whole":
                return int(text)
            case _:
                return text
    except ValueError:
        raise BadPayload("value_not_readable", line.label) from None
