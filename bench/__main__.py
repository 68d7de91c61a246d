"""`make bench`: measure the sync path over real HTTP and real files beside this machine's raw limits.

Owns the command line. Ends with 0 even where an aim is missed: figures of a shared machine judge nothing by themselves.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bounds import Bound, as_bounds_table
from bench.company import make_company
from bench.fleet import fleet
from bench.host import plain_server, product_server
from bench.idle_fleet import idle_fleet
from bench.narrow import first_sync
from bench.pull_memory import pull_memory
from bench.raw import PlainLine
from bench.report import Figure, as_table, machine, write_readme
from bench.scenarios import Bench
from bench.visible import visible
from bench.years import years

ROOT = Path(__file__).resolve().parents[1]
TICKETS_EACH = 10
PARTS = ("paths", "narrow", "fleet", "visible", "idle", "years", "pull")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="parts in the catalogue")
    parser.add_argument("--commands", type=int, default=500, help="commands of a day")
    parser.add_argument("--days", type=int, default=3, help="engineers whose days are measured")
    parser.add_argument("--repeats", type=int, default=8, help="bootstraps")
    parser.add_argument(
        "--pull-rows", type=int, default=100_000, help="rows of the pull whose memory is measured"
    )
    parser.add_argument("--old-tickets", type=int, default=2_000, help="tickets of five years on a tablet")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS, help="what to measure")
    parser.add_argument("--out", type=Path, default=ROOT / ".artifacts" / "bench.json")
    parser.add_argument("--write-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    began_s = time.monotonic()
    figures: list[Figure] = []
    bounds: list[Bound] = []
    with tempfile.TemporaryDirectory(prefix="fw-bench-") as made:
        for found in _measured(options, Path(made)):
            if isinstance(found, Figure):
                print(f"{found.title}: {found.values['p50_ms']} ms", file=sys.stderr)
                figures.append(found)
            else:
                print(f"{found.title}: {found.measured} {found.unit}", file=sys.stderr)
                bounds.append(found)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "machine": machine(), "seconds": round(time.monotonic() - began_s), "figures": [f.as_json() for f in figures],
        "bounds": [one.as_json() for one in bounds],
    }  # fmt: skip
    options.out.write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n", "utf-8")
    table = "\n\n".join(
        part
        for part in (as_table(figures) if figures else "", as_bounds_table(bounds) if bounds else "")
        if part
    )
    print(table)
    if options.write_readme:
        write_readme(ROOT / "README.md", table)
    return 0


def _measured(options: argparse.Namespace, folder: Path) -> Iterator[Figure | Bound]:
    """Measure one part after the other, none beside another."""
    wanted = set(options.only)
    with plain_server() as bare:
        plain = PlainLine(bare.url)
        if wanted & {"paths", "narrow"}:
            yield from _paths(options, folder, plain, wanted)
        if "fleet" in wanted:
            yield fleet(folder, plain)
        plain.close()
    if "visible" in wanted:
        yield visible()
    if "idle" in wanted:
        yield from idle_fleet(folder)
    if "years" in wanted:
        yield from years(folder, options.old_tickets)
    if "pull" in wanted:
        yield from pull_memory(folder, options.pull_rows)


def _paths(
    options: argparse.Namespace, folder: Path, plain: PlainLine, wanted: set[str]
) -> Iterator[Figure | Bound]:
    """Measure the paths of a day on one company."""
    print(f"Making {options.rows} rows by the product's own commands …", file=sys.stderr)
    company = make_company(folder / "server", options.rows, options.days + 1, TICKETS_EACH)
    with product_server(folder / "server") as host:
        bench = Bench(company, host, plain, folder, options.commands, options.repeats)
        if "paths" in wanted:
            yield from bench.figures()
        if "narrow" in wanted:
            yield first_sync(company, host, folder)
    company.parts.database.engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
