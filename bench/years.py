"""A tablet with five years of data: how long it takes to open and to show today, and to shed what is not in scope.

Owns that run. Bounds: three seconds for opening and today together (L5); the purge beside one durable commit a ticket.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

from sqlalchemy import text

from bench.bad_line import fill
from bench.bounds import Bound
from bench.company import make_company
from bench.five_years import YEARS, age
from bench.host import product_server
from bench.raw import raw_saves_ms
from bench.tablets import KEY_ID, TURNS_AT_MOST, a_tablet
from common.kernel.clock import instant
from field_app.state.today import load_today
from field_app.store.opening import open_store

START_S = 3.0
COMMANDS = 120


def years(folder: Path, tickets: int) -> Iterator[Bound]:
    """Measure on a tablet that has worked a day, its tickets copied back through the years."""
    company = make_company(folder / "years", 500, 1, 3)
    person_id = company.engineers[0]
    with product_server(folder / "years") as host:
        tablet = a_tablet(company, host.url, folder / "old", person_id, sealed=False)
        tablet.sync()
        fill(tablet, company.tickets[person_id], company.part_ids, COMMANDS)
        tablet.sync()
        tablet.store.engine.dispose()
        rows = age(tablet.path, tickets)
        clock = tablet.engine.clock
        plain = open_store(tablet.path, clock, os.urandom)
        plain.unseal(tablet.sealer, KEY_ID)
        plain.engine.dispose()
        began_s = time.perf_counter()
        store = open_store(tablet.path, clock, os.urandom)
        store.unseal(tablet.sealer, KEY_ID)
        opened_s = time.perf_counter() - began_s
        with store.read() as session:
            view = load_today(person_id, instant(clock.read().wall_ms), UTC)(session)
        took_s = time.perf_counter() - began_s
        if view.is_empty:
            raise RuntimeError("there is nothing to show")
        size_mb = round(tablet.path.stat().st_size / 1_000_000, 1)
        more = {"tickets": tickets, "rows": rows, "file_mb": size_mb, "opened_s": round(opened_s, 3)}
        yield Bound(
            "years_start", f"open and show today, {tickets:,} tickets of {YEARS} years ({rows:,} rows)",
            round(took_s, 3), START_S, "s", "a person waits no longer (L5)", more,
        )  # fmt: skip
        tablet.engine.store = store
        tablet.engine.turn(asked=True)  # notices that the connection was idle for too long
        began_s = time.perf_counter()
        for _ in range(TURNS_AT_MOST):
            tablet.engine.turn(asked=True)
            with store.read() as session:
                left = int(session.execute(text("SELECT count(*) FROM ticket")).scalar_one())
            if left == len(company.tickets[person_id]):
                break
        else:
            raise RuntimeError(f"{left} tickets are still there")
        purged_s = time.perf_counter() - began_s
        store.engine.dispose()
    company.parts.database.engine.dispose()
    raw_s = sum(raw_saves_ms(folder / "purge.db", ["x"] * tickets)) / 1000
    yield Bound(
        "years_purge", f"shed {tickets:,} tickets that left the scope", round(purged_s, 2), round(raw_s, 2), "s",
        "one durable SQLite commit for each, in the same run", more,
    )  # fmt: skip
