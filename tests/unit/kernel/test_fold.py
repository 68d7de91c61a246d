"""Folding for search: width, case, Chinese variants; folding twice is folding once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.kernel.search import search_terms
from common.kernel.text import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("維護", "维护"),
        ("ＡＢ１", "ab1"),
        ("臺灣", "台湾"),
        ("裝機　記錄", "装机 记录"),
        ("綫路板", "线路板"),
        ("Straße", "STRASSE"),
    ],
)
def test_twins_fold_to_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=200))
def test_terms_are_few_folded_and_never_empty(text: str) -> None:
    terms = search_terms(text)
    assert len(terms) <= 8
    assert all(spelling and spelling == fold(spelling) for spellings in terms for spelling in spellings)
