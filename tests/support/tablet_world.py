"""An engineer's tablet out of any world: everything in his scope, nothing else, as it stands after a sync.

Owns laying rows in and opening a page on it. The day's work itself is `field_day.py`.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import flet as ft
from sqlalchemy import text
from sqlalchemy.orm import Session

from common.kernel.clock import millis
from common.kernel.record import columns_of, synced_entities
from common.kernel.scope import EVERYONE, grants_of, user
from field_app.data import attach
from field_app.screens.table import screen_table
from field_app.session import open_session
from field_app.state.drafts import Drafts
from field_app.state.file_desk import FileDesk
from field_app.state.prefs import SavedPrefs
from field_app.state.tablet import Tablet
from field_app.store.engine import make_store_engine
from field_app.store.files import FileBox
from field_app.store.overlay import write_rows
from field_app.store.schema import HeldAgg
from field_app.store.settings import SIGN_KEY_SETTING
from field_app.store.shelf import FolderShelf
from field_app.store.store import Store, state_of
from field_app.sync.keystore import FileKeystore
from field_app.ui import UiSession
from field_app.vault.cipher import Cipher
from tests.support.fake_clock import FakeClock
from tests.support.world import World


def tablet_with(world: World, engineer_id: str, clock: FakeClock) -> Tablet:
    """Make the tablet of an engineer."""
    return tablet_from(image_with(world, engineer_id, clock), clock)


def tablet_from(image: bytes, clock: FakeClock) -> Tablet:
    """Open a tablet on a copy of an image, in memory."""
    platter = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    platter.deserialize(image)
    store = Store(make_store_engine(None, creator=lambda: platter), clock, random.Random(5).randbytes)
    keys = FileKeystore(Path("no-keys-in-tests"))
    tablet = Tablet(store, keys, clock, random.Random(6).randbytes, version="0.1.0")
    tablet.files = a_desk(store)
    return tablet


class TemporaryShelf(FolderShelf):
    """A shelf whose folder goes with it."""

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryDirectory(prefix="fieldwright-files-")
        key = Cipher(b"k" * 32, 1, random.Random(9).randbytes)
        super().__init__(Path(self._kept.name), lambda: key)


def a_desk(store: Store) -> FileDesk:
    """Give a tablet a place for its files, sealed with a key of its own."""
    return FileDesk(FileBox(store, TemporaryShelf()))


def image_with(world: World, engineer_id: str, clock: FakeClock) -> bytes:
    """Make the database of an engineer's tablet."""
    engine = make_store_engine(None)
    store = Store(engine, clock, random.Random(5).randbytes)
    told = {SIGN_KEY_SETTING: "key"}
    store.enrol(world.id("device"), engineer_id, "https://office.example", "token", settings=told)
    with Session(world.engine) as session:
        rows = {entity: _rows(session, entity) for entity in synced_entities()}
        mine = {user(engineer_id), EVERYONE}
        aggs = {row[1] for found in rows.values() for row in found}
        held = {told for agg in aggs for who, told in grants_of(session, agg) if who in mine} & aggs

    def lay_in(own: Session) -> None:
        for entity, found in rows.items():
            kept = [row for row in found if row[1] in held]
            if kept:
                write_rows(own.connection(), entity, columns_of(entity), kept)
        own.add_all(HeldAgg(agg=agg, rev=1, generation=0, detached=0) for agg in sorted(held))
        state = state_of(own)
        state.last_contact_ms, state.position = millis(clock.at - timedelta(minutes=18)), 1

    store.write(lay_in)
    connection = engine.raw_connection()
    image: bytes = connection.driver_connection.serialize()  # type: ignore[union-attr]
    connection.close()
    return image


def _rows(session: Session, entity: str) -> list[list[Any]]:
    names = ", ".join(f'"{name}"' for name in columns_of(entity))
    return [list(row) for row in session.execute(text(f"SELECT {names} FROM {entity} ORDER BY id"))]


def tablet_main(
    tablet: Tablet,
    language: str = "en",
    look: str = "light",
    opened: Callable[[UiSession], None] = lambda _: None,
) -> Callable[[ft.Page], None]:
    """Return what Flet calls for each page: the product's own screens on this tablet."""
    table = screen_table()

    def main(page: ft.Page) -> None:
        session = UiSession(
            clock=tablet.clock,
            drafts=Drafts(
                tablet.store.draft, lambda form, fields: tablet.store.keep_draft(form, dict(fields))
            ),
            version=tablet.version,
        )
        attach(page, session, tablet)
        open_session(page, session, table, SavedPrefs(language, look))
        opened(session)

    return main
