"""Bytes of files arrive: whole, once, with the right hash, whatever the line does to them (I1–I3, L4; tus 1.0.0)."""

from __future__ import annotations

import hashlib
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tusclient import client as tus
from tusclient.exceptions import TusCommunicationError

from common.kernel.command import Role
from sync_server.files.store import FolderStore
from tests.support.served import Server, a_server, a_tablet, listening
from tests.support.uploading import PIECE, TUS, Sender, packed, picture, sha

FIGURES = "[upload]\nunrecorded_files = 6\nunrecorded_mb = 4\nkeep_free_mb = 1\npiece_mb = 2\n"


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "figures.toml").write_text(FIGURES)
    with a_server(database_url, tmp_path, security=str(tmp_path / "figures.toml")) as made, listening(made):
        yield made


def a_sender(server: Server, folder: Path) -> Sender:
    person = server.person(Role.ENGINEER, name=folder.name)
    return Sender.of(server, a_tablet(server, server.url, folder, person), person)


@pytest.fixture
def sender(server: Server, tmp_path: Path) -> Iterator[Sender]:
    made = a_sender(server, tmp_path / "tablet")
    yield made
    made.http.close()
    made.tablet.exchange.close()
    made.tablet.store.engine.dispose()


@pytest.fixture
def lone_sender(tmp_path: Path) -> Iterator[Sender]:
    """One on SQLite only: where the database makes no difference."""
    (tmp_path / "figures.toml").write_text(FIGURES)
    with a_server("", tmp_path, security=str(tmp_path / "figures.toml")) as made, listening(made):
        yield a_sender(made, tmp_path / "tablet")


def stored(server: Server) -> list[str]:
    return list(FolderStore(server.parts.settings.files_dir).names())


@pytest.mark.fault("I1", "B6")
def test_pieces_lost_doubled_reordered_and_changed_end_in_the_right_bytes(
    sender: Sender, server: Server
) -> None:
    chance, data = random.Random(5), picture(3, (300, 200), "PNG")
    file_id = sender.attach(data, media_type="image/png")
    assert sender.state(file_id) == ("pending", "")
    assert [(one.sha, one.st) for one in sender.wanted()] == [(sha(data), "missing")]
    assert sender.create(data).headers["Location"] == f"/v1/files/{sha(data)}"
    step, tries = len(data) // 7, 0
    while (at := sender.offset(data)) < len(data):
        tries += 1
        match chance.randrange(5):
            case 0:  # one that should have come later
                assert sender.piece(data, at + step, at + 2 * step).status_code == 409
            case 1 if at:  # one that came before
                assert sender.piece(data, at - 1, at + 5).status_code == 409
            case 2:  # one changed on the way
                wrong = {"Upload-Checksum": f"sha256 {packed(hashlib.sha256(b'other').digest())}"}
                assert sender.piece(data, at, at + step, **wrong).status_code == 460
            case _:
                right = hashlib.sha1(data[at : at + step]).digest()
                answer = sender.piece(data, at, at + step, **{"Upload-Checksum": f"sha1 {packed(right)}"})
                assert (answer.status_code, answer.headers["Upload-Offset"]) == (
                    204,
                    str(min(at + step, len(data))),
                )
        assert stored(server) == ([sha(data)] if sender.offset(data) == len(data) else [])
    assert tries >= 7
    assert sender.state(file_id) == ("stored", "")
    assert sender.wanted() == ()
    assert sender.read(sha(data)).content == data
    assert sender.create(data).headers["Upload-Offset"] == str(len(data)), "nothing to send"


