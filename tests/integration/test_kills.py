"""SIGKILL, no goodbye: an app that saves and a server in the middle of a batch. What was confirmed is there, once.

A kill shows mistakes of the program, not of the disk: for those see tests/simulation/test_power_cuts.py.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from common.customers.customer_commands import RegisterCustomer
from common.kernel.clock import instant
from common.kernel.command import Role
from common.people.person_commands import AddPerson
from common.tickets.dispatching import AssignTicket
from common.tickets.field_work import AddNote
from common.tickets.intake import ReportFault
from field_app.store.engine import make_store_engine
from field_app.store.outbox import counts
from field_app.store.store import Store
from field_app.sync.engine import SyncEngine
from field_app.sync.enrol import Invitation, enrol
from field_app.sync.http import HttpExchange
from field_app.sync.keys import device_key
from field_app.sync.keystore import FileKeystore
from field_app.sync.plan import Line
from sync_server.app import Parts, SystemClock, make_parts
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.people.enrolment import issue_code
from sync_server.settings import read_settings
from sync_server.upkeep.verify import verify
from tests.simulation.checks import check_rebase_law_of
from tests.simulation.cluster import Network, SimDevice, SimServer, Time, unseal
from tests.simulation.stage import TICKETS, images
from tests.support.killable import FAILPOINTS, pipe, save_until_killed, serve_until_killed, start
from tests.support.programs import free_port

KILLS = 30
BATCH = 60  # two transactions of a push


def _a_tablet_with_its_tickets(rng: random.Random) -> bytes:
    time_now, made = Time(), images()
    server = SimServer(made.server, time_now, rng)
    device = SimDevice("tablet", made.devices[0], server, time_now, Network(rng))
    device.engine.turn(asked=True)
    assert device.engine.last_error == ""
    return device.disk.image()


@pytest.mark.fault("A1", "P1")
def test_an_app_killed_while_saving_keeps_what_it_confirmed(tmp_path: Path) -> None:
    rng = random.Random(1)
    path = tmp_path / "tablet.db"
    path.write_bytes(_a_tablet_with_its_tickets(rng))
    confirmed: set[str] = set()
    for _ in range(KILLS):
        hear, say = pipe()
        app = start(save_until_killed, tmp_path, TICKETS[0], say)
        say.close()
        confirmed.add(hear.recv())  # it has begun to save
        time.sleep(rng.random() * 0.05)
        app.kill()
        app.join()
        while True:
            try:
                confirmed.add(hear.recv())
            except (EOFError, OSError):
                break
        hear.close()
    engine = make_store_engine(path)
    store = Store(engine, SystemClock(), rng.randbytes)
    unseal(store, os.urandom)
    with store.read() as session:
        there = set(session.execute(text("SELECT id FROM op")).scalars())
        notes = session.execute(text("SELECT count(*) FROM ticket_event WHERE kind = 'note'")).scalar_one()
    assert len(confirmed) >= KILLS
    assert confirmed <= there
    assert len(there) <= len(confirmed) + KILLS  # at most one was saved and not yet said, each time
    assert notes == len(there)
    assert store.check() == "ok"
    check_rebase_law_of(engine, "after the kills")
    engine.dispose()


@dataclass(slots=True)
class Field:
    """A server's folder, and a tablet enrolled at it."""

    folder: Path
    port: int
    parts: Parts
    ticket: str
    store: Store
    engine: SyncEngine = field(init=False)

    @contextmanager
    def served(self, failpoint: str = "", at: int = 0) -> Iterator[None]:
        """Have the server run, and die at the point; whatever happens, it is gone afterwards."""
        process = start(serve_until_killed, self.folder / "server", self.port, failpoint, at)
        try:
            with httpx.Client(transport=httpx.HTTPTransport(retries=12)) as http:
                assert http.get(f"http://127.0.0.1:{self.port}/health").status_code == 200
            yield
        finally:
            process.kill()
            process.join()

    def receipts(self) -> list[str]:
        """Read the tablet's receipts past the product."""
        with self.parts.database.read() as session:
            query = text("SELECT op_id FROM receipt WHERE device_id <> '' ORDER BY op_id")
            return list(session.execute(query).scalars())


@pytest.fixture(name="field")
def make_field(tmp_path: Path) -> Iterator[Field]:
    """Make a company with one ticket, enrol its engineer's tablet, fetch the ticket."""
    clock = SystemClock()
    parts = make_parts(read_settings({}, data_dir=tmp_path / "server"), clock=clock)
    upgrade(parts.database.engine, os.urandom)
    new = parts.database.new_id
    engineer, customer, ticket = new(), new(), new()
    start_at = instant(clock.read().wall_ms) + timedelta(hours=1)
    for payload in (
        AddPerson(engineer, "E1", "李强", (Role.ENGINEER.value,)),
        RegisterCustomer(customer, "C1", "东城医院"),
        ReportFault(ticket, "T1", "phone", customer, "停机", "minor"),
        AssignTicket(ticket, new(), engineer, start_at, start_at + timedelta(hours=1), "当班"),
    ):
        assert perform(parts.database, SYSTEM, payload).took_effect
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    store = Store(make_store_engine(tmp_path / "app.db"), clock, os.urandom)
    keystore = FileKeystore(tmp_path / "keys")
    made = Field(tmp_path, port, parts, ticket, store)
    with made.served():
        code = issue_code(parts.database, parts.keys, SYSTEM, engineer).text
        who = enrol(store, keystore, Invitation(url, code), "Tablet", os.urandom)
        key = device_key(keystore)
        assert key is not None
        exchange = HttpExchange(url, who.device_id, key, clock)
        made.engine = SyncEngine(store, exchange, clock, lambda: 0.0)
        made.engine.turn(asked=True)
        assert made.engine.last_error == ""
    yield made
    exchange.close()
    store.engine.dispose()
    parts.database.engine.dispose()


@pytest.mark.fault("C1", "C2", "B1", "P2", "P3")
def test_a_server_killed_in_a_batch_keeps_what_it_confirmed_and_applies_nothing_twice(field: Field) -> None:
    rng, given = random.Random(2), []
    for failpoint in FAILPOINTS:
        given += [field.store.give(AddNote(field.ticket, f"{failpoint} {n}")).op_id for n in range(BATCH)]
        confirmed: set[str] = set(field.receipts())
        # The lane is entered in a transaction of its own, then come two of commands.
        with field.served(failpoint, 1 if failpoint == "before_reply" else rng.randrange(2, 4)):
            field.engine.line = Line()
            field.engine.turn(asked=True)
            assert field.engine.last_error == "unreachable", "it was killed"
        assert confirmed <= set(field.receipts())
        assert len(field.receipts()) - len(confirmed) < BATCH or failpoint != "before_commit"
        with field.served():
            for _ in range(8):
                field.engine.line = Line()
                field.engine.turn(asked=True)
        with field.store.read() as session:
            assert counts(session).waiting == 0
    with field.parts.database.read() as session:
        notes = session.execute(text("SELECT count(*) FROM ticket_event WHERE kind = 'note'")).scalar_one()
        faults = verify(session)
    assert field.receipts() == sorted(given)
    assert notes == len(given)
    assert faults == []
