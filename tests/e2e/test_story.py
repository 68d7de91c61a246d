"""One visit from the call to the archive, its middle offline: real programs, real databases, a browser on both sides.

Owns the story. Where things are on the pages is known to the page objects in `tests/support/pages`.
"""

from __future__ import annotations

import io
import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from common.policy.preset import preset_data
from common.stock.ledger import ledger_faults
from sync_server.upkeep.verify import verify
from tests.support.browser import new_context, screenshot
from tests.support.flet_browser import script_errors
from tests.support.locked_tablet import cipher_of
from tests.support.pages.app import README, TALL, AppPage
from tests.support.pages.console import ConsolePage
from tests.support.photos import photo
from tests.support.programs import HOST, PIN, Cable, app_program, free_port, server_program
from tests.support.story_company import StoryCompany, an_id, make_story_company

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = [pytest.mark.browser, pytest.mark.slow]
READINGS = {"flow_rate": "98", "leakage_current": "42"}
BARCODE = "6970000001001"
MOST_SYNCS = 8  # this cut takes calls and breaks them, as a bad line does: few are tried first, then more


class Story:
    """The company, its programs, and the browsers of the people in it."""

    def __init__(self, folder: Path, database_url: str, browser: Browser, stack: ExitStack) -> None:
        self.browser, self.stack, self.folder = browser, stack, folder
        self.company: StoryCompany = make_story_company(folder, database_url)
        stack.callback(self.company.database.engine.dispose)
        port = free_port()
        workers = 1 if self.company.settings.is_sqlite else 2
        self.server = server_program(folder, self.company.settings.database, port, self.company.zone, workers)
        stack.callback(self.server.end, signal.SIGKILL)
        self.server.start()
        self.cable = Cable(port)
        stack.callback(self.cable.close)
        self.program = app_program(folder, self.cable.url, free_port())
        stack.callback(self.program.end, signal.SIGKILL)
        self.program.start()
        self.console_url = f"http://{HOST}:{port}"
        self.kind = "sqlite" if self.company.settings.is_sqlite else "postgresql"
        self.office = self.at_desk("mei")
        self.ticket = self.number = ""

    def at_desk(self, login: str) -> ConsolePage:
        """Sign somebody of the office in, in a browser of his own."""
        return ConsolePage(self._context().new_page(), self.console_url).sign_in(login)

    def tablet(self) -> AppPage:
        """Open the engineer's browser."""
        page = self._context(README).new_page()
        self.errors = script_errors(page)
        return AppPage(page, self.program.ready.removesuffix("/healthz"))

    def _context(self, size: object = None) -> BrowserContext:
        return self.stack.enter_context(new_context(self.browser, size=size))  # type: ignore[arg-type]

    def wait_for_draft(self, text: str) -> None:
        """Wait until a half-typed text is on the tablet's disk, sealed: a moment after the last key."""
        folder = self.folder / "tablet" / "app"
        cipher = cipher_of(folder, PIN)
        with closing(sqlite3.connect(folder / "tablet.db")) as disk:
            for _ in range(300):
                for key, body in disk.execute("select key, body from draft").fetchall():
                    assert text.encode() not in body
                    if text in str(json.loads(cipher.open(body, f"draft|body|{key}".encode()))):
                        return
                self.office.page.wait_for_timeout(100)
        raise AssertionError(f"never written down: {text}")

    def keep(self, desk: ConsolePage, name: str) -> None:
        """Keep a picture of a console page; those of SQLite have the plain name."""
        screenshot(desk.page, name if self.kind == "sqlite" else f"{name}-{self.kind}")

    def show(self, app: AppPage, name: str) -> None:
        """Keep a picture of the app."""
        app.picture(name if self.kind == "sqlite" else f"{name}-{self.kind}")


@pytest.fixture
def story(tmp_path: Path, database_url: str, browser: Browser) -> Iterator[Story]:
    """Give the company with everything running."""
    with ExitStack() as stack:
        yield Story(tmp_path, database_url, browser, stack)


def test_one_visit_from_the_call_to_the_archive(story: Story) -> None:
    the_call(story)
    watching = the_dispatch(story)
    app = the_tablet_is_packed(story)
    story.server.end(signal.SIGKILL)
    the_visit_begins(story, app)
    the_customer_agrees_to_the_price(story, app)
    the_app_is_killed_in_the_middle(story, app)
    the_repair_is_proven(story, app)
    the_customer_signs(story, app)
    other_work_is_touched(story, app)
    story.cable.cut()
    story.server.start()
    ticket_page = the_office_changes_things_meanwhile(story)
    back_in_signal(story, app, watching, ticket_page)
    both_sides_are_told(story, app)
    the_papers(story, app)
    the_clerk_closes_the_books(story)
    nothing_was_lost(story)
    assert story.errors == []


