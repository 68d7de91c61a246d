"""Two thousand histories: seeds that always run, seeds that never ran before, and seeds that once found something."""

from __future__ import annotations

import os
import secrets

import pytest

from tests.simulation.__main__ import run_many, try_seed

FIXED = int(os.environ.get("FIELDWRIGHT_HISTORIES", "1200"))  # noqa: TID251 - how much to run, not what
FRESH = FIXED * 2 // 3
# seed: what it once found
FOUND = {
    1: "audit entries of one transaction were chained in random order",
    4: "work of a former assignee, parked after a restore, keeps its context",
    12: "a command that only read another aggregate was not replayed when that one went",
    81_206_909: "what a page dropped and the next page gave back came without its rows",
    566_204_324: "what was granted for two reasons was passed over when the newer one ended between two pages",
    918_353_837: "a command decided about was not offered again to a server that had lost it",
    480_109_786: "a power cut left a statement open, and the restarted server found its disk busy",
}


@pytest.mark.fault("A13", "B1", "B10", "E2", "F7", "G2", "J2", "P1", "P2", "P3", "P4", "P5", "P7", "P11")
@pytest.mark.timeout(1800)
def test_histories_that_always_run() -> None:
    failed = run_many(100_000, FIXED)
    assert not failed, f"make simulate N=1 SEED={failed[0][0]}\n{failed[0][1]}"


@pytest.mark.fault("A14")
@pytest.mark.timeout(1800)
def test_histories_never_lived_before() -> None:
    first = 1_000_000 + secrets.randbelow(10**9)
    failed = run_many(first, FRESH)
    assert not failed, f"make simulate N=1 SEED={failed[0][0]}\n{failed[0][1]}"


@pytest.mark.parametrize("seed", sorted(FOUND))
def test_a_seed_that_once_found_something(seed: int) -> None:
    _, why = try_seed(seed)
    assert why == "", f"{FOUND[seed]}\n{why}"
