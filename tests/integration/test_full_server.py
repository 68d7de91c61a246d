"""The server's disk is full: a reserve, then 507; the office is told; when there is room, work goes on (C4)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

import sync_server.app
from common.customers.customer_commands import RegisterCustomer
from common.kernel.codec import encode
from common.kernel.command import Role
from common.kernel.reserve import Reserve
from sync_server.db.engine import make_engine
from sync_server.upkeep.full_disk import ALARM, FullDisk
from sync_server.upkeep.verify import verify
from tests.support.served import Server, a_server
from tests.support.small_disk import SmallDisk, small_disk

RESERVE = 1024 * 1024
CAPACITY = 24 * 1024 * 1024


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, SmallDisk, FullDisk]]:
    """A server whose database lies on a small disk, beside its reserve."""
    folder = tmp_path / "server"
    folder.mkdir()
    room = SmallDisk(folder, CAPACITY)
    disk_full = FullDisk(Reserve(folder / "disk.reserve", RESERVE, room.free))
    monkeypatch.setattr(FullDisk, "of", lambda _settings: disk_full)
    with a_server("", tmp_path) as plain:
        plain.parts.database.engine.dispose()
        with small_disk(folder / "fieldwright.db", CAPACITY) as (disk, creator):
            monkeypatch.setattr(
                sync_server.app, "make_engine", lambda *_, **__: make_engine("sqlite://", creator=creator)
            )
            app = sync_server.app.create_app(plain.parts.settings, clock=plain.clock)
            yield Server(app, plain.clock), disk, disk_full


def register(http: TestClient, server: Server, number: int) -> tuple[int, str]:
    """Register a customer as an office does over HTTP."""
    payload = RegisterCustomer(server.parts.database.new_id(), f"C{number}", "东城医院 " + "x" * 60)
    body = {"id": server.parts.database.new_id(), "kind": "register_customer", "args": encode(payload)}
    answer = http.post("/api/v1/commands", json=body)
    return answer.status_code, str(answer.json().get("reason_code", ""))


def alarms(server: Server) -> list[str]:
    return [row[0] for row in server.rows("SELECT state FROM discrepancy WHERE code = :code", code=ALARM)]


@pytest.mark.fault("C4", "P2")
def test_a_full_server_saves_with_its_reserve_then_says_507_and_goes_on_when_there_is_room(
    full: tuple[Server, SmallDisk, FullDisk],
) -> None:
    server, disk, disk_full = full
    assert disk_full.look(server.parts.database) == 0
    assert disk_full.reserve.is_there
    _, session = server.sign_in_as(Role.CLERK)
    site = server.app.app.state.site  # type: ignore[attr-defined]
    # Not entered: without its lifespan nothing reads beside the requests, and one connection is enough.
    http = TestClient(server.app, raise_server_exceptions=False, base_url="http://127.0.0.1")
    http.cookies.set(site.cookie, session)
    http.headers["X-CSRF-Token"] = site.sessions.find(session).csrf
    disk.fill(left=4_000)
    answers = [register(http, server, number) for number in range(3)]
    assert answers == [(200, "")] * 3
    assert not disk_full.reserve.is_there
    assert disk_full.look(server.parts.database) == 1, "the office is told"
    assert disk_full.look(server.parts.database) == 0, "once"
    assert alarms(server) == ["open"]
    saved, refused = 3, 0
    for number in range(10, 200):
        status, code = register(http, server, number)
        assert (status, code) in ((200, ""), (507, "server_disk_full"))
        saved += status == 200
        refused += status == 507
        if refused > 2:
            break
    assert refused
    assert http.get("/health").status_code == 200, "reading goes on"
    disk.tidy()
    assert register(http, server, 900) == (200, "")
    assert disk_full.look(server.parts.database) == 0
    assert alarms(server) == ["resolved"]
    with server.parts.database.read() as reading:
        customers = reading.execute(text("SELECT count(*) FROM customer")).scalar_one()
        assert customers == saved + 1
        assert verify(reading) == []
    assert os.path.exists(disk_full.reserve.path)
