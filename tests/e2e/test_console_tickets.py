"""From the call to the paper at the console, in real browsers: intake, promise, drag, live, ticket page, print."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    APIResponse,
    Browser,
    BrowserContext,
    Error,
    Locator,
    Page,
    Route,
    ViewportSize,
    expect,
)
from pypdf import PdfReader

from common.tickets.field_work import AcknowledgeTicket, StartTravel
from tests.support.browser import DESK, new_context, off_site_requests, screenshot
from tests.support.console_visit import whole_visit
from tests.support.console_world import an_id, make_world
from tests.support.served_console import ServedConsole

pytestmark = pytest.mark.browser
SMALL = ViewportSize(width=1024, height=768)
FROM_MIN, SPAN_MIN = 420, 780


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedConsole]:
    """Give the company behind a port. Its clock leaps over hours while a page is open: nobody is signed out for that."""
    found = ServedConsole(make_world(tmp_path, "[session]\nidle_min = 600\n"))
    found.start()
    yield found
    found.stop()


def open_board(page: Page, served: ServedConsole) -> None:
    page.goto(served.url("/console/board"))
    expect(page.locator("[data-board]")).to_have_attribute("data-ready", "1")
    expect(page.locator("html")).to_have_attribute("data-live", "open")


def open_ticket(page: Page, served: ServedConsole, ticket_id: str) -> None:
    """Open a ticket's page as the dispatcher, up to date and listening."""
    served.sign_in(page, "mei")
    page.goto(served.url(f"/console/tickets/{ticket_id}"))
    expect(page.locator("html")).to_have_attribute("data-live", "open")


def card(page: Page, number: str) -> Locator:
    return page.locator("[data-tray] .job", has_text=number)


def bar(page: Page, engineer: str, number: str) -> Locator:
    return page.locator(f'[data-lane="{an_id(engineer)}"] .job', has_text=number)


def drag(page: Page, held: Locator, engineer: str, minute: int) -> None:
    """Drag with the mouse: a card is held near its left edge, which is where the visit will begin."""
    box = held.bounding_box()
    track = page.locator(f'[data-lane="{an_id(engineer)}"] .track').bounding_box()
    assert box
    assert track
    x, y = box["x"] + 20, box["y"] + box["height"] / 2
    to_x = track["x"] + track["width"] * (minute - FROM_MIN) / SPAN_MIN + 12
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 10, steps=3)
    page.mouse.move(to_x, track["y"] + track["height"] / 2, steps=8)
    page.mouse.up()


def take_call(page: Page, served: ServedConsole) -> str:
    """Register a call with keyboard and mouse; returns its number."""
    page.goto(served.url("/console/intake"))
    page.locator("[data-caller-search]").press_sequentially("xiehe", delay=25)
    expect(page.locator("#found a")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".picked-name")).to_have_text("北京协和医院")
    page.get_by_label("Which equipment?").select_option(an_id("pump"))
    told = page.locator("#known")
    expect(told).to_contain_text("Covered by warranty")
    expect(told).to_contain_text("Wed 25 Nov 2026 10:37")
    page.get_by_label("Fault", exact=True).fill("流速偏低，报警")
    page.get_by_label("Caller optional").fill("张护士")
    page.locator("label.warns").click()
    expect(told).to_contain_text("23 Nov 14:07")
    screenshot(page, "console-intake")
    page.get_by_role("button", name="Register the call").click()
    expect(page.locator(".told-number")).to_have_text("T261123-001")
    expect(page.locator("blockquote")).to_contain_text("Your call is registered as T261123-001")
    return page.locator(".told-number").inner_text()


def test_from_the_call_to_the_paper(context: BrowserContext, browser: Browser, served: ServedConsole) -> None:
    page = context.new_page()
    outside = off_site_requests(page)
    served.sign_in(page, "mei")
    number = take_call(page, served)
    page.get_by_role("link", name="To the board").click()
    expect(page.locator("[data-board]")).to_have_attribute("data-ready", "1")
    with new_context(browser) as second:
        other = second.new_page()
        served.sign_in(other, "zhou")
        open_board(other, served)
        expect(card(other, number)).to_be_visible()
        drag(page, card(page, number), "wang", 14 * 60)
        expect(page.locator("[data-override]")).to_contain_text("Skill missing: infusion")
        page.locator("[data-override] [data-close-dialog]").last.click()
        expect(card(page, number)).to_be_visible()
        drag(page, card(page, number), "li", 14 * 60)
        expect(bar(page, "li", number)).to_be_visible()
        expect(bar(other, "li", number)).to_be_visible()
        expect(card(other, number)).to_have_count(0)
        screenshot(page, "console-board")
        bar(other, "li", number).click()
        other.get_by_role("link", name="Open ticket").click()
        expect(other.locator("#ticket")).to_contain_text("Not yet seen by the tablet")
        expect(other.locator("html")).to_have_attribute("data-live", "open")
        ticket_id = other.url.rpartition("/")[2].partition("?")[0]
        served.company.in_field(AcknowledgeTicket(ticket_id), "li")
        served.company.in_field(StartTravel(ticket_id), "li")
        expect(other.locator(".ticket-top")).to_contain_text("On the way")
        expect(bar(page, "li", number)).to_have_class(re.compile("is-locked"))
        whole_visit(served.company, ticket_id)
        expect(other.locator("#ticket")).to_contain_text("密封圈老化开裂")
        expect(other.locator(".ticket-top")).to_contain_text("Checked out")
        screenshot(other, "console-ticket")
        other.get_by_role("link", name="Print").first.click()
        expect(other.locator(".paper")).to_contain_text("验收合格")
        expect(other.locator(".paper-sign path")).to_have_count(1)
        screenshot(other, "console-voucher")
        printed = PdfReader(io.BytesIO(other.pdf(prefer_css_page_size=True)))
        assert 1 <= len(printed.pages) <= 3
        assert float(printed.pages[0].mediabox.width) < float(printed.pages[0].mediabox.height)
    assert outside == []


def test_an_action_refused_in_the_dialog_keeps_its_text(
    context: BrowserContext, served: ServedConsole
) -> None:
    ticket_id, page = served.company.ticket(), context.new_page()
    open_ticket(page, served, ticket_id)
    page.get_by_role("link", name="Assign an engineer").click()
    dialog = page.locator("#act")
    expect(dialog.locator("h2")).to_have_text("Assign an engineer")
    dialog.get_by_label("Start").select_option("14:00")
    dialog.get_by_label("Minutes").fill("600")
    dialog.get_by_label("Minutes").press("Tab")
    expect(dialog.locator(".engineers")).to_contain_text("outside working hours")
    dialog.get_by_label("Minutes").fill("90")
    dialog.get_by_label("Minutes").press("Tab")
    expect(dialog.locator(".engineers")).not_to_contain_text("outside working hours")
    dialog.get_by_text("王芳").click()
    dialog.get_by_role("button", name="Assign an engineer").click()
    expect(dialog.locator(".error")).to_contain_text("Skill missing: infusion")
    expect(dialog.get_by_label("Start")).to_have_value("14:00")
    dialog.get_by_label("Reason for breaking the rule").fill("李伟带教")
    dialog.get_by_role("button", name="Assign an engineer").click()
    expect(page.locator("main .notice").first).to_contain_text("Saved on the server")
    expect(page.locator("#ticket")).to_contain_text("李伟带教")


def test_the_caret_stays_while_the_ticket_changes_behind_the_dialog(
    context: BrowserContext, served: ServedConsole
) -> None:
    ticket_id, page = served.company.ticket(), context.new_page()
    assignment_id = served.company.assign(ticket_id)
    open_ticket(page, served, ticket_id)
    page.locator(f'[data-act="move_assignment"][href*="{assignment_id}"]').click()
    dialog = page.locator("#act")
    expect(dialog.get_by_label("Day")).to_be_focused()
    reason = dialog.get_by_label("Reason for breaking the rule")
    reason.press_sequentially("客户要求")
    served.company.in_field(AcknowledgeTicket(ticket_id), "li")
    expect(page.locator("#ticket")).to_contain_text("Acknowledged")
    with page.expect_response("**/engineers?*"):
        dialog.get_by_label("Start").select_option("14:00")
    expect(reason).to_be_focused()
    page.keyboard.type("改期")
    expect(reason).to_have_value("客户要求改期")


