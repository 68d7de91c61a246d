"""Every sentence stands in three languages, and every key that is asked for exists."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.i18n import LANGUAGES, catalogue
from tests.support.source import PRODUCT, ROOT, assert_none, python_files, relative, source, tree

KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_-]+)+")
CALLS = frozenset({"t", "translate", "say", "tr"})
IN_TEMPLATE = re.compile(r"""\bt\(\s*(['"])([^'"]+)\1\s*(~?)""")
CJK = re.compile(r"[\u3400-\u9fff]")
TEMPLATES = tuple(sorted((ROOT / "sync_server").rglob("*.html")))
# Where a person's words are drawn: they come from the catalogue, also the Chinese ones.
DRAWN = (*python_files("field_app"), *python_files("sync_server/console"))


def places(sentence: str) -> set[str]:
    """Return the names in a sentence's `{name}` places."""
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_every_key_has_three_filled_sentences() -> None:
    wrong = [
        key
        for key, sentences in catalogue().items()
        if len(sentences) != len(LANGUAGES)
        or not all(isinstance(one, str) and one.strip() for one in sentences)
    ]
    assert len(catalogue()) > 0
    assert_none(wrong)


def test_keys_are_lower_case_words_with_dots() -> None:
    assert [key for key in catalogue() if not KEY.fullmatch(key)] == []


def test_places_are_the_same_in_every_language() -> None:
    wrong = []
    for key, sentences in catalogue().items():
        english, *others = map(places, sentences)
        base = key.removesuffix(".one")
        if base != key:  # the English singular may leave the number out
            english |= places(catalogue()[base][0]) if base in catalogue() else set()
            others = [other | {"n"} if "n" in english else other for other in others]
        if any(other != english for other in others) or "" in english:
            wrong.append(f"{key}: {[sorted(places(one)) for one in sentences]}")
    assert_none(wrong)


def test_english_is_english_and_chinese_is_not_left_in_english() -> None:
    english = [key for key, (en, _, _) in catalogue().items() if CJK.search(en)]
    chinese = [
        key
        for key, (en, hans, hant) in catalogue().items()
        if len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\{[^}]*\}", "", en))) >= 3 and en in (hans, hant)
    ]
    assert (english, chinese) == ([], [])


def asked_in_code(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, key, whole) for each key asked for; `whole` is False for the start of a made key."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in CALLS:
            continue
        for argument in node.args[:2]:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                if KEY.fullmatch(argument.value):
                    yield node.lineno, argument.value, True
            elif isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
                start = str(argument.values[0].value)
                if re.fullmatch(r"[a-z0-9_.]+\.[a-z0-9_.]*", start):
                    yield node.lineno, start, False


def is_known(key: str, *, whole: bool) -> bool:
    """Say whether the catalogue knows the key, or any key that starts so."""
    return key in catalogue() if whole else any(known.startswith(key) for known in catalogue())


@pytest.mark.parametrize("folder", PRODUCT)
def test_every_key_in_code_exists(folder: str) -> None:
    missing = [
        f"{relative(path)}:{line} {key}"
        for path in python_files(folder)
        for line, key, whole in asked_in_code(path)
        if not is_known(key, whole=whole)
    ]
    assert_none(missing)


def test_every_key_in_templates_exists() -> None:
    missing = []
    for path in TEMPLATES:
        for match in IN_TEMPLATE.finditer(source(path)):
            if not is_known(match[2], whole=not match[3] and not match[2].endswith(".")):
                missing.append(f"{relative(path)}: {match[2]}")
    assert_none(missing)


def test_nothing_chinese_is_written_past_the_catalogue() -> None:
    found = [
        f"{relative(path)}:{node.lineno} {node.value[:20]}"
        for path in DRAWN
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CJK.search(node.value)
    ]
    found += [relative(path) for path in TEMPLATES if CJK.search(source(path))]
    assert_none(found)
