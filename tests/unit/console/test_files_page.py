"""Files at the desk: seen as the server drew them, added, taken back; originals only ever as downloads (H2, H7, H8)."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from common.files.attach import AttachFile
from common.files.attachment import Attachment
from sync_server import cli
from sync_server.app import make_parts
from sync_server.files.keeping import Keeping
from sync_server.files.store import whole_file
from sync_server.keys import load_keys
from sync_server.upkeep.backup import back_up
from sync_server.upkeep.export import export_equipment
from sync_server.upkeep.leave import for_a_copy
from sync_server.upkeep.restore import restore
from tests.support.console_visit import whole_visit
from tests.support.console_world import Client, ConsoleWorld, an_id
from tests.support.uploading import picture, sha

PHOTO = picture(1, (400, 300))


@pytest.fixture
def ticket(company: ConsoleWorld) -> str:
    made = company.ticket()
    company.assign(made)
    return made


def added(client: Client, ticket: str, data: bytes = PHOTO, name: str = "漏液.jpg") -> int:
    form = {"command_id": an_id(f"command {sha(data)}"), "caption": "接头处 <b>漏液</b>"}
    answer = client.fill(
        f"/console/tickets/{ticket}/files/new", form, files={"file": (name, data, "image/jpeg")}
    )
    return int(answer.status_code)


def rows(company: ConsoleWorld) -> list[Attachment]:
    with company.database.read() as session:
        return list(session.scalars(select(Attachment).order_by(Attachment.attached_at, Attachment.id)))


def photo_of_tablet(company: ConsoleWorld, ticket: str, data: bytes) -> str:
    file_id = company.new_id()
    given = AttachFile(
        file_id,
        ticket,
        "photo",
        sha(data),
        len(data),
        "image/jpeg",
        "b.jpg",
        company.clock.at,
        caption="密封圈",
    )
    company.in_field(given, "li")
    return file_id


@pytest.mark.fault("H2")
def test_a_file_is_added_seen_and_taken_back(company: ConsoleWorld, ticket: str) -> None:
    client = company.client()
    assert added(client, ticket) == 303
    assert added(client, ticket) == 303, "sent twice, done once"
    (row,) = rows(company)
    assert (row.state, row.kind, row.media_type, row.name) == ("stored", "photo", "image/jpeg", "漏液.jpg")
    page = client.get(f"/console/tickets/{ticket}").text
    assert f"/console/files/{row.id}/thumb.jpg" in page
    assert "接头处 &lt;b&gt;漏液&lt;/b&gt;" in page
    shown = client.get(f"/console/files/{row.id}/thumb.jpg")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert "sandbox" in shown.headers["content-security-policy"]
    original = client.get(f"/console/files/{row.id}/original")
    assert original.content == PHOTO
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["content-disposition"] == f'attachment; filename="T2041-{row.id[-8:]}.jpg"'
    assert original.headers["x-content-type-options"] == "nosniff"
    view = client.get(f"/console/files/{row.id}").text
    assert row.sha256 in view
    form = {"command_id": company.new_id(), "reason": "拍错"}
    assert client.fill(f"/console/files/{row.id}/withdraw", form).status_code == 303
    assert rows(company)[0].withdrawn
    assert "Taken back" in client.get(f"/console/tickets/{ticket}").text


@pytest.mark.fault("H2", "H7", "H8")
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>"),
        ("a.jpg", b"<html><script>alert(1)</script></html>"),
        ("a.jpg.exe", b"MZ\x90\0"),
        ("empty.jpg", b""),
    ],
)
def test_what_is_no_file_of_ours_is_refused_beside_the_field(
    company: ConsoleWorld, ticket: str, name: str, data: bytes
) -> None:
    client = company.client()
    assert added(client, ticket, data, name) == 422
    assert rows(company) == []


def test_a_photo_still_on_the_tablet_says_so(company: ConsoleWorld, ticket: str) -> None:
    client = company.client()
    file_id = photo_of_tablet(company, ticket, PHOTO)
    page = client.get(f"/console/tickets/{ticket}").text
    assert "Waiting for the tablet" in page
    assert "The picture is still on the tablet" in client.get(f"/console/files/{file_id}").text
    for path in (f"/console/files/{file_id}/view.jpg", f"/console/files/{file_id}/original"):
        assert client.get(path).status_code == 404
    assert client.get(f"/console/files/{an_id('nobody')}").status_code == 404
    added(client, ticket)
    assert f"/console/files/{file_id}/thumb.jpg" in client.get(f"/console/tickets/{ticket}").text


@pytest.mark.fault("I6")
def test_the_voucher_shows_its_photos_and_the_export_carries_them(
    company: ConsoleWorld, ticket: str, tmp_path: Path
) -> None:
    client = company.client()
    added(client, ticket)
    (mine,) = rows(company)
    awaited = photo_of_tablet(company, ticket, picture(2))
    report = whole_visit(company, ticket)
    client = company.client()
    page = client.get(f"/console/papers/report/{report}?language=en").text
    assert f"/console/files/{mine.id}/view.jpg" in page
    assert f"/console/files/{awaited}/view.jpg" not in page
    assert "not here to be shown" in page
    assert mine.sha256[:16] in page
    pdf = client.get(f"/console/papers/report/{report}.pdf?language=en").content
    assert pdf.count(b"/Subtype /Image") == 1
    assert (
        client.fill(f"/console/files/{mine.id}/withdraw", {"command_id": company.new_id()}).status_code == 422
    )
    assert "Part of a signed report" in client.get(f"/console/files/{mine.id}").text
    parts = make_parts(company.settings, clock=company.clock)
    out = io.BytesIO()
    keys = load_keys(company.settings.keys_dir, lambda _n: b"")
    export_equipment(
        company.database, keys, company.settings, an_id("pump"), an_id("admin"), out,
        lambda sha256: whole_file(parts.uploads.store, sha256),
    )  # fmt: skip
    with zipfile.ZipFile(out) as archive:
        assert archive.read(f"files/{mine.sha256}") == PHOTO
        assert f"files/{sha(picture(2))}" not in archive.namelist()


@pytest.mark.fault("I5")
def test_files_that_cannot_be_read_are_said_beside_the_other_faults(
    company: ConsoleWorld, ticket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    added(company.client(), ticket)
    folder = company.settings.files_dir
    folder.rename(folder.with_name("shared"))
    told = ["--data", str(company.settings.data_dir), "verify", "--files"]
    assert cli.main(told) == 1
    said = capsys.readouterr()
    assert "mount it" in said.out
    assert "1 faults." in said.out


@pytest.mark.fault("I5")
def test_a_backup_holds_the_files_it_names(company: ConsoleWorld, ticket: str, tmp_path: Path) -> None:
    added(company.client(), ticket)
    added(company.client(), ticket, picture(3))
    parts, settings = make_parts(company.settings, clock=company.clock), company.settings
    store, target = parts.uploads.store, tmp_path / "backups"

    def durable() -> int:
        with company.database.read() as session:
            return int(session.execute(text("SELECT durable FROM stream_head")).scalar_one())

    made = back_up(company.database, settings.database, settings.keys_dir, target, store=store)
    assert (made.faults, durable()) == ((), made.seq)
    # One rots afterwards: nothing more is called durable until it is known to be lost.
    store.remove(sha(picture(3)))
    (target / "files" / sha(picture(3))[:2] / sha(picture(3))[2:4] / sha(picture(3))).unlink()
    added(company.client(), ticket, picture(4))
    company.clock.advance(timedelta(hours=1))
    faulty = back_up(company.database, settings.database, settings.keys_dir, target, store=store)
    assert [fault.where for fault in faulty.faults] == [sha(picture(3))]
    assert durable() == made.seq
    assert [row.state for row in rows(company)].count("missing") == 1
    company.clock.advance(timedelta(hours=1))
    good = back_up(company.database, settings.database, settings.keys_dir, target, store=store)
    assert good.faults == ()
    there = company.settings.__class__(tmp_path / "elsewhere", ticker_s=0)
    done = restore(good.folder, there, company.clock, lambda n: b"1" * n, ask_leave=for_a_copy, copy=True)
    assert done.files == (2, 0)
    restored = make_parts(there, clock=company.clock)
    assert Keeping(restored.uploads, restored.pictures).rotten() == []
    assert whole_file(restored.uploads.store, sha(PHOTO)) == PHOTO


def test_verify_reads_files_where_asked(
    company: ConsoleWorld, ticket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    added(company.client(), ticket)
    told = ["--data", str(company.settings.data_dir), "verify", "--files"]
    assert cli.main(told) == 0
    parts = make_parts(company.settings, clock=company.clock)
    parts.uploads.store.path(sha(PHOTO)).write_bytes(b"rotten")  # type: ignore[attr-defined]
    capsys.readouterr()
    assert cli.main(told) == 1
    assert sha(PHOTO) in capsys.readouterr().out
