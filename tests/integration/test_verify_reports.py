"""`verify` holds every report against the audit chain: no row of it is changed unnoticed (I6, K4, P8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from common.i18n import translate
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.visit.records import ReportSeal
from sync_server.db.database import Database
from sync_server.db.office import Given, envelope
from sync_server.db.tables import AuditEntry
from sync_server.db.unit_of_work import Arrival, UnitOfWork
from sync_server.keys import load_keys
from sync_server.upkeep.evidence import outside
from sync_server.upkeep.verify import verify
from tests.support.console_visit import whole_visit
from tests.support.console_world import ConsoleWorld, an_id, make_world

TAKE_COUNTER = "UPDATE report_seal SET counter = NULL, counter_key = '', counter_signature = ''"


TABLES = ("service_report", "report_seal", "device")


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> tuple[ConsoleWorld, str]:
    """Give a company with one sealed report, and copies of the rows that will be changed."""
    world = make_world(tmp_path_factory.mktemp("company"))
    report_id = a_visit(world)
    with world.database.engine.connect() as connection:
        for table in TABLES:
            connection.execute(text(f"CREATE TABLE kept_{table} AS SELECT * FROM {table}"))
        connection.commit()
    return world, report_id


@pytest.fixture
def sound(visited: tuple[ConsoleWorld, str]) -> Iterator[tuple[ConsoleWorld, str]]:
    yield visited
    with visited[0].database.engine.connect() as connection:
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(text(f"INSERT INTO {table} SELECT * FROM kept_{table}"))
        connection.commit()


def a_visit(world: ConsoleWorld, **more: Any) -> str:
    ticket_id = world.ticket()
    world.assign(ticket_id)
    return whole_visit(world, ticket_id, **more)


def tamper(world: ConsoleWorld, *statements: str) -> None:
    with world.database.engine.connect() as connection:
        for statement in statements:
            assert connection.execute(text(statement)).rowcount == 1
        connection.commit()


def found(world: ConsoleWorld) -> list[str]:
    world.database.number()
    keys = load_keys(world.settings.keys_dir, lambda _n: b"")
    with world.database.read() as session:
        return [str(fault).split(": ", 2)[2] for fault in verify(session, outside(world.settings, keys))]


OTHER_HAND = "was not signed at that time by that engineer"
NO_COUNTER = "has lost the server's counter-signature"
DEEDS: dict[str, tuple[tuple[str, ...], str]] = {
    "counter-signature": ((TAKE_COUNTER,), NO_COUNTER),
    "only its signature": (("UPDATE report_seal SET counter_signature = ''",), NO_COUNTER),
    "an hour earlier": ((TAKE_COUNTER, "UPDATE service_report SET signed_at = signed_at - 3600000"), OTHER_HAND),
    "another engineer": ((f"UPDATE service_report SET engineer_id = '{an_id('gao')}'",), OTHER_HAND),
    "another clock": (("UPDATE service_report SET clock_error_ms = 1",), OTHER_HAND),
    "another opinion": (
        (TAKE_COUNTER, "UPDATE service_report SET opinion = '很差'"),
        "has not the words, names and strokes that were signed",
    ),
    "no seal": (("DELETE FROM report_seal",), "is not the seal that came with the report"),
    "another device's key": (
        (TAKE_COUNTER, f"UPDATE device SET public_key = 'x' WHERE id = '{an_id('tablet-li')}'"), NO_COUNTER,
    ),
    "a foreign counter": (
        ("UPDATE report_seal SET counter_key = key, counter_signature = signature",), "is broken: counter",
    ),
}  # fmt: skip


@pytest.mark.fault("I6", "K4")
@pytest.mark.parametrize("deed", DEEDS)
def test_a_report_changed_with_its_counter_signature_taken_away_is_named(
    sound: tuple[ConsoleWorld, str], deed: str
) -> None:
    world, report_id = sound
    assert found(world) == []
    statements, what = DEEDS[deed]
    tamper(world, *statements)
    assert any(fault.endswith(what) for fault in found(world)), found(world)
    page = world.client("admin", "en").get(f"/console/verify/{report_id}").text
    assert translate("en", "seal.state.broken") in page


@pytest.mark.fault("I6")
def test_a_report_that_stands_in_no_entry_is_named(sound: tuple[ConsoleWorld, str]) -> None:
    world, _ = sound
    other = world.new_id()
    tamper(world, f"UPDATE service_report SET id = '{other}'", f"UPDATE report_seal SET id = '{other}'")
    assert "its signing stands in no audit entry" in found(world)


def unfit(database: Database, actor: Actor, payload: Any, *, op_id: str) -> Outcome:
    """Take a report from a lane whose seal was made over other words, and that lacks something besides: two flags."""
    op = envelope(database, Given(replace(payload, opinion=""), op_id))

    def write(unit: UnitOfWork) -> Outcome:
        return unit.run(actor, op, Arrival(unit.now, actor.device_id, 1, 1), live=False)

    return database.transact(write)


@pytest.mark.fault("I6")
def test_only_the_chains_own_flag_excuses_a_seal_without_counter_signature(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    a_visit(world, send=unfit)
    with world.database.read() as session:
        entries = session.scalars(select(AuditEntry.entry).where(AuditEntry.kind == "sign_report"))
        entry = json.loads(entries.one())
        assert session.scalars(select(ReportSeal)).one().counter is None
    assert (entry["code"], entry["flags"]) == ("sign_off_incomplete", ["sign_off_incomplete", "seal_broken"])
    assert found(world) == []
    tamper(world, "UPDATE service_report SET opinion = '满意'")
    assert found(world) == ["has not the words, names and strokes that were signed"]
