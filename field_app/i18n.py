"""The language of a session inside components: `use_t()` gives the translator of the nearest language holder.

Owns the context only; sentences come from common.i18n. A change of the holder's language re-renders its
readers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import flet as ft

from common.i18n import LANGUAGES, NATIVE_NAMES, translate

__all__ = [
    "FLET_LOCALES",
    "LANGUAGES",
    "NATIVE_NAMES",
    "LanguageChoice",
    "Translator",
    "use_language",
    "use_t",
    "with_language",
]

FLET_LOCALES = {
    "en": ft.Locale("en", "US"),
    "zh-Hans": ft.Locale("zh", "CN", "Hans"),
    "zh-Hant": ft.Locale("zh", "TW", "Hant"),
}


@dataclass(frozen=True, slots=True)
class Translator:
    """Turns keys into sentences of one language; equal translators speak the same language."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence of the key with its values filled in."""
        return translate(self.language, key, **values)


class LanguageHolder(Protocol):
    """Whatever says which language is spoken below it; observable."""

    language: str


@ft.observable
@dataclass(eq=False)
class LanguageChoice:
    """A language of its own for a part of the screen, such as the customer's."""

    language: str


_LANGUAGE: ft.ContextProvider[LanguageHolder | None] = ft.create_context(None)


def with_language(holder: LanguageHolder, build: Callable[[], ft.Control]) -> ft.Control:
    """Build components that speak the holder's language."""
    return _LANGUAGE(holder, build)


def use_language() -> str:
    """Return the language spoken here; the component re-renders when it changes."""
    holder = ft.use_context(_LANGUAGE)
    return holder.language if holder is not None else LANGUAGES[0]


def use_t() -> Translator:
    """Return `t(key, **values)` in the language spoken here."""
    return Translator(use_language())
