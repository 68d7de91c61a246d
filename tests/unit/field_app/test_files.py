"""Files on the tablet: made small, kept whole or not at all, swept, asked for again, let go."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select, text, update

from common.files.attachment import Attachment
from common.protocol.messages import SyncAnswer, Wanted
from common.visit.seal import attached_files
from field_app.state.tablet import Tablet
from field_app.store import shelf as shelf_module
from field_app.store.apply import apply_answer
from field_app.store.files import FileBox, NewFile
from field_app.store.outbox import Limits, build_request
from field_app.store.pictures import NotAPicture, kind_of, media_type_of, prepare
from field_app.store.roomy import StoreFullError
from field_app.store.schema import Blob, OutboxOp
from field_app.store.shelf import BytesUnreadable, FolderShelf, ShelfClosed
from field_app.store.store import Store, state_of
from field_app.vault.cipher import Cipher
from tests.support.photos import PAPER, photo, with_exif
from tests.support.tablet import TabletStand, stand

KEY = b"k" * 32


class PowerCut(BaseException):
    """The tablet's power goes."""


@pytest.fixture
def tablet(tmp_path: Path) -> TabletStand:
    return stand(tmp_path)


@pytest.fixture
def box(tablet: TabletStand, tmp_path: Path) -> FileBox:
    return FileBox(tablet.store, FolderShelf(tmp_path / "files", lambda: Cipher(KEY, 1, os.urandom)))


def new_file(tablet: TabletStand, kind: str = "photo", name: str = "seal.jpg") -> NewFile:
    return NewFile(tablet.ticket, None, kind, "repair", name, tablet.clock.at)


def rows(store: Store) -> dict[str, Blob]:
    with store.read() as session:
        found = {blob.sha: blob for blob in session.scalars(select(Blob))}
        session.expunge_all()
        return found


def attachments(store: Store) -> list[Attachment]:
    with store.read() as session:
        found = list(session.scalars(select(Attachment).order_by(Attachment.id)))
        session.expunge_all()
        return found


def hear(stand: TabletStand, **said: Any) -> None:
    """Let the server say something about files."""
    reading = stand.clock.read()
    with stand.store.read() as session:
        position = state_of(session).position
    request = stand.store.write(lambda session: build_request(session, reading, "test", Limits()))
    answer = SyncAnswer(tok="token", cur=f"c{position + 1}", head=position + 1, now=reading.wall_ms, **said)
    stand.store.write(lambda session: apply_answer(session, request, answer, reading))


def test_a_large_photo_is_made_small_once_and_keeps_what_the_camera_wrote() -> None:
    taken = with_exif(photo(3, (3000, 2000)), orientation=6, made_by="Fieldcam")
    made = prepare(taken)
    picture = Image.open(io.BytesIO(made.data))
    assert picture.size == (1067, 1600)
    assert picture.getexif()[0x010F] == "Fieldcam"
    assert picture.getexif()[0x0112] == 1
    assert made.media_type == "image/jpeg"
    assert len(made.preview) <= 20 * 1024
    assert max(Image.open(io.BytesIO(made.preview)).size) == 320
    assert prepare(made.data).data == made.data


def test_the_preview_of_the_busiest_photo_stays_small() -> None:
    assert len(prepare(photo(5, (900, 900), noisy=True)).preview) <= 20 * 1024


def test_a_small_photo_and_a_paper_stay_byte_for_byte() -> None:
    small = with_exif(photo(4, (800, 600)), orientation=3, made_by="Fieldcam")
    assert prepare(small).data == small
    assert prepare(PAPER).data == PAPER
    assert (prepare(PAPER).media_type, prepare(PAPER).preview) == ("application/pdf", b"")


