"""The console's toolkit in a real browser: drag, keys, touch, two browsers, paper, strict policy, accessibility."""

from __future__ import annotations

import io
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, ViewportSize, expect
from pypdf import PdfReader

from tests.support.browser import DESK, new_context, off_site_requests, screenshot
from tests.support.console_demo import Demo, create_demo

pytestmark = pytest.mark.browser
SMALL = ViewportSize(width=1024, height=768)
LOCALES = {"en": "en-US", "zh-Hans": "zh-CN", "zh-Hant": "zh-TW"}


@dataclass
class Served:
    """The demo on a port of its own; `stop` and `start` are a real restart of the server."""

    demo: Demo
    port: int = 0
    server: uvicorn.Server = field(init=False)
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self.demo.hub = self.demo.new_hub()
        config = uvicorn.Config(create_demo(self.demo), port=self.port, log_level="warning", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.02)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self.demo.hub.close()
        self.server.should_exit = True
        self.thread.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served(Demo())
    found.start()
    yield found
    found.stop()


@dataclass
class BoardPage:
    """One browser's view of the board."""

    page: Page
    served: Served

    def open(self, query: str = "") -> BoardPage:
        self.page.goto(self.served.url(f"/console/board{query}"))
        expect(self.page.locator("[data-board]")).to_have_attribute("data-ready", "1")
        expect(self.page.locator("html")).to_have_attribute("data-live", "open")
        return self

    def job(self, job_id: str) -> Locator:
        return self.page.locator(f'.job[data-job="{job_id}"]')

    def in_lane(self, lane: str, job_id: str) -> Locator:
        return self.page.locator(f'[data-lane="{lane}"] .job[data-job="{job_id}"]')

    def in_tray(self, job_id: str) -> Locator:
        return self.page.locator(f'[data-tray] .job[data-job="{job_id}"]')

    def point(self, lane: str, minute: int) -> tuple[float, float]:
        box = self.page.locator(f'[data-lane="{lane}"] .track').bounding_box()
        assert box
        return box["x"] + box["width"] * (minute - 420) / 780, box["y"] + box["height"] / 2

    def grab(self, job_id: str, dx: float = 20) -> tuple[float, float]:
        box = self.job(job_id).bounding_box()
        assert box
        return box["x"] + dx, box["y"] + box["height"] / 2

    def drag(self, job_id: str, lane: str, minute: int) -> None:
        x, y = self.grab(job_id)
        mouse = self.page.mouse
        # A card is held 12 px from its left edge, a bar where it was gripped.
        offset = 12 if self.in_tray(job_id).count() else 20
        to_x, to_y = self.point(lane, minute)
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + 30, y + 10, steps=3)
        mouse.move(to_x + offset, to_y, steps=8)
        mouse.up()

    def says(self, text: str) -> None:
        expect(self.page.locator("[data-said]")).to_contain_text(text)

    @contextmanager
    def hand_at_work(self) -> Iterator[None]:
        """Stop the page's clock: however slow the machine, the hand does not rest between two keys."""
        clock = self.page.clock
        clock.install()
        clock.pause_at(datetime.fromtimestamp(self.page.evaluate("Date.now() / 1000 + 1"), UTC))
        yield
        clock.resume()


def plain(text: str) -> str:
    """Undo what fonts do to extracted text: radicals stand for the characters that look the same."""
    return unicodedata.normalize("NFKC", text)


def answering(status: int) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=status, body="<b>no page</b>")


