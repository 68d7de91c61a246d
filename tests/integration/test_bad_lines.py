"""A real line that breaks at every stretch of a request and of an answer, swallows, caches, rewrites, or lies about
who it is (B1–B4, B8, B9). Tablet and server are the product's own; only the line is not.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from common.inbox.edits import Change
from common.kernel.command import Role
from common.people.person_commands import EditPerson
from common.protocol.dictionary import ENCODING, deflate, inflate
from common.tickets.field_work import AddNote
from field_app.store.outbox import counts
from field_app.store.store import state_of
from field_app.sync import wire
from field_app.sync.http import HttpExchange
from field_app.sync.plan import Line
from sync_server.db.office import SYSTEM, perform
from sync_server.upkeep.verify import verify
from tests.support.bad_line import BadLine, bad_line
from tests.support.served import Server, Tablet, a_server, a_tablet, listening
from tests.support.tickets import a_ticket_for

CUTS = 24


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made, listening(made):
        yield made


@pytest.fixture
def line(server: Server) -> Iterator[tuple[str, BadLine]]:
    with bad_line(server.url) as made:
        yield made


@pytest.fixture
def engineer(server: Server) -> str:
    return server.person(Role.ENGINEER)


@pytest.fixture
def tablet(server: Server, line: tuple[str, BadLine], engineer: str, tmp_path: Path) -> Iterator[Tablet]:
    """A tablet that has fetched its one ticket over the line while it was good."""
    made = a_tablet(server, line[0], tmp_path / "tablet", engineer)
    yield made
    made.exchange.close()
    made.store.engine.dispose()


@pytest.fixture
def ticket(server: Server, tablet: Tablet, engineer: str) -> str:
    made = a_ticket_for(server, engineer)
    talk(tablet)
    return made


def talk(tablet: Tablet, turns: int = 4) -> None:
    """Let a tablet talk over a good line until nothing waits."""
    for _ in range(turns):
        tablet.engine.line = Line()
        tablet.engine.turn(asked=True)
        assert tablet.engine.last_error == ""
    with tablet.store.read() as session:
        assert counts(session).waiting == 0


def notes(server: Server) -> int:
    return int(server.rows("SELECT count(*) FROM ticket_event WHERE kind = 'note'")[0][0])


def cursor(tablet: Tablet) -> tuple[str, int]:
    with tablet.store.read() as session:
        state = state_of(session)
        return state.cursor, state.position


@pytest.mark.fault("B2", "P3")
def test_an_upload_cut_anywhere_is_taken_whole_or_not_at_all(
    server: Server, tablet: Tablet, ticket: str, line: tuple[str, BadLine]
) -> None:
    given, broken = 12, 0
    for number in range(given):
        tablet.store.give(AddNote(ticket, f"note {number} {os.urandom(300).hex()}"))
    for place in range(CUTS):
        line[1].break_after(up=place * 6_000 // CUTS)
        tablet.engine.line = Line()
        tablet.engine.turn(asked=True)
        done = notes(server)
        assert done in (0, given), "none, or all of the request's one transaction"
        assert tablet.engine.last_error == "unreachable" or done == given
        broken += done == 0
        line[1].mend()
    assert broken > CUTS // 3
    talk(tablet)
    assert notes(server) == given
    with server.parts.database.read() as session:
        assert verify(session) == []


@pytest.mark.fault("B1", "B3", "P3")
def test_an_answer_cut_anywhere_moves_nothing_and_its_repetition_is_applied_once(
    server: Server, tablet: Tablet, ticket: str, line: tuple[str, BadLine], engineer: str
) -> None:
    old, broken = "", 0
    for place in range(CUTS):
        tablet.store.give(AddNote(ticket, f"note {place} {os.urandom(200).hex()}"))
        phone = f"+86 {place}"
        perform(server.parts.database, SYSTEM, EditPerson(engineer, (Change("phone", old, phone),)))
        old, before = phone, cursor(tablet)
        line[1].break_after(down=1 + place * 1_200 // CUTS)
        tablet.engine.line = Line()
        tablet.engine.turn(asked=True)
        if tablet.engine.last_error:
            assert tablet.engine.last_error == "unreachable"
            broken += 1
            assert cursor(tablet) == before, place
            with tablet.store.read() as session:
                shown = session.execute(text("SELECT phone FROM person WHERE id = :id"), {"id": engineer})
                assert shown.scalar_one() != phone, "no part of the page was applied"
        line[1].mend()
        talk(tablet, 2)
        assert notes(server) == place + 1
    assert broken > CUTS // 3
    with server.parts.database.read() as session:
        assert verify(session) == []


@pytest.mark.fault("B4", "P1")
def test_a_line_that_swallows_everything_stops_nobody_from_working(
    tablet: Tablet, ticket: str, line: tuple[str, BadLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (wire.TIMEOUT.read or 99) <= 30
    assert (wire.TIMEOUT.connect or 99) <= 30
    line[1].swallows = True
    tablet.exchange._line._client.timeout = httpx.Timeout(2.0)
    tablet.engine.line = Line()
    turning = threading.Thread(target=tablet.engine.turn, kwargs={"asked": True})
    turning.start()
    for number in range(5):
        assert tablet.store.give(AddNote(ticket, f"meanwhile {number}")).outcome.took_effect
    turning.join(60)
    assert not turning.is_alive()
    assert tablet.engine.last_error == "unreachable"
    assert tablet.engine.line.next_try_ms > tablet.engine.clock.read().mono_ms, (
        "it waits before it tries again"
    )
    line[1].mend()
    talk(tablet)


class Meddler(httpx.BaseTransport):
    """A proxy that answers a sync with what it once kept, or with rows taken out."""

    def __init__(self) -> None:
        self.inner = httpx.HTTPTransport()
        self.kept: httpx.Response | None = None
        self.caches = self.rewrites = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on, from memory or rewritten."""
        is_sync = request.url.path == "/v1/sync"
        if is_sync and self.caches and self.kept is not None:
            return httpx.Response(200, headers=self.kept.headers, content=self.kept.content)
        answer = self.inner.handle_request(request)
        content = b"".join(answer.stream)  # type: ignore[arg-type]
        whole = httpx.Response(answer.status_code, headers=answer.headers, content=content)
        if is_sync and answer.status_code == 200:
            assert answer.headers["cache-control"] == "no-store"
            if self.rewrites:
                whole = self.without_rows(answer, content)
            self.kept = self.kept or whole
        return whole

    @staticmethod
    def without_rows(answer: httpx.Response, content: bytes) -> httpx.Response:
        """Take the rows out of an answer, as a proxy that "optimises" might."""
        pressed = answer.headers.get("content-encoding") == ENCODING
        body: dict[str, Any] = json.loads(inflate(content, 10_000_000) if pressed else content)
        body.pop("put", None)
        raw = json.dumps(body).encode()
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return httpx.Response(200, headers=headers, content=deflate(raw) if pressed else raw)


