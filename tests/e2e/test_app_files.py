"""Photos in a real browser: taken or picked, kept on the device, shown with how far each has come."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from common.files.attachment import Attachment
from field_app.store.files import NewFile
from field_app.store.schema import Blob
from tests.e2e.test_app_visit import SIZES, arrived, until
from tests.support.browser import new_context, screenshot
from tests.support.field_day import FieldDay
from tests.support.flet_browser import by_id, open_app, red_boxes, reveal, script_errors, served, settled, tap
from tests.support.photos import PAPER, photo
from tests.support.tablet_world import tablet_main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
NAMES = {"en": ("Occlusion sensor.jpg", "Old seal.jpg", "Plate.jpg", "Delivery note.pdf"),
         "zh-Hans": ("阻塞传感器.jpg", "旧密封圈.jpg", "铭牌.jpg", "送货单.pdf"),
         "zh-Hant": ("阻塞感測器.jpg", "舊密封圈.jpg", "銘牌.jpg", "送貨單.pdf")}  # fmt: skip
STATES = (
    ("stored", "sent", 1.0),
    ("pending", "waiting", 0.4),
    ("refused", "sent", 1.0),
    ("pending", "waiting", 0),
)
REFUSED = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no leave', 'NotAllowedError'));
window.allow = () => { navigator.mediaDevices.getUserMedia = ask; };
"""


def is_on(page: Page, identifier: str) -> bool:
    """Say whether a button is there and can be tapped."""
    button = by_id(page, identifier).locator("[role=button]")
    return button.count() == 1 and button.get_attribute("aria-disabled") != "true"


def files(day: FieldDay) -> int:
    with day.tablet.store.read() as session:
        return len(list(session.scalars(select(Attachment.id))))


def four_files(day: FieldDay, language: str) -> None:
    """Attach four files, one in each of the states a person meets."""
    desk = day.tablet.files
    assert desk is not None
    made = (photo(11), photo(12), photo(13), PAPER)
    for name, data, (record, state, share) in zip(NAMES[language], made, STATES, strict=True):
        kind = "document" if name.endswith("pdf") else "photo"
        taken_at = day.clock.at - timedelta(minutes=9)
        assert desk.take(NewFile(day.tickets["urgent"], None, kind, "", name, taken_at), data).took_effect

        def come_so_far(
            session: object, record: str = record, state: str = state, share: float = share
        ) -> None:
            row = session.scalar(select(Attachment).order_by(Attachment.id.desc()).limit(1))  # type: ignore[attr-defined]
            row.state, row.fault = record, "content" if record == "refused" else ""
            offset = int(row.size_bytes * share) or -1
            session.execute(  # type: ignore[attr-defined]
                update(Blob).where(Blob.sha == row.sha256).values(state=state, offset=offset)
            )

        day.tablet.store.write(come_so_far)
        day.clock.advance(timedelta(seconds=30))


def test_a_photo_is_added_offline_and_looked_at(browser: Browser) -> None:
    day = arrived("en")
    with served(tablet_main(day.tablet)) as url, new_context(browser, size=SIZES["phone"]) as context:
        page = context.new_page()
        errors = script_errors(page)
        open_app(page, f"{url}/ticket/{day.tickets['urgent']}/diagnosis")
        reveal(page, "files-photo")
        with page.expect_file_chooser() as chooser:
            tap(page, "files-photo")
        chooser.value.set_files(
            [{"name": "seal.jpg", "mimeType": "image/jpeg", "buffer": photo(5, (2400, 1800))}]
        )
        until(page, lambda: files(day) == 1)
        by_id(page, "file-0").wait_for(state="attached")
        settled(page)
        tap(page, "file-0")
        by_id(page, "file-picture").wait_for(state="attached")
        settled(page)
        screenshot(page, "app-file-look-phone-en")
        assert red_boxes(page) == []
        assert errors == []
    with day.tablet.store.read() as session:
        row = session.scalar(select(Attachment))
        assert row is not None
        assert (row.purpose, row.media_type, row.state) == ("diagnosis", "image/jpeg", "pending")