def the_call(story: Story) -> None:
    office = story.office.open("intake")
    office.look_for_caller("yongan")
    office.says("甬安协和医院", "#found")
    office.page.locator("#f-customer_id").fill("")
    office.look_for_caller("70031")
    office.choose_unit("SN-70031")
    office.says(re.compile(r"Warranty ended .*: paid service"), "#known")
    office.says("At the latest", "#known")
    office.page.fill("#f-fault_text", "流速偏低，报警")
    office.page.fill("#f-caller", "张护士")
    office.page.fill("#f-caller_phone", "138 0000 1234")
    story.keep(office, "intake")
    office.page.locator(".desk-go button").first.click()
    office.says("You hear from us, or we are there, by", ".told")
    story.ticket = office.part("[data-ticket]").get_attribute("data-ticket") or ""
    story.number = office.part(".told-number").inner_text()


def the_dispatch(story: Story) -> ConsolePage:
    """Assign on the board while a second dispatcher watches; returns his page."""
    office, number, engineer = story.office.open_board(), story.number, an_id("li")
    watching = story.at_desk("zhou").open_board()
    watching.page.evaluate("window.neverLoadedAnew = true")
    expect(watching.in_tray(number)).to_be_visible()
    office.place_by_keyboard(number, an_id("wang"), 11)
    office.says("Skill missing", "[data-override]")
    story.keep(office, "board-rule")
    office.page.keyboard.press("Escape")
    expect(office.in_tray(number)).to_be_visible()
    office.place_by_keyboard(number, engineer, 11)
    office.says("is outside working hours", "[data-override]")  # noon, on every day of the week
    office.page.locator("#override-reason").fill("客户只有中午有空")
    office.page.locator("[data-go]").click()
    expect(office.in_lane(engineer, number)).to_be_visible()
    expect(watching.in_lane(engineer, number)).to_be_visible()
    assert watching.page.evaluate("window.neverLoadedAnew") is True
    story.keep(office, "board")
    return watching


def the_tablet_is_packed(story: Story) -> AppPage:
    """Enrol with the console's code and look whether all is there; returns the app."""
    office = story.office.open("tablets/enrol")
    office.page.locator("#f-person_id").select_option(an_id("li"))
    office.page.locator(".form-buttons button").click()
    code = office.part("#code").inner_text()
    story.keep(office, "tablet-code")
    app = story.tablet().open().on("enrol")
    app.type("enrol-code", code)
    app.tap("enrol-go")
    app.says("Welcome, 李伟", "enrol-welcome")
    app.says("From now on it works without a network")
    app.tap("enrol-start")
    app.on("ready").says("Ready: you can leave")
    app.says(f"{story.number} · 甬安协和医院")
    app.says("Van stock: 2 kinds of parts")
    story.show(app, "ready")
    app.tap("back")
    return app.on("today")


def the_visit_begins(story: Story, app: AppPage) -> None:
    app.page.set_viewport_size(TALL)
    app.tap(f"ticket-{story.number}")
    app.on("ticket-overview").tap("step-acknowledge")
    app.says(re.compile(r"Offline.*\d+ waiting", re.DOTALL), "sync-strip")
    app.tap("step-travel")
    app.tap("step-arrive")
    app.tap("arrive-badge")
    app.says("On site", "ticket-state")
    app.tap("tabs-checklist")
    app.on("ticket-checklist")
    checklists: Any = preset_data("medical-device")["checklists"]
    lists = {one["code"]: one["items"] for one in checklists}
    for code in ("on_site_conduct", "infusion_pump"):
        items = [item["code"] for item in lists[code]]
        for done, item in enumerate(items, 1):
            if item in READINGS:
                app.type(f"value-{item}", READINGS[item])
            app.tap(f"{code}-{item}-ok")
            app.says(f"{done} of {len(items)} answered")
    story.show(app, "checklist")
    app.tap("tabs-diagnosis")
    app.on("ticket-diagnosis")
    assert app.typed("phenomenon") == "流速偏低，报警"
    app.type("finding", "泵管密封圈磨损，流量下降约三成")
    app.tap("cause-wear")
    app.says("Before paid work begins the customer signs plan and price.")
    app.type("evidence", "实测 68 ml/h，设定 100 ml/h")
    app.tap("diagnosis-save")
    app.says("Recorded ")
    story.show(app, "diagnosis")


