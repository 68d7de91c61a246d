"""Every main page and screen in the three languages: no catalogue key shows, pages are accessible.

Owns the walk through them. What the pages do is said by the other stories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import flet as ft
import pytest
from axe_playwright_python.sync_playwright import Axe

from common.i18n import LANGUAGES
from field_app.ui import UiSession
from tests.support.browser import DESK, new_context
from tests.support.console_world import an_id, make_world
from tests.support.field_day import FieldDay, field_day
from tests.support.flet_browser import by_id, open_app, red_boxes, script_errors, served
from tests.support.pages.app import TALL, AppPage
from tests.support.served_console import ServedConsole
from tests.support.tablet_world import tablet_main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
# A key that has no sentence shows as itself; addresses of machines and files look alike.
KEY = re.compile(r"(?<![\w./:@-])[a-z]+(?:\.[a-z_]+)+(?![\w/:@-])")
NO_KEY = re.compile(r"https?://\S+|\b[\w.-]+\.(?:example|com|csv|xlsx|json|toml)\b")
CONSOLE = (
    "intake", "register", "board", "tickets", "stock", "stock/parts", "stock/ledger", "stock/prices",
    "customers", "equipment", "people", "policy", "import", "tablets", "tablets/enrol", "inbox",
    "inbox?show=exceptions", "inbox?show=clocks", "inbox?show=conflicts", "inbox?show=settled", "password",
)  # fmt: skip
SCREENS = (
    ("/", "today"), ("/van", "van"), ("/outbox", "outbox"), ("/conflicts", "conflicts"),
    ("/settings", "settings"), ("/ready", "ready"), ("/ticket/:id", "ticket-overview"),
    ("/ticket/:id/checklist", "ticket-checklist"), ("/ticket/:id/diagnosis", "ticket-diagnosis"),
    ("/ticket/:id/repair", "ticket-repair"), ("/ticket/:id/parts", "ticket-parts"),
    ("/ticket/:id/history", "ticket-history"), ("/ticket/:id/notes", "ticket-notes"),
    ("/ticket/:id/help", "ticket-help"), ("/ticket/:id/reschedule", "ticket-reschedule"),
    ("/ticket/:id/agreement", "agreement"), ("/ticket/:id/stop-use", "stop-use"),
    ("/ticket/:id/sign-off", "sign-off"), ("/enrol", "enrol"),
)  # fmt: skip


def keys_in(text: str) -> list[str]:
    """List what looks like a catalogue key."""
    return [found[0] for found in KEY.finditer(NO_KEY.sub("", text))]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[ServedConsole]:
    """Give the console's company behind a port."""
    world = make_world(tmp_path)
    first, second = world.ticket(), world.ticket(unit="pump2", customer="renmin", urgent=True)
    world.assign(first)
    found = ServedConsole(world)
    world.ids |= {"first": first, "second": second}
    found.start()
    yield found
    found.stop()


def test_the_console_speaks_three_languages_and_is_accessible(
    browser: Browser, office: ServedConsole
) -> None:
    with new_context(browser, size=DESK) as context:
        page = context.new_page()
        office.sign_in(page, "admin")
        ids = office.company.ids
        paths = [*CONSOLE, f"tickets/{ids['first']}", f"tickets/{ids['second']}"]
        paths += [f"stock/parts/{an_id('seal')}", f"customers/{an_id('xiehe')}", f"equipment/{an_id('pump')}"]
        for language in LANGUAGES:
            context.add_cookies([{"name": "language", "value": language, "url": office.url("/")}])
            seen = [look_at(page, office.url(f"/console/{path}"), language) for path in paths]
            assert all(seen)


def look_at(page: Page, url: str, language: str) -> bool:
    """Open a page: its words are words, in its language; in English its accessibility is judged too."""
    answer = page.goto(url)
    assert answer is not None
    assert answer.status == 200, url
    assert page.locator("html").get_attribute("lang") == language
    assert (url, keys_in(page.locator("body").inner_text())) == (url, [])
    if language == "en":
        found = Axe().run(page).response["violations"]
        grave = [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]
        assert (url, grave) == (url, [])
    return True


class Walk:
    """The app behind a port, and the one page that walks through its screens."""

    def __init__(self, day: FieldDay) -> None:
        self.day = day
        self.flet: list[ft.Page] = []
        self.sessions: list[UiSession] = []
        self._shown = tablet_main(day.tablet, "en", opened=self.sessions.append)

    def main(self, page: ft.Page) -> None:
        """Open a session and remember it."""
        self.flet.append(page)
        self._shown(page)

    def go(self, path: str, language: str) -> None:
        """Lead the page somewhere, and have it speak a language."""

        async def lead() -> None:
            self.sessions[-1].prefs.language = language
            self.flet[-1].navigate(path)

        self.flet[-1].run_task(lead).result(20)


def test_the_app_speaks_three_languages(browser: Browser) -> None:
    day = field_day()
    walk = Walk(day)
    with served(walk.main) as url, new_context(browser, size=TALL) as context:
        page = context.new_page()
        errors = script_errors(page)
        open_app(page, url)
        app = AppPage(page, url)
        for language in LANGUAGES:
            for path, screen in SCREENS:
                walk.go(path.replace(":id", day.tickets["urgent"]), language)
                by_id(page, f"screen-{screen}").wait_for(state="attached")
                app.says(re.compile("[A-Za-z]" if language == "en" else "[一-鿿]"), f"screen-{screen}")
                assert (path, language, keys_in(app.words())) == (path, language, [])
                assert (path, language, red_boxes(page)) == (path, language, [])
        assert errors == []
