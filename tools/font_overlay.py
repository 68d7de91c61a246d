"""Lay the Chinese font and squeezed files for Flet's web client into a git-ignored folder, afresh.

Owns only when that happens at set-up; what is laid in, and why, stands in `field_app.web.lay_in_assets`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from field_app.web import lay_in_assets


def main() -> None:
    """Replace the folder named on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tools/font_overlay.py FOLDER")
    folder = Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    lay_in_assets(folder)
    print("Chinese font laid in for the app's web client")


if __name__ == "__main__":
    main()
