"""`make bench`: measure the sync path over real HTTP and real files beside this machine's raw limits.

Owns the command line. Ends with 0 even where an aim is missed: figures of a shared machine judge nothing by themselves.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.company import make_company
from bench.host import plain_server, product_server
from bench.raw import PlainLine
from bench.report import as_table, machine, write_readme
from bench.scenarios import Bench

ROOT = Path(__file__).resolve().parents[1]
TICKETS_EACH = 10


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="parts in the catalogue")
    parser.add_argument("--commands", type=int, default=500, help="commands of a day")
    parser.add_argument("--days", type=int, default=3, help="engineers whose days are measured")
    parser.add_argument("--repeats", type=int, default=8, help="bootstraps")
    parser.add_argument("--out", type=Path, default=ROOT / ".artifacts" / "bench.json")
    parser.add_argument("--write-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fw-bench-") as made:
        folder = Path(made)
        print(f"Making {options.rows} rows by the product's own commands …", file=sys.stderr)
        company = make_company(folder / "server", options.rows, options.days + 1, TICKETS_EACH)
        with product_server(folder / "server") as host, plain_server() as bare:
            plain = PlainLine(bare.url)
            bench = Bench(company, host, plain, folder, options.commands, options.repeats)
            figures = []
            for figure in bench.figures():
                print(f"{figure.title}: {figure.values['p50_ms']} ms", file=sys.stderr)
                figures.append(figure)
            plain.close()
        company.parts.database.engine.dispose()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "machine": machine(), "seconds": round(time.monotonic() - began_s), "figures": [f.as_json() for f in figures],
    }  # fmt: skip
    options.out.write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n", "utf-8")
    table = as_table(figures)
    print(table)
    if options.write_readme:
        write_readme(ROOT / "README.md", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
