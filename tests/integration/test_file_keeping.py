"""What the server does about files by itself: hostile content, late and rotten ones, leftovers (A4 A8 H7 H8 I2 I5)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from common.files.attach import AttachFile
from common.kernel.clock import instant
from common.kernel.command import Role
from common.policy.file_rules import shipped_rules
from sync_server.db.durable import note_backup
from sync_server.db.office import SYSTEM, perform
from sync_server.files.draw import VIEW
from sync_server.files.keeping import Keeping, lose, tell_late
from sync_server.files.store import MARK, FolderStore, StoreAwayError
from sync_server.files.uploads import Uploads
from sync_server.problems import Problem
from sync_server.upkeep.backup_files import backup_store, bring_back, copy_new
from sync_server.upkeep.spare_files import SpareFiles
from tests.support.served import Server, a_server
from tests.support.tickets import a_ticket_for
from tests.support.uploading import picture, sha

DAMAGED = picture(2, (300, 300))[:5000]


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "figures.toml").write_text("[upload]\nkeep_free_mb = 1\nscrub_d = 1\n")
    with a_server(database_url, tmp_path, security=str(tmp_path / "figures.toml")) as made:
        yield made


@pytest.fixture
def ticket(server: Server) -> str:
    return a_ticket_for(server, server.person(Role.ENGINEER))


def keeping(server: Server) -> Keeping:
    return Keeping(server.parts.uploads, server.parts.pictures)


def attach(server: Server, ticket: str, data: bytes, **changed: str) -> str:
    file_id = server.parts.database.new_id()
    told = {"kind": "photo", "media_type": "image/jpeg", "name": "a.jpg"} | changed
    given = AttachFile(
        file_id, ticket, told["kind"], sha(data), len(data), told["media_type"], told["name"],
        instant(server.clock.read().wall_ms),
    )  # fmt: skip
    assert perform(server.parts.database, SYSTEM, given).took_effect
    return file_id


def give(server: Server, data: bytes) -> str:
    """Bring bytes in as the office does."""
    uploads = server.parts.uploads
    uploads.folder.mkdir(parents=True, exist_ok=True)
    source = uploads.folder / "office-1"
    source.write_bytes(data)
    return uploads.take_whole(source)


def state(server: Server, file_id: str) -> tuple[str, str]:
    ((found, fault),) = server.rows("SELECT state, fault FROM attachment WHERE id = :id", id=file_id)
    return found, fault


def codes(server: Server) -> list[str]:
    return [code for (code,) in server.rows("SELECT code FROM discrepancy ORDER BY raised_at, id")]


@pytest.mark.fault("H7")
def test_hostile_content_is_refused_or_never_shown_and_its_record_kept(server: Server, ticket: str) -> None:
    html = b"<html><script>alert(1)</script></html>"
    page = attach(server, ticket, html)
    with pytest.raises(Problem, match="file_not_kept"):
        give(server, html)
    assert state(server, page) == ("refused", "type_unknown")
    with pytest.raises(Problem, match="file_not_kept"):
        server.parts.uploads.announce("tablet", sha(html), len(html))
    paper = attach(server, ticket, b"%PDF-1.4 a paper that says it is a photo")
    give(server, b"%PDF-1.4 a paper that says it is a photo")
    assert state(server, paper) == ("refused", "type_differs")
    broken, good = attach(server, ticket, DAMAGED), attach(server, ticket, picture(3))
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + os.urandom(500)
    of_phone = attach(server, ticket, heic, media_type="image/heic")
    for data in (DAMAGED, picture(3), heic):
        give(server, data)
    assert keeping(server).settle_and_draw(server.parts.database) == 4
    assert state(server, broken) == ("stored", "picture_broken")
    assert state(server, of_phone) == ("stored", "no_display")
    assert state(server, good) == ("stored", "")
    pictures = server.parts.pictures
    assert [pictures.find(sha(data), "view") is not None for data in (DAMAGED, heic, picture(3))] == [
        False,
        False,
        True,
    ]
    shown = pictures.find(sha(picture(3)), "thumb")
    assert shown is not None
    with Image.open(shown) as opened:
        assert (opened.format, max(opened.size) <= VIEW) == ("JPEG", True)
    assert b"".join(server.parts.uploads.store.read(sha(DAMAGED))) == DAMAGED, "the original is evidence"
    pictures.forget(sha(picture(3)))
    assert pictures.find(sha(picture(3)), "view") is not None, "drawn again"


def ends(*_: object, **__: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.CompletedProcess([], 1, b"", b"no such library")


def takes_too_long(*_: object, **__: object) -> None:
    raise subprocess.TimeoutExpired("draw", 60)


def cannot_begin(*_: object, **__: object) -> None:
    raise OSError(12, "Cannot allocate memory")


@pytest.mark.parametrize("trouble", [takes_too_long, cannot_begin, ends])
def test_a_picture_that_cannot_be_drawn_just_now_is_drawn_later(
    server: Server, ticket: str, trouble: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is too busy says nothing of the picture; it is not asked at once again, and holds up no other."""
    data, database, job, pictures = picture(50), server.parts.database, keeping(server), server.parts.pictures
    named = attach(server, ticket, data)
    give(server, data)
    with monkeypatch.context() as patched:
        patched.setattr("sync_server.files.pictures.subprocess.run", trouble)
        assert job.settle_and_draw(database) == 1
    assert (state(server, named), pictures.find(sha(data), "view")) == (("stored", ""), None)
    give(server, picture(51))
    assert job.settle_and_draw(database) == 1, "only the other"
    server.clock.advance(timedelta(minutes=11))
    assert job.settle_and_draw(database) == 1
    assert pictures.find(sha(data), "view") is not None
    assert state(server, named) == ("stored", "")


