"""The console as the people of the office use it: signing in, intake, board, ticket, inbox, register.

Owns where things are on its pages. What must be true of them is said by the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.support.story_company import PASSWORD

FIELD = {"textarea", "input", "select"}


@dataclass
class ConsolePage:
    """One browser tab of one person at the office."""

    page: Page
    url: str

    def sign_in(self, login: str) -> ConsolePage:
        """Sign in as a person does."""
        self.page.goto(f"{self.url}/console/sign-in")
        self.page.locator("#f-login").fill(login)
        self.page.locator("#f-password").fill(PASSWORD)
        self.page.locator(".form-buttons button").click()
        expect(self.page.locator("nav.rail")).to_be_visible()
        return self

    def open(self, path: str) -> ConsolePage:
        """Open a page and wait until it follows changes."""
        self.page.goto(f"{self.url}/console/{path}")
        self.follows()
        return self

    def follows(self) -> None:
        """Wait until the page hears of changes."""
        expect(self.page.locator("html")).to_have_attribute("data-live", "open", timeout=60_000)

    def says(self, words: str | re.Pattern[str], within: str = "#main") -> None:
        """Wait for words; nothing is loaded anew."""
        expect(self.page.locator(within)).to_contain_text(words, timeout=60_000)

    def part(self, css: str) -> Locator:
        """Return a part of the page."""
        return self.page.locator(css)

    # intake ------------------------------------------------------------------------------------

    def look_for_caller(self, words: str) -> None:
        """Type into the search of intake."""
        self.page.locator("#f-customer_id").press_sequentially(words, delay=20)

    def choose_unit(self, serial: str) -> None:
        """Take a found unit."""
        self.page.locator(".found-unit").filter(has_text=serial).click()
        expect(self.page.locator("select#f-equipment_id")).to_contain_text(serial)

    # board -------------------------------------------------------------------------------------

    def open_board(self) -> ConsolePage:
        """Open today's board."""
        self.open("board")
        expect(self.page.locator("[data-board]")).to_have_attribute("data-ready", "1")
        return self

    def job(self, number: str) -> Locator:
        """Return a ticket on the board, in the tray or on a lane."""
        return self.page.locator(".job").filter(has_text=number)

    def in_lane(self, engineer_id: str, number: str) -> Locator:
        """Return a ticket on an engineer's lane."""
        return self.page.locator(f'[data-lane="{engineer_id}"] .job').filter(has_text=number)

    def in_tray(self, number: str) -> Locator:
        """Return a ticket in the tray."""
        return self.page.locator("[data-tray] .job").filter(has_text=number)

    def place_by_keyboard(self, number: str, engineer_id: str, hour: int) -> None:
        """Open a ticket's sheet with Enter, choose engineer and hour, and assign."""
        self.job(number).press("Enter")
        sheet = self.page.locator("[data-sheet]")
        expect(sheet.locator("#place-engineer")).to_be_focused()
        sheet.locator("#place-engineer").select_option(engineer_id)
        sheet.locator("#place-start").select_option(str(hour * 60))
        sheet.locator(".btn-primary").press("Enter")

    # ticket ------------------------------------------------------------------------------------

    def open_ticket(self, ticket_id: str) -> ConsolePage:
        """Open a ticket's page."""
        return self.open(f"tickets/{ticket_id}")

    def act(self, kind: str, **values: str) -> None:
        """Choose an action of the ticket's page, fill its form in the dialog and send it."""
        self.page.locator(f'[data-act="{kind}"]').first.click()
        form = self.page.locator("#action-form")
        expect(form).to_be_visible()
        for name, value in values.items():
            box = form.locator(f'[name="{name}"]:not([type="hidden"])').first
            if box.evaluate("e => e.tagName") == "SELECT":
                box.select_option(value)
            elif box.get_attribute("type") == "radio":
                form.locator(f'[name="{name}"][value="{value}"]').check(force=True)
            else:
                box.fill(value)
        form.locator("button.btn-primary, button.btn-danger").last.click()
        expect(form).to_be_hidden()
