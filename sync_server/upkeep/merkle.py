"""Hash trees over the audit chain's links, so that one entry can be proved without showing the others.

Owns the tree: leaf SHA-256(0x00 + link), node SHA-256(0x01 + left + right), a last node without a twin moves up.
The verifier of an export (`sync_server/upkeep/verify_evidence.py`) has the same rules of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def root_of(links: Sequence[str]) -> str:
    """Return the root over links (hex); of none the hash of nothing."""
    level = [_leaf(link) for link in links]
    while len(level) > 1:
        level = _above(level)
    return (level[0] if level else hashlib.sha256().digest()).hex()


def path_of(links: Sequence[str], index: int) -> list[list[str]]:
    """Return the way from a leaf to the root: for each step the twin's side ("left" or "right") and its hash."""
    level, path = [_leaf(link) for link in links], []
    while len(level) > 1:
        twin = index ^ 1
        if twin < len(level):
            path.append(["left" if twin < index else "right", level[twin].hex()])
        level, index = _above(level), index // 2
    return path


def _leaf(link: str) -> bytes:
    return hashlib.sha256(b"\x00" + bytes.fromhex(link)).digest()


def _above(level: list[bytes]) -> list[bytes]:
    pairs = [
        hashlib.sha256(b"\x01" + left + right).digest()
        for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    return pairs + ([level[-1]] if len(level) % 2 else [])