@pytest.mark.parametrize(
    ("head", "media_type", "kind"),
    [
        (b"\xff\xd8\xff\xe0rest", "image/jpeg", "photo"),
        (b"\x89PNG\r\n\x1a\nrest", "image/png", "photo"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", "photo"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav", "voice"),
        (b"\0\0\0\x18ftypheic\0\0", "image/heic", "photo"),
        (b"\0\0\0\x18ftypM4A \0\0", "audio/mp4", "voice"),
        (b"OggS\0\0rest", "audio/ogg", "voice"),
        (b"ID3\x04rest", "audio/mpeg", "voice"),
        (b"\x1aE\xdf\xa3rest", "audio/webm", "voice"),
        (b"%PDF-1.7\n", "application/pdf", "document"),
        (b"MZ\x90\0", "", ""),
        (b"", "", ""),
    ],
)
def test_a_file_is_known_by_its_first_bytes(head: bytes, media_type: str, kind: str) -> None:
    assert media_type_of(head) == media_type
    assert kind_of(media_type) == kind


def test_what_only_begins_like_a_picture_is_none() -> None:
    with pytest.raises(NotAPicture):
        prepare(photo(1)[:40])


def test_a_part_is_read_without_the_whole_and_nothing_lies_open(tmp_path: Path) -> None:
    data = b"".join(n.to_bytes(4, "big") for n in range(600_000))
    shelf = FolderShelf(tmp_path, lambda: Cipher(KEY, 1, os.urandom))
    sha = shelf.put(data)
    mib = 1024 * 1024
    for at, size in (
        (0, 10),
        (mib - 6, 20),
        (mib, 70_000),
        (len(data) - 10, 500),
        (2 * mib + 1, -1),
        (0, -1),
    ):
        assert shelf.read(sha, at, size) == (data[at:] if size < 0 else data[at : at + size]), (at, size)
    raw = (tmp_path / sha).read_bytes()
    assert data[4000:4064] not in raw
    assert (tmp_path / sha).stat().st_mode & 0o077 == 0


def test_bytes_that_rotted_are_written_anew(tmp_path: Path) -> None:
    shelf = FolderShelf(tmp_path, lambda: Cipher(KEY, 1, os.urandom))
    sha = shelf.put(PAPER)
    path = tmp_path / sha
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(BytesUnreadable):
        shelf.read(sha)
    assert shelf.put(PAPER) == sha
    assert shelf.read(sha) == PAPER, "put again, it is whole again"


def test_without_the_key_nothing_is_taken_and_nothing_shown(tmp_path: Path) -> None:
    keys = [Cipher(KEY, 1, os.urandom)]
    shelf = FolderShelf(tmp_path, lambda: keys[0] if keys else None)
    sha = shelf.put(PAPER)
    keys.clear()
    with pytest.raises(ShelfClosed):
        shelf.read(sha)
    with pytest.raises(ShelfClosed):
        shelf.put(photo())
    assert list(shelf.listed()) == [sha]


@pytest.mark.fault("I3")
def test_the_same_photo_twice_is_kept_once(tablet: TabletStand, box: FileBox) -> None:
    made = prepare(photo())
    for name in ("a.jpg", "b.jpg"):
        assert box.attach(new_file(tablet, name=name), made).outcome.took_effect
    assert len(attachments(tablet.store)) == 2
    assert {blob.role for blob in rows(tablet.store).values()} == {"photo", "preview"}
    assert len(box.shelf.listed()) == 2


def test_a_refused_file_leaves_nothing(tablet: TabletStand, box: FileBox) -> None:
    given = box.attach(new_file(tablet, kind="hologram"), prepare(photo()))
    assert given.outcome.code == "file_type_refused"
    assert (box.shelf.listed(), rows(tablet.store), attachments(tablet.store)) == ({}, {}, [])


def half_then(end: BaseException) -> Callable[..., Any]:
    """Seal half of a file, then the end comes."""

    def frames(_sealer: Any, _sha: str, source: Any) -> Any:
        yield source.read(100)
        raise end

    return frames