@pytest.mark.fault("I1")
def test_a_whole_that_is_not_what_its_name_says_is_thrown_away(sender: Sender, server: Server) -> None:
    data = picture(4)
    file_id = sender.attach(data)
    sender.create(data)
    wrong = data[:-1] + bytes([data[-1] ^ 1])
    path = f"/v1/files/{sha(data)}"
    answer = sender.http.patch(
        path, content=wrong, headers=sender.door | TUS | PIECE | {"Upload-Offset": "0"}
    )
    assert (answer.status_code, answer.json()["reason_code"]) == (460, "file_hash_wrong")
    assert (sender.offset(data), stored(server), sender.state(file_id)[0]) == (0, [], "pending")
    assert sender.read(sha(data)).status_code == 404
    assert sender.piece(data, 0, len(data)).status_code == 204
    assert sender.state(file_id)[0] == "stored"


@pytest.mark.fault("I1", "I5")
def test_another_length_never_undoes_what_is_stored(sender: Sender, server: Server, tmp_path: Path) -> None:
    """Whoever knows a hash and tells another length is refused; one that tells it meanwhile changes nothing."""
    data, uploads = picture(14), server.parts.uploads
    kept = "SELECT state, size_bytes, received_bytes FROM kept_file WHERE sha256 = :sha"
    whole = [("stored", len(data), len(data))]
    file_id = sender.attach(data)
    assert sender.create(data).status_code == 201
    under_way = uploads.append(sha(data), 0)
    assert under_way is not None
    other = a_sender(server, tmp_path / "other")
    assert other.create(data, len(data) + 9).status_code == 201, "nobody can know yet which is right"
    under_way.write(data)
    assert uploads.advance(sha(data), under_way).state == "stored"
    under_way.close()
    assert server.rows(kept, sha=sha(data)) == whole
    for length in (1, len(data) - 1, len(data) + 1):
        answer = other.create(data, length)
        assert (answer.status_code, answer.json()["reason_code"]) == (422, "size_differs")
    assert server.rows(kept, sha=sha(data)) == whole
    assert (sender.read(sha(data)).content, sender.state(file_id)) == (data, ("stored", ""))
    # Killed between the store and the row: the bytes are whole all the same.
    later = picture(15)
    (tmp_path / "source").write_bytes(later)
    uploads.store.put(sha(later), tmp_path / "source")
    assert other.create(later, len(later) + 1).json()["reason_code"] == "size_differs"
    assert server.rows(kept, sha=sha(later)) == [("stored", len(later), len(later))]


@pytest.mark.fault("I2", "I3")
def test_bytes_before_and_after_their_record_and_the_same_twice(sender: Sender, server: Server) -> None:
    data = picture(5)
    assert sender.send(data).status_code == 204
    first, again = sender.attach(data), sender.attach(data, name="b.jpg")
    assert [sender.state(one)[0] for one in (first, again)] == ["stored", "stored"]
    assert stored(server) == [sha(data)]
    other = picture(6)
    late = sender.attach(other)
    assert sender.state(late)[0] == "pending"
    sender.send(other)
    assert sender.state(late)[0] == "stored"
    assert server.rows("SELECT count(*) FROM kept_file") == [(2,)]


@pytest.mark.fault("B6")
def test_a_line_that_breaks_in_a_piece_loses_only_what_was_under_way(lone_sender: Sender) -> None:
    sender, data = lone_sender, os.urandom(700_000)
    sender.create(data)
    host, _, port = sender.server.url.removeprefix("http://").rpartition(":")
    for checked, expected in ((False, 400_000), (True, 400_000)):
        at = sender.offset(data)
        head = (
            {"Host": host, "Content-Length": str(len(data) - at), "Upload-Offset": str(at)}
            | sender.door
            | TUS
            | PIECE
        )
        if checked:
            head["Upload-Checksum"] = f"sha256 {packed(hashlib.sha256(data[at:]).digest())}"
        with socket.create_connection((host, int(port))) as line:
            said = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            line.sendall(
                f"PATCH /v1/files/{sha(data)} HTTP/1.1\r\n{said}\r\n".encode()
                + data[at : at + 400_000 - 200_000 * checked]
            )
        for _ in range(200):
            if sender.piece(data, 1, 1).status_code != 423 and sender.offset(data) == expected:
                break
        assert sender.offset(data) == expected
    assert [(one.st, one.off) for one in sender.wanted()] == []
    sender.attach(data)
    assert [(one.st, one.off) for one in sender.wanted()] == [("partial", 400_000)]


