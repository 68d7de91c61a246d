"""Old and new programs meet: saved clients, newer apps, unknown fields, upgrades killed at each statement (A9, F1–F5).

What older programs wrote lies in `tests/golden`: a request of protocol 1, tablets' files of each schema.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, inspect, text

from common.kernel.clock import instant
from common.kernel.codec import compact, decode, read_json
from common.kernel.command import REGISTRY, Role
from common.kernel.record import columns_of, synced_entities
from common.kernel.scope import EVERYONE, user
from common.protocol.messages import SyncAnswer, SyncRequest
from common.protocol.release import RELEASE, is_newer
from common.tickets.field_work import AddNote
from field_app.store import overlay
from field_app.store.engine import make_store_engine
from field_app.store.outbox import counts
from field_app.store.schema import SCHEMA_VERSION, StoreTooNewError, open_schema
from field_app.store.store import Store, state_of
from sync_server.db.engine import make_engine
from sync_server.db.migrate import current, newest, require_schema, revisions, upgrade
from sync_server.db.tables import Device, Lane, PrincipalOf
from sync_server.sync.push import ServerTooOldError
from sync_server.sync.service import SyncService
from tests.integration.test_restore import a_ticket, synced
from tests.support.fake_clock import FakeClock
from tests.support.golden import FOLDER, Master, Step
from tests.support.served import Server, Tablet, a_server, a_tablet, listening
from tests.support.source import ROOT

DEVICE_FILES = sorted((FOLDER / "device").glob("v*.sql"))


class Killed(BaseException):
    """The process dies."""


def killed_at(engine: Engine, statement: int, work: Callable[[Engine], None]) -> bool:
    """Run `work` and let the process die before its statement number so and so; False if it ended before."""
    left = statement

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    for name in ("before_cursor_execute", "commit"):
        event.listen(engine, name, count)
    try:
        work(engine)
    except Killed:
        return True
    finally:
        for name in ("before_cursor_execute", "commit"):
            event.remove(engine, name, count)
        engine.dispose()
    return False


# ------------------------------------------------------------------------------------------ the tablet's file


def content(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Read every table of a tablet's file, but for where the conversation stands."""
    with sqlite3.connect(path) as connection:
        names = [
            row[0]
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row[0] not in ("sync_state", "sqlite_sequence")
        ]
        rows = {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for name in names}
    connection.close()
    return rows


