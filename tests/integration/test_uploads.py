"""Photos from the tablet to the real server: over lines that break, crawl and lie, whole, once, and never in the way.

Tablet and server are the product's own, with the app's own loop of turns; only the line is not.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from common.files.attachment import Attachment
from common.kernel.command import Role
from common.tickets.field_work import AddNote
from field_app.store.files import FileBox, NewFile
from field_app.store.outbox import counts
from field_app.store.pictures import prepare
from field_app.store.schema import Blob
from field_app.store.shelf import FolderShelf
from field_app.sync.engine import SyncEngine
from field_app.sync.loop import SyncLoop
from field_app.sync.plan import Step
from field_app.sync.tus import TusFiles
from field_app.sync.upload import Uploads
from field_app.vault.cipher import Cipher
from sync_server.files.store import FolderStore
from tests.support.bad_line import BadLine, bad_line
from tests.support.fake_clock import FakeClock
from tests.support.photos import PAPER, photo
from tests.support.served import Server, Tablet, a_server, a_tablet, listening
from tests.support.tickets import a_ticket_for

KEY = b"k" * 32


def paper(number: int) -> bytes:
    """Write a paper like no other test's: the server keeps the same bytes once."""
    return PAPER + b"%% %d" % number


SMALL = (560, 420)  # noisy: about 200 KB


class Sending:
    """A tablet with a ticket, photos and a line."""

    def __init__(self, server: Server, tablet: Tablet, folder: Path, ticket: str, line: BadLine) -> None:
        self.server, self.tablet, self.ticket, self.line = server, tablet, ticket, line
        self.folder = folder
        self.before = set(FolderStore(server.parts.settings.files_dir).names())
        self.start()

    @property
    def clock(self) -> FakeClock:
        """Return the clock of both."""
        return self.server.clock

    def start(self) -> None:
        """Start the app: nothing is left of the one before but its files."""
        tablet = self.tablet
        box = FileBox(tablet.store, FolderShelf(self.folder / "files", lambda: Cipher(KEY, 1, os.urandom)))
        box.look_after()
        self.uploads = Uploads(box, TusFiles(tablet.exchange), self.clock, lambda: 0.5)
        self.engine = SyncEngine(tablet.store, tablet.exchange, self.clock, lambda: 0.5, uploads=self.uploads)

    def attach(self, data: bytes, kind: str = "photo", name: str = "a.jpg") -> str:
        """Attach a file; returns its hash."""
        made = prepare(data)
        new = NewFile(self.ticket, None, kind, "", name, self.clock.at)
        assert self.uploads.box.attach(new, made).outcome.took_effect
        return self.uploads.box.shelf.put(made.data)

    def turn(self) -> Step:
        """Take a turn; where it is too early for anything, time passes until it is not."""
        step = self.engine.turn()
        if step is Step.WAIT:
            now_ms = self.clock.read().mono_ms
            due_ms = [self.engine.line.next_try_ms]
            if self.uploads.chunks.failures:
                due_ms.append(self.uploads.chunks.next_try_ms)
            self.clock.advance(timedelta(milliseconds=max(min(due_ms) - now_ms, 1)))
        return step

    def until_stored(self, turns: int = 600) -> None:
        """Take turns until the feed says of every file that the office has it."""
        for _ in range(turns):
            self.turn()
            with self.tablet.store.read() as session:
                states = set(session.scalars(select(Attachment.state)))
                waits = session.scalar(select(Blob.sha).where(Blob.state == "waiting"))
            if states == {"stored"} and waits is None:
                return
        raise AssertionError((states, self.engine.last_error, self.uploads.last_error, self.uploads.chunks))

    def blob(self, sha: str) -> Blob:
        """Read the row of a file."""
        with self.tablet.store.read() as session:
            found = session.get(Blob, sha)
            session.expunge_all()
        assert found is not None
        return found

    def at_server(self) -> dict[str, bytes]:
        """Read every file the server keeps that it did not keep before this tablet came."""
        store = FolderStore(self.server.parts.settings.files_dir)
        return {name: b"".join(store.read(name)) for name in store.names() if name not in self.before}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with a_server("", tmp_path_factory.mktemp("server")) as made, listening(made):
        yield made


@pytest.fixture
def sending(server: Server, tmp_path: Path) -> Iterator[Sending]:
    with bad_line(server.url) as (url, line):
        engineer = server.person(Role.ENGINEER)
        tablet = a_tablet(server, url, tmp_path / "tablet", engineer)
        ticket = a_ticket_for(server, engineer)
        made = Sending(server, tablet, tmp_path / "tablet", ticket, line)
        for _ in range(3):
            made.engine.turn(asked=True)
        yield made
        tablet.exchange.close()
        tablet.store.engine.dispose()


@pytest.mark.fault("B6", "I1", "P3")
def test_a_line_that_flaps_resumes_at_what_the_server_has(sending: Sending) -> None:
    rng = random.Random(11)
    data = photo(21, SMALL, noisy=True)
    sha = sending.attach(data)
    while not sending.uploads.has_news:
        sending.turn()
        if rng.random() < 0.3:
            sending.line.break_after(up=rng.randrange(60_000))
        elif rng.random() < 0.1:
            sending.line.break_after(down=rng.randrange(300))
        else:
            sending.line.mend()
    sending.line.mend()
    sending.until_stored()
    assert sending.at_server()[sha] == data
    assert len(sending.at_server()) == 2, "the photo and its preview, nothing else"
    assert sending.line.passed_up < 2 * len(data) + 100_000, "it never began anew"


