"""Opens a tablet's store whatever state its file is in: damaged, older than it was, or on a disk that cannot be written.

Owns the marker beside the file (who this device is, how far its outbox had come) and the note of what was recovered.
There is never an empty start where there was work (A5, A6, A7), also after a rescue that was killed.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from common.kernel.clock import Clock
from common.kernel.ids import RandomBytes
from common.kernel.reserve import Reserve, says_full
from field_app.store.engine import make_store_engine
from field_app.store.rescue import ASIDE, damage_of, finish_rescue, fresh_beside, put_in_place, rescue
from field_app.store.roomy import RESERVE_BYTES, RoomyStore
from field_app.store.schema import open_schema
from field_app.store.settings import SERVER_KEYS, keep_setting, setting_of
from field_app.store.store import Given, Store, state_of

RECOVERY = "store.recovery"
T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Marker:
    """What is known of a store without opening it; all empty where nothing is.

    `first` and `ord`: the lowest place in the outbox that is still kept, and the highest ever given; `first` 0: not told.
    `keys`: the server's public ones, as in `SERVER_KEYS`: without them no lease and no order to wipe is believed.
    """

    device_id: str = ""
    person_id: str = ""
    server_url: str = ""
    ord: int = 0
    first: int = 0
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recovery:
    """What happened to the file at this or an earlier start, until the person has read it.

    `kind`: damaged, missing or older. `saved` and `lost` count commands of the outbox.
    """

    kind: str
    at_ms: int
    saved: int = 0
    lost: int = 0


class MarkedStore(RoomyStore):
    """A store that keeps its marker: after every save, without waiting for the disk."""

    marker_path: Path | None = None
    _first = 0

    def give_together(self, payloads: Sequence[Any], **how: Any) -> list[Given]:
        """As `RoomyStore.give_together`."""
        given = super().give_together(payloads, **how)
        if given[-1].outcome.took_effect:
            self.mark()
        return given

    def write(self, work: Callable[[Session], T]) -> T:
        """As `RoomyStore.write`; what was deleted for good must not count as lost later."""
        result = super().write(work)
        if self.marker_path is not None:
            with self.read() as session:
                moved = first_ord(session) != self._first
            if moved:
                self.mark()
        return result

    def enrol(self, *who: Any, **how: Any) -> None:
        """As `Store.enrol`."""
        super().enrol(*who, **how)
        self.mark()

    def erase(self, note: tuple[str, str]) -> None:
        """As `Store.erase`; damaged files that were set aside go too."""
        if self.marker_path is not None:
            self.marker_path.unlink(missing_ok=True)  # first: what was erased is no file that lost its owner
        super().erase(note)
        if self.marker_path is not None:
            shutil.rmtree(self.marker_path.parent / ASIDE, ignore_errors=True)
        self.mark()

    def mark(self) -> None:
        """Write the marker. It may be behind the file, never ahead: what it says was committed before."""
        if self.marker_path is None:
            return
        who, new = self.identity(), self.marker_path.with_suffix(".new")
        with self.read() as session:
            self._first = first_ord(session)
            newest, keys = newest_ord(session), tuple(setting_of(session, key) for key in SERVER_KEYS)
        marker = Marker(who.device_id, who.person_id, who.server_url, newest, self._first, keys)
        try:
            new.write_text(json.dumps(asdict(marker)), "utf-8")
            new.replace(self.marker_path)
        except OSError:  # a full disk: the store itself says so; the marker is a convenience
            _log.warning("the marker of the store could not be written")


def newest_ord(session: Session) -> int:
    """Return the highest place in the outbox that was ever given."""
    return int(session.scalar(text("SELECT max(seq) FROM sqlite_sequence WHERE name = 'op'")) or 0)


def first_ord(session: Session) -> int:
    """Return the lowest place in the outbox that is kept; the next one to be given where it is empty."""
    return int(session.scalar(text("SELECT min(ord) FROM op")) or newest_ord(session) + 1)


def read_marker(path: Path) -> Marker:
    """Read a marker; an unreadable one says nothing."""
    try:
        told = json.loads(path.read_text("utf-8"))
        return Marker(
            str(told["device_id"]), str(told["person_id"]), str(told["server_url"]), int(told["ord"]),
            int(told.get("first", 0)), tuple(map(str, told.get("keys", ()))),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return Marker()


def open_store(path: Path, clock: Clock, random_bytes: RandomBytes) -> RoomyStore:
    """Open the store of a path, recovering what can be. Raises StoreTooNewError; the file is then untouched (A10)."""
    if path.exists() and not _is_writable(path.parent):
        return _to_look_at(path, clock, random_bytes)
    path.parent.mkdir(parents=True, exist_ok=True)
    marker_path = path.with_suffix(".mark")
    marker = read_marker(marker_path)
    reserve = Reserve(path.with_suffix(".reserve"), RESERVE_BYTES)
    finish_rescue(path)
    now_ms = clock.read().wall_ms
    damage = damage_of(path) if path.exists() else ""
    if damage:
        _log.error("the store is damaged and set aside: %s", damage)
        _recover(path, marker, Recovery("damaged", now_ms), reserve)
    elif not path.exists() and marker.person_id:
        _recover(path, marker, Recovery("missing", now_ms, 0, marker.ord), reserve)
    store = MarkedStore(make_store_engine(path), clock, random_bytes, reserve)
    recovery = _older(store, marker) if marker.person_id else None
    if recovery is not None:
        store.write(lambda session: _from_nothing(session, marker, recovery))
    store.marker_path = marker_path
    store.mark()
    return store


def recovery_of(store: Store) -> Recovery | None:
    """Return what the person has to be told of, None where nothing happened."""
    told = store.setting(RECOVERY)
    return Recovery(**json.loads(told)) if told else None


def recovery_read(store: Store) -> None:
    """Note that the person has read it."""
    store.choose(RECOVERY, "")


def _recover(path: Path, marker: Marker, recovery: Recovery, reserve: Reserve) -> None:
    """Make the file anew beside the old one, whole, before it takes its place; the reserve is for a full disk."""
    try:
        anew = _make_anew(path, marker, recovery)
    except (sqlite3.Error, DBAPIError, OSError) as error:
        if not (says_full(error) and reserve.give_up()):
            raise
        anew = _make_anew(path, marker, recovery)
    put_in_place(anew, path, recovery.at_ms)


def _make_anew(path: Path, marker: Marker, recovery: Recovery) -> Path:
    """Make a new file with all that can be read of the old one, its owner, and the note of what happened."""
    anew = fresh_beside(path)
    engine = make_store_engine(anew)
    try:
        open_schema(engine)
        if path.exists():
            saved = rescue(path, anew, marker.ord)
            with Session(engine) as session:
                lowest = int(session.scalar(text("SELECT coalesce(min(ord), 1) FROM op")) or 1)
            deleted = (marker.first or lowest) - 1
            recovery = replace(recovery, saved=saved, lost=max(marker.ord - deleted - saved, 0))
        with Session(engine) as session:
            _from_nothing(session, marker, recovery)
            session.commit()
            raw: Any = session.connection().connection.driver_connection
            session.rollback()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # only the file itself is moved
    finally:
        engine.dispose()
    return anew


def _older(store: Store, marker: Marker) -> Recovery | None:
    """Compare the file with what was last known of it: an older copy lacks commands the marker counted.

    A sound file that is nobody's, where the marker knows somebody, is one that was never filled.
    """
    who = store.identity()
    if not who.person_id:
        _log.error("the store has lost its owner")
        return Recovery("missing", store.clock.read().wall_ms, 0, marker.ord)
    with store.read() as session:
        newest = newest_ord(session)
    if newest >= marker.ord or who.device_id != marker.device_id:
        return None
    _log.error("the store is an older copy: %s of %s commands", newest, marker.ord)
    return Recovery("older", store.clock.read().wall_ms, newest, marker.ord - newest)


def _from_nothing(session: Session, marker: Marker, recovery: Recovery) -> None:
    """Read everything anew, ask which commands the server does not know, and leave word of it, all at once."""
    keep_setting(session, RECOVERY, json.dumps(asdict(recovery)))
    state = state_of(session)
    if not state.person_id:
        state.device_id, state.person_id = marker.device_id, marker.person_id
        state.server_url = marker.server_url
        # A token no server gave: it opens a new lane, after which everything is offered again.
        state.token = "0" * 18 if marker.person_id else ""
    if state.device_id == marker.device_id:
        for key, value in zip(SERVER_KEYS, marker.keys, strict=False):  # an older app's marker tells none
            keep_setting(session, key, setting_of(session, key) or value)
    state.cursor, state.position = "", 0
    state.generation += 1
    state.reoffer = 1 if state.person_id else 0
    # No number given before is given again: places in the outbox are what the marker counts.
    session.execute(text("DELETE FROM sqlite_sequence WHERE name = 'op'"))
    newest = session.scalar(text("SELECT coalesce(max(ord), 0) FROM op")) or 0
    session.execute(
        text("INSERT INTO sqlite_sequence (name, seq) VALUES ('op', :seq)"), {"seq": max(newest, marker.ord)}
    )


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError as error:
        return error.errno == errno.ENOSPC  # full is another matter: the reserve is for that


def _to_look_at(path: Path, clock: Clock, random_bytes: RandomBytes) -> RoomyStore:
    """Open a copy elsewhere: everything can be read, nothing can be saved, and every page says so (A5)."""
    folder = Path(tempfile.mkdtemp(prefix="fieldwright-"))
    for suffix in ("", "-wal"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            shutil.copy2(part, folder / part.name)
            (folder / part.name).chmod(0o600)
    store = RoomyStore(
        make_store_engine(folder / path.name), clock, random_bytes, Reserve(folder / "none", RESERVE_BYTES)
    )
    store.freeze("device_read_only")
    return store
