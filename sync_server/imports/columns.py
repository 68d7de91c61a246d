"""Which tables can be imported, their columns, and how a heading is recognised in three languages.

Owns reading `columns.toml`. What a row does is said by its planner.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from common.i18n import LANGUAGES, translate
from common.kernel.text import fold

KINDS = ("people", "customers", "models", "equipment", "parts", "prices", "stock")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `needed`: always, new (for rows not known yet) or ''."""

    name: str
    type: str
    needed: str
    headings: tuple[str, ...]


@cache
def columns_of_kind(kind: str) -> Mapping[str, Column]:
    """Return a kind's columns by name, in the order of its template."""
    return _all()[kind]


@cache
def _all() -> dict[str, dict[str, Column]]:
    text = resources.files(__package__).joinpath("columns.toml").read_text("utf-8")
    return {
        kind: {
            name: Column(name, type_, needed, (name, *headings))
            for name, (type_, needed, headings) in table.items()
        }
        for kind, table in tomllib.loads(text).items()
    }


def heading_of(kind: str, name: str, language: str) -> str:
    """Return a column's heading as our templates write it."""
    return translate(language, f"import.column.{kind}.{name}")


@cache
def _known(kind: str) -> dict[str, str]:
    known: dict[str, str] = {}
    for name, column in columns_of_kind(kind).items():
        for heading in (*(heading_of(kind, name, language) for language in LANGUAGES), *column.headings):
            known.setdefault(_bare(heading), name)
    return known


def recognise(kind: str, heading: str) -> str | None:
    """Name the column a heading means; None if nobody knows it. Case, width, blanks, `*` and `_` do not matter."""
    return _known(kind).get(_bare(heading))


def count_known(kind: str, cells: tuple[str, ...]) -> int:
    """Count the columns a row of headings names."""
    return len({found for cell in cells if (found := recognise(kind, cell))})


def _bare(heading: str) -> str:
    return fold(heading.replace("_", " ").strip(" *＊:：")).replace(" ", "")