def watch(page: Page) -> list[str]:
    """Collect violations of the policy and script errors; refused moves (4xx) are no errors."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))

    def note(kind: str, text: str) -> None:
        if "Content Security Policy" in text or (kind == "error" and "status of 4" not in text):
            found.append(text)

    page.on("console", lambda message: note(message.type, message.text))
    return found


@pytest.fixture
def board(context: BrowserContext, served: Served) -> BoardPage:
    return BoardPage(context.new_page(), served).open()


def test_a_ticket_is_dragged_out_of_the_tray_and_the_other_browser_sees_it(
    board: BoardPage, browser: Browser, served: Served
) -> None:
    with new_context(browser) as other_context:
        other = BoardPage(other_context.new_page(), served).open()
        expect(other.in_tray("j36")).to_be_visible()
        board.drag("j36", "e8", 785)
        expect(board.in_lane("e8", "j36")).to_have_attribute("data-version", "2")
        board.says("13:00–15:00, Wang Fang")
        expect(other.in_lane("e8", "j36")).to_have_attribute("data-version", "2")
        expect(other.in_tray("j36")).to_have_count(0)
    row = served.demo.rows["j36"]
    assert (row["engineer_id"], row["start_min"], row["duration_min"]) == ("e8", 780, 120)


def test_free_slots_and_broken_rules_show_while_a_job_is_held(board: BoardPage) -> None:
    x, y = board.grab("j36")
    board.page.mouse.move(x, y)
    board.page.mouse.down()
    board.page.mouse.move(*board.point("e8", 800), steps=6)
    expect(board.page.locator('[data-lane="e8"] .slot')).to_be_visible()
    expect(board.page.locator('[data-lane="e12"] .lane-reason')).to_have_text("No certificate for X-ray")
    expect(board.page.locator('[data-lane="e11"] .slot')).to_have_count(0)
    expect(board.page.locator(".ghost")).to_be_visible()
    screenshot(board.page, "console-board-holding")
    board.page.keyboard.press("Escape")
    board.page.mouse.up()
    expect(board.page.locator(".slot, .ghost, .drag-image")).to_have_count(0)
    expect(board.in_tray("j36")).to_be_visible()
    assert board.served.demo.feed == []


def test_a_held_bar_outlives_what_arrives_under_the_hand(board: BoardPage, served: Served) -> None:
    answers: list[Route] = []
    board.page.route("**/console/board/moves", lambda route: answers.append(route))
    board.drag("j36", "e10", 700)
    expect(board.in_lane("e10", "j36")).to_be_visible()
    mouse = board.page.mouse
    mouse.move(*board.grab("j28"))
    mouse.down()
    served.demo.changed("j1")
    board.page.wait_for_timeout(400)
    mouse.move(*board.point("e10", 600), steps=3)
    answers.pop().continue_()
    expect(board.in_lane("e10", "j36")).to_have_attribute("data-version", "2")
    board.page.unroute("**/console/board/moves")
    to_x, to_y = board.point("e8", 1020)
    mouse.move(to_x + 20, to_y, steps=6)
    mouse.up()
    expect(board.in_lane("e8", "j28")).to_have_attribute("data-version", "2")
    assert served.demo.rows["j28"]["start_min"] == 1020
    expect(board.page.locator(".slot, .ghost, .drag-image")).to_have_count(0)


def test_the_right_edge_changes_the_length_and_overlaps_get_rows(board: BoardPage, served: Served) -> None:
    box = board.job("j28").bounding_box()
    assert box
    board.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 10)
    board.page.mouse.down()
    board.page.mouse.move(board.point("e10", 902)[0], box["y"] + 10, steps=6)
    board.page.mouse.up()
    expect(board.job("j28")).to_have_attribute("data-version", "2")
    assert served.demo.rows["j28"]["duration_min"] == 120
    board.drag("j28", "e8", 630)
    expect(board.in_lane("e8", "j28")).to_have_attribute("data-version", "3")
    first, second = board.job("j23").bounding_box(), board.job("j28").bounding_box()
    assert first
    assert second
    assert second["y"] >= first["y"] + first["height"] or first["y"] >= second["y"] + second["height"]


def test_work_under_way_stays_and_says_why(board: BoardPage, served: Served) -> None:
    board.drag("j1", "e8", 800)
    expect(board.page.locator("[data-alert]")).to_contain_text("ask the engineer to pause it")
    board.job("j1").press("Alt+ArrowRight")
    board.job("j1").click()
    expect(board.page.locator("[data-sheet] [data-locked]")).to_be_visible()
    expect(board.page.locator("[data-sheet] .btn-primary")).to_be_disabled()
    assert served.demo.feed == []


def test_the_keyboard_moves_resizes_and_puts_back(board: BoardPage, served: Served) -> None:
    job = board.job("j3")
    job.focus()
    with board.hand_at_work():
        for _ in range(3):
            job.press("Alt+ArrowRight")
        job.press("Alt+ArrowDown")
        job.press("Alt+Shift+ArrowRight")
    expect(board.in_lane("e2", "j3")).to_have_attribute("data-version", "2")
    expect(job).to_be_focused()
    row = served.demo.rows["j3"]
    assert (row["engineer_id"], row["start_min"], row["duration_min"]) == ("e2", 915, 105)
    assert len(served.demo.feed) == 1
    with board.hand_at_work():
        job.press("Alt+ArrowUp")
        job.press("Escape")
        board.says("stays where it was")
    expect(board.in_lane("e2", "j3")).to_be_focused()
    job.press("Delete")
    expect(board.in_tray("j3")).to_be_visible()
    board.says("is unassigned again")
    assert [row["version"], row["engineer_id"]] == [3, None]


def test_arrows_walk_between_jobs(board: BoardPage) -> None:
    board.job("j2").focus()
    board.page.keyboard.press("ArrowRight")
    expect(board.job("j3")).to_be_focused()
    board.page.keyboard.press("ArrowDown")
    expect(board.page.locator('[data-lane="e2"] .job:focus')).to_have_count(1)


def test_enter_opens_the_sheet_which_assigns_to_another_day(board: BoardPage, served: Served) -> None:
    board.job("j37").press("Enter")
    sheet = board.page.locator("[data-sheet]")
    expect(sheet.locator("h2")).to_contain_text("T-2077")
    expect(sheet.locator(".facts")).to_be_visible()
    expect(sheet.locator("option[value=e12]")).to_have_text("Zhou Ping 周平 – No certificate for X-ray")
    expect(sheet.locator("#place-engineer")).to_be_focused()
    screenshot(board.page, "console-board-sheet")
    board.page.keyboard.press("Escape")
    expect(board.job("j37")).to_be_focused()
    board.page.keyboard.press("Enter")
    sheet.locator("#place-engineer").select_option("e5")
    sheet.locator("#place-day").fill("2026-11-24")
    sheet.locator("#place-start").select_option("540")
    sheet.locator(".btn-primary").click()
    board.says("moved to 2026-11-24, 09:00–10:00")
    expect(board.job("j37")).to_have_count(0)
    assert served.demo.rows["j37"]["day"] == "2026-11-24"
    board.page.get_by_label("Next day").click()
    expect(board.in_lane("e5", "j37")).to_be_visible()
    expect(board.page.locator("h1")).to_contain_text("Tue 24 Nov 2026")
    board.page.get_by_label("Previous day").click()
    expect(board.in_lane("e5", "j37")).to_have_count(0)


def test_a_broken_rule_wants_a_reason_or_leaves_all_as_it_was(board: BoardPage, served: Served) -> None:
    board.drag("j36", "e12", 900)
    dialog = board.page.locator("[data-override]")
    expect(dialog).to_contain_text("No certificate for X-ray.")
    expect(dialog.locator("textarea")).to_be_focused()
    screenshot(board.page, "console-board-rule")
    board.page.keyboard.press("Escape")
    expect(board.in_tray("j36")).to_be_visible()
    assert served.demo.overrides == []
    board.drag("j36", "e12", 900)
    dialog.locator("[data-go]").click()
    expect(dialog).to_be_visible()
    dialog.locator("textarea").fill("与陈军一同前往")
    dialog.locator("[data-go]").click()
    expect(board.in_lane("e12", "j36")).to_have_attribute("data-version", "2")
    assert served.demo.overrides == ["与陈军一同前往"]


def test_a_rule_that_cannot_be_set_aside_offers_no_way_round(board: BoardPage) -> None:
    board.drag("j36", "e11", 900)
    dialog = board.page.locator("[data-override]")
    expect(dialog).to_contain_text("On leave all day.")
    expect(dialog.locator("[data-go]")).to_be_hidden()
    expect(dialog.locator("textarea")).to_be_hidden()
    dialog.get_by_role("button", name="Leave as it was").click()
    expect(board.in_tray("j36")).to_be_visible()


def test_the_loser_of_two_moves_sees_the_winner(board: BoardPage, served: Served) -> None:
    # The other dispatcher's move is committed; this browser has not heard of it yet.
    served.demo.rows["j36"] |= {"engineer_id": "e6", "start_min": 960, "version": 2, "day": "2026-11-23"}
    board.drag("j36", "e8", 800)
    expect(board.page.get_by_role("alert").filter(has_text="Somebody else")).to_be_visible()
    expect(board.in_lane("e6", "j36")).to_have_attribute("data-version", "2")


def test_without_a_server_nothing_pretends_to_have_moved(board: BoardPage, served: Served) -> None:
    served.stop()
    board.drag("j36", "e8", 800)
    expect(board.page.locator("[data-alert]")).to_contain_text("No connection. T-2076 was not moved.")
    expect(board.in_tray("j36")).to_be_visible()
    expect(board.page.locator("#live-banner")).to_contain_text("Connection lost at")
    screenshot(board.page, "console-connection-lost")
    served.demo.rows["j35"] |= {"engineer_id": "e8", "start_min": 900, "version": 2, "day": "2026-11-23"}
    served.demo.changed("j35")
    served.start()
    expect(board.page.locator("#live-banner")).to_contain_text("Connected again")
    expect(board.in_lane("e8", "j35")).to_be_visible()


def test_a_finger_drags_a_card_and_a_bar(browser: Browser, served: Served) -> None:
    with new_context(browser, size=SMALL, touch=True) as context:
        board = BoardPage(context.new_page(), served).open()
        client = context.new_cdp_session(board.page)

        def touch(kind: str, x: float, y: float) -> None:
            points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        def swipe(job_id: str, lane: str, minute: int, offset: float) -> None:
            x, y = board.grab(job_id)
            to_x, to_y = board.point(lane, minute)
            touch("touchStart", x, y)
            touch("touchMove", x + 24, y)
            for step in range(1, 9):
                touch("touchMove", x + (to_x + offset - x) * step / 8, y + (to_y - y) * step / 8)
            touch("touchEnd", 0, 0)

        swipe("j36", "e6", 720, 12)
        expect(board.in_lane("e6", "j36")).to_have_attribute("data-version", "2")
        swipe("j36", "e4", 720, 20)
        expect(board.in_lane("e4", "j36")).to_have_attribute("data-version", "3")
        assert served.demo.rows["j36"]["start_min"] == 720


def test_signing_out_elsewhere_is_said_and_keeps_what_was_typed(board: BoardPage, served: Served) -> None:
    page = board.page
    page.goto(served.url("/console/intake"))
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    page.fill("#f-fault", "泵报警")
    served.demo.is_signed_in = False
    served.demo.changed("j1")
    expect(page.locator("#live-banner")).to_contain_text("You have been signed out")
    expect(page.locator("#f-fault")).to_have_value("泵报警")


def test_a_list_searches_sorts_pages_and_follows_changes(board: BoardPage, served: Served) -> None:
    page = board.page
    page.goto(served.url("/console/tickets"))
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pager")).to_contain_text("51–100 of 160")
    page.get_by_role("link", name="No.").click()
    expect(page).to_have_url(served.url("/console/tickets?sort=number"))
    page.fill("#q", "T-2051")
    expect(page.locator(".pager")).to_contain_text("1–4 of 4")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("tbody tr").first).to_contain_text("Paused")
    served.demo.rows["j11"]["state"] = "working"
    served.demo.changed("j11")
    expect(page.locator("tbody tr").first).to_contain_text("On site")
    page.fill("#q", "nothing like it")
    expect(page.locator(".empty")).to_contain_text("Nothing matches")
    page.evaluate("history.go(-2)")
    expect(page.locator(".pager")).to_contain_text("1–50 of 160")
    expect(page.locator("#q")).to_have_value("")


def test_an_answer_that_is_no_page_is_said_and_never_swapped_in(board: BoardPage, served: Served) -> None:
    page = board.page
    page.goto(served.url("/console/tickets"))
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    for status, words in ((500, "error 500"), (403, "refused this (403)")):
        page.route("**/console/tickets?q=*", answering(status))
        page.fill("#q", f"T-{status}")
        expect(page.locator("#page-alert")).to_contain_text(words)
        expect(rows).to_have_count(50)
        page.unroute("**/console/tickets?q=*")
    page.route("**/console/tickets?q=*", lambda route: route.abort())
    page.fill("#q", "T-1")
    expect(page.locator("#page-alert")).to_contain_text("cannot be reached")
    page.unroute("**/console/tickets?q=*")
    page.fill("#q", "T-2051")
    expect(rows).to_have_count(4)
    expect(page.locator("#page-alert")).to_be_hidden()


def test_lists_and_forms_work_without_scripts(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(served.url("/console/tickets?state=paused"))
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_role("link", name="No.").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("No.")
    page.goto(served.url("/console/intake"))
    page.fill("#f-customer", "城东医院")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator("#e-fault")).to_contain_text("Say what is wrong.")
    expect(page.locator("#f-customer")).to_have_value("城东医院")
    page.fill("#f-fault", "No image")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator(".notice")).to_contain_text("Saved on the server.")
    page.locator("details.menu summary").first.click()
    page.get_by_role("button", name="繁體中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hant")
    context.close()


def test_half_a_syllable_does_not_search(board: BoardPage, served: Served) -> None:
    page = board.page
    page.goto(served.url("/console/tickets"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "q=" in request.url else None)
    page.locator("#q").focus()
    client = page.context.new_cdp_session(page)
    for text in ("c", "ch", "che", "chen", "cheng"):
        client.send(
            "Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)}
        )
    client.send("Input.insertText", {"text": "城东"})
    expect(page.locator(".pager")).to_contain_text("1–20 of 20")
    assert len(asked) == 1


def test_the_policy_is_strict_and_nothing_leaves_the_machine(board: BoardPage, served: Served) -> None:
    page = board.page
    found, outside = watch(page), off_site_requests(page, allowed=())
    board.open()
    board.drag("j36", "e8", 800)
    expect(board.in_lane("e8", "j36")).to_be_visible()
    board.job("j36").click()
    expect(page.locator("[data-sheet] .facts")).to_be_visible()
    for path in ("/console/tickets", "/console/tickets/j13", "/console/intake"):
        page.goto(served.url(path))
        expect(page.locator("html")).to_have_attribute("data-live", "open")
    page.get_by_role("button", name="Legend").click()
    expect(page.locator("#why")).to_be_visible()
    assert found == []
    assert outside == []


@pytest.mark.parametrize("language", LOCALES)
def test_no_serious_accessibility_violation(browser: Browser, served: Served, language: str) -> None:
    with new_context(browser, locale=LOCALES[language]) as context:
        board = BoardPage(context.new_page(), served).open()
        page = board.page

        def check(name: str) -> None:
            report = Axe().run(page).response
            assert [(v["id"], v["nodes"][0]["html"]) for v in report["violations"]] == []
            screenshot(page, f"console-{name}-{language}")

        check("board")
        board.job("j36").click()
        expect(page.locator("[data-sheet] .facts")).to_be_visible()
        check("sheet")
        board.page.locator("[data-sheet-close]").click()
        for path in ("tickets", "tickets/j13", "intake"):
            page.goto(served.url(f"/console/{path}"))
            check(path.replace("/", "-"))
        page.set_viewport_size(SMALL)
        board.open()
        check("board-small")


def test_board_and_list_print_well(browser: Browser, served: Served) -> None:
    with new_context(browser, size=DESK, locale="zh-CN") as context:
        board = BoardPage(context.new_page(), served).open()
        paper = {"prefer_css_page_size": True, "print_background": True}
        pages = PdfReader(io.BytesIO(board.page.pdf(**paper))).pages  # type: ignore[arg-type]
        first, last = plain(pages[0].extract_text()), plain(pages[-1].extract_text())
        assert (round(pages[0].mediabox.width), round(pages[0].mediabox.height)) == (842, 595)
        assert len(pages) <= 2
        assert "派工板" in first
        assert all(name in first for name in ("陈军", "周平", "T-2051"))
        assert "T-2076" in last
        board.page.goto(served.url("/console/tickets"))
        pages = PdfReader(io.BytesIO(board.page.pdf(**paper))).pages  # type: ignore[arg-type]
        text = plain("".join(page.extract_text() for page in pages))
        assert (round(pages[0].mediabox.width), round(pages[0].mediabox.height)) == (595, 842)
        assert text.count("T-20") == 50
        assert "林梅 打印于" in text