@pytest.mark.fault("B6")
def test_an_answer_lost_after_the_last_byte_costs_one_question(sending: Sending) -> None:
    sha = sending.attach(paper(0), "document")
    while sending.blob(sha).offset < 0:
        sending.turn()
    sending.line.break_after(down=20)
    assert sending.turn() is Step.UPLOAD
    assert (sending.blob(sha).state, sending.blob(sha).error) == ("waiting", "unreachable")
    assert sending.at_server() == {sha: paper(0)}, "it was taken, only the answer was lost"
    sending.line.mend()
    sent = sending.line.passed_up
    sending.until_stored()
    assert sending.line.passed_up - sent < len(paper(0)) + 6_000


@pytest.mark.fault("B5", "P3")
def test_a_slow_line_that_breaks_brings_commands_first_and_then_every_photo(sending: Sending) -> None:
    rng = random.Random(5)
    for number in range(200):
        sending.tablet.store.give(AddNote(sending.ticket, f"note {number} on the way"))
    shas = [sending.attach(photo(seed, (300, 220), noisy=True)) for seed in range(30, 35)]
    sending.line.bytes_per_s = 640_000  # 128 kbit/s, forty times as fast
    order: list[tuple[int, int]] = []
    for _ in range(600):
        if rng.random() < 0.2:
            sending.line.break_after(up=rng.randrange(30_000))
        sending.turn()
        sending.line.up_left = None
        with sending.tablet.store.read() as session:
            waiting = counts(session).waiting
            there = len(list(session.scalars(select(Blob.sha).where(Blob.state == "sent"))))
        order.append((waiting, there))
        if there == 10:
            break
    sending.line.bytes_per_s = None
    sending.until_stored()
    assert all(there == 0 for waiting, there in order if waiting), "no photo before the last command"
    notes = "SELECT count(*) FROM ticket_event WHERE kind = 'note' AND ticket_id = :id"
    assert sending.server.rows(notes, id=sending.ticket)[0][0] == 200
    assert {sha: sending.at_server()[sha] for sha in shas} == {
        sha: sending.uploads.box.shelf.read(sha) for sha in shas
    }


@pytest.mark.fault("I2", "P5")
def test_a_command_never_waits_for_a_photo(sending: Sending) -> None:
    sha = sending.attach(photo(41, (900, 700), noisy=True))
    while True:
        sending.turn()
        with sending.tablet.store.read() as session:
            blob = session.get(Blob, sha)
            if blob is not None and blob.offset > 0:
                break
    given = sending.tablet.store.give(AddNote(sending.ticket, "in the middle of a photo"))
    assert sending.engine.turn(asked=True) is Step.SYNC
    assert sending.server.rows("SELECT count(*) FROM receipt WHERE op_id = :id", id=given.op_id)[0][0] == 1
    with sending.tablet.store.read() as session:
        assert session.scalar(select(Blob.state).where(Blob.sha == sha)) == "waiting"
    sending.until_stored()


def test_a_killed_app_goes_on_and_the_office_has_each_photo_once(sending: Sending) -> None:
    shas = [sending.attach(photo(seed, SMALL, noisy=True)) for seed in (50, 51)]
    again = sending.attach(photo(50, SMALL, noisy=True), name="the same again.jpg")
    for _ in range(9):
        sending.turn()
        sending.start()
    sending.until_stored()
    assert again == shas[0]
    assert set(shas) <= set(sending.at_server())
    assert len(sending.at_server()) == 4
    with sending.tablet.store.read() as session:
        assert len(list(session.scalars(select(Attachment.id)))) == 3


@pytest.mark.fault("B7")
def test_a_page_of_somebody_else_is_no_answer(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    sha = sending.attach(paper(1), "document")
    sending.engine.turn(asked=True)

    def portal(*_: Any, **__: Any) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-type": "text/html"}, text="<h1>Welcome to the hotel</h1>"
        )

    with monkeypatch.context() as patch:
        patch.setattr(sending.tablet.exchange._line._client, "request", portal)
        for _ in range(4):
            sending.uploads.turn()
            sending.clock.advance(timedelta(seconds=9))
        with sending.tablet.store.read() as session:
            blob = session.get(Blob, sha)
            assert blob is not None
            assert (blob.state, blob.error) == ("waiting", "unreachable")
    sending.until_stored()
    assert sending.at_server() == {sha: paper(1)}


def test_what_the_server_will_not_keep_is_said_on_the_tablet(sending: Sending) -> None:
    made = prepare(paper(2))
    odd = b"MZ" + made.data
    new = NewFile(sending.ticket, None, "document", "", "setup.pdf", sending.clock.at)
    sending.uploads.box.attach(new, type(made)(odd, "application/pdf"))
    for _ in range(12):
        sending.turn()
    with sending.tablet.store.read() as session:
        row = session.scalar(select(Attachment))
        assert row is not None
        assert (row.state, row.fault) == ("refused", "type_unknown")
        assert session.scalar(select(Blob.state)) == "refused"
    assert sending.at_server() == {}


def test_a_file_is_fetched_back_from_the_office(sending: Sending) -> None:
    sha = sending.attach(photo(61))
    sending.until_stored()
    assert sending.uploads.exchange.fetch(sha) == sending.uploads.box.shelf.read(sha)


def test_the_loop_does_not_rest_while_photos_wait(sending: Sending) -> None:
    loop = SyncLoop(lambda: sending.engine, lambda: None)
    sending.attach(photo(71))
    assert loop.turn(asked=True) is Step.SYNC
    steps = []
    while loop.rest_s() == 0:
        steps.append(loop.turn(asked=False))
    assert steps.count(Step.UPLOAD) >= 4, "announced and sent, photo and preview"
    assert steps[-1] is Step.SYNC, "and what the server made of it is asked at once"
    with sending.tablet.store.read() as session:
        assert set(session.scalars(select(Attachment.state))) == {"stored"}
