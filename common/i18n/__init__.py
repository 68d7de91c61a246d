"""The one catalogue of the product: every sentence a person reads, in three languages side by side (ADR-0006).

Owns looking sentences up. Knows nothing of screens, requests or who is reading: callers pass the language.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

LANGUAGES = ("en", "zh-Hans", "zh-Hant")
NATIVE_NAMES = {"en": "English", "zh-Hans": "简体中文", "zh-Hant": "繁體中文"}


@cache
def catalogue() -> Mapping[str, tuple[str, str, str]]:
    """Read all areas once; a key is unique over all files."""
    merged: dict[str, tuple[str, str, str]] = {}
    for entry in sorted(resources.files(__name__).joinpath("catalogue").iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            for key, sentences in tomllib.loads(entry.read_text("utf-8")).items():
                if key in merged:
                    raise ValueError(f"catalogue key {key!r} stands in two files, second {entry.name}")
                merged[key] = tuple(sentences)
    return merged


def has_key(key: str) -> bool:
    """Say whether the catalogue knows the key."""
    return key in catalogue()


def translate(language: str, key: str, **values: object) -> str:
    """Return the sentence of a key in a language, its `{name}` places filled.

    An English plural is chosen by `n`: where `<key>.one` exists it is used for n == 1.
    An unknown key is shown as itself: a person can still read and report it.
    """
    sentences = catalogue().get(f"{key}.one") if values.get("n") == 1 and language == "en" else None
    sentences = sentences or catalogue().get(key)
    if sentences is None:
        return key
    sentence = sentences[LANGUAGES.index(language) if language in LANGUAGES else 0]
    try:
        return sentence.format(**values)
    except (KeyError, IndexError):
        return sentence


def nearest_language(wanted: str) -> str:
    """Map a browser's or system's language tag to one of ours: zh-TW, zh-HK, zh-MO are Traditional."""
    tag = wanted.strip().lower().replace("_", "-")
    if tag.startswith("zh"):
        traditional = any(part in tag for part in ("hant", "tw", "hk", "mo"))
        return "zh-Hant" if traditional else "zh-Hans"
    return "en"