def the_customer_agrees_to_the_price(story: Story, app: AppPage) -> None:
    app.tap("step-agreement")
    app.on("agreement").says("CNY 400.00")
    app.type("find-part", "PS-100")
    app.tap("part-PS-100")
    app.says("CNY 520.00")
    app.type("plan", "更换泵密封圈，校准流速")
    app.tap("hand-over")
    app.says("请阅读维修方案和费用")
    app.tap("step-next")
    app.sign("张敏", "head_nurse")
    story.show(app, "agreement")
    app.tap("step-next")
    app.says("金额 CNY 520.00 的维修协议已保存")
    app.hand_back("0000")
    app.says("That is not your staff number", "customer-code-error")
    app.type("customer-code", "E01")
    app.tap("customer-open")
    app.on("ticket-overview")


def the_app_is_killed_in_the_middle(story: Story, app: AppPage) -> None:
    app.tap("tabs-repair")
    app.on("ticket-repair")
    app.type("measure-text", "更换泵密封圈")
    app.tap("measure-save")
    app.says("15 minutes in all")
    app.type("measure-text", "清洁泵头，校准流速")
    story.wait_for_draft("清洁泵头，校准流速")
    a_photo_is_taken(story, app)
    waiting = waiting_in(app)
    assert story.errors == []
    story.program.end(signal.SIGKILL)
    story.program.start()
    app.open(f"/ticket/{story.ticket}/repair").on("ticket-repair")
    story.errors.clear()  # the browser complained of the program that was gone
    app.says("15 minutes in all")
    assert waiting_in(app) == waiting
    app.says("旧密封圈.jpg", "files")
    app.says("On this device", "files")
    assert app.typed("measure-text") == "清洁泵头，校准流速"
    app.tap("measure-minutes-more")
    app.tap("measure-save")
    app.says("35 minutes in all")


def a_photo_is_taken(story: Story, app: AppPage) -> None:
    """Attach a photo without a line: it is on the tablet, and said to be nowhere else."""
    app.see("files-photo")
    with app.page.expect_file_chooser() as chooser:
        app.tap("files-photo")
    picture = photo(77, (2000, 1500))
    chooser.value.set_files([{"name": "旧密封圈.jpg", "mimeType": "image/jpeg", "buffer": picture}])
    app.says("Kept on this device", "files")
    app.says("1 photo or paper waiting", "sync-strip")


def the_photo_is_at_the_office(story: Story, app: AppPage, ticket_page: ConsolePage) -> None:
    """The tablet says so only once the server has every byte; the office looks at it."""
    app.open(f"/ticket/{story.ticket}/repair").on("ticket-repair")
    app.says("At the office", "files")
    ticket_page.says("旧密封圈.jpg", ".file-grid")
    shown = ticket_page.page.locator(".file-grid img").first
    expect(shown).to_be_visible()
    shown.scroll_into_view_if_needed()
    ticket_page.page.wait_for_function("document.querySelector('.file-grid img').naturalWidth > 0")


def waiting_in(app: AppPage) -> int:
    """Read how many entries wait, off the strip."""
    found = re.search(r"(\d+) waiting", app.words("sync-strip"))
    return int(found[1]) if found else 0


def the_repair_is_proven(story: Story, app: AppPage) -> None:
    app.tap("tabs-parts")
    app.on("ticket-parts").type("part-search", BARCODE)
    app.page.keyboard.press("Enter")
    app.says("The books say: 5 pcs in your van", "part-form")
    app.tap("part-save")
    app.says("Not sent yet", "used")
    story.show(app, "parts")
    app.tap("tabs-repair")
    app.on("ticket-repair").tap("reading-flow_rate")
    for name, value in (("value", "99"), ("low", "95"), ("high", "105"), ("instrument", "流量分析仪 FA-02")):
        app.type(f"test-{name}", value)
    app.tap("test-save")
    app.says("All tests passed")
    app.type("shown-to", "张敏")
    app.type("points", "开机自检、流速设定、报警处理")
    app.tap("demonstration-save")
    app.see("demonstration-0")
    story.show(app, "repair")
    app.tap("tabs-notes")
    app.on("ticket-notes").type("note-text", "护士站要求下周回访")
    app.tap("note-save")
    app.says(re.compile(r"Note\n.* · you · Not sent yet"), "timeline")
    app.tap("tabs-overview")
    app.on("ticket-overview").tap("go-help")
    app.on("ticket-help").type("help-reason", "泵头轴承有异响")
    app.tap("help-ask")
    app.see("warn-help")


