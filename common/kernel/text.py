"""Clean text at every edge, and the folding that search uses.

Owns what a character may be; knows no field and no language of the reader.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources

_BIDI = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"))


def clean_fault(text: str) -> str | None:
    """Name what makes text unfit to store: `text_nul`, `text_surrogate`, `text_control`; None if clean.

    PostgreSQL refuses NUL and no encoder takes a lone surrogate, so both stop at the edge on every database.
    """
    for char in text:
        if char < " " and char not in "\n\t":
            return "text_nul" if char == "\x00" else "text_control"
        if "\ud800" <= char <= "\udfff":
            return "text_surrogate"
    return None


def tidy(text: str) -> str:
    """Normalise what a person typed: NFC, no direction overrides, Unix line ends, no outer blanks."""
    return (
        unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_BIDI).strip()
    )


@cache
def _variants() -> dict[int, str]:
    """Read the table that maps traditional and variant characters to one form, for search only."""
    lines = resources.files("common.kernel").joinpath("variants.txt").read_text("utf-8").splitlines()
    pairs = (line.split() for line in lines if line and not line.startswith("#"))
    return {ord(source): target for source, target in pairs}


def fold(text: str) -> str:
    """Fold text for search: width (NFKC), case, Chinese variants; blanks are kept single.

    `fold("維護") == fold("维护")` and `fold("ＡＢ１") == "ab1"`.
    """
    wide = unicodedata.normalize("NFKC", text.translate(_BIDI)).casefold()
    return " ".join(unicodedata.normalize("NFKC", wide).translate(_variants()).split())
