"""A server with ten thousand devices that have nothing to say: what their coming by costs, what the server does alone.

Owns the devices, laid into the database at once, and the sample of them that really speaks over HTTP.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from sqlalchemy import insert

from bench.bounds import Bound
from bench.catalogue import fill_catalogue
from bench.company import Company, make_company
from bench.host import product_server
from bench.meter import Wire, cpu_s, rss_mb
from common.kernel.ids import derive_id
from common.kernel.scope import EVERYONE, user
from common.people.person import Person
from common.protocol.messages import ClockNow, HaveRequest, SyncAnswer, SyncRequest
from field_app.sync.http import HttpExchange
from field_app.sync.keys import DeviceKey
from field_app.sync.plan import IDLE_MS
from sync_server.db.tables import Device, Lane, PrincipalOf
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.sync.cursor import Cursor, mark_at
from sync_server.sync.pull import scope_digest

DEVICES, SPEAK, PARTS = 10_000, 400, 2_000
ALONE_S = 10
TOKEN = "0" * 18  # noqa: S105 - of a lane, not of a person


def idle_fleet(folder: Path) -> list[Bound]:
    """Measure CPU of idle syncs and of a server nobody calls; returns cores used for all devices, and alone."""
    company = make_company(folder / "idle", 0, 1, 0)
    database, key = company.parts.database, DeviceKey(os.urandom(32))
    fill_catalogue(database, PARTS)
    _lay_in(company, key)
    with product_server(folder / "idle", ticker_s=1) as host:
        wire = Wire()
        speaking = [
            (_device(i), HttpExchange(host.url, _device(i), key, database.clock, transport=wire))
            for i in range(SPEAK)
        ]
        for device_id, exchange in speaking:
            exchange.have(HaveRequest(device_id, ()))  # signs in
        requests = [_idle_request(company, i) for i in range(SPEAK)]
        before, trips, began_s = cpu_s(host.pid), wire.trips, time.monotonic()
        answers = [exchange.sync(request) for (_, exchange), request in zip(speaking, requests, strict=True)]
        took_s, cpu_each_s = time.monotonic() - began_s, (cpu_s(host.pid) - before) / SPEAK
        _require_idle(answers)
        if wire.trips - trips != SPEAK:
            raise RuntimeError("an idle sync took more than one round trip")
        before = cpu_s(host.pid)
        time.sleep(ALONE_S)
        alone, memory = (cpu_s(host.pid) - before) / ALONE_S, rss_mb(host.pid)
    database.engine.dispose()
    each_s = IDLE_MS / 1000
    syncs_s = DEVICES / each_s
    more = {"devices": DEVICES, "spoke": SPEAK, "cpu_ms_each": round(cpu_each_s * 1000, 2),
            "syncs_s": round(syncs_s), "one_by_one_s": round(SPEAK / took_s), "rss_mb": memory}  # fmt: skip
    return [
        Bound(
            "idle_fleet", f"{DEVICES:,} idle devices, each every {each_s:g} s: CPU of the server",
            round(cpu_each_s * syncs_s, 2), float(os.cpu_count() or 1), "cores",
            "the cores of this machine; a worker uses one (PostgreSQL)", more,
        ),
        Bound(
            "idle_server", f"CPU of a server with {DEVICES:,} devices that nobody calls", round(alone, 4), 0.05,
            "cores", "a twentieth of a core, scheduled work each second included", {"rss_mb": memory},
        ),
    ]  # fmt: skip


def _device(number: int) -> str:
    return derive_id("idle device", str(number))


def _person(number: int) -> str:
    return derive_id("idle person", str(number))


def _lay_in(company: Company, key: DeviceKey) -> None:
    """Write people, what they are, devices and lanes; all devices have the one key that the sample speaks with."""

    def write(unit: UnitOfWork) -> None:
        numbers = range(DEVICES)
        unit.session.execute(insert(Person), [
            {"id": _person(i), "agg": f"person:{_person(i)}", "number": f"I{i}", "name": f"I{i}", "pinyin": "",
             "folded": "", "phone": "", "email": "", "language": "en", "roles": ["engineer"], "active": True,
             "zones": [], "van_location_id": None, "edited_by": None} for i in numbers
        ])  # fmt: skip
        unit.session.execute(insert(PrincipalOf), [
            {"person_id": _person(i), "principal": principal, "granted_seq": 0}
            for i in numbers for principal in (user(_person(i)), EVERYONE)
        ])  # fmt: skip
        unit.session.execute(insert(Device), [
            {"id": _device(i), "person_id": _person(i), "name": "Tablet", "public_key": key.public, "state": "active",
             "enrolled_at": unit.now, "last_contact_at": None, "clock_error_ms": 0, "unsent": 0,
             "oldest_unsent_at": None, "app": "", "position": 0, "forks": 0} for i in numbers
        ])  # fmt: skip
        unit.session.execute(insert(Lane), [
            {"device_id": _device(i), "incarnation": 1, "last_n": 0, "token": TOKEN, "prev_token": ""} for i in numbers
        ])  # fmt: skip

    company.parts.database.transact(write)


def _idle_request(company: Company, number: int) -> SyncRequest:
    """Write what a device sends that holds everything and has nothing to say."""
    head = company.parts.database.number()
    with company.parts.database.read() as session:
        connection = session.connection()
        cursor = Cursor(head, "", head, head, head, mark_at(connection, head))
        digest = scope_digest(connection, _person(number))
    reading = company.parts.database.clock.read()
    clock = ClockNow(reading.wall_ms, reading.mono_ms, reading.boot)
    return SyncRequest(_device(number), 1, TOKEN, clock, cur=cursor.write(), dig=digest, app="bench")


def _require_idle(answers: list[SyncAnswer]) -> None:
    if any(answer.fork or answer.reset or answer.put or answer.dig != "ok" for answer in answers):
        raise RuntimeError("an idle sync was none")