@pytest.mark.fault("L4")
def test_one_sender_without_records_is_stopped_and_nobody_else(
    sender: Sender, server: Server, tmp_path: Path
) -> None:
    taken = [sender.create(picture(seed)).status_code for seed in range(20, 40)]
    assert taken == [201] * 6 + [429] * 14
    answer = sender.create(picture(99))
    assert (answer.json()["reason_code"], answer.headers["Retry-After"]) == ("file_quota", "3600")
    data = picture(98)
    file_id = sender.attach(data)
    assert sender.send(data).status_code == 204, "what a record names is no stranger's"
    assert sender.state(file_id)[0] == "stored"
    other = a_sender(server, tmp_path / "other")
    assert other.send(picture(97)).status_code == 204


@pytest.mark.fault("I4")
def test_a_full_volume_is_told_and_the_upload_goes_on_later(
    lone_sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, data = lone_sender, picture(8, (200, 100), "PNG")
    file_id = sender.attach(data, media_type="image/png")
    sender.create(data)
    assert sender.piece(data, 0, 100).status_code == 204
    with monkeypatch.context() as full:
        full.setattr("sync_server.files.uploads.free_bytes", lambda _: 1024 * 1024 + 10)
        for answer in (sender.create(picture(9)), sender.piece(data, 100, len(data))):
            assert (answer.status_code, answer.json()["reason_code"]) == (507, "server_disk_full")
            assert answer.headers["Retry-After"]
    assert sender.offset(data) == 100
    assert sender.piece(data, 100, len(data)).status_code == 204
    assert sender.state(file_id)[0] == "stored"


@pytest.mark.fault("G1")
def test_somebody_elses_file_is_unknown(sender: Sender, server: Server, tmp_path: Path) -> None:
    data = picture(10)
    sender.attach(data)
    sender.send(data)
    other = a_sender(server, tmp_path / "other")
    assert other.read(sha(data)).status_code == 404
    assert other.read(sha(data)).json()["reason_code"] == "file_unknown"
    mine = sender.read(sha(data), Range="bytes=10-19")
    assert (mine.status_code, mine.content) == (206, data[10:20])
    assert mine.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in mine.headers["Content-Security-Policy"]
    assert mine.headers["Content-Type"] == "application/octet-stream"
    assert sender.http.get(f"/v1/files/{sha(data)}").status_code == 401
    assert sender.read(sha(data), Range=f"bytes={len(data)}-").status_code == 416


def test_an_independent_client_understands_us(lone_sender: Sender, tmp_path: Path) -> None:
    """The reference client of the tus project: creation, chunks, checksum, resuming."""
    sender, data = lone_sender, picture(11, (500, 400), "PNG")
    file_id = sender.attach(data, media_type="image/png")
    (tmp_path / "photo.png").write_bytes(data)
    told = tus.TusClient(f"{sender.server.url}/v1/files", headers=sender.door)
    given = {"sha256": sha(data), "filetype": "image/png"}
    first = told.uploader(
        str(tmp_path / "photo.png"), chunk_size=30_000, metadata=given, upload_checksum=True
    )
    first.upload_chunk()
    assert (first.offset, sender.offset(data)) == (30_000, 30_000)
    again = told.uploader(
        str(tmp_path / "photo.png"), url=first.url, chunk_size=100_000, upload_checksum=True
    )
    assert again.offset == 30_000
    again.upload()
    assert sender.state(file_id)[0] == "stored"
    assert sender.read(sha(data)).content == data
    without = tus.TusClient(f"{sender.server.url}/v1/files")
    with pytest.raises(TusCommunicationError):
        without.uploader(str(tmp_path / "photo.png"), metadata=given).upload()
