"""A box of lines for the terminal, its right edge straight also with Chinese characters. Owns nothing else."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def boxed(blocks: Sequence[Sequence[tuple[str, str]]], title: str) -> str:
    """Draw blocks of (label, value) lines; an empty label continues the line above."""
    label_width = max(width(label) for block in blocks for label, _ in block)
    rows = [
        [f"{label}{' ' * (label_width - width(label))}  {value}" for label, value in block]
        for block in blocks
    ]
    inner = max([width(title), *(width(row) for block in rows for row in block)])
    lines = [f"┌{'─' * (inner + 2)}┐", _row(title, inner), f"├{'─' * (inner + 2)}┤"]
    for place, block in enumerate(rows):
        if place:
            lines.append(f"├{'─' * (inner + 2)}┤")
        lines += [_row(row, inner) for row in block]
    return "\n".join([*lines, f"└{'─' * (inner + 2)}┘"])


def _row(text: str, inner: int) -> str:
    return f"│ {text}{' ' * (inner - width(text))} │"