@pytest.mark.fault("B8", "P4")
def test_a_proxy_that_caches_or_rewrites_is_found_out(
    server: Server, tablet: Tablet, ticket: str, engineer: str
) -> None:
    meddler = Meddler()
    exchange = HttpExchange(
        server.url, tablet.enrolled.device_id, tablet.key, server.clock, transport=meddler
    )
    tablet.engine.exchange = exchange
    talk(tablet)
    tablet.store.give(AddNote(ticket, "kept whatever the proxy says"))
    meddler.caches = True
    before = cursor(tablet)
    for _ in range(3):
        tablet.engine.line = Line()
        tablet.engine.turn(asked=True)
    assert cursor(tablet) == before
    assert notes(server) == 0
    with tablet.store.read() as session:
        assert counts(session).waiting == 1, "not taken for sent"
    meddler.caches = False
    talk(tablet, 6)
    assert notes(server) == 1
    meddler.rewrites = True
    perform(server.parts.database, SYSTEM, EditPerson(engineer, (Change("phone", "", "+86 1"),)))
    tablet.engine.turn(asked=True)
    meddler.rewrites = False
    talk(tablet, 6)
    with tablet.store.read() as session:
        shown = session.execute(text("SELECT phone FROM person WHERE id = :id"), {"id": engineer})
        assert shown.scalar_one() == "+86 1", "the digest told, and what differed was fetched again"
    exchange.close()
