"""Every page of the console on a telephone, in three languages: nothing is wider than the screen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser
from sqlalchemy import select

from common.approvals.approval import DecideApproval, RequestApproval
from common.i18n import LANGUAGES
from common.visit.records import ServiceReport
from common.visit.voiding import VoidReport
from sync_server.app import site_of
from sync_server.db.durable import note_backup
from tests.support.console_visit import whole_visit
from tests.support.console_world import NOW, PASSWORD, ConsoleWorld, an_id, make_world

pytestmark = pytest.mark.browser
PHONE = {"width": 390, "height": 844}
LISTS = """intake register board tickets stock stock/parts stock/prices stock/ledger stock/receive stock/transfer
    customers customers/new equipment equipment/models people people/new policy import tablets tablets/enrol inbox
    approvals evidence backups password password/factor"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[ConsoleWorld, str, str]]:
    """Give a company with a voided report behind a port: the world, the address, the cookie's value."""
    world = make_world(tmp_path)
    ticket_id = world.ticket()
    world.assign(ticket_id)
    whole_visit(world, ticket_id)
    report = report_of(world)
    asked = RequestApproval(
        world.new_id(), "void_report", report.id, report.number, "签字人无授权，须重新验收"
    )
    world.give(asked, "zhou")
    world.give(DecideApproval(asked.approval_id, "approve"), "manager")
    world.give(VoidReport(world.new_id(), ticket_id, report.id, asked.approval_id), "zhou")
    waits = RequestApproval(world.new_id(), "export_evidence", an_id("pump"), "SN-70031", "法院调取")
    world.give(waits, "zhou")
    world.ticket("monitor")
    note_backup(world.database, "kept/fieldwright-20261122T000000Z", NOW - timedelta(hours=1), 5, 0)
    app = world.app()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    site = site_of(app.app)
    yield world, f"http://127.0.0.1:{port}", site.sessions.login("admin", PASSWORD, "127.0.0.1")
    site.hub.close()
    server.should_exit = True
    thread.join()


def report_of(world: ConsoleWorld) -> ServiceReport:
    with world.database.read() as session:
        return session.scalars(select(ServiceReport)).one()


def pages_of(world: ConsoleWorld) -> list[str]:
    """List every page: the lists, and one of each thing."""
    report = report_of(world)
    customer, unit, person = an_id("xiehe"), an_id("pump"), an_id("li")
    single = (
        f"tickets/{report.ticket_id} customers/{customer} customers/{customer}/edit equipment/{unit} "
        f"equipment/{unit}/edit people/{person} people/{person}/edit papers/report/{report.id} verify/{report.id}"
    )
    return [*LISTS.split(), *single.split()]


def test_no_page_is_wider_than_a_telephone(browser: Browser, served: tuple[ConsoleWorld, str, str]) -> None:
    world, base, token = served
    context = browser.new_context(viewport=PHONE, java_script_enabled=True)  # type: ignore[arg-type]
    context.add_cookies([{"name": "session", "value": token, "url": base}])
    page, wide = context.new_page(), []
    for language in LANGUAGES:
        context.add_cookies([{"name": "language", "value": language, "url": base}])
        for path in pages_of(world):
            answer = page.goto(f"{base}/console/{path}", wait_until="domcontentloaded")
            assert answer is not None
            assert answer.status == 200, path
            width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if width > 0:
                wide.append(f"{language} {path}: {width} px too wide")
    context.close()
    assert wide == []
