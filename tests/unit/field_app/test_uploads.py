"""Sending files: in order, sized by the line, resumed where it broke, never before their record, never for nothing."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from common.files.attach import WithdrawFile
from common.files.attachment import Attachment
from common.protocol.messages import Busy, NotTrusted, Unreachable
from field_app.store.files import FileBox, NewFile
from field_app.store.pictures import Prepared, prepare
from field_app.store.queries_status import files_stuck, files_waiting
from field_app.store.schema import Blob, OutboxOp
from field_app.store.shelf import FolderShelf
from field_app.sync.upload import FEWEST_BYTES, MOST_BYTES, Chunks, Uploads, after_break, after_chunk
from field_app.vault.cipher import Cipher
from tests.support.photos import PAPER, photo
from tests.support.tablet import TabletStand, stand
from tests.support.tus_peer import TusPeer

KEY = b"k" * 32


@pytest.fixture
def tablet(tmp_path: Path) -> TabletStand:
    return stand(tmp_path)


@pytest.fixture
def box(tablet: TabletStand, tmp_path: Path) -> FileBox:
    return FileBox(tablet.store, FolderShelf(tmp_path / "files", lambda: Cipher(KEY, 1, os.urandom)))


@pytest.fixture
def peer() -> TusPeer:
    return TusPeer()


@pytest.fixture
def uploads(box: FileBox, peer: TusPeer, tablet: TabletStand) -> Uploads:
    return Uploads(box, peer, tablet.clock, lambda: 0.5)


def attach(tablet: TabletStand, box: FileBox, data: bytes, kind: str = "photo", *, taken: bool = True) -> str:
    """Attach a file; `taken`: the server has taken its record in. Returns the hash."""
    prepared = prepare(data)
    if kind == "photo" and not prepared.preview:
        prepared = Prepared(data, "image/jpeg")
    new = NewFile(tablet.ticket, None, kind, "", "a file", tablet.clock.at)
    assert box.attach(new, prepared).outcome.took_effect
    if taken:
        tablet.store.write(lambda s: s.execute(update(OutboxOp).values(state="acked", result_seq=1)))
    return box.shelf.put(prepared.data)


def blob(tablet: TabletStand, sha: str) -> Blob:
    with tablet.store.read() as session:
        found = session.get(Blob, sha)
        session.expunge_all()
    assert found is not None
    return found


def counted(tablet: TabletStand) -> tuple[int, int]:
    with tablet.store.read() as session:
        return files_waiting(session), files_stuck(session)


def run(uploads: Uploads, tablet: TabletStand, most: int = 1500) -> int:
    """Take turns, passing over the pauses, until nothing waits; returns how many were taken."""
    for turn in range(most):
        with tablet.store.read() as session:
            if session.scalar(select(Blob.sha).where(Blob.state == "waiting")) is None:
                return turn
        uploads.turn()
        wait_ms = uploads.chunks.next_try_ms - tablet.clock.read().mono_ms
        tablet.clock.advance(timedelta(milliseconds=max(wait_ms, 1)))
    raise AssertionError(f"not sent after {most} turns: {uploads.last_error}, {uploads.chunks}")


@pytest.mark.fault("I2")
def test_previews_go_first_then_the_rest_in_order(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    first = attach(tablet, box, photo(1, (900, 700), noisy=True))
    tablet.clock.advance(timedelta(minutes=1))
    second = attach(tablet, box, photo(2))
    paper = attach(tablet, box, PAPER, "document")
    run(uploads, tablet)
    with tablet.store.read() as session:
        previews = set(session.scalars(select(Blob.sha).where(Blob.role == "preview")))
    assert set(peer.arrivals[:2]) == previews
    assert peer.arrivals[2:] == [paper, first, second]
    assert all(peer.stored[sha] == box.shelf.read(sha) for sha in peer.arrivals)
    assert uploads.has_news


@pytest.mark.fault("I2")
def test_bytes_never_go_before_their_record(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    attach(tablet, box, photo(), taken=False)
    assert not uploads.is_due()
    assert not uploads.turn()
    assert peer.calls == []


@pytest.mark.fault("B6", "I1")
def test_a_line_cut_anywhere_resumes_at_the_last_byte_the_server_checked(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    rng = random.Random(7)

    def cut(chunk: bytes) -> bytes:
        if rng.random() < 0.2:
            if rng.random() < 0.4:
                raise Unreachable("lost")
            return chunk[: rng.randrange(len(chunk) + 1)] if chunk else chunk
        return chunk

    peer.breaks = cut
    shas = [attach(tablet, box, photo(n, (900, 700), noisy=True)) for n in range(3)]
    run(uploads, tablet)
    assert set(shas) <= set(peer.stored)
    assert len(peer.arrivals) == len(set(peer.arrivals)), "each once"
    sent = sum(size for what, _, size in peer.calls if what == "send")
    assert sent < 2 * sum(len(data) for data in peer.stored.values()), "not from the beginning each time"


@pytest.mark.fault("I1")
def test_a_spoiled_chunk_is_sent_again_and_a_doubled_one_does_nothing(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    rng = random.Random(3)

    def spoil(chunk: bytes) -> bytes:
        return bytes(len(chunk)) if chunk and rng.random() < 0.3 else chunk

    peer.breaks = spoil
    sha = attach(tablet, box, photo(1, (900, 700), noisy=True))
    run(uploads, tablet)
    tablet.store.write(lambda s: s.execute(update(Blob).values(state="waiting", offset=4096)))
    run(uploads, tablet)
    assert peer.stored[sha] == box.shelf.read(sha)
    assert peer.arrivals.count(sha) == 1


@pytest.mark.fault("I1")
def test_a_length_somebody_else_told_holds_no_file_up(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    """All of it was sent, and the server waits for more, as another tablet told it: it is announced anew."""
    sha = attach(tablet, box, PAPER, "document")
    size = blob(tablet, sha).size
    peer.open(sha, size + 9, "application/pdf")
    tablet.store.write(lambda s: s.execute(update(Blob).where(Blob.sha == sha).values(offset=0)))
    run(uploads, tablet)
    assert sha not in peer.stored
    tablet.store.write(lambda s: s.execute(update(Blob).values(state="waiting", offset=size)))  # its wish
    run(uploads, tablet)
    assert peer.stored[sha] == box.shelf.read(sha)


@pytest.mark.fault("I5")
def test_a_server_that_lost_a_file_gets_it_again(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    sha = attach(tablet, box, photo())
    run(uploads, tablet)
    peer.stored.clear()
    tablet.store.write(lambda s: s.execute(update(Blob).values(state="waiting", offset=-1)))
    run(uploads, tablet)
    assert peer.stored[sha] == box.shelf.read(sha)


@pytest.mark.fault("I4")
def test_a_full_server_is_asked_again_when_it_says(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    sha = attach(tablet, box, photo())
    peer.full = True
    for _ in range(2):
        uploads.turn()
    assert uploads.last_error == "busy"
    assert uploads.chunks.next_try_ms - tablet.clock.read().mono_ms >= 30_000
    calls = len(peer.calls)
    assert not uploads.turn()
    assert len(peer.calls) == calls, "nothing is asked before"
    assert blob(tablet, sha).state == "waiting"
    peer.full = False
    run(uploads, tablet)
    assert sha in peer.stored


def test_a_file_the_server_will_not_have_stands_in_nobodys_way(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    refused = attach(tablet, box, PAPER, "document")
    other = attach(tablet, box, photo())
    peer.refuses[refused] = "file_type_refused"
    run(uploads, tablet)
    assert (blob(tablet, refused).state, blob(tablet, refused).error) == ("refused", "file_type_refused")
    assert other in peer.stored


@pytest.mark.fault("A8", "I1")
def test_bytes_that_rotted_on_the_tablet_are_said_to_be_lost(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    gone = attach(tablet, box, PAPER, "document")
    rotten = attach(tablet, box, photo())
    assert isinstance(box.shelf, FolderShelf)
    box.shelf.remove(gone)
    path = box.shelf.folder / rotten
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    run(uploads, tablet)
    assert (blob(tablet, gone).state, blob(tablet, gone).error) == ("lost", "file_lost")
    assert (blob(tablet, rotten).state, blob(tablet, rotten).error) == ("lost", "file_damaged")
    assert rotten not in peer.stored
    assert counted(tablet) == (0, 2), "the strip says so"
    with tablet.store.read() as session:
        rows = session.scalars(select(Attachment).where(Attachment.sha256.in_((gone, rotten)))).all()
        session.expunge_all()
    for row in rows:
        assert tablet.store.give(WithdrawFile(row.id, row.ticket_id, "taken again")).outcome.took_effect
    assert counted(tablet) == (0, 0)


@pytest.mark.fault("A8")
def test_bytes_that_cannot_be_read_just_now_go_later(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virus scanner's lock, a card that is busy: nothing is lost, and it goes when it can be read."""
    sha, opened = attach(tablet, box, PAPER, "document"), Path.open

    def locked(path: Path, *args: object, **named: object) -> object:
        if path.name == sha:
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **named)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", locked)
        assert uploads.turn()
        assert uploads.turn(), "announced, then not read"
        assert (blob(tablet, sha).state, blob(tablet, sha).error) == ("waiting", "file_unreadable")
        assert not uploads.is_due(), "not at once"
        assert counted(tablet) == (1, 0)
    run(uploads, tablet)
    assert sha in peer.stored
    assert blob(tablet, sha).error == ""


