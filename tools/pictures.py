"""Lay the pictures of the README into docs/pictures: named screenshots of the tests, made small.

Usage: python -m tools.pictures (`make pictures`), after the browser tests. Owns which screenshot becomes which picture;
takes the first of several names that is there. Fails where one is missing, so that the README never shows a hole.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SCREENSHOTS = ROOT / ".artifacts" / "screenshots"
PICTURES = ROOT / "docs" / "pictures"
WIDEST = 1440
COLOURS = 256
# picture: screenshots it may come from, best first
WANTED = {
    "board": ("board", "console-board-en"),
    "today": ("today", "app-ticket-tablet-en", "app-today-tablet-en"),
    "sign-off": ("sign-off", "app-sign-off-sign-tablet-zh-hant", "toolkit-signature-tablet"),
}


def find(names: tuple[str, ...], folder: Path = SCREENSHOTS) -> Path | None:
    """Return the first of the screenshots that is there."""
    return next((path for name in names if (path := folder / f"{name}.png").is_file()), None)


def lay_in(source: Path, target: Path) -> int:
    """Write a picture at most 1440 pixels wide with 256 colours; returns its size in bytes."""
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    if picture.width > WIDEST:
        height = round(picture.height * WIDEST / picture.width)
        picture = picture.resize((WIDEST, height), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    return target.stat().st_size


def main() -> int:
    """Lay all pictures in; returns 1 where a screenshot is missing."""
    missing = 0
    for name, names in WANTED.items():
        source = find(names)
        if source is None:
            print(
                f"{name}.png: no screenshot {', '.join(names)}; run the browser tests first", file=sys.stderr
            )
            missing = 1
            continue
        size = lay_in(source, PICTURES / f"{name}.png")
        print(f"{name}.png  {size // 1024} KiB  from {source.name}")
    return missing


if __name__ == "__main__":
    sys.exit(main())