def version_of(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return found


def old_file(script: Path, path: Path) -> Path:
    """Make the file an older app left behind."""
    with sqlite3.connect(path) as connection:
        connection.executescript(script.read_text("utf-8"))
    connection.close()
    return path


@pytest.mark.fault("A9", "P5")
@pytest.mark.parametrize("script", DEVICE_FILES, ids=lambda path: path.stem)
def test_an_upgrade_of_the_tablet_killed_at_each_statement(script: Path, tmp_path: Path) -> None:
    """The file is the old or the new one, its rows the same; the next start brings it up and nothing is unsent less."""
    path = old_file(script, tmp_path / "app.db")
    image, before, old = path.read_bytes(), content(path), version_of(path)
    statement = 0
    while killed_at(make_store_engine(path), statement, open_schema):
        assert version_of(path) in (old, SCHEMA_VERSION)
        after = content(path)
        assert {name: after[name] for name in before} == before or version_of(path) == SCHEMA_VERSION
        engine = make_store_engine(path)
        open_schema(engine)
        engine.dispose()
        assert_whole(path, before)
        for left in tmp_path.glob("app.db*"):
            left.unlink()
        path.write_bytes(image)
        statement += 1
    assert_whole(path, before)
    assert statement > (5 if old < SCHEMA_VERSION else 0)


def assert_whole(path: Path, before: dict[str, list[tuple[Any, ...]]]) -> None:
    """The file has today's tables and columns, all rows it had, and asks for its scope from the beginning."""
    assert version_of(path) == SCHEMA_VERSION
    after = content(path)
    for name, rows in before.items():
        width = len(rows[0]) if rows else 0
        assert [row[:width] for row in after[name]] == rows, name
    store = Store(make_store_engine(path), FakeClock(), os.urandom)
    with store.read() as session:
        connection = session.connection()
        for entity in synced_entities():
            there = {row[1] for row in connection.exec_driver_sql(f'PRAGMA table_info("{entity}")')}
            assert set(columns_of(entity)) <= there
        assert counts(session).waiting == 2
        state = state_of(session)
        assert (state.cursor, state.device_id != "") == ("", True)
    assert store.draft("note") == {"text": "写了一半"}
    store.engine.dispose()


def test_every_shape_a_tablet_had_is_kept() -> None:
    assert [path.stem for path in DEVICE_FILES][:2] == ["v1", "v2"]


@pytest.mark.fault("A10")
def test_an_older_app_leaves_a_newer_file_alone(tmp_path: Path) -> None:
    path = old_file(DEVICE_FILES[-1], tmp_path / "app.db")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    engine = make_store_engine(path)
    with pytest.raises(StoreTooNewError):
        open_schema(engine)
    engine.dispose()
    assert path.read_bytes() == before


# ---------------------------------------------------------------------------------------- the server's database


def fill(engine: Engine) -> None:
    """Put a row into every table, whatever its columns are."""
    with engine.connect() as connection:
        looked = inspect(connection)
        for table in looked.get_table_names():
            if table in ("alembic_version", "stream_head"):
                continue
            columns = looked.get_columns(table)
            values = {c["name"]: 7 if "INT" in str(c["type"]).upper() else "x" for c in columns}
            names, marks = ", ".join(f'"{n}"' for n in values), ", ".join(f":{n}" for n in values)
            connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({marks})'), values)
        connection.commit()


def dump(engine: Engine, columns: dict[str, list[str]] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Read every table, or the columns that were there before."""
    shape = columns or shape_of(engine)
    with engine.connect() as connection:
        rows = {}
        for table, names in shape.items():
            quoted = ", ".join(f'"{name}"' for name in names)
            rows[table] = [tuple(row) for row in connection.execute(text(f'SELECT {quoted} FROM "{table}"'))]
        connection.rollback()
    return rows


def shape_of(engine: Engine) -> dict[str, list[str]]:
    looked = inspect(engine)
    return {
        table: [c["name"] for c in looked.get_columns(table)]
        for table in sorted(looked.get_table_names())
        if table != "alembic_version"
    }


@pytest.mark.fault("F5")
def test_an_upgrade_of_the_server_killed_at_each_statement(database_url: str) -> None:
    """From every shape there ever was: the old one stays, every row of it, and the next try succeeds."""
    engine = make_engine(database_url)
    upgrade(engine, os.urandom, to=revisions()[0])
    fill(engine)
    for old, new in zip(revisions(), revisions()[1:], strict=False):
        shape, before = shape_of(engine), dump(engine)
        statement = 0
        while killed_at(engine, statement, lambda one, to=new: upgrade(one, os.urandom, to=to)):  # type: ignore[misc]
            assert current(engine) == old
            assert shape_of(engine) == shape
            assert dump(engine) == before
            statement += 1
        assert statement > 2
        assert current(engine) == new
        assert dump(engine, shape) == before
    assert current(engine) == newest()
    require_schema(engine)
    engine.dispose()


# --------------------------------------------------------------------------------------- saved clients, newer apps


@pytest.fixture
def saved() -> dict[str, Any]:
    """Give the request an app of protocol 1 once sent, and what the office had done before it."""
    told: dict[str, Any] = json.loads((FOLDER / "protocol1.json").read_text("utf-8"))
    return told


@pytest.fixture
def master(saved: dict[str, Any]) -> Iterator[Master]:
    """Give a server on which the office has done its part, with the lane that client was in."""
    made = Master()
    for step in saved["office"]:
        assert made.give(Step(**step | {"roles": tuple(step["roles"])})).took_effect
    request = saved["request"]
    made.clock.now_ms = request["clk"]["w"]

    def plant(unit: Any) -> None:
        at = instant(made.clock.now_ms)
        unit.session.add(
            Device(
                id=request["dev"], person_id=saved["person"], name="saved", public_key="", state="active",
                enrolled_at=at, last_contact_at=None, clock_error_ms=0, unsent=0, oldest_unsent_at=None, app="",
                position=0, forks=0,
            )
        )  # fmt: skip
        unit.session.add(
            Lane(device_id=request["dev"], incarnation=1, last_n=0, token=request["tok"], prev_token="")
        )

        for principal in (user(saved["person"]), EVERYONE):
            unit.session.add(PrincipalOf(person_id=saved["person"], principal=principal, granted_seq=0))

    made.database.transact(plant)
    yield made
    made.close()


def request_of(saved: dict[str, Any], **changes: Any) -> SyncRequest:
    return decode(SyncRequest, read_json(compact(saved["request"] | changes)))


@pytest.mark.fault("F1")
@pytest.mark.parametrize("way", ["works", "drains"])
def test_an_app_of_protocol_1_is_served_for_ever(way: str, saved: dict[str, Any], master: Master) -> None:
    """Its whole visit takes effect; where its rows are no longer made, it still gets rid of its work (T20)."""
    service = SyncService(master.database)
    answer = (service.sync if way == "works" else service.drain)(request_of(saved))
    assert [result.s for result in answer.res] == ["ok"] * len(saved["request"]["ops"])
    assert bool(answer.put) == (way == "works")
    assert len(master.tables()["service_report"]) == 1
    again = service.sync(request_of(saved, tok=answer.tok))
    assert [result.s for result in again.res] == ["ok"] * len(saved["request"]["ops"])
    assert len(master.tables()["service_report"]) == 1


@pytest.mark.fault("F2")
def test_a_newer_app_waits_for_its_server(saved: dict[str, Any], master: Master) -> None:
    """What the server knows is taken, in order; at the first command it does not know it asks to be updated."""
    service = SyncService(master.database)
    ops = [dict(op) for op in saved["request"]["ops"]]
    ops[5]["v"] = REGISTRY[ops[5]["k"]].version + 1
    first = service.sync(request_of(saved, ops=ops, app="99.0.0"))
    assert [result.s for result in first.res] == ["ok"] * 5
    with pytest.raises(ServerTooOldError):
        service.sync(request_of(saved, ops=ops[5:], app="99.0.0", tok=first.tok))
    with master.database.read() as session:
        assert session.execute(text("SELECT count(*) FROM op_parked")).scalar_one() == 0
    ops[5]["k"], ops[5]["v"] = "teleport_engineer", 1
    with pytest.raises(ServerTooOldError):
        service.sync(request_of(saved, ops=ops[5:], app="99.0.0", tok=first.tok))
    ops[5] = dict(saved["request"]["ops"][5])
    rest = service.sync(request_of(saved, ops=ops[5:], app="99.0.0", tok=first.tok))
    assert [result.s for result in rest.res] == ["ok"] * (len(ops) - 5)


@pytest.mark.fault("F2")
def test_a_strange_command_of_an_app_that_is_not_newer_blocks_nothing(
    saved: dict[str, Any], master: Master
) -> None:
    ops = [dict(op) for op in saved["request"]["ops"]]
    ops[3] = ops[3] | {"k": "teleport_engineer"}
    answer = SyncService(master.database).sync(request_of(saved, ops=ops[:6], app=RELEASE))
    assert [result.s for result in answer.res][3] == "parked"
    assert len(answer.res) == 6


def test_releases_have_an_order() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert told == RELEASE
    assert is_newer("0.10.0", "0.9.9")
    assert not any(is_newer(other, "0.1.0") for other in ("", "sim", "0.1.0", "0.0.9", "x.y", "0.1.0+local"))


class Tomorrow:
    """A server of tomorrow: more columns, more entities, more fields in its answers; or one of yesterday: fewer."""

    def __init__(self, inner: Any, change: Callable[[dict[str, Any]], None]) -> None:
        self._inner, self._change = inner, change

    def sync(self, request: SyncRequest) -> SyncAnswer:
        from common.kernel.codec import encode

        raw = read_json(compact(encode(self._inner.sync(request))))
        self._change(raw)
        return decode(SyncAnswer, raw, strict=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def grow(raw: dict[str, Any]) -> None:
    raw["weather"] = "fine"
    for names in raw.get("cols", {}).values():
        names.append("invented_later")
    for put in raw.get("put", []):
        for rows in put["rows"].values():
            for row in rows:
                row.append("a value")
        put["rows"]["entity_of_tomorrow"] = [["id", put["agg"], 1]]
    if raw.get("put"):
        raw["cols"]["entity_of_tomorrow"] = ["id", "agg", "n"]


def shrink(raw: dict[str, Any]) -> None:
    """Leave the last column of every entity out, as an older server would."""
    for entity, names in raw.get("cols", {}).items():
        names.pop()
        for put in raw.get("put", []):
            for row in put["rows"].get(entity, []):
                row.pop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made:
        yield made


@pytest.mark.fault("F3")
@pytest.mark.parametrize("change", [grow, shrink], ids=["newer server", "older server"])
def test_what_is_not_known_is_passed_over_and_kept(
    server: Server, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    """Unknown fields, columns, entities and choices: read past, shown raw, untouched on the server by what is sent."""
    with listening(server) as url:
        person = server.person(Role.ENGINEER)
        ticket = a_ticket(server, person)
        with server.parts.database.engine.connect() as connection:
            connection.execute(text("UPDATE ticket SET severity = 'unheard_of', channel = 'telepathy'"))
            connection.commit()
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        strange = replace_exchange(tablet, Tomorrow(tablet.exchange, change))
        assert synced(strange) == ""
        assert raw_choice(tablet, ticket) == ("unheard_of", "telepathy")
        tablet.store.give(AddNote(ticket, "kept"))
        assert raw_choice(tablet, ticket) == ("unheard_of", "telepathy")
        server.clock.advance(timedelta(minutes=1))
        assert synced(strange) == ""
        assert raw_choice(tablet, ticket) == ("unheard_of", "telepathy")
    assert server.rows("SELECT severity, channel FROM ticket") == [("unheard_of", "telepathy")]
    assert server.rows("SELECT note FROM ticket_event WHERE kind = 'note'") == [("kept",)]


def replace_exchange(tablet: Tablet, exchange: Any) -> Tablet:
    return replace(tablet, engine=replace(tablet.engine, exchange=exchange))


def raw_choice(tablet: Tablet, ticket: str) -> tuple[str, str]:
    with tablet.store.read() as session:
        row = session.execute(
            text("SELECT severity, channel FROM ticket WHERE id = :id"), {"id": ticket}
        ).one()
    return row[0], row[1]


def test_a_column_that_does_not_come_keeps_what_is_there() -> None:
    entity = "ticket"
    names = frozenset(columns_of(entity))
    assert overlay.fill_of(entity, names) == {}
    assert overlay.fill_of(entity, names - {"severity", "danger"}) == {"severity": "", "danger": 0}
