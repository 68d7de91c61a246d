"""A signature as numbers: strokes of points, whole tenths of a pixel, with time. Pure; draws as SVG.

Owns the shape of a signature and its picture. Keeps no image: the strokes are the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Point = list[int]  # [x, y, ms]: tenths of a logical pixel from the pad's top left, ms since the first point
Stroke = list[Point]

TENTHS = 10
POINTS_MAX = 6000
STROKES_MAX = 200


@dataclass(frozen=True, slots=True)
class Signature:
    """`width` and `height` of the pad in tenths of a pixel; `strokes` in the order they were drawn."""

    width: int
    height: int
    strokes: tuple[tuple[tuple[int, int, int], ...], ...] = ()

    @property
    def points(self) -> int:
        """Count the points of all strokes."""
        return sum(len(stroke) for stroke in self.strokes)

    def is_empty(self) -> bool:
        """Say whether nothing worth calling a signature was drawn: a dot alone is a touch by accident."""
        return self.points < 3

    def as_lists(self) -> list[Stroke]:
        """Return the strokes as lists [[x, y, ms], …], for a command."""
        return [[list(point) for point in stroke] for stroke in self.strokes]


def svg_path(strokes: Sequence[Sequence[Sequence[int]]]) -> str:
    """Return the `d` of one SVG path in the pad's tenths; corners are rounded through middles of segments."""
    parts: list[str] = []
    for stroke in strokes:
        if not stroke:
            continue
        (x0, y0), rest = stroke[0][:2], stroke[1:]
        parts.append(f"M{x0} {y0}")
        if not rest:
            parts.append("h1")
            continue
        for here, after in zip(rest, rest[1:], strict=False):
            parts.append(f"Q{here[0]} {here[1]} {(here[0] + after[0]) // 2} {(here[1] + after[1]) // 2}")
        parts.append(f"L{rest[-1][0]} {rest[-1][1]}")
    return "".join(parts)


def svg_document(signature: Signature, title: str = "") -> str:
    """Return a whole SVG picture of a signature, dark ink without background."""
    label = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {signature.width} {signature.height}" role="img"'
        f' aria-label="{label}"><path d="{svg_path(signature.strokes)}" fill="none" stroke="#12211f"'
        ' stroke-width="25" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )
