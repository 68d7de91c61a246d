"""The office's pages in a real browser: an inbox emptied, a tablet invited, stock moved, a policy filled, paper."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect
from pypdf import PdfReader
from sqlalchemy import select

from common.kernel.command import Role
from common.stock.ledger import balance
from common.tickets.field_work import RequestHelp
from common.tickets.ticket import Ticket, TicketEvent
from sync_server.db.tables import Device
from tests.support.browser import DESK, new_context, off_site_requests, screenshot
from tests.support.office import Office
from tests.support.office_day import Day, make_day, roles_of_the_office

pytestmark = pytest.mark.browser
SMALL = ViewportSize(width=1024, height=768)
LOCALES = {"en": "en-US", "zh-Hans": "zh-CN", "zh-Hant": "zh-TW"}


@dataclass
class Served:
    """The office behind a port, and somebody signed in at it."""

    day: Day
    server: uvicorn.Server
    thread: threading.Thread
    base: str
    token: str

    @property
    def office(self) -> Office:
        """Return the office."""
        return self.day.office

    def sign_in(self, context: BrowserContext, language: str = "en", token: str = "") -> Page:
        """Open a page of somebody who is signed in."""
        cookies = {self.office.site.cookie: token or self.token, "language": language}
        context.add_cookies(
            [{"name": name, "value": value, "url": self.base} for name, value in cookies.items()]
        )
        return context.new_page()

    def open(self, page: Page, path: str) -> Page:
        """Open a page of the console and wait until it is live."""
        page.goto(f"{self.base}/console/{path}")
        expect(page.locator("html")).to_have_attribute("data-live", "open")
        return page


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Give the company in the middle of its day behind a port."""
    day = make_day(Office(tmp_path))
    desk = day.office.desk(*roles_of_the_office(), name="周主管")
    server = uvicorn.Server(uvicorn.Config(day.office.app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(day, server, thread, f"http://127.0.0.1:{port}", desk.token)
    day.office.site.hub.close()
    server.should_exit = True
    thread.join()


def errors_of(page: Page) -> list[str]:
    """Collect what the browser complains of: scripts, the strict policy, answers that failed."""
    seen: list[str] = []
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("console", lambda message: seen.append(message.text) if message.type == "error" else None)
    return seen


def test_the_inbox_is_emptied_and_the_other_desk_sees_it(
    browser: Browser, context: BrowserContext, served: Served
) -> None:
    page = served.sign_in(context)
    seen, outside = errors_of(page), off_site_requests(page, allowed=())
    served.open(page, "inbox?show=parked")
    with new_context(browser) as second:
        other = served.open(served.sign_in(second), "inbox?show=parked")
        entry = page.locator("article", has_text="T-2053")
        entry.locator("summary", has_text="Accept").click()
        entry.get_by_label("Note for the engineer").fill("Thank you")
        entry.get_by_role("button", name="Accept").click()
        expect(page.locator(".notice", has_text="Saved on the server")).to_be_visible()
        expect(other.locator("article", has_text="T-2053")).to_have_count(0)
    moved = page.locator("article", has_text="T-2052")
    expect(moved).to_contain_text("One entry waits for this one")
    moved.locator("summary", has_text="Accept").click()
    moved.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("No refused entries")).to_be_visible()
    notes = served.office.rows(select(TicketEvent).where(TicketEvent.kind == "note"))
    assert {row.note for row in notes} >= {"已与设备科确认", "顺路检查，电池接触不良，已处理"}
    assert served.office.row(Ticket, served.day.tickets[1]).window_from_at is not None
    served.open(page, "inbox?show=conflicts")
    page.get_by_role("button", name="Take the other value").click()
    expect(page.get_by_text("No conflicting edits")).to_be_visible()
    assert seen == []
    assert outside == []


def test_what_a_person_types_is_not_swept_away_by_the_live_page(
    context: BrowserContext, served: Served
) -> None:
    page = served.open(served.sign_in(context), "inbox?show=exceptions")
    entry = page.locator("article", has_text="Help is wanted")
    entry.locator("summary").click()
    entry.get_by_label("What was done").fill("Zhou goes there too")
    tablet = served.day.tablets[0]
    tablet.push(tablet.op(RequestHelp(served.day.tickets[0], "still waiting")))
    served.office.site.hub.poke()
    expect(page.get_by_text("Your text is kept")).to_be_visible()
    expect(entry.get_by_label("What was done")).to_have_value("Zhou goes there too")
    entry.get_by_role("button", name="Settle").click()
    expect(page.locator(".notice", has_text="Saved on the server")).to_be_visible()


def test_a_tablet_is_invited_with_a_code_that_runs_out(context: BrowserContext, served: Served) -> None:
    page = served.open(served.sign_in(context), "tablets")
    page.get_by_role("link", name="Enrol a tablet").first.click()
    page.get_by_label("For which engineer").select_option(served.day.engineers[3])
    page.get_by_role("button", name="Make a code").click()
    expect(page.locator("#code")).to_have_text(re.compile(r"^[0-9A-Z]{5}-[0-9A-Z]{5}$"))
    expect(page.locator("svg.qr")).to_be_visible()
    expect(page.locator("[data-countdown]")).to_have_text(re.compile(r"Valid for 1[45]:\d\d"))
    screenshot(page, "office-code-en")
    served.open(page, f"tablets/{served.day.tablets[2].device_id}")
    page.locator("summary", has_text="Take access away").click()
    page.get_by_role("button", name="Yes, take it away").click()
    expect(page.get_by_text("Access taken away").first).to_be_visible()
    assert served.office.row(Device, served.day.tablets[2].device_id).state == "revoked"


def test_parts_go_to_the_van_and_a_count_says_what_it_books(context: BrowserContext, served: Served) -> None:
    day = served.day
    page = served.open(
        served.sign_in(context), f"stock/transfer?from_location_id={day.store}&to_location_id={day.vans[2]}"
    )
    page.get_by_label("Part in line 1").fill("ps-100")
    page.get_by_label("Part in line 1").press("Tab")
    expect(page.locator("#found-1")).to_contain_text("Pump seal · books: 35")
    page.get_by_label("Quantity in line 1").fill("3")
    page.get_by_label("Part in line 2").fill("6901000000005")
    page.get_by_label("Quantity in line 2").fill("1")
    page.get_by_role("button", name="Transfer stock").click()
    expect(page.locator("h1")).to_contain_text("3号备件车")
    expect(page.locator("#list")).to_contain_text("PS-100")
    served.open(page, f"stock/count?location_id={day.store}&part_id={day.parts[1]}")
    page.get_by_label("Counted").fill("20")
    expect(page.locator("#found")).to_contain_text("−3 pc will be booked")
    page.get_by_role("button", name="Post the count").click()
    expect(page.locator("#part")).to_contain_text("Count difference")
    with served.office.database.read() as session:
        assert (balance(session, day.vans[2], day.parts[0]), balance(session, day.store, day.parts[1])) == (
            3,
            20,
        )


def test_a_list_answers_while_one_types_and_goes_back(context: BrowserContext, served: Served) -> None:
    page = served.open(served.sign_in(context), "customers")
    page.locator("#q").fill("xiehe")
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.get_by_role("link", name="北京协和医院").click()
    expect(page.locator("h1")).to_contain_text("北京协和医院")
    page.go_back()
    expect(page.locator("#q")).to_have_value("xiehe")


def test_a_blank_of_the_policy_is_filled(context: BrowserContext, served: Served) -> None:
    page = served.open(served.sign_in(context), "policy")
    page.locator(".todo li", has_text="Term in months").get_by_role("link").click()
    page.locator("#f-value").fill("18")
    page.locator("#f-source").fill("Decision of the manager, 5 March")
    page.get_by_role("button", name="Make the new version").click()
    expect(page.locator("#facet-warranty")).to_contain_text("18")
    expect(page.locator("#facet-warranty")).to_contain_text("Decision of the manager, 5 March")


def test_the_ledger_prints(context: BrowserContext, served: Served) -> None:
    page = served.open(served.sign_in(context, "zh-Hans"), "stock/ledger")
    pages = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True, print_background=True))).pages
    text = "".join(page.extract_text() for page in pages)
    assert "PS-100" in text
    assert round(pages[0].mediabox.width) == 595


PAGES = {
    "inbox": "inbox?show=parked", "exceptions": "inbox?show=exceptions", "conflicts": "inbox?show=conflicts",
    "settled": "inbox?show=settled", "tablets": "tablets", "tablet": "tablets/{tablet}", "enrol": "tablets/enrol",
    "stock": "stock", "place": "stock/places/{van}", "parts": "stock/parts", "part": "stock/parts/{part}",
    "serials": "stock/parts/{display}", "ledger": "stock/ledger", "prices": "stock/prices",
    "receive": "stock/receive?location_id={store}", "count": "stock/count", "customers": "customers",
    "customer": "customers/{customer}", "customer-form": "customers/{customer}/edit", "merged": "customers/{merged}",
    "equipment": "equipment", "unit": "equipment/{unit}", "models": "equipment/models", "people": "people",
    "person": "people/{person}", "person-form": "people/new", "policy": "policy",
    "change": "policy/change?path=warranty.months", "preset": "policy/presets/system-contractor",
    "import": "import?kind=parts",
}  # fmt: skip


@pytest.mark.parametrize("language", LOCALES)
def test_no_serious_accessibility_violation(browser: Browser, served: Served, language: str) -> None:
    day = served.day
    names = {
        "tablet": day.tablets[2].device_id, "van": day.vans[1], "part": day.parts[0], "display": day.parts[3],
        "store": day.store, "customer": day.customers[0], "merged": day.customers[1], "unit": day.units[0],
        "person": day.engineers[1],
    }  # fmt: skip
    with new_context(browser, locale=LOCALES[language]) as context:
        page = served.sign_in(context, language)
        seen = errors_of(page)
        for name, path in PAGES.items():
            page.set_viewport_size(DESK)
            served.open(page, path.format(**names))
            report = Axe().run(page).response
            assert [(v["id"], v["nodes"][0]["html"]) for v in report["violations"]] == [], name
            screenshot(page, f"office-{name}-{language}")
            if language == "zh-Hans":
                page.set_viewport_size(SMALL)
                width = page.evaluate("document.documentElement.scrollWidth")
                assert width <= SMALL["width"], (name, width)
                screenshot(page, f"office-{name}-small")
        assert seen == []


def test_a_parts_keeper_sees_only_what_is_his(context: BrowserContext, served: Served) -> None:
    keeper = served.office.desk(Role.PARTS_KEEPER, name="库管员")
    page = served.open(served.sign_in(context, "en", keeper.token), "stock")
    expect(page.locator("nav.rail a", has_text="People")).to_have_count(0)
    expect(page.locator("nav.rail a", has_text="Stock")).to_be_visible()
    page.goto(f"{served.base}/console/people")
    expect(page.get_by_text("Your role may not do this")).to_be_visible()
