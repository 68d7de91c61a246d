"""Search by folded words: what a person types, with the trade's synonyms, as conditions on a folded column.

Owns the synonyms (register §7) and the shape of the condition. Knows no noun.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, or_

from common.kernel.text import fold

MOST_WORDS = 8
SYNONYMS = (
    ("报修", "叫修"),
    ("维修", "修护", "修理"),
    ("维护", "保养"),
    ("抱怨", "投诉", "客诉"),
    ("质量管理部", "质量部", "品质部"),
    ("零部件", "备件", "配件", "零件"),
    ("更换", "替换"),
)


@cache
def _folded_synonyms() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(fold(word) for word in group) for group in SYNONYMS)


def search_terms(text: str) -> tuple[frozenset[str], ...]:
    """Split what was typed into words, each a set of spellings of which any one will do; at most eight words.

    `search_terms("報修 泵")` is `({"报修", "叫修"}, {"泵"})`.
    """
    return tuple(_spellings(word) for word in fold(text).split()[:MOST_WORDS])


def _spellings(word: str) -> frozenset[str]:
    found = {word}
    for group in _folded_synonyms():
        known = next((twin for twin in group if twin in word), None)
        if known is not None:
            found |= {word.replace(known, twin) for twin in group}
    return frozenset(found)


def matching(column: Any, text: str) -> list[ColumnElement[bool]]:
    """Make the conditions that a folded column contains every word typed, in any of its spellings."""
    return [
        or_(*(column.contains(spelling, autoescape=True) for spelling in sorted(spellings)))
        for spellings in search_terms(text)
    ]