STEPS = ("open", "write", "fsync file", "replace", "fsync folder", "row")


def cut_before(step: str, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Let the power go before a step of keeping the first file."""
    synced: list[int] = []

    def cut(*_: Any, **__: Any) -> Any:
        raise PowerCut

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        if step == ("fsync file" if len(synced) == 1 else "fsync folder"):
            raise PowerCut

    if step == "open":
        monkeypatch.setattr(shelf_module.os, "open", cut)
    elif step == "write":
        monkeypatch.setattr(shelf_module, "seal_frames", half_then(PowerCut()))
    elif step.startswith("fsync"):
        monkeypatch.setattr(shelf_module.os, "fsync", fsync)
    elif step == "replace":
        monkeypatch.setattr(shelf_module.os, "replace", cut)
    else:
        monkeypatch.setattr(store, "_keep", cut)


@pytest.mark.fault("A8", "P1")
@pytest.mark.parametrize("step", STEPS)
def test_a_cut_between_photo_and_record_leaves_both_or_neither(
    step: str, tablet: TabletStand, box: FileBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut_before(step, patch, tablet.store)
        patch.setattr(box, "_remove_unused", lambda *_: None)  # the dead tidy nothing up
        with pytest.raises(PowerCut):
            box.attach(new_file(tablet), prepare(photo()))
    again = FileBox(Store(tablet.store.engine, tablet.clock, os.urandom), box.shelf)
    again.look_after()
    assert (attachments(again.store), rows(again.store)) == ([], {}), "no row points at what is not there"
    assert not list(again.shelf.folder.glob("*.part")) if isinstance(again.shelf, FolderShelf) else True
    assert again.attach(new_file(tablet), prepare(photo())).outcome.took_effect
    assert all(again.read(sha) is not None for sha in rows(again.store))
    tablet.clock.advance(timedelta(days=400))
    again.look_after()
    assert set(again.shelf.listed()) == set(rows(again.store)), "what belongs to nothing is swept in the end"


@pytest.mark.fault("A8")
def test_bytes_reach_the_disk_before_their_row(
    tablet: TabletStand, box: FileBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            order.append(name)
            return real(*args, **kwargs)

        return call

    monkeypatch.setattr(shelf_module.os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(shelf_module.os, "replace", noted("replace", os.replace))
    monkeypatch.setattr(tablet.store, "_keep", noted("row", tablet.store._keep))
    box.attach(new_file(tablet, kind="document", name="paper.pdf"), prepare(PAPER))
    assert order == ["fsync", "replace", "fsync", "row"]


@pytest.mark.fault("A8", "I6")
def test_a_photo_that_is_gone_says_so_and_breaks_no_seal(tablet: TabletStand, box: FileBox) -> None:
    box.attach(new_file(tablet), prepare(photo()))
    with tablet.store.read() as session:
        sealed = attached_files(session, tablet.ticket)
    for sha in rows(tablet.store):
        box.shelf.remove(sha)
    box.look_after()
    assert {blob.state for blob in rows(tablet.store).values()} == {"lost"}
    with tablet.store.read() as session:
        assert attached_files(session, tablet.ticket) == sealed
    box.shelf.put(photo())
    box.look_after()
    assert rows(tablet.store)[hashlib.sha256(photo()).hexdigest()].state == "waiting", "found again, it goes"


@pytest.mark.fault("A4")
def test_a_full_disk_keeps_no_half_photo_and_says_so(
    tablet: TabletStand, box: FileBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(shelf_module, "seal_frames", half_then(full))
        with pytest.raises(StoreFullError) as told:
            box.attach(new_file(tablet), prepare(photo()))
    assert told.value.code == "device_full"
    assert isinstance(box.shelf, FolderShelf)
    assert list(box.shelf.folder.iterdir()) == []
    assert (attachments(tablet.store), rows(tablet.store)) == ([], {})
    assert box.attach(new_file(tablet), prepare(photo())).outcome.took_effect, "once there is room it is kept"


def test_the_database_full_after_the_photo_leaves_no_orphan(
    tablet: TabletStand, box: FileBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StoreFullError

    with monkeypatch.context() as patch:
        patch.setattr(tablet.store, "_keep", full)
        with pytest.raises(StoreFullError):
            box.attach(new_file(tablet), prepare(photo()))
    assert box.shelf.listed() == {}


def test_a_store_put_back_from_an_older_copy_still_has_its_photos(tablet: TabletStand, box: FileBox) -> None:
    box.attach(new_file(tablet), prepare(photo()))
    tablet.store.write(lambda session: session.execute(text("DELETE FROM blob")))
    box.look_after()
    assert len(box.shelf.listed()) == 2
    hear(tablet, blob=(Wanted(hashlib.sha256(photo()).hexdigest(), "missing"),))
    box.look_after()
    assert rows(tablet.store)[hashlib.sha256(photo()).hexdigest()].state == "waiting"


def test_what_the_server_says_of_files_is_taken_in(tablet: TabletStand, box: FileBox) -> None:
    sha = hashlib.sha256(photo()).hexdigest()
    box.attach(new_file(tablet), prepare(photo()))
    hear(tablet, blob=(Wanted(sha, "partial", 4096),))
    assert rows(tablet.store)[sha].offset == 4096
    tablet.store.write(lambda s: s.execute(update(Blob).values(state="sent", offset=Blob.size)))
    hear(tablet)
    assert rows(tablet.store)[sha].state == "sent"
    hear(tablet, blob=(Wanted(sha, "missing"),))
    assert (rows(tablet.store)[sha].state, rows(tablet.store)[sha].offset) == ("waiting", -1)


@pytest.mark.fault("I5")
def test_bytes_are_let_go_only_when_a_proven_backup_has_them(tablet: TabletStand, box: FileBox) -> None:
    sha = hashlib.sha256(photo()).hexdigest()
    box.attach(new_file(tablet), prepare(photo()))
    tablet.store.write(lambda s: s.execute(update(Blob).values(state="sent", offset=Blob.size)))
    tablet.store.write(lambda s: s.execute(update(OutboxOp).values(state="kept", result_seq=1)))
    tablet.clock.advance(timedelta(days=30))
    assert box.let_go() == 0, "nobody has said that it is stored"
    tablet.store.write(lambda s: s.execute(update(Attachment).values(state="stored")))
    hear(tablet)
    seq = rows(tablet.store)[sha].stored_seq
    assert seq > 0
    assert box.let_go() == 0, "no backup has it"
    hear(tablet, durable=seq)
    assert box.let_go() == 1
    assert not box.shelf.has(sha)
    assert rows(tablet.store)[sha].state == "gone"
    assert (
        sum(blob.role == "preview" and box.shelf.has(blob.sha) for blob in rows(tablet.store).values()) == 1
    )
    assert box.attach(new_file(tablet), prepare(photo())).outcome.took_effect
    assert rows(tablet.store)[sha].state == "waiting", "attached once more it goes once more"


def test_a_wish_for_what_was_let_go_changes_nothing(tablet: TabletStand, box: FileBox) -> None:
    box.attach(new_file(tablet), prepare(photo()))
    tablet.store.write(lambda s: s.execute(update(Blob).values(state="gone")))
    hear(tablet, blob=tuple(Wanted(sha, "missing") for sha in rows(tablet.store)))
    assert {blob.state for blob in rows(tablet.store).values()} == {"gone"}


def test_the_strip_counts_files_apart(tablet: TabletStand, box: FileBox) -> None:
    of: Tablet = tablet.tablet
    before = of.stamp()
    box.attach(new_file(tablet), prepare(photo()))
    assert (of.status().waiting, of.status().files) == (1, 1)
    assert of.stamp() != before
