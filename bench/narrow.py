"""The first sync of a catalogue over 1 Mbit/s with 100 ms round trips, on a real line of that width.

Owns that run. The bound is arithmetic: the bytes that passed at that width and the round trips, half as much added.
"""

from __future__ import annotations

from pathlib import Path

from bench.bounds import Bound
from bench.company import Company
from bench.host import Host
from bench.meter import measuring
from bench.tablets import a_tablet
from tests.support.shaped_line import shaped_line

BITS_S, TRIP_S = 1_000_000, 0.1
MORE = 1.5


def first_sync(company: Company, host: Host, folder: Path) -> Bound:
    """Measure from an empty, signed-in tablet to a complete one."""
    with shaped_line(host.url, BITS_S, trip_s=TRIP_S) as (url, line):
        tablet = a_tablet(company, url, folder / "narrow", company.engineers[0])
        before = line.up.passed, line.down.passed
        with measuring(tablet.wire) as sample:
            tablet.sync()
        up, down = line.up.passed - before[0], line.down.passed - before[1]
        tablet.close()
    least_s = (up + down) * 8 / BITS_S + sample.trips * TRIP_S
    return Bound(
        "first_sync_1mbit", "first sync over 1 Mbit/s, 100 ms a round trip", round(sample.wall_ms / 1000, 2),
        round(least_s * MORE, 2), "s", f"{MORE:g} times bytes ÷ width + round trips ({least_s:.2f} s)",
        {"up": up, "down": down, "trips": sample.trips, "least_s": round(least_s, 2)},
    )  # fmt: skip
