"""Errors in handlers, renders and patches: told in words, logged, and the app goes on."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import flet as ft
import pytest

from field_app.widgets.safe import guard
from tests.support.flet_session import FletSession
from tests.support.widget_gallery import GalleryState, gallery_main, gallery_session


@pytest.fixture
async def app() -> AsyncIterator[FletSession]:
    session = gallery_session()
    state: GalleryState = session.app
    state.unguarded = True
    async with FletSession.open(gallery_main(session), route="/outbox") as opened:
        yield opened


async def _still_works(app: FletSession) -> None:
    assert app.errors == []
    assert app.updating
    await app.go("/settings")
    await app.click("language-zh-Hans")
    assert app.shows("设置")


async def test_an_error_in_a_guarded_handler_is_shown_and_logged(
    app: FletSession, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "field_app"):
        await app.click("boom")
    assert app.shows("Something went wrong on this screen")
    assert any("trouble 1" in record.getMessage() and record.exc_info for record in caplog.records)
    await _still_works(app)


async def test_an_error_in_a_handler_nobody_guarded_is_caught_too(app: FletSession) -> None:
    await app.click("boom-bare")
    assert app.shows("Something went wrong on this screen")
    await _still_works(app)


async def test_an_error_while_rendering_again_becomes_a_card_in_its_place(app: FletSession) -> None:
    assert app.has("whole")
    await app.click("break-render")
    assert not app.has("whole")
    assert app.has("render-error")
    assert app.shows("Break a handler"), "the rest of the screen stays"
    await app.click("break-render")
    assert app.has("whole")
    assert not app.has("render-error")
    await _still_works(app)


async def test_an_error_between_render_and_patch_does_not_end_the_updates(app: FletSession) -> None:
    await app.click("break-patch")
    assert app.updating
    assert app.shows("Something went wrong on this screen")
    await app.click("trouble-action")
    await _still_works(app)


async def test_reloading_the_screen_takes_the_message_away(app: FletSession) -> None:
    await app.click("boom")
    await app.click("trouble-action")
    assert not app.has("trouble-action")


async def test_guard_keeps_sync_and_async_handlers_what_they_are() -> None:
    told: list[tuple[str, str]] = []

    def report(error: BaseException, where: str) -> None:
        told.append((str(error), where.rsplit(".", 1)[-1]))

    def plain(number: int) -> int:
        return 10 // number

    async def slow(number: int) -> int:
        return 10 // number

    assert guard(plain, report)(5) == 2
    assert await guard(slow, report)(2) == 5
    assert guard(plain, report)(0) is None
    assert await guard(slow, report)(0) is None
    assert [where for _, where in told] == ["plain", "slow"]


async def test_an_error_in_an_effect_is_reported(app: FletSession) -> None:
    app.session.error("Exception in effect: gone\ntraceback")
    await app.settle()
    assert app.shows("Something went wrong on this screen")
    assert app.errors == []
    assert isinstance(app.page, ft.Page)
