"""Photos and papers on the screens: adding, state in words, looking, taking back, outbox, settings, sign-off."""

from __future__ import annotations

import errno
from typing import Any

import flet as ft
import pytest
from sqlalchemy import select, update

from common.files.attachment import Attachment
from common.i18n import LANGUAGES, catalogue, translate
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.visit.on_site import ArriveOnSite
from field_app.network import kind_of_network
from field_app.state.file_desk import FileDesk, NotTaken
from field_app.state.files import load_files, say_error, say_file_size, state_of_file, waiting_files
from field_app.store import shelf as shelf_module
from field_app.store.files import NewFile
from field_app.store.schema import Blob
from tests.support.field_day import FieldDay, field_day
from tests.support.flet_session import FletSession
from tests.support.photos import PAPER, photo
from tests.support.tablet_world import tablet_main

JPEG = {"id": 1, "name": "leak.jpg", "size": 1000, "path": None}


@pytest.fixture
def day() -> FieldDay:
    made = field_day()
    for step in (
        AcknowledgeTicket(made.tickets["urgent"]),
        StartTravel(made.tickets["urgent"]),
        ArriveOnSite(made.tablet.new_id(), made.tickets["urgent"], True, "李伟"),
    ):
        made.tablet.give(step)
    return made


def desk_of(day: FieldDay) -> FileDesk:
    assert day.tablet.files is not None
    return day.tablet.files


def take(
    day: FieldDay, data: bytes = b"", kind: str = "photo", purpose: str = "", name: str = "leak.jpg"
) -> None:
    new = NewFile(day.tickets["urgent"], None, kind, purpose, name, day.clock.at)
    assert desk_of(day).take(new, data or photo()).took_effect


def at_office(day: FieldDay, attachment: str, **blob: Any) -> None:
    """Let the server say something of all files, and the tablet have come so far."""

    def change(session: Any) -> None:
        session.execute(update(Attachment).values(state=attachment))
        if blob:
            session.execute(update(Blob).values(**blob))

    day.tablet.store.write(change)


async def test_photos_are_added_and_said_to_be_on_this_device(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}") as app:
        assert app.shows("Nothing attached yet")
        app.connection.replies["pick_files"] = [
            {**JPEG, "bytes": photo(1)},
            {**JPEG, "id": 2, "name": "plate.jpg", "bytes": photo(2)},
        ]
        await app.click("files-photo")
        await app.until(lambda: app.shows("Kept on this device: 2 files"))
        await app.settle()
        assert app.shows("leak.jpg")
        assert app.shows("On this device")
        assert app.errors == []
        assert not app.shows("At the office")
    with day.tablet.store.read() as session:
        assert len(load_files(day.tickets["urgent"])(session)) == 2
        assert session.scalar(select(Attachment.taken_at)) == day.clock.at


async def test_what_is_no_picture_is_told_by_its_name_and_the_others_are_kept(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}") as app:
        app.connection.replies["pick_files"] = [
            {**JPEG, "bytes": photo(1)},
            {**JPEG, "name": "broken.jpg", "bytes": photo(1)[:50]},
            {**JPEG, "name": "setup.exe", "bytes": b"MZ\x90\0"},
            {**JPEG, "name": "gone.jpg", "path": "/nowhere/gone.jpg", "bytes": None},
        ]
        await app.click("files-photo")
        await app.until(lambda: app.shows("Kept on this device"))
        for name in ("broken.jpg", "setup.exe", "gone.jpg"):
            assert app.shows(f"“{name}”")
        assert app.errors == []
    with day.tablet.store.read() as session:
        assert len(load_files(day.tickets["urgent"])(session)) == 1


@pytest.mark.fault("A4")
async def test_a_full_device_says_so_and_keeps_no_half_photo(
    day: FieldDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield b""

    monkeypatch.setattr(shelf_module, "seal_frames", full)
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}") as app:
        app.connection.replies["pick_files"] = [{**JPEG, "bytes": photo(1)}]
        await app.click("files-photo")
        await app.until(lambda: app.shows("this device is full"))
    with day.tablet.store.read() as session:
        assert load_files(day.tickets["urgent"])(session) == ()


async def test_diagnosis_and_repair_show_their_own_files(day: FieldDay) -> None:
    take(day, purpose="diagnosis", name="diagnosis.jpg")
    take(day, photo(2), purpose="repair", name="repair.jpg")
    for page, own, other in (
        ("/diagnosis", "diagnosis.jpg", "repair.jpg"),
        ("/repair", "repair.jpg", "diagnosis.jpg"),
    ):
        route = f"/ticket/{day.tickets['urgent']}{page}"
        async with FletSession.open(tablet_main(day.tablet), route=route) as app:
            assert app.shows(own)
            assert not app.shows(other)
            assert app.errors == []


@pytest.mark.parametrize(
    ("record", "blob", "state"),
    [
        ("pending", {}, "here"),
        ("pending", {"offset": 4096}, "sending"),
        ("pending", {"state": "sent"}, "checking"),
        ("stored", {"state": "sent"}, "stored"),
        ("stored", {"state": "gone"}, "stored"),
        ("refused", {"state": "sent"}, "refused"),
        ("pending", {"state": "refused"}, "refused"),
        ("missing", {"state": "waiting"}, "asked"),
        ("pending", {"state": "lost"}, "lost"),
        ("pending", {"state": "gone"}, "elsewhere"),
    ],
)
def test_only_what_the_server_has_checked_is_at_the_office(
    record: str, blob: dict[str, Any], state: str, day: FieldDay
) -> None:
    take(day)
    at_office(day, record, **blob)
    with day.tablet.store.read() as session:
        (line,) = load_files(day.tickets["urgent"])(session)
    assert line.state == state
    assert ("At the office" in translate("en", f"app.files.state.{line.state}", percent=1)) == (
        record == "stored"
    )


