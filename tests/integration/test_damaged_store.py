"""A tablet's database that is damaged, gone, older than it was or not to be written: never an empty start (A5–A7)."""

from __future__ import annotations

import errno
import json
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from common.tickets.field_work import AddNote
from field_app.store.engine import make_store_engine
from field_app.store.lease import KEYLESS
from field_app.store.opening import MarkedStore, open_store, read_marker, recovery_of, recovery_read
from field_app.store.rescue import ASIDE
from field_app.store.schema import SCHEMA_VERSION, StoreTooNewError, open_schema
from field_app.store.settings import SIGN_KEY_SETTING
from field_app.sync.engine import SyncEngine
from tests.simulation.checks import check_rebase_law_of
from tests.simulation.cluster import FaultyExchange, Network, SimClock, SimServer, Time
from tests.simulation.stage import TICKETS, images

DAMAGES = 60
NOTES = 12


class Bench:
    """A server, and a folder with one engineer's tablet whose app starts and ends."""

    def __init__(self, folder: Path) -> None:
        self.rng, self.time = random.Random(5), Time()
        made = images()
        self.server = SimServer(made.server, self.time, self.rng)
        self.path = folder / "tablet.db"
        self.path.write_bytes(made.devices[0])
        store = self.start()
        self.talk(store)
        self.ops = {store.give(AddNote(TICKETS[0], f"note {n} 备注")).op_id for n in range(NOTES)}
        self.end(store)

    def start(self) -> MarkedStore:
        """Start the app."""
        store = open_store(self.path, SimClock(self.time), self.rng.randbytes)
        assert isinstance(store, MarkedStore)
        return store

    def end(self, store: MarkedStore) -> None:
        """End it; the log is folded into the file."""
        store.engine.dispose()

    def talk(self, store: MarkedStore, rounds: int = 12) -> SyncEngine:
        """Let it talk to the server until nothing waits."""
        exchange = FaultyExchange(self.server, Network(self.rng))
        engine = SyncEngine(store, exchange, SimClock(self.time), self.rng.random, "t")
        for _ in range(rounds):
            engine.turn(asked=True)
            assert engine.last_error == ""
        return engine

    def kept(self, store: MarkedStore) -> set[str]:
        """Return the ids in the outbox."""
        with store.read() as session:
            return set(session.execute(text("SELECT id FROM op")).scalars())

    def before(self, store: MarkedStore) -> int:
        """Count the places in the outbox before the first that is there."""
        with store.read() as session:
            return int(session.execute(text("SELECT coalesce(min(ord), 1) - 1 FROM op")).scalar_one())

    def notes_at_office(self) -> int:
        """Count the notes the office has."""
        with self.server.database.read() as session:
            query = "SELECT count(*) FROM ticket_event WHERE kind = 'note'"
            return int(session.execute(text(query)).scalar_one())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "app") if (tmp_path / "app").mkdir() is None else None  # type: ignore[return-value]


def spoil(path: Path, rng: random.Random) -> None:
    """Damage a file: bits flipped here and there, its end cut off, or stretches of zeros."""
    content = bytearray(path.read_bytes())
    kind = rng.randrange(3)
    if kind == 0:
        for _ in range(rng.choice((1, 8, 64))):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[rng.randrange(len(content)) :]
    else:
        start = rng.randrange(len(content))
        length = rng.choice((512, 4096, 65_536))
        content[start : start + length] = bytes(len(content[start : start + length]))
    path.write_bytes(bytes(content))


@pytest.mark.fault("A6", "P5")
def test_whatever_is_damaged_there_is_never_an_empty_start(bench: Bench) -> None:
    """Every start has its owner; what is not there is counted and said, and the damaged file is kept."""
    whole = {file.name: file.read_bytes() for file in bench.path.parent.iterdir() if file.is_file()}
    seen = {"sound": 0, "damaged": 0}
    rescued = 0
    for seed in range(DAMAGES):
        put_back(bench, whole)
        spoil(bench.path, random.Random(seed))
        store = bench.start()
        told, there = recovery_of(store), bench.kept(store)
        assert store.identity().person_id, seed
        assert store.check() == "ok", seed
        if told is None:
            assert there == bench.ops, seed
            seen["sound"] += 1
        else:
            assert told.kind == "damaged", seed
            assert there <= bench.ops, seed
            # What is lost before the first that was saved cannot be told from what was long answered and let go.
            lost = NOTES - bench.before(store) - len(there)
            assert (told.saved, told.lost) == (len(there), lost), seed
            assert list((bench.path.parent / ASIDE).iterdir()), seed
            seen["damaged"] += 1
            rescued += len(there)
        bench.end(store)
    assert seen["damaged"] > DAMAGES // 3
    assert rescued > seen["damaged"] * NOTES // 3, "most of the readable work is brought over"