@pytest.mark.fault("I2")
def test_bytes_that_do_not_come_are_told_once(server: Server, ticket: str) -> None:
    late = attach(server, ticket, picture(4))
    server.clock.advance(timedelta(hours=47))
    assert tell_late(server.parts.database) == 0
    on_time = attach(server, ticket, picture(5))
    server.clock.advance(timedelta(hours=2))
    assert tell_late(server.parts.database) == 1
    assert tell_late(server.parts.database) == 0
    assert codes(server).count("file_late") == 1
    assert server.rows("SELECT late_at IS NOT NULL FROM attachment WHERE id = :id", id=late)[0][0]
    assert not server.rows("SELECT late_at IS NOT NULL FROM attachment WHERE id = :id", id=on_time)[0][0]
    open_late = "SELECT details, resolution FROM discrepancy WHERE code = 'file_late' AND state = 'open'"
    server.clock.advance(timedelta(hours=48))
    assert tell_late(server.parts.database) == 1
    give(server, picture(4))
    assert state(server, late) == ("stored", "")
    assert [on_time in str(row[0]) for row in server.rows(open_late)] == [True]
    give(server, picture(5))
    assert server.rows(open_late) == []
    settled = "SELECT resolution, resolved_by FROM discrepancy WHERE code = 'file_late'"
    assert [tuple(row) for row in server.rows(settled)] == [("arrived", None)] * 2


@pytest.mark.fault("I5")
def test_rotten_and_deleted_files_are_found_and_asked_back(server: Server, ticket: str) -> None:
    store, database = server.parts.uploads.store, server.parts.database
    assert isinstance(store, FolderStore)
    files = {attach(server, ticket, picture(seed)): picture(seed) for seed in (6, 7, 8)}
    for data in files.values():
        give(server, data)
    rotten, deleted, whole = files
    path = store.path(sha(files[rotten]))
    path.write_bytes(files[rotten][:-1] + b"!")
    store.path(sha(files[deleted])).unlink()
    job = keeping(server)
    assert job.look_all(database) == 1
    assert state(server, deleted) == ("missing", "")
    found = sum(job.scrub(database) for _ in range(3))
    assert found == 1
    assert [state(server, one)[0] for one in files] == ["missing", "missing", "stored"]
    assert codes(server).count("file_missing") == 2
    assert not path.exists(), "what is rotten is not shown as what was signed"
    for one in (rotten, deleted):
        give(server, files[one])
        assert state(server, one) == ("stored", "")
    assert [job.look_all(database), job.scrub(database)] == [0, 0]


