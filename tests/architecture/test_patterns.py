"""No regular expression of the product can be made to think for ever by a hostile text (H10).

A pattern is dangerous where something repeated without bound holds something repeated without bound; and every
pattern is run against texts made to draw it out, under the time limit of the whole test.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import common
import field_app
import sync_server

REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
LONG = 20_000
HOSTILE = ("a", "0", " ", "-", "=", "A-", "a.", "\t ", "%", "<", "{", ":", "/", "\\", "中", "9,")
NOT_IMPORTED = frozenset({"sync_server.demo.__main__", "sync_server.db.migrations.env"})


def patterns() -> dict[str, re.Pattern[str]]:
    """Find every compiled pattern that stands in a module."""
    found = {}
    for package in (common, field_app, sync_server):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if info.name in NOT_IMPORTED or ".migrations" in info.name:
                continue
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                    found[f"{info.name}.{name}"] = value
    return found


def is_nested(tree: Any, inside: bool = False) -> bool:
    """Say whether an unbounded repetition holds another one."""
    for code, value in tree:
        if code in REPEATS:
            low_high, inner = value[:2], value[2]
            unbounded = low_high[1] is codes.MAXREPEAT
            if inside and unbounded:
                return True
            if is_nested(inner, inside or unbounded):
                return True
        elif code is codes.SUBPATTERN:
            if is_nested(value[3], inside):
                return True
        elif code is codes.BRANCH and any(is_nested(branch, inside) for branch in value[1]):
            return True
    return False


@pytest.mark.fault("H10")
@pytest.mark.timeout(120)
def test_no_pattern_can_be_made_to_think_for_ever() -> None:
    found = patterns()
    assert len(found) > 10
    nested = sorted(name for name, pattern in found.items() if is_nested(parser.parse(pattern.pattern)))
    tried = 0
    for pattern in found.values():
        for part in HOSTILE:
            for end in ("", "!", "\x00"):
                pattern.search(part * (LONG // len(part)) + end)
                tried += 1
    assert tried == len(found) * len(HOSTILE) * 3
    assert nested == [], "repetition inside repetition"
