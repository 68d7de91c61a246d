"""The lock in a real browser: choosing a PIN, locking over a half-typed form, a wrong PIN, the right one; pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from common.i18n import LANGUAGES
from field_app.sync.keystore import FileKeystore
from field_app.vault.policy import LockPolicy
from field_app.vault.vault import SECRET, Vault
from tests.e2e.test_app_visit import SIZES, arrived, until
from tests.support.browser import new_context, screenshot
from tests.support.field_day import FieldDay
from tests.support.flet_browser import (
    by_id,
    field,
    open_app,
    red_boxes,
    reveal,
    script_errors,
    served,
    settled,
    tap,
    type_into,
)
from tests.support.tablet_world import tablet_main

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
PIN = "270419"
# A picture of the camera is running somewhere in the page.
FILMING = "[...document.querySelectorAll('video')].some(v => v.srcObject?.active)"


def guarded(day: FieldDay, folder: Path) -> FieldDay:
    """Give a day's tablet a vault that nobody has made yet."""
    policy = LockPolicy(memory_kib=64, passes=1)
    keystore = FileKeystore(folder / "keys")
    day.tablet.vault = Vault(folder / "vault.json", keystore, day.clock, os.urandom, lambda: policy)
    return day


def test_locked_and_opened_over_a_half_typed_form(browser: Browser, tmp_path: Path) -> None:
    day = guarded(arrived("en"), tmp_path)
    path = f"/ticket/{day.tickets['urgent']}/diagnosis"
    with served(tablet_main(day.tablet)) as url, new_context(browser, size=SIZES["tablet"]) as context:
        page = context.new_page()
        errors = script_errors(page)
        open_app(page, url + path)
        by_id(page, "gate-choose").first.wait_for(state="attached")
        assert by_id(page, "finding").count() == 0
        settled(page)
        screenshot(page, "app-gate-choose-tablet-en")
        type_into(field(page, "gate-new"), PIN)
        type_into(field(page, "gate-again"), PIN)
        tap(page, "gate-take")
        by_id(page, "finding").wait_for(state="attached")
        type_into(field(page, "finding"), "seal brittle")
        until(page, lambda: bool(day.tablet.store.draft(f"diagnosis:{day.tickets['urgent']}:1")))
        day.tablet.shut()
        by_id(page, "gate-unlock").wait_for(state="attached")
        assert by_id(page, "finding").count() == 0
        type_into(field(page, "gate-pin"), "999000")
        page.keyboard.press("Enter")
        by_id(page, "gate-error").wait_for(state="attached")
        settled(page)
        screenshot(page, "app-gate-wrong-tablet-en")
        type_into(field(page, "gate-pin"), PIN)
        page.keyboard.press("Enter")
        by_id(page, "finding").wait_for(state="attached")
        field(page, "finding").click()
        until(page, lambda: field(page, "finding").input_value() == "seal brittle")
        assert red_boxes(page) == []
        assert errors == []


def test_a_lock_lets_go_of_the_camera(browser: Browser, tmp_path: Path) -> None:
    day = guarded(arrived("en"), tmp_path)
    day.tablet.choose_pin(PIN)
    with served(tablet_main(day.tablet)) as url, new_context(browser, size=SIZES["phone"]) as context:
        page = context.new_page()
        open_app(page, f"{url}/ticket/{day.tickets['urgent']}/diagnosis")
        reveal(page, "files-camera")
        tap(page, "files-camera")
        by_id(page, "camera-shoot").wait_for(state="attached")
        page.wait_for_function(FILMING)
        day.tablet.shut()
        by_id(page, "gate-unlock").wait_for(state="attached")
        until(page, lambda: by_id(page, "camera-shoot").count() == 0 and not page.evaluate(FILMING))
        assert red_boxes(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_gate_in_every_language(browser: Browser, language: str, tmp_path: Path) -> None:
    day = guarded(arrived(language), tmp_path)
    with (
        served(tablet_main(day.tablet, language, "dark" if language == "zh-Hant" else "light")) as url,
        new_context(browser, size=SIZES["phone"]) as context,
    ):
        page = context.new_page()
        open_app(page, url)
        for step, then in (
            ("choose", lambda: day.tablet.choose_pin(PIN)),
            ("unlock", lambda: FileKeystore(tmp_path / "keys").forget(SECRET)),
            ("lost", lambda: None),
        ):
            by_id(page, f"gate-{step}").first.wait_for(state="attached")
            settled(page)
            screenshot(page, f"app-gate-{step}-phone-{language}")
            assert red_boxes(page) == []
            then()
            day.tablet.shut()
            day.tablet.tell()
