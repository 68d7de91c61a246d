"""A signature as it was drawn: lines on a small field, for a page and for a PDF.

Owns reading strokes and fitting them. They are lists of [x, y, milliseconds] as the tablet recorded them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.kernel.codec import read_json
from common.kernel.outcome import BadPayload

POINTS_MOST = 20_000
Line = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """Lines within 0..`width` and 0..`height`, the drawing's own proportions kept."""

    width: float
    height: float
    lines: tuple[Line, ...]

    @property
    def path(self) -> str:
        """Write the lines as an SVG path; a point is a short line."""
        parts = []
        for line in self.lines:
            (x, y), *rest = line
            parts.append(
                f"M{x:.1f} {y:.1f}" + "".join(f"L{a:.1f} {b:.1f}" for a, b in rest or [(x + 0.5, y)])
            )
        return "".join(parts)


def fit_signature(strokes: str, width: float, height: float) -> Signature | None:
    """Fit strokes into a field, None where they cannot be read or there are none."""
    try:
        drawn = read_json(strokes)
    except BadPayload:
        return None
    lines = [_points(line) for line in drawn] if isinstance(drawn, list) else []
    lines = [line for line in lines if line]
    points = [point for line in lines for point in line]
    if not points or len(points) > POINTS_MOST:
        return None
    left, top = min(x for x, _ in points), min(y for _, y in points)
    wide, high = max(x for x, _ in points) - left, max(y for _, y in points) - top
    scale = min(width / max(wide, 1), height / max(high, 1), max(width, height))
    down = (height - high * scale) / 2
    return Signature(
        width,
        height,
        tuple(tuple(((x - left) * scale, (y - top) * scale + down) for x, y in line) for line in lines),
    )


def _points(line: Any) -> list[tuple[float, float]]:
    if not isinstance(line, list):
        return []
    return [
        (float(point[0]), float(point[1]))
        for point in line
        if isinstance(point, list) and len(point) >= 2 and all(type(number) is int for number in point[:2])
    ]
