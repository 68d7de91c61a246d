"""Depth is counted before parsing, without walking the text character by character: brackets inside strings are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.kernel.codec import DEEPEST, compact, read_json
from common.kernel.outcome import BadPayload

TEXTS = st.text('ab"\\[]{}:,\n', max_size=8)
VALUES = st.recursive(
    st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


def levels(value: Any) -> int:
    """Count the levels of a parsed value."""
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else None
    return 0 if inner is None else 1 + max((levels(one) for one in inner), default=0)


@given(VALUES, st.integers(0, DEEPEST + 4), st.booleans())
def test_what_is_too_deep_is_refused_and_nothing_else(value: Any, around: int, ascii_only: bool) -> None:
    for _ in range(around):
        value = [value, "]]]\\", {}] if around % 2 else {'"{': value}
    text = json.dumps(value, ensure_ascii=ascii_only)
    if levels(value) <= DEEPEST:
        assert read_json(text) == value
        assert read_json(compact(value).encode()) == value
    else:
        with pytest.raises(BadPayload, match="json_too_deep"):
            read_json(text)


@pytest.mark.parametrize(
    "text", ["[" * 13, '"' + "[" * 20, '\\"[[[[[[[[[[[[[', "[" * 200_000, '{"a":' * 50_000]
)
def test_what_is_no_json_is_refused_however_it_is_counted(text: str) -> None:
    with pytest.raises(BadPayload, match="json_"):
        read_json(text)


@pytest.mark.parametrize("number", [10**15, 2**53, -(2**53)])
def test_whole_numbers_up_to_the_bound(number: int) -> None:
    assert read_json(str(number)) == number
    with pytest.raises(BadPayload, match="json_number_too_large"):
        read_json(str(number * 10**3))
