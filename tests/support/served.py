"""The product's server, whole: made by migrations, answered in-process or by a real uvicorn on a free port.

Owns start and stop. People and tickets are made through the product's own commands.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import text

from common.kernel.clock import Clock
from common.kernel.command import Role
from common.people.person_commands import AddPerson, Language
from field_app.store.engine import make_store_engine
from field_app.store.store import Store
from field_app.sync.engine import SyncEngine
from field_app.sync.enrol import Enrolled, Invitation, enrol
from field_app.sync.http import HttpExchange
from field_app.sync.keys import DeviceKey, device_key
from field_app.sync.keystore import FileKeystore
from sync_server.app import Parts, create_app
from sync_server.console.headers import SecurityHeaders
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.line import protocol_for
from sync_server.people.enrolment import issue_code
from sync_server.people.sessions import Sessions
from sync_server.settings import read_settings
from tests.support.fake_clock import FakeClock

PASSWORD = "a long walk home"


@dataclass(slots=True)
class Server:
    """One server over one database."""

    app: SecurityHeaders
    clock: FakeClock
    url: str = ""
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def parts(self) -> Parts:
        """Return what the application is made of."""
        found: Parts = self.app.app.state.parts  # type: ignore[attr-defined]
        return found

    def person(self, *roles: Role, name: str = "李强", language: Language = "en") -> str:
        """Add a person; returns the id."""
        person_id = self.parts.database.new_id()
        payload = AddPerson(
            person_id, f"P{next(self.numbers)}", name, tuple(role.value for role in roles), language=language
        )
        outcome = perform(self.parts.database, SYSTEM, payload)
        assert outcome.status == "ok", outcome
        return person_id

    def sign_in_as(self, *roles: Role, login: str = "", name: str = "林梅") -> tuple[str, str]:
        """Add a person with a sign-in and begin a session; returns the person's id and the session's number."""
        person_id = self.person(*roles, name=name)
        sessions = Sessions(self.parts.database)
        login = login or f"user{next(self.numbers)}"
        sessions.set_password(person_id, login, PASSWORD, person_id)
        return person_id, sessions.login(login, PASSWORD, "127.0.0.1")

    def code(self, person_id: str) -> str:
        """Make an enrolment code."""
        return issue_code(self.parts.database, self.parts.keys, SYSTEM, person_id).text

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Read the database past the product."""
        with self.parts.database.read() as session:
            return list(session.execute(text(query), values))


@dataclass(slots=True)
class Tablet:
    """The app's store, keys and sync engine, without screens."""

    store: Store
    enrolled: Enrolled
    key: DeviceKey
    exchange: HttpExchange
    engine: SyncEngine


@contextmanager
def a_server(
    database_url: str, folder: Path, *, clock: FakeClock | None = None, **settings: Any
) -> Iterator[Server]:
    """Make the database and the application; nothing listens."""
    clock = clock or FakeClock()
    told = read_settings(
        {},
        data_dir=folder / "server",
        database_url=database_url,
        ticker_s="0",
        **{"language": "en", "second_factor": "optional"} | settings,
    )
    from sync_server.db.engine import make_engine

    engine = make_engine(told.database)
    upgrade(engine, os.urandom)
    engine.dispose()
    app = create_app(told, clock=clock)
    server = Server(app, clock)
    try:
        yield server
    finally:
        server.parts.database.engine.dispose()


@contextmanager
def client(server: Server) -> Iterator[TestClient]:
    """Speak to the application in-process; an error inside it is an answer, as for any caller."""
    with TestClient(server.app, raise_server_exceptions=False, base_url="http://127.0.0.1") as speaking:
        yield speaking


@contextmanager
def listening(server: Server) -> Iterator[str]:
    """Serve with uvicorn on a free loopback port; returns the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    line = server.parts.security.line
    running = uvicorn.Server(
        uvicorn.Config(
            server.app,
            host="127.0.0.1",
            port=port,
            log_level="warning",
            timeout_graceful_shutdown=2,
            http=protocol_for(line),
            timeout_keep_alive=line.keep_alive_s,
        )
    )
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as probe_client:
            assert probe_client.get(f"{address}/health").status_code == 200
        server.url = address
        yield address
    finally:
        running.should_exit = True
        thread.join()


def a_tablet(
    server: Server, url: str, folder: Path, person_id: str, *, clock: Clock | None = None, **exchange: Any
) -> Tablet:
    """Enrol a new tablet for a person."""
    clock = clock or server.clock
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(make_store_engine(folder / "app.db"), clock, os.urandom)
    keystore = FileKeystore(folder / "keys")
    enrolled = enrol(store, keystore, Invitation(url, server.code(person_id)), "Tablet 7", os.urandom)
    key = device_key(keystore)
    assert key is not None
    speaking = HttpExchange(url, enrolled.device_id, key, clock, **exchange)
    return Tablet(store, enrolled, key, speaking, SyncEngine(store, speaking, clock, lambda: 0.5))