def spoil_tickets(path: Path) -> None:
    """Fill the first page of the tickets with zeros."""
    content = bytearray(path.read_bytes())
    with sqlite3.connect(path) as connection:
        root, size = connection.execute(
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'ticket'"
        ).fetchone()
    connection.close()
    content[(root - 1) * size : root * size] = bytes(size)
    path.write_bytes(bytes(content))


def put_back(bench: Bench, whole: dict[str, bytes]) -> None:
    """Have the folder hold these files and no others."""
    shutil.rmtree(bench.path.parent)
    bench.path.parent.mkdir()
    for name, content in whole.items():
        (bench.path.parent / name).write_bytes(content)


class Killed(BaseException):
    """The process dies."""


def killed_at(bench: Bench, step: int) -> bool:
    """Start the app and let it die before its step number so and so upon the disk; False if it came to the end."""
    left = step
    with pytest.MonkeyPatch.context() as patch:

        def count(real: Any) -> Any:
            def counted(*told: Any, **how: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Killed
                return real(*told, **how)

            return counted

        for where, name in (
            (Path, "mkdir"), (Path, "replace"), (Path, "unlink"), (Path, "write_text"),
            (shutil, "copyfile"), (sqlite3, "connect"), (Session, "commit"), (Session, "execute"),
        ):  # fmt: skip
            patch.setattr(where, name, count(getattr(where, name)))
        try:
            bench.end(bench.start())
        except Killed:
            return True
    return False


@pytest.mark.fault("A6", "A13", "P5")
@pytest.mark.parametrize("kind", ["damaged", "missing", "older"])
def test_a_start_killed_in_a_recovery_is_gone_on_with(bench: Bench, kind: str) -> None:
    """Whatever step it dies before, the next start saves what can be saved, has its owner, and says what happened."""
    store = bench.start()
    who = store.identity()
    bench.end(store)
    older = bench.path.read_bytes()
    if kind == "older":
        store = bench.start()
        store.give(AddNote(TICKETS[0], "not in the older copy"))
        bench.end(store)
        bench.path.write_bytes(older)
    if kind == "damaged":
        spoil_tickets(bench.path)
    if kind == "missing":
        bench.path.unlink()
    whole = {file.name: file.read_bytes() for file in bench.path.parent.iterdir() if file.is_file()}
    step = 0
    while killed_at(bench, step):
        store = bench.start()
        told = recovery_of(store)
        assert (store.identity(), told is not None and told.kind) == (who, kind), step
        assert told is not None
        assert bench.kept(store) == (set() if kind == "missing" else bench.ops), step
        assert (told.saved, told.lost) == {
            "damaged": (NOTES, 0), "missing": (0, NOTES), "older": (NOTES, 1)
        }[kind], step  # fmt: skip
        assert read_marker(bench.path.with_suffix(".mark")).device_id == who.device_id, step
        if kind == "damaged":
            aside = [file.read_bytes() for file in bench.path.parent.glob(f"{ASIDE}/*/tablet.db")]
            assert aside == [whole["tablet.db"]], step
        bench.end(store)
        put_back(bench, whole)
        step += 1
    assert step > 10


def test_an_empty_file_where_there_was_a_person_is_no_first_start(bench: Bench) -> None:
    """Only the wiped start anew; an empty file is one that was never filled."""
    store = bench.start()
    who = store.identity()
    bench.end(store)
    bench.path.unlink()
    engine = make_store_engine(bench.path)
    open_schema(engine)
    engine.dispose()
    store = bench.start()
    told = recovery_of(store)
    assert (store.identity(), told is not None and told.kind) == (who, "missing")
    store.erase(("why", "lost"))
    bench.end(store)
    store = bench.start()
    assert (store.identity().person_id, recovery_of(store)) == ("", None)
    bench.end(store)


@pytest.mark.fault("A3", "A6")
def test_a_disk_that_is_full_in_a_rescue_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_tickets(bench.path)
    real, tries = shutil.copyfile, 2

    def full(*told: Any, **how: Any) -> Any:
        nonlocal tries
        tries -= 1
        if tries >= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*told, **how)

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        bench.start()
    tries = 1
    bench.path.with_suffix(".reserve").write_bytes(b"room")
    store = bench.start()
    assert bench.kept(store) == bench.ops
    bench.end(store)


