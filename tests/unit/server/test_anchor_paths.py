"""The hash tree: from every leaf the path leads to the root, and no other leaf's does."""

from __future__ import annotations

import hashlib

import pytest

from sync_server.upkeep.merkle import path_of, root_of


def climb(link: str, path: list[list[str]]) -> str:
    """Go up from a link as a verifier does."""
    here = hashlib.sha256(b"\x00" + bytes.fromhex(link)).digest()
    for side, twin in path:
        other = bytes.fromhex(twin)
        here = hashlib.sha256(b"\x01" + (other + here if side == "left" else here + other)).digest()
    return here.hex()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 64, 100])
def test_every_leaf_leads_to_the_root(count: int) -> None:
    links = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(count)]
    root = root_of(links)
    for place, link in enumerate(links):
        assert climb(link, path_of(links, place)) == root
        if count > 1:
            assert climb(links[place - 1], path_of(links, place)) != root


def test_an_empty_tree_has_a_root_of_its_own() -> None:
    assert root_of([]) == hashlib.sha256(b"").hexdigest()