def test_the_keyboard_stays_where_it_was_when_the_page_is_brought_up_to_date(
    context: BrowserContext, served: ServedConsole
) -> None:
    ticket_id, page = served.company.ticket(), context.new_page()
    served.company.assign(ticket_id)
    open_ticket(page, served, ticket_id)
    page.locator('#ticket [data-act="add_note"]').first.focus()
    served.company.in_field(AcknowledgeTicket(ticket_id), "li")
    expect(page.locator("#ticket")).to_contain_text("Acknowledged")
    expect(page.locator('#ticket [data-act="add_note"]').first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#act h2")).to_have_text("Add a note")


def test_of_changes_in_a_hurry_the_last_one_is_answered(
    context: BrowserContext, served: ServedConsole
) -> None:
    ticket_id, page = served.company.ticket(), context.new_page()
    open_ticket(page, served, ticket_id)
    page.get_by_role("link", name="Assign an engineer").click()
    minutes, held = page.locator("#act").get_by_label("Minutes"), list[Route]()
    page.route("**/engineers?*", lambda route: held.append(route), times=1)
    for typed in ("60", "120", "600"):
        minutes.fill(typed)
        minutes.blur()
    while not held:
        page.wait_for_timeout(20)
    with suppress(Error):  # the page gave that question up for the newer one
        held[0].continue_()
    expect(page.locator("#act .engineers")).to_contain_text("outside working hours")


def test_a_change_told_while_an_answer_is_under_way_is_shown(
    context: BrowserContext, served: ServedConsole
) -> None:
    ticket_id, page = served.company.ticket(), context.new_page()
    served.company.assign(ticket_id)
    open_ticket(page, served, ticket_id)
    page.evaluate("document.addEventListener('live:change', () => { window.told = (window.told ?? 0) + 1; })")
    held: list[tuple[Route, APIResponse]] = []
    page.route(f"**/console/tickets/{ticket_id}", lambda route: held.append((route, route.fetch())), times=1)
    served.company.in_field(AcknowledgeTicket(ticket_id), "li")
    while not held:
        page.wait_for_timeout(20)
    before = page.evaluate("window.told")
    served.company.in_field(StartTravel(ticket_id), "li")
    page.wait_for_function("before => window.told > before", arg=before)
    page.wait_for_timeout(400)  # longer than a burst is gathered: the page has asked, or never will
    route, old = held[0]
    route.fulfill(response=old)
    expect(page.locator(".ticket-top")).to_contain_text("On the way")


def test_the_board_is_worked_with_the_keyboard(context: BrowserContext, served: ServedConsole) -> None:
    served.company.ticket()
    page = context.new_page()
    served.sign_in(page, "mei")
    open_board(page, served)
    card(page, "T-2041").focus()
    page.keyboard.press("Enter")
    sheet = page.locator("[data-sheet]")
    expect(sheet).to_contain_text("Covered by warranty")
    sheet.get_by_label("Engineer").select_option(an_id("chen"))
    sheet.get_by_label("Start").select_option(label="14:00")
    sheet.get_by_role("button", name="Assign").click()
    expect(page.locator("[data-said]")).to_contain_text("14:00–15:30")
    expect(bar(page, "chen", "T-2041")).to_be_focused()
    page.keyboard.press("Alt+ArrowRight")
    expect(page.locator("[data-said]")).to_contain_text("14:15–15:45")


def test_register_and_ticket_print_on_a4(context: BrowserContext, served: ServedConsole) -> None:
    company = served.company
    ticket_id = company.ticket()
    company.assign(ticket_id, "li", 9)
    whole_visit(company, ticket_id)
    page = context.new_page()
    served.sign_in(page, "clerk")
    for path, is_across in (("/console/register", True), (f"/console/tickets/{ticket_id}", False)):
        page.goto(served.url(path))
        printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
        box = printed.pages[0].mediabox
        assert (float(box.width) > float(box.height)) is is_across
        text = "".join(one.extract_text() for one in printed.pages)
        assert "T-2041" in text
        assert "SN-70031" in text
        assert "Print" not in text.replace("Printed", "")


@pytest.mark.parametrize("language", ["en", "zh-Hans", "zh-Hant"])
def test_pages_are_accessible_and_keep_their_look(
    browser: Browser, served: ServedConsole, language: str
) -> None:
    company = served.company
    done, under_way, waiting = (
        company.ticket(),
        company.ticket("pump2", "renmin", danger=True),
        company.ticket("monitor"),
    )
    for ticket_id, engineer, hour in ((done, "li", 9), (under_way, "chen", 10)):
        company.assign(ticket_id, engineer, hour)
    report_id = whole_visit(company, done, paid=True, stop_use=True)
    company.in_field(AcknowledgeTicket(under_way), "chen")
    company.ticket("old", "kouqiang", fault_text="按键失灵", urgent=True)
    assert waiting
    paths = {
        "intake": f"/console/intake?equipment_id={an_id('pump')}", "register": "/console/register",
        "tickets": "/console/tickets", "ticket": f"/console/tickets/{done}", "board": "/console/board",
        "form": f"/console/tickets/{waiting}/do/assign_ticket", "paper": f"/console/papers/report/{report_id}",
        "edit": f"/console/tickets/{waiting}/do/edit_ticket",
    }  # fmt: skip
    faults = []
    for size in (DESK, SMALL):
        with new_context(browser, size=size) as context:
            page = context.new_page()
            served.sign_in(page, "zhou", language)
            for name, path in paths.items():
                page.goto(served.url(path))
                expect(page.locator("main")).to_be_visible()
                expect(page.locator("html")).to_have_attribute("data-live", "open")
                screenshot(page, f"console-{name}-{language}-{size['width']}")
                if size is DESK:
                    found = Axe().run(page).response["violations"]
                    faults += [
                        f"{name}: {one['id']} {[node['target'] for node in one['nodes']][:3]}"
                        for one in found
                        if one["impact"] in ("serious", "critical")
                    ]
                width = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                assert width <= 0, f"{name} is {width} px too wide at {size['width']}"
    assert faults == []


def test_a_voice_note_is_added_at_the_desk_and_plays(
    context: BrowserContext, served: ServedConsole, tmp_path: Path
) -> None:
    note = tmp_path / "语音.wav"
    with wave.open(str(note), "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(bytes(2 * 8000 * 3))
    ticket_id, page = served.company.ticket(), context.new_page()
    served.sign_in(page, "mei")
    page.goto(served.url(f"/console/tickets/{ticket_id}/files/new"))
    page.set_input_files("#f-file", note)
    page.locator("form[enctype] .form-buttons button").click()
    page.locator(".file-grid a").click()
    player = page.locator("audio")
    expect(player).to_be_visible()
    expect(player).to_have_js_property("duration", 3)
    player.evaluate("sound => { sound.currentTime = 2.5; return sound.play(); }")
    expect(player).to_have_js_property("ended", True)
    screenshot(page, "console-voice")
