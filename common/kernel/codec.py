"""The one strict codec: JSON ↔ frozen dataclasses with exact types, bounds and clean text.

Commands refuse unknown fields; answers from the server ignore them, so that an old tablet can talk to a new server.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from common.kernel.clock import LATEST_MS, instant, millis
from common.kernel.fields import IdText, Many, Text, Whole
from common.kernel.ids import is_id
from common.kernel.outcome import BadPayload
from common.kernel.quantity import from_milli, to_milli
from common.kernel.text import clean_fault, tidy

T = TypeVar("T")
DEEPEST = 12
LARGEST_INT = 2**53
_BRACKET = re.compile(r"[\[\]{}]")
_LONG_NUMBER = re.compile(r"[0-9]{16}")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise BadPayload("json_doubled_key")
    return read


def _no_float(text: str) -> Any:
    raise BadPayload("json_float")


def _outside(text: str) -> str:
    """Leave the strings of a JSON text out; what is no JSON may be cut wrong and fails in the parser."""
    return "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])


def _depth(outside: str) -> int:
    """Count the levels of a JSON text without its strings."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(outside):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _bounded_int(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > LARGEST_INT:
        raise BadPayload("json_number_too_large")
    return int(text)


def read_json(data: bytes | str) -> Any:
    """Parse JSON strictly: UTF-8, no doubled keys, no floats, no NaN, bounded integers, at most 12 levels.

    Raises BadPayload with a code `json_…`.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        raise BadPayload("json_not_utf8") from None
    outside = _outside(text)
    if _depth(outside) > DEEPEST:
        raise BadPayload("json_too_deep")
    try:
        return json.loads(
            text,
            object_pairs_hook=_no_twins,
            parse_float=_no_float,
            parse_int=_bounded_int if _LONG_NUMBER.search(outside) else None,  # None: the parser's own, in C
            parse_constant=_no_float,
        )
    except (json.JSONDecodeError, RecursionError):
        raise BadPayload("json_malformed") from None


def read_answer_json(data: bytes) -> Any:
    """Parse JSON of the server one is signed in to: UTF-8, no floats. Raises BadPayload with a code `json_…`.

    What guards a server against strangers (depth, doubled keys, long numbers) costs twice the parsing itself.
    """
    try:
        return json.loads(data.decode("utf-8"), parse_float=_no_float, parse_constant=_no_float)
    except UnicodeDecodeError:
        raise BadPayload("json_not_utf8") from None
    except (json.JSONDecodeError, RecursionError):
        raise BadPayload("json_malformed") from None


def canonical(value: Any) -> str:
    """Write JSON in its one canonical form: sorted keys, no blanks, real characters. Hashes are taken over this."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def compact(value: Any) -> str:
    """Write JSON in the order given, no blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def fields_of(cls: Any) -> tuple[tuple[str, Any, bool], ...]:
    """List (name, type with its bounds, required) of a dataclass, in order."""
    return _fields_of(cls)


@cache
def _fields_of(cls: Any) -> tuple[tuple[str, Any, bool], ...]:
    hints = typing.get_type_hints(cls, include_extras=True)
    missing = dataclasses.MISSING
    return tuple(
        (f.name, hints[f.name], f.default is missing and f.default_factory is missing)
        for f in dataclasses.fields(cls)
    )


def decode(cls: type[T], raw: Any, *, where: str = "", strict: bool = True) -> T:
    """Build a dataclass from parsed JSON. Raises BadPayload naming the field that is wrong."""
    if type(raw) is not dict:
        raise BadPayload("type_object", where)
    values: dict[str, Any] = {}
    known = fields_of(cls)
    for name, hint, required in known:
        if name in raw:
            values[name] = _read(hint, raw[name], f"{where}.{name}" if where else name, strict)
        elif required:
            raise BadPayload("field_missing", f"{where}.{name}" if where else name)
    if strict and len(values) != len(raw):
        unknown = sorted(set(raw) - {name for name, _, _ in known})
        raise BadPayload("field_unknown", f"{where}.{unknown[0]}" if where else unknown[0])
    return cls(**values)


def encode(value: Any) -> Any:
    """Turn a dataclass into plain JSON values; fields at their default are left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        written: dict[str, Any] = {}
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            if item == field.default and type(item) is type(field.default):
                continue
            written[field.name] = encode(item)
        return written
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, datetime):
        return millis(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return to_milli(value)
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    raise TypeError(f"no wire form for {type(value).__name__}")


def _read(hint: Any, raw: Any, where: str, strict: bool) -> Any:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        base, *bounds = typing.get_args(hint)
        return _bounded(base, bounds[0], raw, where, strict)
    if origin in (typing.Union, types.UnionType):
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return None if raw is None else _read(inner[0], raw, where, strict)
    if origin is tuple:
        return _items(typing.get_args(hint)[0], raw, where, strict, 1000)
    if origin is dict:
        if type(raw) is not dict:
            raise BadPayload("type_object", where)
        key_hint, item = typing.get_args(hint)
        return {
            _read(key_hint, k, where, strict): _read(item, v, f"{where}.{k}", strict) for k, v in raw.items()
        }
    if origin is typing.Literal:
        if raw not in typing.get_args(hint):
            raise BadPayload("choice_unknown", where)
        return raw
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast(type, hint), raw, where=where, strict=strict)
    return _plain(hint, raw, where)


