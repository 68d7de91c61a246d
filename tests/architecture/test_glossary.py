"""The glossary knows every table and every role, in both kinds of Chinese characters."""

from __future__ import annotations

import re

import common.nouns  # noqa: F401 - registers every shared table
from common.kernel.command import Role
from common.kernel.record import Base
from tests.support.source import ROOT, assert_none

CJK = re.compile(r"[\u3400-\u9fff]")
NAMED = re.compile(r"^`(\w+)`")


def rows() -> list[list[str]]:
    """Return the cells of every row of the glossary's tables, heads left out."""
    lines = (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row[0] != "in code" and not set(row[0]) <= {"-"}]


def named() -> dict[str, list[str]]:
    """Return the rows whose first cell names something of the code."""
    return {match[1]: row for row in rows() if (match := NAMED.match(row[0]))}


def test_every_mapped_table_is_explained_in_three_languages() -> None:
    known = named()
    missing = [
        mapper.class_.__name__ for mapper in Base.registry.mappers if mapper.class_.__name__ not in known
    ]
    unsaid = [
        name
        for name in (mapper.class_.__name__ for mapper in Base.registry.mappers)
        if name in known and not (len(known[name]) == 4 and all(CJK.search(cell) for cell in known[name][2:]))
    ]
    assert_none(sorted(missing))
    assert_none(sorted(unsaid))


def test_every_role_is_explained() -> None:
    assert_none([role.name for role in Role if role.name not in named()])


def test_no_term_stands_twice_and_none_is_empty() -> None:
    terms = [row[0] for row in rows()]
    assert_none([term for term in set(terms) if terms.count(term) > 1])
    assert_none([row[0] for row in rows() if not all(row)])
