"""A whole server with a temporary database for tests of the console: people sign in, commands are given, pages read.

Everything goes through the product's own doors: routes, `perform`, the push of a tablet's lane.
"""

from __future__ import annotations

import html
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from httpx import Response

from common.kernel.clock import Reading, millis
from common.kernel.command import Place, Role
from common.kernel.op import Op, make_op
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.people.person_commands import AddPerson
from common.protocol.messages import ClockNow, OpResult
from sync_server.app import create_app
from sync_server.console.headers import SecurityHeaders
from sync_server.console.site import Site
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.db.security_tables import ConsoleSession
from sync_server.db.tables import Device, Lane
from sync_server.people.sessions import hash_of
from sync_server.settings import Settings
from sync_server.sync.lanes import open_lane
from sync_server.sync.push import Numbered, push_portion
from tests.support.fake_clock import FakeClock


@cache
def _empty_database() -> bytes:
    """Make an empty database once and keep its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        engine = make_engine(f"sqlite:///{path}")
        upgrade(engine, os.urandom)
        engine.dispose()  # the last connection to close writes the log back into the file
        return path.read_bytes()


@dataclass
class Tablet:
    """An engineer's tablet as the server sees it: one lane whose commands come in order."""

    office: Office
    person_id: str
    device_id: str
    sent: int = 0

    def op(self, payload: Any, *, after: Iterable[Op] = (), group: str = "") -> Op:
        """Put a command into its envelope; `after` are commands it builds on."""
        clock = self.office.clock
        made = make_op(payload, self.office.database.new_id(), Reading(millis(clock.at), 0, "t"), group=group)
        return Op(
            made.id,
            made.k,
            made.w,
            made.a,
            made.v,
            made.m,
            made.bt,
            made.e,
            tuple(o.id for o in after),
            made.g,
        )

    def push(self, *ops: Op) -> list[OpResult]:
        """Hand commands over, as one request does."""
        numbered = [Numbered(self.sent + place, op) for place, op in enumerate(ops, 1)]
        self.sent += len(ops)
        actor = Actor(self.person_id, frozenset({Role.ENGINEER}), Place.TABLET, self.device_id)

        def write(unit: Any) -> list[OpResult]:
            lane = unit.session.get(Lane, (self.device_id, 1))
            return push_portion(unit, lane, actor, numbered, ClockNow(millis(self.office.clock.at), 0, "x"))

        return self.office.database.transact(write)


@dataclass
class Desk:
    """Somebody signed in at the console."""

    office: Office
    client: TestClient
    person_id: str
    csrf: str
    token: str = ""

    def get(self, path: str, **headers: str) -> Response:
        """Fetch a page."""
        return self.client.get(path, headers={"accept": "text/html", **headers}, follow_redirects=False)

    def page(self, path: str) -> str:
        """Fetch a page that must be there, and return its HTML."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, words(answer.text)[:400])
        return answer.text

    def post(self, path: str, form: dict[str, Any] | None = None, **more: Any) -> Response:
        """Send a form with the session's token and a new command's id unless the form names one."""
        data = {"csrf_token": self.csrf, "command_id": self.office.database.new_id(), **(form or {})}
        return self.client.post(
            path, data=data, headers={"accept": "text/html"}, follow_redirects=False, **more
        )

    def done(self, path: str, form: dict[str, Any] | None = None) -> str:
        """Send a form that must be taken; returns the address the answer leads to."""
        answer = self.post(path, form)
        assert answer.status_code == 303, (path, answer.status_code, words(answer.text)[:600])
        return str(answer.headers["location"])


@dataclass
class Office:
    """The server, its clock and the people at its desks."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    language: Any = "en"
    count: int = 0
    database_url: str = ""

    def __post_init__(self) -> None:
        settings = Settings(
            data_dir=self.folder, ticker_s=0, database_url=self.database_url, second_factor="optional"
        )
        if self.database_url:
            engine = make_engine(self.database_url)
            upgrade(engine, os.urandom)
            engine.dispose()
        else:
            (self.folder / "fieldwright.db").write_bytes(_empty_database())
        self.app: SecurityHeaders = create_app(settings, clock=self.clock)
        self.site: Site = self.app.app.state.site  # type: ignore[attr-defined]

    @property
    def database(self) -> Database:
        """Return the master database."""
        return self.site.database

    def close(self) -> None:
        """Let go of the database."""
        self.database.engine.dispose()

    def do(self, payload: Any, actor: Actor = SYSTEM) -> Outcome:
        """Give a command that must take effect, a minute after the one before."""
        self.clock.advance(timedelta(minutes=1))
        outcome = perform(self.database, actor, payload)
        assert outcome.took_effect, (payload, outcome)
        return outcome

    def new(self) -> str:
        """Make an id."""
        return self.database.new_id()

    def row(self, record: type[Any], row_id: Any) -> Any:
        """Read a row that must be there."""
        with self.database.read() as session:
            found = session.get(record, row_id)
        assert found is not None, (record, row_id)
        return found

    def rows(self, query: Any) -> list[Any]:
        """Read the rows of a query over one record."""
        with self.database.read() as session:
            return list(session.scalars(query))

    def person(self, *roles: Role, name: str = "", **fields: Any) -> str:
        """Take a person on, an engineer unless said otherwise."""
        self.count += 1
        person_id = self.new()
        wanted = tuple(role.value for role in roles or (Role.ENGINEER,))
        number = fields.pop("number", f"P{self.count:03}")
        self.do(
            AddPerson(
                person_id, number, name or f"Person {self.count}", wanted, language=self.language, **fields
            )
        )
        return person_id

    def desk(self, *roles: Role, name: str = "", person_id: str = "") -> Desk:
        """Give somebody a session at the console; an administrator unless said otherwise."""
        who = person_id or self.person(*(roles or (Role.ADMINISTRATOR,)), name=name)
        token = self.database.random_bytes(32).hex()
        fresh = ConsoleSession(
            id_hash=hash_of(token), person_id=who, csrf=self.database.random_bytes(16).hex(), began_at=self.clock.at,
            seen_at=self.clock.at, address="127.0.0.1", browser="Test browser",
        )  # fmt: skip
        self.database.transact(lambda unit: unit.session.add(fresh))
        client = TestClient(self.app, base_url="http://testserver", raise_server_exceptions=True)
        client.cookies.set(self.site.cookie, token)
        found = self.site.sessions.find(token)
        assert found is not None
        return Desk(self, client, who, found.csrf, token)

    def tablet(self, person_id: str, name: str = "Tablet") -> Tablet:
        """Enrol a tablet of a person."""
        device_id = self.new()
        fresh = Device(
            id=device_id, person_id=person_id, name=name, public_key="", state="active", enrolled_at=self.clock.at,
            last_contact_at=None, clock_error_ms=0, unsent=0, oldest_unsent_at=None, app="1.0.0", position=0, forks=0,
        )  # fmt: skip

        def write(unit: Any) -> None:
            unit.session.add(fresh)
            open_lane(unit, device_id, 1, self.database.random_bytes)

        self.database.transact(write)
        return Tablet(self, person_id, device_id)


def words(page: str) -> str:
    """Return what a person reads on a page: no tags, no scripts, blanks single."""
    plain = re.sub(r"(?s)<(script|style|svg|template)\b.*?</\1>", " ", page)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", plain)).split())
