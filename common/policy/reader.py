"""Strict reading of policy data: exact types, bounds, no unknown or doubled keys, errors with their path.

Owns the way down the data; knows no facet. An explicit null means "left blank", an absent optional key "any".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import NoReturn, TypeVar

from common.policy.titles import Title

T = TypeVar("T")
CODE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}\Z")
TEXT_MAX = 400
LIST_MAX = 2000


class PolicyError(ValueError):
    """Policy data that cannot be used. `code` stable (sentence `policy.error.<code>`), `path` the place."""

    def __init__(self, path: str, code: str, detail: str = "") -> None:
        super().__init__(f"{path}: {code}{f' ({detail})' if detail else ''}")
        self.path, self.code, self.detail = path, code, detail


def parse_json(text: str) -> Mapping[str, object]:
    """Read JSON strictly: one object, no doubled keys, no fractions, no NaN. Raises PolicyError."""

    def refuse(found: str) -> NoReturn:
        raise PolicyError("$", "number_not_whole", found[:40])

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        seen: dict[str, object] = {}
        for key, value in pairs:
            if key in seen:
                raise PolicyError("$", "key_doubled", key[:40])
            seen[key] = value
        return seen

    try:
        data = json.loads(text, parse_float=refuse, parse_constant=refuse, object_pairs_hook=unique)
    except PolicyError:
        raise
    except (ValueError, RecursionError) as error:
        raise PolicyError("$", "not_json", str(error)[:80]) from None
    if not isinstance(data, dict):
        raise PolicyError("$", "not_an_object")
    return data


class Node:
    """One object of the data, read key by key; `done` refuses what nobody asked for."""

    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, dict):
            raise PolicyError(path, "not_an_object", type(data).__name__)
        self.path = path
        self._data: dict[str, object] = data
        self._read = {"confirm"}  # read by the walk that lists what is to be confirmed

    def fail(self, key: str, code: str, detail: str = "") -> NoReturn:
        """Raise PolicyError at a key."""
        raise PolicyError(f"{self.path}.{key}", code, detail)

    def has(self, key: str) -> bool:
        """Say whether the key is there, null or not."""
        return key in self._data

    def raw(self, key: str) -> object:
        """Return what stands there, null included. Raises PolicyError when it is missing."""
        self._read.add(key)
        if key not in self._data:
            self.fail(key, "missing")
        return self._data[key]

    def is_blank(self, key: str) -> bool:
        """Say whether the key holds null: left blank by the source."""
        return self.raw(key) is None

    def text(self, key: str) -> str:
        """Read a printable text of 1–400 characters without blanks around it."""
        value = self.raw(key)
        if not isinstance(value, str):
            self.fail(key, "not_text", type(value).__name__)
        if not is_usable_text(value):
            self.fail(key, "text_unusable", ascii(value[:40]))
        return value

    def code(self, key: str = "code") -> str:
        """Read a code: 1–64 letters, digits, `_ . -`."""
        value = self.text(key)
        if not CODE.match(value):
            self.fail(key, "not_a_code", value[:40])
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        """Read one of a closed list of words."""
        value = self.text(key)
        if value not in allowed:
            self.fail(key, "not_allowed", value[:40])
        return value

    def whole(self, key: str, lowest: int, highest: int) -> int:
        """Read a whole number within bounds; true and false are no numbers."""
        value = self.raw(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(key, "not_a_whole_number", type(value).__name__)
        if not lowest <= value <= highest:
            self.fail(key, "out_of_range", f"{lowest}–{highest}")
        return value

    def whole_or_blank(self, key: str, lowest: int, highest: int) -> int | None:
        """Read a whole number or a blank."""
        return None if self.is_blank(key) else self.whole(key, lowest, highest)

    def flag(self, key: str) -> bool:
        """Read true or false."""
        value = self.raw(key)
        if not isinstance(value, bool):
            self.fail(key, "not_true_or_false", type(value).__name__)
        return value

    def title(self, key: str = "title") -> Title:
        """Read a name in three languages: `[English, 简体, 繁體]`, all filled."""
        value = self.raw(key)
        if not isinstance(value, list) or len(value) != 3:
            self.fail(key, "not_three_languages")
        names = [name for name in value if isinstance(name, str) and is_usable_text(name)]
        if len(names) != 3:
            self.fail(key, "not_three_languages")
        return Title(*names)

    def day(self, key: str) -> date:
        """Read a local day, `YYYY-MM-DD`."""
        value = self.text(key)
        try:
            day = date.fromisoformat(value)
        except ValueError:
            self.fail(key, "not_a_day", value[:40])
        if day.isoformat() != value:
            self.fail(key, "not_a_day", value[:40])
        return day

    def items(self, key: str) -> list[object]:
        """Read a list."""
        value = self.raw(key)
        if not isinstance(value, list):
            self.fail(key, "not_a_list", type(value).__name__)
        if len(value) > LIST_MAX:
            self.fail(key, "list_too_long", str(len(value)))
        return value

    def child(self, key: str) -> Node:
        """Read an object below this one."""
        return Node(self.raw(key), f"{self.path}.{key}")

    def coded(self, key: str, read: Callable[[Node], T], *, at_least: int = 0) -> tuple[T, ...]:
        """Read a list of objects with unique codes; their paths name the code: `clocks[response].amount`."""
        found: dict[str, T] = {}
        for place, item in enumerate(self.items(key)):
            code = Node(item, f"{self.path}.{key}[{place}]").code()
            node = Node(item, f"{self.path}.{key}[{code}]")
            if code in found:
                raise PolicyError(node.path, "code_doubled", code)
            found[code] = read(node)
            node.done()
        if len(found) < at_least:
            self.fail(key, "list_too_short", str(len(found)))
        return tuple(found.values())

    def done(self) -> None:
        """Refuse keys that were not read."""
        for key in self._data:
            if key not in self._read:
                self.fail(ascii(key)[1:-1][:40], "unknown_key")


def is_usable_text(value: str) -> bool:
    """Say whether a text has 1–400 printable characters and no blanks around it."""
    return bool(value) and value == value.strip() and len(value) <= TEXT_MAX and value.isprintable()


def blanks(data: object) -> tuple[str, ...]:
    """Return the paths of every null, in the order of the data."""
    return tuple(place for place, value in _walk(data, "") if value is None)


def marked(data: object) -> tuple[str, ...]:
    """Return the paths of every object marked `"confirm": true`."""
    return tuple(
        place for place, value in _walk(data, "") if isinstance(value, dict) and value.get("confirm") is True
    )


def _walk(data: object, path: str) -> Iterator[tuple[str, object]]:
    yield path, data
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _walk(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list):
        for place, value in enumerate(data):
            name = value.get("code", place) if isinstance(value, dict) else place
            yield from _walk(value, f"{path}[{name}]")
