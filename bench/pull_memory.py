"""The memory of a first pull on both sides, at two sizes: what a catalogue fifty times as large takes more.

Owns the two runs. The bound is the memory at the small size, a tenth of it added.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.bounds import Bound
from bench.catalogue import fill_catalogue
from bench.company import make_company
from bench.host import product_server
from bench.meter import peak_mb
from sync_server.db.office import SYSTEM
from sync_server.people.enrolment import issue_code

SMALL = 20_000  # already several answers of the largest size
MORE = 1.1


def pull_memory(folder: Path, rows: int) -> list[Bound]:
    """Pull `rows` parts and, before, twenty thousand; returns the tablet's and the server's memory."""
    small, large = _pull(folder / "small", SMALL), _pull(folder / "large", rows)
    found = []
    for side in ("tablet", "server"):
        found.append(
            Bound(
                f"pull_memory_{side}", f"memory of the {side}, first pull of {rows:,} rows", large[side],
                round(small[side] * MORE, 1), "MB", f"that of {SMALL:,} rows, a tenth added",
                {"rows": rows, "small_rows": SMALL, "small_mb": small[side], "seconds": large["seconds"],
                 "pages": large["pages"], "down": large["down"]},
            )
        )  # fmt: skip
    return found


def _pull(folder: Path, rows: int) -> dict[str, Any]:
    company = make_company(folder / "server", 0, 1, 0)
    database, person_id = company.parts.database, company.engineers[0]
    fill_catalogue(database, rows)
    code = issue_code(database, company.parts.keys, SYSTEM, person_id).text
    with product_server(folder / "server") as host:
        words = [sys.executable, "-m", "bench.pulling", host.url, str(folder / "tablet"), code]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the pull failed: {done.stderr[-1000:]}")
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        server_mb = peak_mb(host.pid)
    database.engine.dispose()
    return told | {"tablet": told["peak_mb"], "server": server_mb}
