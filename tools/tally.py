"""Add up the test reports of all steps and print one closing line.

Owns the last word of `make test`. Must not judge single tests: it fails only where nothing ran or
something failed.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def tally(folder: Path) -> tuple[int, int, int]:
    """Return (passed, failed, skipped) over every report in `folder`; errors count as failed."""
    passed = failed = skipped = 0
    for report in sorted(folder.glob("*.xml")):
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - written by our own run
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            left = int(suite.get("skipped", 0))
            failed += bad
            skipped += left
            passed += int(suite.get("tests", 0)) - bad - left
    return passed, failed, skipped


def main() -> None:
    """Print the sums of the folder named on the command line; exit 1 on a failure or an empty run."""
    passed, failed, skipped = tally(Path(sys.argv[1]))
    print(f"all: {passed} passed, {failed} failed, {skipped} skipped")
    if failed or not passed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
