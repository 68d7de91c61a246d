"""Small charts as SVG text from the server: no browser code, sharp on paper, colours from the style sheet.

Owns drawing. Figures come from the caller; every chart carries them as text for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: a label and its parts as (value, tone); tones are those of state chips."""

    label: str
    parts: tuple[tuple[int, str], ...]

    @property
    def total(self) -> int:
        """Return the length of the bar."""
        return sum(value for value, _ in self.parts)


def _svg(width: int, height: int, label: str, body: Markup, css: str) -> Markup:
    return Markup(
        '<svg class="chart {}" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(css, width, height, width, height, label, body)


def sparkline(values: Sequence[int], label: str, width: int = 120, height: int = 28) -> Markup:
    """Draw a course of numbers; the last point is marked. Fewer than two values draw nothing."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = (width - 8) / (len(values) - 1)
    points = [(4 + i * step, height - 4 - (v - low) / span * (height - 8)) for i, v in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    body = Markup('<polyline points="{}"/><circle cx="{}" cy="{}" r="2.5"/>').format(
        line, f"{points[-1][0]:.1f}", f"{points[-1][1]:.1f}"
    )
    said = f"{label}: {', '.join(str(v) for v in values)}"
    return _svg(width, height, said, body, "sparkline")


def bars(rows: Sequence[Bar], label: str, width: int = 480, label_width: int = 120) -> Markup:
    """Draw horizontal bars, each stacked from its parts, the total behind it."""
    if not rows:
        return Markup("")
    longest = max(row.total for row in rows) or 1
    room, height = width - label_width - 44, 24
    body = Markup("")
    for index, row in enumerate(rows):
        y, x = index * height, float(label_width)
        body += Markup('<text class="name" x="{}" y="{}">{}</text>').format(
            label_width - 8, y + 16, row.label
        )
        for value, tone in row.parts:
            length = value / longest * room
            body += Markup('<rect class="fill-{}" x="{}" y="{}" width="{}" height="16"/>').format(
                tone, f"{x:.1f}", y + 4, f"{length:.1f}"
            )
            x += length
        body += Markup('<text class="value" x="{}" y="{}">{}</text>').format(
            f"{x + 6:.1f}", y + 16, row.total
        )
    said = f"{label}: " + "; ".join(f"{row.label} {row.total}" for row in rows)
    return _svg(width, len(rows) * height, said, body, "bars")


def meter(value: int, limit: int, label: str, tone: str = "planned", width: int = 96) -> Markup:
    """Draw how much of a limit is used (load, clock); over the limit the bar is full and turns to alert."""
    share = min(1.0, max(0.0, value / limit)) if limit > 0 else 0.0
    css = "alert" if value > limit else tone
    body = Markup(
        '<rect class="track" width="{}" height="6" rx="3"/>'
        '<rect class="fill-{}" width="{}" height="6" rx="3"/>'
    ).format(width, css, f"{share * width:.1f}")
    return _svg(width, 6, f"{label}: {value} / {limit}", body, "meter")
