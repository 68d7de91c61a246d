"""The epoch: the name of one history of a master database, told to tablets in every answer.

Owns its order. A restored server takes a later generation; a tablet that has met it goes to no earlier one again, so
that a server left running beside its successor gets nothing more (M1, P11).
"""

from __future__ import annotations


def generation_of(epoch: str) -> int:
    """Return the generation of an epoch: 0 for a first one, else the instant (ms) at which it began."""
    generation, dot, _ = epoch.partition(".")
    return int(generation) if dot and generation.isdecimal() else 0


def epoch_after(previous: str, now_ms: int, chance: bytes) -> str:
    """Name the history that follows another; always later than it, whatever the clock says."""
    return f"{max(now_ms, generation_of(previous) + 1)}.{chance.hex()}"


def is_of_the_past(epoch: str, known: str) -> bool:
    """Say whether a server's epoch is one that the known one has replaced."""
    return generation_of(epoch) < generation_of(known)
