"""The demo's folder: made once, used again, brought to a new day, made anew when the program has changed.

Owns the mark that says the folder is whole. A making that was interrupted leaves nothing that could be mistaken for one.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from common.kernel.clock import Clock, instant
from common.kernel.ids import RandomBytes
from sync_server.db.migrate import newest
from sync_server.demo.company import Size
from sync_server.demo.create import Say, add_day, create, demo_settings
from sync_server.demo.settings import DemoSettings
from sync_server.demo.stage import LOCAL

FORMAT = 1
MARK = "demo.json"


def make_ready(
    settings: DemoSettings,
    clock: Clock,
    random_bytes: RandomBytes,
    say: Say,
    *,
    fresh: bool = False,
    size: Size | None = None,
) -> bool:
    """Make the demo's folder ready for today; returns whether the company was made anew."""
    today = instant(clock.read().wall_ms).astimezone(LOCAL).date().isoformat()
    mark = read_mark(settings.folder)
    if not fresh and mark is not None and mark["of"] == version():
        if mark["day"] != today:
            say("demo.new_day", {})
            add_day(demo_settings(settings.folder, settings.server), clock, random_bytes)
            write_mark(settings.folder, today)
        return False
    say("demo.making", {})
    making = settings.folder.with_name(f"{settings.folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        server = replace(demo_settings(making, settings.server))
        create(server, clock, random_bytes, say, size)
        write_mark(making, today)
        shutil.rmtree(settings.folder, ignore_errors=True)
        making.rename(settings.folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return True


def version() -> str:
    """Name what a folder must have been made by to be used again."""
    return f"{FORMAT}/{newest()}"


def read_mark(folder: Path) -> dict[str, str] | None:
    """Read a folder's mark; None where it is missing or unreadable."""
    try:
        mark = json.loads((folder / MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return mark if isinstance(mark, dict) and {"of", "day", "demo"} <= mark.keys() else None


def write_mark(folder: Path, day: str) -> None:
    """Mark a folder as whole, and as a demo."""
    fresh = folder / f"{MARK}.new"
    fresh.write_text(json.dumps({"demo": "true", "of": version(), "day": day}), "utf-8")
    fresh.replace(folder / MARK)


def invitation_needed(settings: DemoSettings) -> bool:
    """Say whether the app's folder belongs to no device of this company yet."""
    return not (settings.folder / "app" / "tablet.db").exists()
