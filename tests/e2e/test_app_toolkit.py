"""The toolkit of the engineer's app in a real browser: signing, typing Chinese, locking, languages; pictures kept.

Owns the toolkit's own demo page only; the product's stories have their own files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import flet as ft
import pytest

from field_app.state.prefs import SavedPrefs
from tests.support.browser import PHONE, new_context, off_site_requests, screenshot
from tests.support.flet_browser import (
    by_id,
    draw,
    field,
    open_app,
    red_boxes,
    script_errors,
    served,
    settled,
    tap,
    type_into,
)
from tests.support.widget_gallery import GalleryState, gallery_main, gallery_session

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

pytestmark = pytest.mark.browser

SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 400, "height": 800},
    "tablet": {"width": 1180, "height": 820},
}
NAME = [
    [(0.15, 0.7), (0.2, 0.2), (0.28, 0.7), (0.36, 0.3), (0.45, 0.65)],
    [(0.5, 0.5), (0.6, 0.4), (0.7, 0.6), (0.85, 0.45)],
]


class Gallery:
    """The served demo app; `states` are those of the sessions opened so far, `saved` what the next begins with."""

    def __init__(self) -> None:
        self.url = ""
        self.saved = SavedPrefs("en", "light")
        self.states: list[GalleryState] = []

    def main(self, page: ft.Page) -> None:
        """Open a session of its own for each page."""
        session = gallery_session()
        self.states.append(session.app)
        gallery_main(session, self.saved)(page)


@pytest.fixture(scope="module")
def gallery() -> Iterator[Gallery]:
    app = Gallery()
    with served(app.main) as app.url:
        yield app


def test_customer_signs_and_only_the_engineer_gets_out(browser: Browser, gallery: Gallery) -> None:
    gallery.saved = SavedPrefs("en", "light")
    with new_context(browser, size=SIZES["tablet"]) as context:
        page = context.new_page()
        errors, strangers = script_errors(page), off_site_requests(page)
        open_app(page, gallery.url + "/sign")
        by_id(page, "customer-mode").wait_for(state="attached")
        state = gallery.states[-1]

        tap(page, "customer-language-zh-Hant")
        page.get_by_text("請閱讀並簽名").wait_for(state="attached")
        draw(page, "sigpad", NAME)
        by_id(page, "preview").wait_for(state="attached")
        settled(page)
        screenshot(page, "toolkit-signature-tablet")
        assert red_boxes(page) == []
        signature = state.signature
        assert signature is not None
        assert len(signature.strokes) == 2
        assert signature.points > 20
        assert all(
            0 <= x <= signature.width and 0 <= y <= signature.height for x, y, _ in signature.strokes[0]
        )

        # The address bar does not lead out: the session knows that the customer holds the tablet.
        open_app(page, gallery.url + "/settings")
        by_id(page, "customer-mode").wait_for(state="attached")
        assert by_id(page, "screen-settings").count() == 0

        tap(page, "customer-leave")
        by_id(page, "customer-leave-dialog").wait_for(state="attached")
        type_into(field(page, "customer-code"), "0000")
        tap(page, "customer-open")
        by_id(page, "customer-code-error").wait_for(state="attached")
        settled(page)
        screenshot(page, "toolkit-customer-leave-tablet")
        assert red_boxes(page) == []
        assert gallery.states[-1].left == 0
        type_into(field(page, "customer-code"), "4711")
        tap(page, "customer-open")
        by_id(page, "screen-list").wait_for(state="attached")
        assert gallery.states[-1].left == 1
        assert errors == []
        assert strangers == []


def test_chinese_text_is_typed_and_saved(browser: Browser, gallery: Gallery) -> None:
    gallery.saved = SavedPrefs("zh-Hans", "light")
    with new_context(browser, size=PHONE) as context:
        page = context.new_page()
        errors = script_errors(page)
        open_app(page, gallery.url + "/form")
        tap(page, "save")
        by_id(page, "cause-error").wait_for(state="attached")
        type_into(field(page, "cause"), "继电器触点烧蚀，压缩机无法启动")
        tap(page, "qty-more")
        tap(page, "result-fail")
        settled(page)
        screenshot(page, "toolkit-form-phone")
        assert red_boxes(page) == []
        tap(page, "save")
        by_id(page, "cause-error").wait_for(state="detached")
        saved = gallery.states[-1].saved
        assert [(row["cause"], str(row["qty"]), row["result"]) for row in saved] == [
            ("继电器触点烧蚀，压缩机无法启动", "3", "fail")
        ]
        assert errors == []


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
@pytest.mark.parametrize(
    ("size", "path", "mode"),
    [("phone", "/", "light"), ("tablet", "/ticket/T-1041", "light"), ("phone", "/outbox", "dark")],
)
def test_every_look_is_drawn(
    browser: Browser, gallery: Gallery, language: str, size: str, path: str, mode: str
) -> None:
    gallery.saved = SavedPrefs(language, mode)
    with new_context(browser, size=SIZES[size]) as context:
        page = context.new_page()
        errors, strangers = script_errors(page), off_site_requests(page)
        open_app(page, gallery.url + path)
        by_id(page, "sync-strip").wait_for(state="attached")
        settled(page)
        picture = screenshot(page, f"toolkit-{size}-{path.split('/')[1] or 'today'}-{language}")
        assert picture.stat().st_size > 15_000
        assert red_boxes(page) == []
        assert (errors, strangers) == ([], [])