@pytest.mark.fault("A6", "P5", "P11")
def test_rescued_work_reaches_the_office_and_all_comes_back(bench: Bench) -> None:
    spoil_tickets(bench.path)
    store = bench.start()
    told = recovery_of(store)
    assert told is not None
    assert (told.kind, told.saved, told.lost) == ("damaged", NOTES, 0)
    bench.talk(store)
    assert bench.notes_at_office() == NOTES
    with store.read() as session:
        notes = session.execute(text("SELECT count(*) FROM ticket_event WHERE kind = 'note'")).scalar_one()
        assert notes == NOTES
        assert session.execute(text("SELECT count(*) FROM ticket")).scalar_one() > 0
    check_rebase_law_of(store.engine, "after the rescue")
    recovery_read(store)
    bench.end(store)
    again = bench.start()
    assert recovery_of(again) is None
    bench.end(again)


@pytest.mark.fault("A6", "A7")
def test_a_file_that_is_gone_is_no_first_start(bench: Bench) -> None:
    before = bench.start()
    who = before.identity()
    bench.talk(before)
    bench.end(before)
    for file in bench.path.parent.glob("tablet.db*"):
        file.unlink()
    store = bench.start()
    told = recovery_of(store)
    assert store.identity() == who
    assert told is not None
    assert (told.kind, told.lost) == ("missing", NOTES)
    bench.talk(store)
    with store.read() as session:
        notes = session.execute(text("SELECT count(*) FROM ticket_event WHERE kind = 'note'")).scalar_one()
    assert notes == NOTES, "what had been sent is back"
    bench.end(store)


@pytest.mark.fault("A6")
def test_the_servers_keys_outlive_the_settings(bench: Bench) -> None:
    """Without them no lease and no order of the server's would ever be believed again."""
    with sqlite3.connect(bench.path) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'setting'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    content = bytearray(bench.path.read_bytes())
    content[(root - 1) * size : root * size] = bytes(size)
    bench.path.write_bytes(bytes(content))
    store = bench.start()
    told = recovery_of(store)
    assert told is not None
    assert told.kind == "damaged"
    assert store.setting(SIGN_KEY_SETTING) == "sim"
    assert store.lease_trouble() == ""
    bench.end(store)


@pytest.mark.fault("A6")
def test_a_marker_of_an_older_app_leaves_nothing_unlimited(bench: Bench) -> None:
    marker = bench.path.with_suffix(".mark")
    told = json.loads(marker.read_text())
    del told["keys"]
    marker.write_text(json.dumps(told))
    for file in bench.path.parent.glob("tablet.db*"):
        file.unlink()
    store = bench.start()
    assert store.lease_trouble() == KEYLESS
    bench.talk(store)
    assert store.give(AddNote(TICKETS[0], "something new")).outcome.code == KEYLESS
    who = store.identity()
    store.enrol("device again", who.person_id, "sim", "token", settings={SIGN_KEY_SETTING: "sim"})
    assert store.lease_trouble() == ""
    assert store.give(AddNote(TICKETS[0], "something new")).outcome.took_effect
    bench.end(store)


@pytest.mark.fault("A7")
def test_a_file_restored_without_its_log_is_noticed(bench: Bench) -> None:
    store = bench.start()
    copied = bench.path.read_bytes()
    later = store.give(AddNote(TICKETS[0], "in the log only")).op_id
    assert bench.path.with_name("tablet.db-wal").stat().st_size
    bench.end(store)
    bench.path.write_bytes(copied)
    store = bench.start()
    told = recovery_of(store)
    assert later not in bench.kept(store)
    assert told is not None
    assert (told.kind, told.saved, told.lost) == ("older", NOTES, 1)
    fresh = store.give(AddNote(TICKETS[0], "afterwards")).op_id
    bench.talk(store)
    with bench.server.database.read() as session:
        receipts = set(session.execute(text("SELECT op_id FROM receipt WHERE device_id <> ''")).scalars())
    assert receipts == bench.ops | {fresh}
    check_rebase_law_of(store.engine, "after an older copy")
    bench.end(store)


def test_a_spoiled_marker_is_no_alarm(bench: Bench) -> None:
    bench.path.with_suffix(".mark").write_text("{")
    store = bench.start()
    assert recovery_of(store) is None
    assert bench.kept(store) == bench.ops
    bench.end(store)
    assert json.loads(bench.path.with_suffix(".mark").read_text())["ord"] == NOTES


@pytest.mark.fault("A10")
def test_a_file_of_a_newer_app_is_left_alone(bench: Bench) -> None:
    engine = make_store_engine(bench.path)
    with engine.connect() as connection:
        connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION + 1}"))
        connection.commit()
    engine.dispose()
    before = bench.path.read_bytes()
    with pytest.raises(StoreTooNewError):
        bench.start()
    assert bench.path.read_bytes() == before
