"""The scope digest: equal on both sides exactly when both hold the same aggregates at the same revisions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from common.protocol.messages import Digest


def digest_of(held: Iterable[tuple[str, int]]) -> Digest:
    """Hash a set of (aggregate, revision), in any order."""
    count = mixed = 0
    for agg, rev in held:
        count += 1
        mixed ^= int.from_bytes(hashlib.blake2b(f"{agg}|{rev}".encode(), digest_size=8).digest(), "big")
    return Digest(count, f"{mixed:016x}")
