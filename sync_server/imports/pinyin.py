"""Pinyin of Chinese names, made at the server's edge and carried in commands, because tablets have no dictionary.

Owns nothing else. Names without Chinese characters have none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from pypinyin import Style, lazy_pinyin

LATIN = re.compile(r"[^a-z0-9]+")
HAS_HAN = re.compile(r"[\u3400-\u9fff]")
LONGEST = 200


@lru_cache(maxsize=20_000)
def spell(text: str) -> tuple[str, str]:
    """Return the syllables with blanks between them, and their initials; two empty texts without Chinese."""
    if not HAS_HAN.search(text):
        return "", ""
    syllables = [LATIN.sub("", syllable.lower()) for syllable in lazy_pinyin(text, style=Style.NORMAL)]
    known = [syllable for syllable in syllables if syllable]
    return " ".join(known)[:LONGEST], "".join(syllable[0] for syllable in known)[:LONGEST]
