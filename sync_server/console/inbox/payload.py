"""A command's arguments in words, whatever its kind: labels and values as a person of the office reads them.

Owns the wording. Reads the command's own types; ids become names by a map the caller looked up.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from common.i18n import catalogue, has_key, translate
from common.kernel.clock import LATEST_MS, instant
from common.kernel.codec import fields_of
from common.kernel.command import REGISTRY
from common.kernel.quantity import from_milli
from sync_server.console.formats import format_day, format_instant, format_money, format_qty

# Written by machines for machines: never shown, or only that they are there.
HIDDEN = frozenset({"content_hash", "evidence_hash", "data_version", "seen_from_at"})
DRAWN = {
    "strokes": "inbox.value.signature",
    "sealed": "inbox.value.sealed",
    "content": "inbox.value.document",
}
Pair = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """In which language and zone, and what ids are called."""

    language: str
    time_zone: str
    names: Mapping[str, str]

    def payload(self, kind: str, args: Mapping[str, Any]) -> list[Pair]:
        """Say the arguments of a command as (label, value) pairs, in the command's order."""
        spec = REGISTRY.get(kind)
        if spec is None:
            return [(str(name), str(value)[:200]) for name, value in args.items()]
        return list(self._fields(spec.payload, args))

    def command(self, kind: str) -> str:
        """Name a command."""
        return translate(self.language, f"command.{kind}") if has_key(f"command.{kind}") else kind

    def _fields(self, cls: Any, args: Mapping[str, Any]) -> Iterator[Pair]:
        currency = str(args.get("currency", ""))
        for name, hint, _ in fields_of(cls):
            value = args.get(name)
            if name in HIDDEN or value in (None, "", [], {}):
                continue
            shown = self._value(name, hint, value, currency)
            if shown:
                yield self.label(name), shown

    def label(self, name: str) -> str:
        """Name a field."""
        return translate(self.language, f"field.{name}") if has_key(f"field.{name}") else name

    def _value(self, name: str, hint: Any, value: Any, currency: str) -> str:
        if name in DRAWN:
            return translate(self.language, DRAWN[name])
        base = _bare(hint)
        if isinstance(value, list):
            inner = typing.get_args(base)[0] if typing.get_args(base) else Any
            return "; ".join(filter(None, (self._item(name, inner, one, currency) for one in value)))
        if isinstance(value, bool):
            return self._word(name, str(value).lower()) or translate(
                self.language, f"inbox.value.{str(value).lower()}"
            )
        if isinstance(value, int):
            return self._number(name, base, value, currency)
        text = str(value)
        if base is date:
            return self._day(text)
        if name.endswith("_id") or name == "id":
            return self.names.get(text, "")
        return self._word(name, text) or text[:2000]

    def _item(self, name: str, hint: Any, value: Any, currency: str) -> str:
        base = _bare(hint)
        if dataclasses.is_dataclass(base) and isinstance(base, type) and isinstance(value, dict):
            pairs = self._fields(base, {"currency": currency, **value})
            return ", ".join(f"{label} {shown}" for label, shown in pairs)
        return self._value(name, hint, value, currency)

    def _number(self, name: str, base: Any, value: int, currency: str) -> str:
        if base is datetime and 0 <= value <= LATEST_MS:
            return format_instant(instant(value), self.language, self.time_zone)
        if base is Decimal:
            return format_qty(from_milli(value))
        if name.endswith("_minor") and currency:
            return format_money(value, currency, self.language)
        return str(value)

    def _day(self, text: str) -> str:
        try:
            return format_day(date.fromisoformat(text), self.language)
        except ValueError:
            return text

    def _word(self, name: str, value: str) -> str:
        key = _words().get((name, value))
        return translate(self.language, key) if key else ""


@cache
def _words() -> Mapping[tuple[str, str], str]:
    """Find the catalogue's `<noun>.<field>.<value>` keys by field and value."""
    split = (
        (key, key.split(".")) for key in catalogue() if not key.startswith(("console.", "app.", "import."))
    )
    return {(parts[1], parts[2]): key for key, parts in split if len(parts) == 3}


def _bare(hint: Any) -> Any:
    """Strip bounds and `None` off a type."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if origin in (typing.Union, types.UnionType):
        return _bare(next(one for one in typing.get_args(hint) if one is not type(None)))
    return hint


def ids_in(value: Any) -> Iterator[str]:
    """Yield every text of a document, among which ids may be."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from ids_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from ids_in(item)