def test_photos_wait_for_wifi_and_previews_do_not(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    allowed: list[bool] = [False]
    uploads.is_heavy_allowed = lambda: allowed[0]
    sha = attach(tablet, box, photo())
    for _ in range(6):
        uploads.turn()
    assert len(peer.arrivals) == 1
    assert sha not in peer.stored
    assert not uploads.is_due()
    allowed[0] = True
    run(uploads, tablet)
    assert sha in peer.stored


def test_a_killed_app_goes_on_where_the_server_stands(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    sha = attach(tablet, box, photo(1, (900, 700), noisy=True))
    while not peer.partial.get(sha):
        uploads.turn()
    before = len(peer.partial[sha])
    again = Uploads(FileBox(tablet.store, box.shelf), peer, tablet.clock, lambda: 0.5)
    again.box.look_after()
    calls = len(peer.calls)
    again.turn()
    assert peer.calls[calls] == ("send", sha, again.chunks.size // 2)
    assert len(peer.partial.get(sha, peer.stored.get(sha, b""))) > before
    run(again, tablet)
    assert peer.stored[sha] == box.shelf.read(sha)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unreachable("gone"), "unreachable"),
        (Busy(7), "busy"),
        (NotTrusted("device_revoked"), "device_revoked"),
    ],
)
def test_a_failure_is_remembered_and_waited_out(
    error: Exception, code: str, tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    def fail(_: bytes) -> bytes:
        raise error

    peer.breaks = fail
    sha = attach(tablet, box, PAPER, "document")
    pauses = []
    for _ in range(5):
        uploads.turn()
        pauses.append(uploads.chunks.next_try_ms - tablet.clock.read().mono_ms)
        tablet.clock.advance(timedelta(milliseconds=pauses[-1]))
    found = blob(tablet, sha)
    assert (found.state, found.error, found.tries) == ("waiting", code, 5)
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0] or code == "busy"


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60_000)), max_size=60))
def test_a_chunk_is_never_nothing_and_never_too_much(turns: list[tuple[bool, int]]) -> None:
    chunks = Chunks()
    for broke, took_ms in turns:
        sent = chunks.size
        chunks = (
            after_break(chunks, sent, 0, 0.5, partway=True) if broke else after_chunk(chunks, sent, took_ms)
        )
        assert FEWEST_BYTES <= chunks.size <= MOST_BYTES
        assert chunks.size <= max(sent * 2, FEWEST_BYTES)
    for _ in range(24):
        chunks = after_chunk(chunks, chunks.size, 100)
    assert chunks.size == MOST_BYTES, "a good line is used"


def test_the_size_settles_where_the_line_breaks(
    tablet: TabletStand, box: FileBox, uploads: Uploads, peer: TusPeer
) -> None:
    def narrow(chunk: bytes) -> bytes:
        return chunk if len(chunk) <= 5_000 else chunk[:5_000]

    peer.breaks = narrow
    sha = attach(tablet, box, photo(1, (900, 700), noisy=True))
    turns = run(uploads, tablet)
    assert sha in peer.stored
    assert turns < 2 * len(peer.stored[sha]) / 5_000 + 40