def test_a_file_of_another_tablet_is_elsewhere(day: FieldDay) -> None:
    take(day)
    with day.tablet.store.read() as session:
        row = session.scalar(select(Attachment))
        assert row is not None
        assert state_of_file(row, None, False) == "elsewhere"


async def test_a_file_is_looked_at_and_taken_back(day: FieldDay) -> None:
    take(day)
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}") as app:
        tile = next(c for c in app.all(ft.Container) if c.ink and c.width == 150)
        await app.event(tile, "click", None)
        assert len(app.all(ft.Image)) == 2, "small on the strip, large in the dialog"
        await app.click("file-withdraw")
        await app.click("file-withdraw-sure")
        await app.settle()
        assert app.shows("Taken back")
        assert app.errors == []
    with day.tablet.store.read() as session:
        assert load_files(day.tickets["urgent"])(session) == ()
        assert session.scalar(select(Attachment.withdrawn)) is True


async def test_the_outbox_lists_files_with_all_that_is_known(day: FieldDay) -> None:
    take(day, photo(3, (900, 700), noisy=True))
    take(day, PAPER, "document", name="delivery note.pdf")
    at_office(day, "pending", tries=3, error="unreachable", offset=100_000)
    async with FletSession.open(tablet_main(day.tablet), route="/outbox") as app:
        for words in (
            "leak.jpg",
            "W260305-01",
            "KB",
            "3 tries failed",
            "No line to the office",
            "Sending 18 %",
        ):
            assert app.shows(words), (words, app.texts())
        assert app.errors == []


async def test_photos_that_wait_for_wifi_can_be_sent_anyway(day: FieldDay) -> None:
    desk = desk_of(day)
    take(day)
    async with FletSession.open(tablet_main(day.tablet), route="/settings") as app:
        await app.click("wifi-only-wifi")
        assert desk.wifi_only
    desk.take_network("mobile")
    assert desk.holds_photos_back
    assert FileDesk(desk.box).wifi_only, "kept on this device"
    async with FletSession.open(tablet_main(day.tablet), route="/outbox") as app:
        desk.take_network("mobile")
        assert app.shows("Photos wait for Wi-Fi")
        assert app.shows("Waits for Wi-Fi")
        await app.event(app.key("files-held-action"), "click", None)
        assert not desk.holds_photos_back
    desk.take_network("wifi")
    desk.choose_wifi_only(True)
    assert not desk.holds_photos_back


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        ([ft.ConnectivityType.WIFI], "wifi"),
        ([ft.ConnectivityType.VPN, ft.ConnectivityType.MOBILE], "mobile"),
        ([ft.ConnectivityType.NONE], "none"),
        ([ft.ConnectivityType.VPN], ""),
        ([], ""),
    ],
)
def test_the_network_is_what_bytes_go_over(there: list[ft.ConnectivityType], kind: str) -> None:
    assert kind_of_network(there) == kind


async def test_the_report_says_before_signing_what_is_sealed_with_it(day: FieldDay) -> None:
    take(day)
    take(day, photo(2))
    route = f"/ticket/{day.tickets['urgent']}/sign-off"
    async with FletSession.open(tablet_main(day.tablet), route=route) as app:
        assert app.shows("2 files will be sealed with the report")
        assert app.errors == []


@pytest.mark.parametrize(
    ("data", "kind", "key"),
    [
        (b"MZ\x90\0", "document", "app.files.type_unknown"),
        (PAPER, "photo", "app.files.type_unknown"),
        (b"%PDF-1.4" + bytes(26 * 1024 * 1024), "document", "app.files.too_large"),
        (b"\xff\xd8\xff\xe0nothing", "photo", "app.files.not_a_picture"),
    ],
)
def test_what_is_not_taken_says_why(data: bytes, kind: str, key: str, day: FieldDay) -> None:
    new = NewFile(day.tickets["urgent"], None, kind, "", "a file", day.clock.at)
    with pytest.raises(NotTaken) as told:
        desk_of(day).take(new, data)
    assert told.value.key == key
    for language in LANGUAGES:
        assert "a file" in translate(language, key, **told.value.values)


def test_a_photo_offered_as_a_paper_is_a_photo(day: FieldDay) -> None:
    take(day, photo(), "document")
    with day.tablet.store.read() as session:
        assert load_files(day.tickets["urgent"])(session)[0].kind == "photo"


def test_every_reason_is_a_sentence() -> None:
    for code in ("unreachable", "busy", "offset_lost", "file_hash_wrong", "file_lost", "file_damaged"):
        assert f"app.files.error.{code}" in catalogue()
        assert say_error("en", code)
    assert "http_413" in say_error("en", "http_413")
    assert say_error("en", "") == ""


@pytest.mark.parametrize(("size", "words"), [(10, "1 KB"), (300_000, "292 KB"), (3_500_000, "3.3 MB")])
def test_a_size_is_said_in_words(size: int, words: str) -> None:
    key, values = say_file_size(size)
    assert translate("en", key, **values) == words


def test_files_on_the_way_stand_in_the_order_they_go(day: FieldDay) -> None:
    take(day, photo(1))
    take(day, PAPER, "document", name="note.pdf")
    with day.tablet.store.read() as session:
        assert [line.kind for line in waiting_files(session)] == ["document", "photo"]
