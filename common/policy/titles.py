"""Words carried as data: three-language titles, catalogue words and durations, turned into text at the edge.

Owns the values that rules put into their explanations. Chooses no language itself and reads no policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from common.i18n import LANGUAGES, translate


@dataclass(frozen=True, slots=True)
class Title:
    """A name in the three languages, always all three."""

    en: str
    zh_hans: str
    zh_hant: str

    def in_language(self, language: str) -> str:
        """Return the name in `en`, `zh-Hans` or `zh-Hant`; English for any other tag."""
        names = (self.en, self.zh_hans, self.zh_hant)
        return names[LANGUAGES.index(language)] if language in LANGUAGES else self.en


@dataclass(frozen=True, slots=True)
class Word:
    """A catalogue key standing as a value inside another sentence."""

    key: str


Value = str | int | Title | Word | timedelta
Values = Mapping[str, Value]


def say(language: str, key: str, values: Values) -> str:
    """Make the sentence of a catalogue key, with its titles, words and durations in that language."""
    return translate(language, key, **{name: _as_text(language, value) for name, value in values.items()})


def _as_text(language: str, value: Value) -> str | int:
    if isinstance(value, Title):
        return value.in_language(language)
    if isinstance(value, Word):
        return translate(language, value.key)
    if isinstance(value, timedelta):
        return say_duration(language, value)
    return value


def say_duration(language: str, span: timedelta) -> str:
    """Write a length of time to the second, never folded into days, so that sums check by hand."""
    seconds = int(span.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "sla.unit.hours"), (minutes, "sla.unit.minutes"), (left, "sla.unit.seconds")]
    shown = [translate(language, key, count=count) for count, key in parts if count]
    joint = "" if language.startswith("zh") else " "
    text = joint.join(shown) or translate(language, "sla.unit.minutes", count=0)
    return f"-{text}" if seconds < 0 else text
