"""Files in a bucket: the same promises as in a folder, and a store that is away is no loss (I1, I2, I5; P5)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from common.kernel.command import Role
from sync_server.files import s3_store
from sync_server.files.keeping import Keeping
from sync_server.files.s3_store import S3Store
from sync_server.files.store import FileStore, FolderStore, StoreAwayError, open_store
from sync_server.settings import SettingsError, read_settings
from sync_server.upkeep.backup_files import bring_back, copy_new
from tests.support.bucket import ENVIRONMENT, BucketServer
from tests.support.served import Server, a_server, a_tablet, listening
from tests.support.uploading import Sender, picture, sha

FIGURES = "[upload]\nkeep_free_mb = 1\nscrub_d = 1\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketServer]:
    made = BucketServer(tmp_path_factory.mktemp("bucket"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setattr(s3_store, "TRIES", 1)
        made.start()
        yield made
    made.stop()


@pytest.fixture
def bucket(served: BucketServer) -> BucketServer:
    """Give the server that speaks S3, standing."""
    if served.process is None:
        served.start()
    return served


@pytest.fixture
def server(tmp_path: Path, bucket: BucketServer) -> Iterator[Server]:
    (tmp_path / "figures.toml").write_text(FIGURES)
    figures = str(tmp_path / "figures.toml")
    with a_server("", tmp_path, security=figures, files=bucket.url) as made, listening(made):
        yield made


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, bucket: BucketServer) -> FileStore:
    files = bucket.url if request.param == "bucket" else str(tmp_path / "files")
    return open_store(read_settings({"FIELDWRIGHT_SERVER_DATA": str(tmp_path), "FIELDWRIGHT_FILES": files}))


def a_file(folder: Path, size: int = 700_000) -> tuple[bytes, str, Path]:
    data = os.urandom(size)
    source = folder / "source"
    source.write_bytes(data)
    return data, hashlib.sha256(data).hexdigest(), source


def whole(store: FileStore, name: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join(store.read(name, start, length))


def test_a_store_holds_what_it_was_given(store: FileStore, tmp_path: Path) -> None:
    data, name, source = a_file(tmp_path)
    assert store.size(name) is None
    with pytest.raises(FileNotFoundError):
        store.read(name)
    store.put(name, source)
    assert not source.exists()
    assert store.size(name) == len(data)
    assert whole(store, name) == data
    assert whole(store, name, 5, 7) == data[5:12]
    assert whole(store, name, 650_000) == data[650_000:]
    assert whole(store, name, len(data)) == whole(store, name, 3, 0) == b""
    assert whole(store, name, len(data) - 4, 100) == data[-4:]
    assert name in list(store.names())
    store.remove(name)
    store.remove(name)
    assert store.size(name) is None
    assert name not in list(store.names())


def test_a_store_lists_more_than_one_page_and_nothing_strange(bucket: BucketServer) -> None:
    right = read_settings({"FIELDWRIGHT_FILES": bucket.url}).files_bucket
    assert right is not None
    store, names = S3Store(replace(right, prefix="many/")), set()
    for i in range(1_003):
        name = hashlib.sha256(str(i).encode()).hexdigest()
        place = bucket.folder / "evidence" / "many" / name[:2] / name[2:4] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
        names.add(name)
    (bucket.folder / "evidence" / "many" / "readme.txt").write_text("left by somebody")
    bucket.stop()
    bucket.start()  # what was laid beside it is noticed at the start
    assert names <= set(store.names())
    assert all(len(name) == 64 for name in store.names())


@pytest.mark.fault("I1", "I2")
def test_a_tablets_photo_waits_while_the_store_is_away_and_nothing_is_called_lost(
    server: Server, bucket: BucketServer, tmp_path: Path
) -> None:
    """The last piece is told to come back; the bytes that came stay; what was there before is not called missing."""
    person = server.person(Role.ENGINEER)
    sender = Sender.of(server, a_tablet(server, server.url, tmp_path / "tablet", person), person)
    earlier, data = picture(40), picture(41)
    assert sender.send(earlier).status_code == 204
    assert sender.create(data).status_code == 201
    bucket.stop()
    away = sender.piece(data, 0, len(data))
    assert (away.status_code, away.json()["reason_code"]) == (503, "file_store_away")
    assert int(away.headers["Retry-After"]) >= 1
    sender.talk()  # records wait for no photo
    server.clock.advance(timedelta(days=3))
    keeping = Keeping(server.parts.uploads, server.parts.pictures)
    with pytest.raises(StoreAwayError):
        keeping.scrub(server.parts.database)
    assert dict(server.rows("SELECT sha256, state FROM kept_file")) == {
        sha(earlier): "stored",
        sha(data): "partial",
    }
    bucket.start()
    assert sender.piece(data, sender.offset(data), len(data)).status_code == 204
    keeping.scrub(server.parts.database)
    assert dict(server.rows("SELECT sha256, state FROM kept_file")) == {
        sha(earlier): "stored",
        sha(data): "stored",
    }
    assert whole(server.parts.uploads.store, sha(data)) == data
    sender.http.close()


@pytest.mark.fault("I5")
def test_a_backup_holds_the_buckets_files_and_brings_them_back(server: Server, tmp_path: Path) -> None:
    uploads = server.parts.uploads
    uploads.folder.mkdir(parents=True, exist_ok=True)
    data = picture(42)
    (uploads.folder / "office-1").write_bytes(data)
    name = uploads.take_whole(uploads.folder / "office-1")
    with server.parts.database.read() as session:
        assert copy_new(session, uploads.store, tmp_path / "backups") == []
        uploads.store.remove(name)
        assert bring_back(session, tmp_path / "backups", uploads.store) == (1, 0)
    assert whole(uploads.store, name) == data


def test_a_wrong_key_or_a_bucket_that_is_not_there_is_no_missing_file(
    bucket: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the night's reading would call every photo lost."""
    _, name, source = a_file(tmp_path)
    right = read_settings({"FIELDWRIGHT_FILES": bucket.url}).files_bucket
    assert right is not None
    elsewhere = S3Store(replace(right, name="another"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "guessed")
    stranger = S3Store(right)
    for store in (elsewhere, stranger):
        with pytest.raises(StoreAwayError):
            store.size(name)
        with pytest.raises(StoreAwayError):
            store.read(name)
        with pytest.raises(StoreAwayError):
            store.put(name, source)
        with pytest.raises(StoreAwayError):
            list(store.names())
    assert source.exists()


@pytest.mark.parametrize(
    "files",
    [
        "s3://", "s3:///prefix", "s3://key:secret@bucket", "s3://bucket?endpoint=ftp://x", "s3://bucket?colour=red",
    ],
)  # fmt: skip
def test_a_url_that_names_no_bucket_is_told_at_the_start(files: str) -> None:
    with pytest.raises(SettingsError):
        read_settings({"FIELDWRIGHT_FILES": files})


def test_a_folder_stays_a_folder(tmp_path: Path) -> None:
    settings = read_settings({"FIELDWRIGHT_FILES": str(tmp_path)})
    assert isinstance(open_store(settings), FolderStore)
