"""Measurements that have a bound instead of a raw run: what was measured, what it may be at most, and where that is from.

Owns their shape and table. A missed bound is told, never hidden.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HEADER = "| | measured | bound | the bound is | met |"


@dataclass(frozen=True, slots=True)
class Bound:
    """One measurement; `measured` is to be at most `most`, both in `unit`. `values`: what else was counted."""

    name: str
    title: str
    measured: float
    most: float
    unit: str
    why: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def is_met(self) -> bool:
        """Say whether it stays within its bound."""
        return self.measured <= self.most

    def as_json(self) -> dict[str, Any]:
        """Write it for programs."""
        told = {"name": self.name, "title": self.title, "measured": self.measured, "most": self.most}
        return told | {"unit": self.unit, "why": self.why, "met": self.is_met, **self.values}


def as_bounds_table(bounds: list[Bound]) -> str:
    """Write them as a Markdown table."""
    lines = [HEADER, "|" + "---|" * 5]
    for one in bounds:
        met = "yes" if one.is_met else "no"
        cells = [one.title, f"{one.measured:,.4g} {one.unit}", f"{one.most:,.4g} {one.unit}", one.why, met]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