def the_customer_signs(story: Story, app: AppPage) -> None:
    app.tap("step-sign_off")
    app.on("sign-off").see("complete")
    app.tap("hand-over")
    app.says("请阅读服务凭证")
    app.says("泵密封圈 × 1 · 收费", "paper")
    story.show(app, "sign-off-read")
    app.tap("step-next")
    app.tap("accept")
    app.tap("opinion-good")
    app.tap("step-next")
    for item in ("attitude", "skill", "arrival_time", "promises"):
        app.tap(f"grade-{item}-very_satisfied")
    story.show(app, "rating")
    app.tap("step-next")
    app.sign("张敏", "head_nurse")
    story.show(app, "sign-off")
    app.tap("step-next")
    app.says(f"您的凭证编号为 {story.number}-1")
    app.hand_back("E01")
    app.on("ticket-overview").says("Signed by the customer", "ticket-state")
    app.tap("step-leave")
    app.says("Checked out", "ticket-state")


def other_work_is_touched(story: Story, app: AppPage) -> None:
    """Do a little on two other tickets, which the office is about to take away."""
    numbers = story.company.numbers
    for key, steps, state in (
        ("moved", ("acknowledge",), "Acknowledged"),
        ("cancelled", ("acknowledge", "travel"), "On the way"),
    ):
        app.tap(f"ticket-{numbers[key]}")
        app.says(f"{numbers[key]} · ")
        for step in steps:
            app.tap(f"step-{step}")
        app.says(state, "ticket-state")
    story.show(app, "today")
    assert waiting_in(app) > 30


def the_office_changes_things_meanwhile(story: Story) -> ConsolePage:
    """Reassign, cancel, edit and reprice; returns the ticket's page, left open."""
    office = story.office
    office.open_ticket(an_id("moved"))
    office.act(
        "move_assignment",
        engineer_id=an_id("chen"),
        reason="协和医院的工作未完",
        override_reason="客户同意换人",
    )
    office.says("陈军")
    office.open_ticket(an_id("cancelled")).act("cancel_ticket", reason="客户自行恢复")
    office.says("Cancelled", ".ticket-top")
    office.open_ticket(an_id("edited")).act("edit_ticket", address="甬安市香山路79号后门")
    office.says("79号后门")
    keeper = story.at_desk("zhou").open(f"stock/parts/{an_id('seal')}")
    keeper.page.locator("#f-amount_minor").fill("150.00")
    keeper.page.locator(".inline-form .btn").click()
    keeper.says("150.00")
    office.open_ticket(story.ticket).says("Assigned", ".ticket-top")
    office.page.evaluate("window.neverLoadedAnew = true")
    return office


def back_in_signal(story: Story, app: AppPage, watching: ConsolePage, ticket_page: ConsolePage) -> None:
    watching.follows()  # its line to the server was gone too, and came back by itself
    app.tap("sync-strip")
    app.on("outbox").says("Offline", "sync-strip")
    before = story.cable.asked
    story.cable.mend()
    app.tap("try-now")  # he need not: the app asks by itself, ever less often
    app.says("Everything sent", "sync-strip")
    assert story.cable.asked - before <= MOST_SYNCS
    app.says("Nothing waits to be sent")
    app.says(re.compile(r"Sign the repair agreement\s+\S+\s+With a remark"))
    story.show(app, "outbox")
    ticket_page.says("Checked out", ".ticket-top")
    ticket_page.says("泵密封圈")
    ticket_page.says("Prices changed meanwhile", ".needs")
    assert ticket_page.page.evaluate("window.neverLoadedAnew") is True
    lane = watching.in_lane(an_id("li"), story.company.numbers["moved"])
    expect(lane).to_have_count(0)
    expect(watching.in_lane(an_id("chen"), story.company.numbers["moved"])).to_be_visible()
    assert watching.page.evaluate("window.neverLoadedAnew") is True
    the_photo_is_at_the_office(story, app, ticket_page)
    story.keep(ticket_page, "ticket")
    story.keep(watching, "board-after")


