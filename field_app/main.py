"""Composition root of the engineer's app: settings, clock, session, screens; as a window or in a browser.

Nothing happens at import. The only place of the app, with settings, that touches clock and environment.
"""

from __future__ import annotations

import argparse
import platform
import secrets
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata

import flet as ft

from common.kernel.clock import Clock, Reading
from common.kernel.logs import keep_log
from field_app.data import attach
from field_app.screens.table import screen_table
from field_app.session import open_session
from field_app.settings import HOST, Settings, read_settings
from field_app.state.drafts import Drafts
from field_app.state.file_desk import FileDesk
from field_app.state.prefs import read_prefs, write_prefs
from field_app.state.tablet import Tablet
from field_app.store.files import FileBox
from field_app.store.one_program import AlreadyRunningError, only_program
from field_app.store.opening import open_store
from field_app.store.roomy import StoreFullError
from field_app.store.shelf import FolderShelf
from field_app.store.spoiled import unseal
from field_app.sync.engine import SyncEngine
from field_app.sync.enrol import read_invitation
from field_app.sync.keystore import FileKeystore, SealedKeystore
from field_app.sync.loop import SyncLoop
from field_app.sync.tus import TusFiles
from field_app.sync.upload import Uploads
from field_app.ui import Prefs, UiSession
from field_app.vault.policy import LOCK_POLICY, read_policy
from field_app.vault.vault import Vault, VaultState

PICKED_AT_MOST = 40 * 1024 * 1024  # a file picked in the browser comes as one message


class SystemClock:
    """The clocks of this machine; `boot` is new at each start of the program."""

    def __init__(self) -> None:
        self._boot = str(uuid.uuid4())

    def read(self) -> Reading:
        """Read wall and monotonic clock together."""
        return Reading(time.time_ns() // 1_000_000, _steady_ns() // 1_000_000, self._boot)


def _steady_ns() -> int:
    """Read a clock that nobody can set and that goes on while the device sleeps: a tablet in a bag does (ADR-0009)."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux and Android, where the monotonic clock stands still meanwhile
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    if sys.platform in (
        "darwin",
        "ios",
    ):  # what Python calls monotonic there stands still, what the system calls so does not
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return time.monotonic_ns()


def open_tablet(settings: Settings, clock: Clock | None = None) -> Tablet:
    """Open this device's database and begin to talk to the server it is enrolled at."""
    clock = clock or SystemClock()
    store = open_store(settings.store_path, clock, secrets.token_bytes)
    guard = FileKeystore(settings.keys_dir)
    policy = read_policy(store.setting(LOCK_POLICY))
    vault = Vault(settings.vault_path, guard, clock, secrets.token_bytes, lambda: policy, store.make_room)
    tablet = Tablet(
        store,
        SealedKeystore(guard, vault, lambda: vault.state is VaultState.OPEN),
        clock,
        secrets.token_bytes,
        settings.server_url,
        metadata.version("fieldwright") if _is_installed() else "",
        datetime.now().astimezone().tzinfo or UTC,
        vault=vault,
        pin=settings.pin,
    )
    if vault.open_unasked():
        unseal(store, vault, vault.key_id)
        tablet.is_shut = True
    box = FileBox(store, FolderShelf(settings.files_dir, lambda: store.sealer))
    if not store.trouble:
        with suppress(StoreFullError):  # said by the store itself
            box.look_after()
    tablet.files = FileDesk(box, tablet.sync_now, lambda: uploads_of(tablet))
    tablet.finish_wipe()
    tablet.loop = SyncLoop(lambda: connect(tablet), tablet.tell, lambda: look_after(tablet))
    return tablet


def look_after(tablet: Tablet) -> None:
    """Do what is due beside each turn of the loop, whether a page is open or not."""
    tablet.shut_if_idle()
    tablet.hear_of_key()


def connect(tablet: Tablet) -> SyncEngine | None:
    """Make the conversation with the server this tablet is enrolled at; None before enrolment."""
    exchange = tablet.exchange()
    if exchange is None:
        return None
    chance = secrets.SystemRandom()
    desk, uploads = tablet.files, None
    if desk is not None:
        files = TusFiles(exchange)
        uploads = Uploads(desk.box, files, tablet.clock, chance.random, lambda: not desk.holds_photos_back)
    return SyncEngine(
        tablet.store, exchange, tablet.clock, chance.random, tablet.version, uploads, wipe=tablet.wipe
    )


def uploads_of(tablet: Tablet) -> Uploads | None:
    """Return what sends the files, where there is a server."""
    engine = tablet.loop.engine if tablet.loop is not None else None
    return engine.uploads if engine is not None else None


def page_main(settings: Settings, tablet: Tablet) -> Callable[[ft.Page], None]:
    """Return what Flet calls for each new page."""
    table = screen_table()

    def main(page: ft.Page) -> None:
        session = UiSession(
            clock=tablet.clock,
            prefs=Prefs(language=settings.language),
            drafts=Drafts(tablet.store.draft, tablet.keep_draft),
            save_prefs=lambda prefs: write_prefs(settings.prefs_path, prefs),
            version=tablet.version,
        )
        attach(page, session, tablet)
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
    parser.add_argument("--enrol", metavar="CODE", help="become the device of this code or invitation first")
    asked = parser.parse_args()
    settings = read_settings()
    keep_log(settings.logs_dir, "app", settings.log_kb, settings.log_files)
    try:
        with only_program(settings.data_dir):
            run(settings, asked.enrol or "", web=asked.web)
    except AlreadyRunningError as error:
        raise SystemExit(f"Fieldwright is already open on this device ({error}).") from None


def run(settings: Settings, invitation: str, *, web: bool) -> None:
    """Open the tablet, talk to the server, show the screens until they are closed."""
    tablet = open_tablet(settings)
    if invitation:
        enrol_first(tablet, invitation)
    tablet.use_pin_given()
    assert tablet.loop is not None
    tablet.loop.start()
    try:
        if web:
            serve(settings, tablet)
        else:
            ft.run(page_main(settings, tablet))
    finally:
        tablet.loop.stop()


def enrol_first(tablet: Tablet, text: str) -> None:
    """Enrol before the first screen, as the demo does; a device already enrolled stays whose it is."""
    invitation = read_invitation(text)
    if invitation is None:
        raise SystemExit("This is neither a code nor an invitation.")
    if not tablet.is_enrolled:
        tablet.enrol(invitation, platform.node())


def serve(settings: Settings, tablet: Tablet) -> None:
    """Serve the app to browsers of this machine until interrupted."""
    import uvicorn

    from field_app.web import lay_in_assets, web_app

    lay_in_assets(settings.assets_dir)
    uvicorn.run(
        web_app(page_main(settings, tablet), settings.assets_dir),
        host=HOST,
        port=settings.port,
        log_level="warning",
        ws_max_size=PICKED_AT_MOST,
    )


if __name__ == "__main__":
    main()
