"""`make simulate N=… SEED=…`: live through histories until one breaks an invariant, then say how to replay it."""

from __future__ import annotations

import argparse
import gc
import secrets
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.history import History

SWEEP_EVERY = 10


def try_seed(seed: int) -> tuple[int, str]:
    """Run one history; the text is empty when all invariants held."""
    history = History(seed)
    try:
        history.run()
    except Exception:
        return seed, "\n".join(history.log[-60:]) + "\n" + traceback.format_exc()
    finally:
        history.scrap()
        if seed % SWEEP_EVERY == 0:
            gc.collect()
    return seed, ""


def _rarely_swept() -> None:
    """Leave rubbish lie between two sweeps: what a history makes dies with it, all at once."""
    gc.freeze()
    gc.set_threshold(200_000)


def run_many(first: int, histories: int, workers: int = 2) -> list[tuple[int, str]]:
    """Run histories in parallel; returns the ones that failed."""
    with ProcessPoolExecutor(workers, initializer=_rarely_swept) as pool:
        found = pool.map(try_seed, range(first, first + histories), chunksize=10)
        return [(seed, why) for seed, why in found if why]


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    first = options.seed if options.seed is not None else secrets.randbelow(10**9)
    began = time.monotonic()
    failed = run_many(first, options.histories, options.workers)
    for seed, why in failed[:3]:
        print(f"--- seed {seed}: replay with `make simulate N=1 SEED={seed}`\n{why}")
    seconds = time.monotonic() - began
    print(f"{options.histories} histories from seed {first} in {seconds:.0f} s: {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