@pytest.mark.fault("I5")
def test_a_file_that_cannot_be_read_just_now_is_not_rotten(
    server: Server, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few descriptors, rights that changed, a share that does not answer: nothing is known, nothing goes."""
    files = [picture(seed) for seed in (20, 21)]
    records = [attach(server, ticket, data) for data in files]
    for data in files:
        give(server, data)
        server.clock.advance(timedelta(minutes=1))
    store, database, job = server.parts.uploads.store, server.parts.database, keeping(server)
    assert isinstance(store, FolderStore)
    opened = Path.open

    def refused(path: Path, *args: object, **named: object) -> object:
        if path.name == sha(files[0]):
            raise OSError(24, "Too many open files")
        return opened(path, *args, **named)  # type: ignore[call-overload]

    checked = "SELECT sha256 FROM kept_file ORDER BY checked_at"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refused)
        server.clock.advance(timedelta(hours=1))
        with pytest.raises(StoreAwayError):
            job.scrub(database)
        assert [row[0] for row in server.rows(checked)] == [sha(files[1]), sha(files[0])], "the others go on"
        assert job.scrub(database) == 0
        with pytest.raises(StoreAwayError):
            job.rotten()
    assert [state(server, one) for one in records] == [("stored", "")] * 2
    assert job.rotten() == []


class Killed(BaseException):
    """The process is gone."""


def killed(*_: object) -> None:
    raise Killed


@pytest.mark.fault("I5")
@pytest.mark.parametrize(
    "at", ["sync_server.files.keeping.settle", "sync_server.files.store.FolderStore.remove"]
)
def test_a_crash_while_a_loss_is_noted_is_made_good(
    server: Server, ticket: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, database, store = picture(22), server.parts.database, server.parts.uploads.store
    named = attach(server, ticket, data)
    give(server, data)
    assert isinstance(store, FolderStore)
    store.path(sha(data)).write_bytes(data[:-1] + b"!")
    with monkeypatch.context() as patched:
        patched.setattr(at, killed)
        with pytest.raises(Killed):
            keeping(server).scrub(database)
    keeping(server).settle_and_draw(database)
    assert state(server, named) == ("missing", "")
    assert codes(server).count("file_missing") == 1
    give(server, data)
    assert state(server, named) == ("stored", "")
    assert b"".join(store.read(sha(data))) == data, "not the rotten ones that still lay there"


def test_one_that_cannot_be_removed_holds_up_no_other(
    server: Server, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, store = server.parts.database, server.parts.uploads.store
    files = [picture(seed) for seed in (23, 24)]
    records = [attach(server, ticket, data) for data in files]
    assert isinstance(store, FolderStore)
    for data in files:
        give(server, data)
        store.path(sha(data)).write_bytes(data[:-1] + b"!")
    unlink, stuck = Path.unlink, min(map(sha, files))

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name == stuck:
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refused)
        assert keeping(server).scrub(database) + keeping(server).scrub(database) == 2
    assert [state(server, one) for one in records] == [("missing", "")] * 2
    assert list(store.names()) == [stuck]


@pytest.mark.fault("I5")
@pytest.mark.parametrize("is_mounted_over", [True, False])
def test_a_folder_that_is_away_is_no_loss(server: Server, ticket: str, is_mounted_over: bool) -> None:
    """A share that is not mounted leaves an empty folder, or none: nothing is missing and nothing is put there."""
    store, database, job = server.parts.uploads.store, server.parts.database, keeping(server)
    files = {attach(server, ticket, picture(seed)): picture(seed) for seed in (25, 26)}
    for data in files.values():
        give(server, data)
    assert isinstance(store, FolderStore)
    shared = store.folder.rename(store.folder.with_name("shared"))
    if is_mounted_over:
        store.folder.mkdir()
    with database.read() as session:
        for ask in (
            lambda: job.look_all(database), lambda: job.scrub(database), lambda: job.sweep(database), job.rotten,
            lambda: give(server, picture(27)), lambda: copy_new(session, store, shared.with_name("backups")),
        ):  # fmt: skip
            with pytest.raises(StoreAwayError, match="mount it"):
                ask()
    assert not (store.folder.exists() and any(store.folder.iterdir()))
    assert [state(server, one) for one in files] == [("stored", "")] * 2
    if is_mounted_over:
        store.folder.rmdir()
    shared.rename(store.folder)
    assert [job.look_all(database), len(job.rotten())] == [0, 0]
    give(server, picture(27))
    # The files are gone for good, and whoever looks after the server says so.
    store.folder.rename(shared)
    store.claim()
    assert job.look_all(database) == 3
    assert [state(server, one) for one in files] == [("missing", "")] * 2


@pytest.mark.fault("I5")
def test_missing_bytes_that_lie_there_again_are_taken_up(server: Server, ticket: str) -> None:
    store, database, job = server.parts.uploads.store, server.parts.database, keeping(server)
    back, rotten = picture(28), picture(29)
    records = [attach(server, ticket, data) for data in (back, rotten)]
    assert isinstance(store, FolderStore)
    for data in (back, rotten):
        give(server, data)
        store.path(sha(data)).unlink()
    assert job.look_all(database) == 2
    store.path(sha(back)).write_bytes(back)
    store.path(sha(rotten)).write_bytes(rotten[:-1] + b"!")
    assert job.look_all(database) == 1
    assert [state(server, one) for one in records] == [("stored", ""), ("missing", "")]
    told = "SELECT resolution FROM discrepancy WHERE code = 'file_missing' ORDER BY resolution"
    assert [row[0] for row in server.rows(told)] == ["", "arrived"]
    assert job.look_all(database) == 0


def backed_up(server: Server, folder: Path) -> None:
    """Copy the files as a backup does, and note a good one."""
    with server.parts.database.read() as session:
        assert copy_new(session, server.parts.uploads.store, folder) == []
    made_at = instant(server.clock.read().wall_ms)
    note_backup(server.parts.database, str(folder / "fieldwright-1"), made_at, 1, 0)


@pytest.mark.fault("I5")
def test_what_a_backup_holds_is_put_back_before_tablets_are_asked(
    server: Server, ticket: str, tmp_path: Path
) -> None:
    """Tablets let bytes go once a backup has them: nobody else may have them any more."""
    store, database, folder = server.parts.uploads.store, server.parts.database, tmp_path / "elsewhere"
    files = {attach(server, ticket, picture(seed)): picture(seed) for seed in (52, 53, 54, 55)}
    for data in files.values():
        give(server, data)
    assert isinstance(store, FolderStore)
    rotten, deleted, gone_before, nowhere = (sha(data) for data in files.values())
    backed_up(server, folder)
    job = Keeping(server.parts.uploads, server.parts.pictures, SpareFiles(server.parts.uploads).put_back)
    there = backup_store(folder)
    store.path(rotten).write_bytes(b"rotten")
    for sha256 in (deleted, gone_before, nowhere):
        store.path(sha256).unlink()
    lose(database, store, [gone_before])
    there.path(nowhere).write_bytes(b"rotten too")
    assert job.look_all(database) == 4
    assert [state(server, one)[0] for one in files] == ["stored"] * 3 + ["missing"]
    assert [job.look_all(database), len(job.rotten())] == [0, 0]
    store.path(rotten).write_bytes(picture(52)[:-1] + b"!")
    assert sum(job.scrub(database) for _ in range(4)) == 1
    assert (job.rotten(), [state(server, one)[0] for one in files][0]) == ([], "stored")


@pytest.mark.fault("I5")
def test_a_restore_puts_back_what_was_missing_before(server: Server, ticket: str, tmp_path: Path) -> None:
    store, database, data = server.parts.uploads.store, server.parts.database, picture(56)
    named = attach(server, ticket, data)
    give(server, data)
    backed_up(server, tmp_path / "backups")
    assert isinstance(store, FolderStore)
    store.path(sha(data)).unlink()
    lose(database, store, [sha(data)])
    with database.read() as session:
        assert bring_back(session, tmp_path / "backups", store) == (1, 0)
    assert keeping(server).look_all(database) == 1
    assert state(server, named) == ("stored", "")


@pytest.mark.fault("A8", "I5")
def test_what_a_crash_leaves_is_taken_up_or_swept(server: Server, ticket: str, tmp_path: Path) -> None:
    uploads, database = server.parts.uploads, server.parts.database
    data, orphan, half = picture(9), picture(10), picture(11)
    named = attach(server, ticket, data)
    # Killed between the store and the row, and between the row and the record.
    (tmp_path / "source").write_bytes(data)
    uploads.store.put(sha(data), tmp_path / "source")
    assert uploads.announce("tablet", sha(data), len(data)).state == "stored"
    assert state(server, named) == ("stored", "")
    give(server, orphan)
    uploads.announce("tablet", sha(half), len(half))
    uploads.part(sha(half)).write_bytes(half[:20])
    assert uploads.standing(sha(half)).offset == 0, "bytes nobody counted"
    job = keeping(server)
    assert job.sweep(database) == 0
    server.clock.advance(timedelta(days=15))
    for path in (uploads.part(sha(half)), uploads.folder / "office-2"):
        path.write_bytes(b"left")
        os.utime(path, (0, 0))
    assert job.sweep(database) == 3
    assert list(uploads.store.names()) == [sha(data)]
    assert list(uploads.folder.iterdir()) == []
    # A database restored from before the bytes came.
    (tmp_path / "source").write_bytes(orphan)
    uploads.store.put(sha(orphan), tmp_path / "source")
    late = attach(server, ticket, orphan)
    assert job.sweep(database) == 1
    assert state(server, late) == ("stored", "")


@pytest.mark.fault("A4")
def test_a_full_disk_leaves_no_half_file(
    server: Server, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture(12)
    named = attach(server, ticket, data)
    uploads: Uploads = server.parts.uploads
    uploads.announce("tablet", sha(data), len(data))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    incoming = uploads.append(sha(data), 0)
    assert incoming is not None
    incoming.write(data[:100])
    with monkeypatch.context() as patched:
        patched.setattr("sync_server.files.incoming.os.pwrite", full)
        with pytest.raises(Problem, match="server_disk_full"):
            incoming.write(data[100:])
    incoming.close()
    assert uploads.standing(sha(data)).offset == 0
    assert (list(uploads.store.names()), state(server, named)[0]) == ([], "pending")
    again = uploads.append(sha(data), 0)
    assert again is not None
    again.write(data)
    assert uploads.advance(sha(data), again).state == "stored"
    again.close()
    assert state(server, named)[0] == "stored"


@pytest.mark.fault("H8")
def test_names_of_strangers_are_never_paths(server: Server, ticket: str) -> None:
    names = (
        "../../etc/passwd",
        "CON",
        "a\x1bb.jpg",
        "x" * 300,
        "..\\..\\boot.ini",
        "C:\\a.jpg",
        "photo.jpg\u202egpj.exe",
    )
    for number, name in enumerate(names):
        data = picture(30 + number)
        given = AttachFile(
            server.parts.database.new_id(), ticket, "photo", sha(data), len(data), "image/jpeg", name,
            instant(server.clock.read().wall_ms),
        )  # fmt: skip
        outcome = perform(server.parts.database, SYSTEM, given)
        if outcome.took_effect:
            give(server, data)
    for path in server.parts.settings.data_dir.rglob("*"):
        if path.is_file() and "files" in path.parts:
            assert path.name in {sha(picture(30 + number)) for number in range(len(names))} | {MARK}
    for wrong in ("..%2f..%2fkeys", "CON", "A" * 64, "0" * 63, "0" * 65):
        with TestClient(server.app, base_url="http://127.0.0.1") as http:
            assert http.get(f"/v1/files/{wrong}").status_code in (401, 404, 422)
        with pytest.raises(Problem):
            server.parts.uploads.announce("tablet", wrong, 10)


@pytest.mark.fault("L4")
def test_a_tablet_may_begin_only_so_many_files_a_day(
    server: Server, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that records name; tomorrow it goes on, and another tablet notices nothing."""
    uploads = server.parts.uploads
    few = replace(shipped_rules(), per_device_day_max=3)
    monkeypatch.setattr("sync_server.files.uploads.rules_of", lambda _session: few)
    files = [picture(seed) for seed in range(60, 65)]
    for data in files:
        attach(server, ticket, data)
    for data in files[:3]:
        assert uploads.announce("tablet-1", sha(data), len(data)).offset == 0
    with pytest.raises(Problem, match="file_quota"):
        uploads.announce("tablet-1", sha(files[3]), len(files[3]))
    assert uploads.announce("tablet-2", sha(files[4]), len(files[4])).offset == 0
    assert uploads.announce("tablet-1", sha(files[0]), len(files[0])).offset == 0, "what was begun goes on"
    server.clock.advance(timedelta(hours=25))
    assert uploads.announce("tablet-1", sha(files[3]), len(files[3])).offset == 0


@pytest.mark.fault("I1")
def test_two_senders_of_the_same_file_never_write_into_each_other(server: Server, ticket: str) -> None:
    data, uploads = picture(70), server.parts.uploads
    named = attach(server, ticket, data)
    uploads.announce("tablet-1", sha(data), len(data))
    first = uploads.append(sha(data), 0)
    assert first is not None
    with pytest.raises(Problem, match="file_busy"):
        uploads.append(sha(data), 0)
    first.write(data[:50])
    assert uploads.advance(sha(data), first).offset == 50
    first.close()
    with pytest.raises(Problem, match="offset_conflict"):
        uploads.append(sha(data), 0)
    second = uploads.append(sha(data), 50)
    assert second is not None
    second.write(data[50:])
    assert uploads.advance(sha(data), second).state == "stored"
    second.close()
    assert uploads.append(sha(data), len(data)) is None, "the last answer was lost: asked again, it is whole"
    assert state(server, named) == ("stored", "")
    assert not uploads.part(sha(data)).exists()
