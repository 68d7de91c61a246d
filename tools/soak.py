"""The long versions: histories and readings by the ten thousand, cuts by the thousand, tests marked `soak`.

Owns the page of figures, .artifacts/soak.md. Usage: python -m tools.soak [--histories N] [--seed S] [--only WORDS]
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path

from tests.simulation.__main__ import run_many
from tests.simulation.readings import try_many

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / ".artifacts" / "soak.md"
REPORT = ROOT / ".artifacts" / "soak.xml"
PORTION = 2_000
A_READING_PER = 10  # histories


def live(first: int, histories: int) -> tuple[str, int]:
    """Live through histories in portions; returns a line of the page and how many failed."""
    began, failed, done = time.monotonic(), 0, 0
    while done < histories:
        portion = min(PORTION, histories - done)
        for seed, why in run_many(first + done, portion)[:3]:
            failed += 1
            print(f"--- seed {seed}: replay with `make simulate N=1 SEED={seed}`\n{why}", flush=True)
        done += portion
        print(f"{done} histories from seed {first}: {failed} failed", flush=True)
    seconds = time.monotonic() - began
    return f"| histories from seed {first} | {done} | {failed} | {seconds:.0f} |", failed


def turn_pages(first: int, readings: int) -> tuple[str, int]:
    """Run readings of the feed by themselves; returns a line of the page and how many failed."""
    began = time.monotonic()
    failed = try_many(first, readings)
    print("\n".join(failed[:3]), flush=True)
    return (
        f"| readings from seed {first} | {readings} | {len(failed)} | {time.monotonic() - began:.0f} |",
        len(failed),
    )


def long_tests(only: str) -> tuple[list[str], int]:
    """Run the tests marked soak; returns lines of the page and pytest's code."""
    words = [sys.executable, "-m", "pytest", "-q", "-m", "soak", "tests", f"--junitxml={REPORT}"]
    code = subprocess.run([*words, *(["-k", only] if only else [])], cwd=ROOT, check=False).returncode
    lines = []
    for case in ElementTree.parse(REPORT).getroot().iter("testcase"):  # noqa: S314 - written by our own run
        bad = len(case.findall("failure")) + len(case.findall("error"))
        lines.append(f"| {case.get('name')} | 1 | {bad} | {float(case.get('time', 0)):.0f} |")
    return lines, code


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default="", help="soak tests whose name holds this")
    asked = parser.parse_args()
    PAGE.parent.mkdir(exist_ok=True)
    first = asked.seed if asked.seed is not None else 1_000_000 + secrets.randbelow(10**9)
    lines: list[str] = []
    failed = 0
    if asked.histories:
        for line, bad in (live(first, asked.histories), turn_pages(first, asked.histories // A_READING_PER)):
            lines.append(line)
            failed += bad
    tests, code = long_tests(asked.only)
    head = [
        f"# Soak of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n",
        "| what | runs | failed | s |",
        "|---|---|---|---|",
    ]
    PAGE.write_text("\n".join([*head, *lines, *tests]) + "\n", "utf-8")
    print(PAGE.read_text("utf-8"))
    raise SystemExit(1 if failed or code else 0)


if __name__ == "__main__":
    main()