def _plain(hint: Any, raw: Any, where: str) -> Any:
    if hint is Any:
        return raw
    if hint is str:
        return _text(Text(0, 4000, lines=True), raw, where)
    if hint is bool:
        if type(raw) is not bool:
            raise BadPayload("type_bool", where)
        return raw
    if hint is date:
        try:
            return date.fromisoformat(raw)
        except (TypeError, ValueError):
            raise BadPayload("type_day", where) from None
    if type(raw) is not int:
        raise BadPayload("type_int", where)
    if hint is datetime:
        if not 0 <= raw <= LATEST_MS:
            raise BadPayload("instant_out_of_range", where)
        return instant(raw)
    if hint is Decimal:
        if abs(raw) > 10**12:
            raise BadPayload("quantity_out_of_range", where)
        return from_milli(raw)
    if hint is int:
        return raw
    raise TypeError(f"the codec does not know {hint!r}")


def _bounded(base: Any, bound: Any, raw: Any, where: str, strict: bool) -> Any:
    if isinstance(bound, Text):
        return _text(bound, raw, where)
    if isinstance(bound, IdText):
        if type(raw) is not str or not is_id(raw):
            raise BadPayload("type_id", where)
        return raw
    if isinstance(bound, Many):
        return _items(typing.get_args(base)[0], raw, where, strict, bound.high)
    if isinstance(bound, Whole):
        if type(raw) is not int:
            raise BadPayload("type_int", where)
        if not bound.low <= raw <= bound.high:
            raise BadPayload("number_out_of_range", where)
        return raw
    raise TypeError(f"the codec does not know the bound {bound!r}")


def _items(item: Any, raw: Any, where: str, strict: bool, high: int) -> tuple[Any, ...]:
    if type(raw) is not list:
        raise BadPayload("type_list", where)
    if len(raw) > high:
        raise BadPayload("list_too_long", where)
    return tuple(_read(item, entry, f"{where}[{i}]", strict) for i, entry in enumerate(raw))


def _text(bound: Text, raw: Any, where: str) -> str:
    if type(raw) is not str:
        raise BadPayload("type_text", where)
    if fault := clean_fault(raw):
        raise BadPayload(fault, where)
    if not bound.lines and ("\n" in raw or "\t" in raw):
        raise BadPayload("text_line_break", where)
    text = tidy(raw)
    if len(text) < bound.low:
        raise BadPayload("text_missing", where)
    if len(text) > bound.high:
        raise BadPayload("text_too_long", where)
    return text
