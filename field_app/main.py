"""Composition root of the engineer's app: settings, clock, session, screens; as a window or in a browser.

Nothing happens at import. The only place of the app, with settings, that touches clock and environment.
"""

from __future__ import annotations

import argparse
import logging
import time
import uuid
from collections.abc import Callable
from importlib import metadata

import flet as ft

from common.kernel.clock import Reading
from field_app.screens.table import screen_table
from field_app.session import open_session
from field_app.settings import HOST, Settings, read_settings
from field_app.state.prefs import read_prefs, write_prefs
from field_app.ui import Prefs, UiSession


class SystemClock:
    """The clocks of this machine; `boot` is new at each start of the program."""

    def __init__(self) -> None:
        self._boot = str(uuid.uuid4())

    def read(self) -> Reading:
        """Read wall and monotonic clock together."""
        return Reading(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, self._boot)


def page_main(settings: Settings) -> Callable[[ft.Page], None]:
    """Return what Flet calls for each new page."""
    clock = SystemClock()
    table = screen_table()

    def main(page: ft.Page) -> None:
        session = UiSession(
            clock=clock,
            prefs=Prefs(language=settings.language),
            save_prefs=lambda prefs: write_prefs(settings.prefs_path, prefs),
            version=metadata.version("fieldwright") if _is_installed() else "",
        )
        open_session(page, session, table, read_prefs(settings.prefs_path))

    return main


def _is_installed() -> bool:
    try:
        metadata.version("fieldwright")
    except metadata.PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Start the app: in a browser on this machine with `--web`, else as a window."""
    parser = argparse.ArgumentParser(prog="fieldwright-app")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--web", action="store_true", help="serve to a browser of this machine")
    kind.add_argument("--desktop", action="store_true", help="open a window (the default)")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = read_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if asked.web:
        serve(settings)
    else:
        ft.run(page_main(settings))


def serve(settings: Settings) -> None:
    """Serve the app to browsers of this machine until interrupted."""
    import uvicorn

    from field_app.web import lay_in_assets, web_app

    lay_in_assets(settings.assets_dir)
    uvicorn.run(
        web_app(page_main(settings), settings.assets_dir),
        host=HOST,
        port=settings.port,
        log_level="warning",
        ws_max_size=4_000_000,
    )


if __name__ == "__main__":
    main()
