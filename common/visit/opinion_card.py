"""The customer's opinion card in plain, before it is sealed and after it is opened: one form, one reader (R108 R113).

Owns what is written inside the seal. Sealing is the tablet's, opening the server's; the card knows no person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.kernel.codec import canonical, read_json
from common.kernel.outcome import BadPayload

FORMAT = 1
SUGGESTION_MAX = 1500


class CardUnreadableError(ValueError):
    """The opened text is no card of a format known here."""


@dataclass(frozen=True, slots=True)
class OpinionCard:
    """`grades` maps an item's code to the score of the grade given; `language` is the one it was filled in."""

    grades: Mapping[str, int]
    suggestion: str = ""
    language: str = ""


def write_card(card: OpinionCard) -> str:
    """Write a card as the text to be sealed."""
    told = {
        "format": FORMAT,
        "grades": dict(card.grades),
        "language": card.language,
        "suggestion": card.suggestion[:SUGGESTION_MAX],
    }
    return canonical(told)


def read_card(text: str) -> OpinionCard:
    """Read an opened card. Raises CardUnreadableError: a tablet may seal whatever it likes."""
    try:
        told: Any = read_json(text)
    except (ValueError, BadPayload) as error:
        raise CardUnreadableError("not JSON") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise CardUnreadableError("not a card of format 1")
    grades, words = told.get("grades"), (told.get("suggestion", ""), told.get("language", ""))
    if not isinstance(grades, dict) or not all(type(score) is int for score in grades.values()):
        raise CardUnreadableError("grades are no numbers")
    if not all(isinstance(word, str) for word in words):
        raise CardUnreadableError("words are no text")
    return OpinionCard(grades, *words)