def both_sides_are_told(story: Story, app: AppPage) -> None:
    numbers = story.company.numbers
    told = {
        "moved": (f"Ticket {numbers['moved']} was taken back by the office: 协和医院的工作未完",
                  f"Ticket {numbers['moved']} had been given to somebody else before this work was known"),
        "cancelled": (f"Ticket {numbers['cancelled']} was cancelled: 客户自行恢复",
                      f"Ticket {numbers['cancelled']} had been ended by the office before this work was known"),
        "edited": (f"The office changed ticket {numbers['edited']}: Address",),
        "price": (f"Prices changed meanwhile for ticket {story.number} (PS-100); what the customer has signed stands",),
    }  # fmt: skip
    app.open("/conflicts").on("conflicts")
    for sentences in told.values():
        for sentence in sentences:
            app.says(sentence)
    story.show(app, "conflicts")
    app.open("/").on("today").says("Taken back by the office")
    inbox = story.office.open("inbox?show=exceptions")
    for sentence in (
        told["moved"][1],
        told["cancelled"][1],
        told["price"][0],
        f"Help is wanted on ticket {story.number}",
    ):
        inbox.says(sentence, "#inbox")
    story.keep(inbox, "inbox")
    story.at_desk("keeper").open("inbox")


def the_papers(story: Story, app: AppPage) -> None:
    """The tablet's report, the page and the PDF show one and the same content."""
    (report_id, content_hash), *more = story.company.rows("select id, content_hash from service_report")
    assert more == []
    app.open(f"/ticket/{story.ticket}/sign-off").on("sealed").says("泵密封圈")
    story.show(app, "sealed")
    office = story.office
    office.page.goto(f"{story.console_url}/console/papers/report/{report_id}?language=zh-Hans")
    office.says("泵密封圈")
    office.says(content_hash)
    story.keep(office, "voucher")
    pdf = office.page.request.get(
        f"{story.console_url}/console/papers/report/{report_id}.pdf?language=zh-Hans"
    )
    assert pdf.headers["content-type"] == "application/pdf"
    assert content_hash in pdf_words(pdf.body())


def pdf_words(data: bytes) -> str:
    """Read the letters off a PDF, without the blanks and zeros its reader puts between them."""
    words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
    return "".join(words.replace("\0", "").split())


def the_clerk_closes_the_books(story: Story) -> None:
    keeper = story.at_desk("keeper").open("stock/ledger")
    keeper.says(re.compile(rf"Used on a job.*PS-100.*李伟的备件车.*{story.number}", re.DOTALL))
    story.keep(keeper, "ledger")
    clerk = story.at_desk("clerk").open("register")
    clerk.says(story.number)
    story.keep(clerk, "register")
    clerk.open_ticket(story.ticket).act("write_off_ticket")
    clerk.says("Written off", ".ticket-top")
    clerk.act("archive_ticket")
    clerk.says("Archived", ".ticket-top")
    clerk.open("tickets").page.locator("#q").fill("70031")
    clerk.says(re.compile(rf"{story.number}.*Archived", re.DOTALL), "tbody")
    expect(clerk.part("tbody tr")).to_have_count(1)


def nothing_was_lost(story: Story) -> None:
    company, ticket = story.company, story.ticket

    def one(query: str) -> tuple[Any, ...]:
        rows = company.rows(query, ticket=ticket)
        assert len(rows) == 1, rows
        return tuple(rows[0])

    report = one(
        "select number, signer_name, language, content from service_report where ticket_id = :ticket"
    )
    assert report[:3] == (f"{story.number}-1", "张敏", "zh-Hans")
    content = report[3] if isinstance(report[3], dict) else json.loads(report[3])
    words = json.dumps(content, ensure_ascii=False)
    for said in ("更换泵密封圈", "清洁泵头，校准流速", "PS-100", "流量分析仪 FA-02", "泵管密封圈磨损"):
        assert said in words
    assert one("select reason, qty from stock_movement where ticket_id = :ticket") == ("used", 1000)
    assert one("select unit_price_minor, total_minor from part_usage u, repair_agreement a "
               "where u.ticket_id = :ticket and a.ticket_id = :ticket")[1] == 52_000  # fmt: skip
    assert (
        one("select count(*), count(distinct n), max(n) from receipt where device_id <> ''")[0]
        == one("select last_n from lane")[0]
    )
    assert one("select count(*) from op_parked") == (0,)
    assert one("select count(*) from rating where ticket_id = :ticket") == (1,)
    assert one("select count(*) from checklist_answer where ticket_id = :ticket") == (15,)
    assert one("select note from ticket_event where ticket_id = :ticket and kind = 'note'") == (
        "护士站要求下周回访",
    )

    def state(key: str) -> object:
        return company.rows("select state from ticket where id = :id", id=an_id(key))[0][0]

    assert (state("moved"), state("cancelled")) == ("dispatched", "cancelled")
    company.database.number()
    with company.database.read() as session:
        assert verify(session) == []
        assert ledger_faults(session) == []
