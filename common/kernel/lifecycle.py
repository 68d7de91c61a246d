"""Lifecycles as tables of allowed moves. Pure: no record, no database.

A state no move leaves is final; a test proves every state reachable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Move = Literal["apply", "noop", "illegal"]


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A noun's states: `start`, and for each state the states it may become."""

    name: str
    start: str
    moves: Mapping[str, frozenset[str]]

    def judge_move(self, current: str, wanted: str) -> Move:
        """Say whether a move applies, is already made, or is not in the table."""
        if current == wanted:
            return "noop"
        return "apply" if wanted in self.moves.get(current, frozenset()) else "illegal"

    @property
    def states(self) -> frozenset[str]:
        """List every state named anywhere in the table."""
        return frozenset(self.moves) | {s for targets in self.moves.values() for s in targets}

    @property
    def final(self) -> frozenset[str]:
        """List the states nothing leaves."""
        return frozenset(s for s in self.states if not self.moves.get(s))