@pytest.mark.parametrize(("language", "size"), [("en", "phone"), ("zh-Hans", "tablet"), ("zh-Hant", "phone")])
def test_photos_are_taken_with_the_camera(browser: Browser, language: str, size: str) -> None:
    day = arrived(language)
    with (
        served(tablet_main(day.tablet, language, "light")) as url,
        new_context(browser, size=SIZES[size]) as context,
    ):
        page = context.new_page()
        errors = script_errors(page)
        open_app(page, f"{url}/ticket/{day.tickets['urgent']}/diagnosis")
        reveal(page, "files-camera")
        tap(page, "files-camera")
        for shots in (1, 2):
            until(page, lambda: is_on(page, "camera-shoot"))
            page.wait_for_timeout(400)  # the picture must not be the one before
            tap(page, "camera-shoot")
            until(page, lambda shots=shots: files(day) == shots)
        until(page, lambda: is_on(page, "camera-shoot"))
        screenshot(page, f"app-camera-{size}-{language}")
        tap(page, "camera-done")
        by_id(page, "camera-done").wait_for(state="detached")
        assert by_id(page, "file-1").count() == 1
        assert red_boxes(page) == []
        assert errors == []
    with day.tablet.store.read() as session:
        rows = list(session.scalars(select(Attachment)))
        kept = {(row.purpose, row.kind, row.media_type, row.state) for row in rows}
        assert kept == {("diagnosis", "photo", "image/jpeg", "pending")}
        assert len({row.sha256 for row in rows}) == 2


def test_a_camera_that_is_refused_says_what_to_do(browser: Browser) -> None:
    day = arrived("en")
    with served(tablet_main(day.tablet)) as url, new_context(browser, size=SIZES["phone"]) as context:
        page = context.new_page()
        page.add_init_script(REFUSED)
        open_app(page, f"{url}/ticket/{day.tickets['urgent']}/diagnosis")
        reveal(page, "files-camera")
        tap(page, "files-camera")
        by_id(page, "camera-again").wait_for(state="attached")
        assert "Allow it in the device" in page.locator("body").aria_snapshot()
        screenshot(page, "app-camera-refused-phone-en")
        page.evaluate("window.allow()")
        tap(page, "camera-again")
        until(page, lambda: is_on(page, "camera-shoot"))
        page.set_viewport_size({"width": 844, "height": 390})  # turned in the hand: the button is still there
        until(page, lambda: (by_id(page, "camera-shoot").bounding_box() or {"y": 999})["y"] < 300)
        screenshot(page, "app-camera-turned-phone-en")
        tap(page, "camera-shoot")
        until(page, lambda: files(day) == 1)


@pytest.mark.parametrize(
    ("language", "size", "name"),
    [("en", "tablet", "files"), ("zh-Hans", "phone", "files"), ("zh-Hant", "tablet", "outbox-files")],
)
def test_files_can_be_looked_at_in_every_language(
    browser: Browser, language: str, size: str, name: str
) -> None:
    day = arrived(language)
    four_files(day, language)
    path = f"/ticket/{day.tickets['urgent']}" if name == "files" else "/outbox"
    look = "dark" if language == "zh-Hant" else "light"
    with (
        served(tablet_main(day.tablet, language, look)) as url,
        new_context(browser, size=SIZES[size]) as context,
    ):
        page = context.new_page()
        errors = script_errors(page)
        open_app(page, url + path)
        settled(page)
        page.mouse.move(SIZES[size]["width"] * 0.7, 500)
        page.mouse.wheel(0, 1300 if size == "phone" else 900)
        settled(page)
        screenshot(page, f"app-{name}-{size}-{language}")
        assert red_boxes(page) == []
        assert errors == []
