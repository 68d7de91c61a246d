"""What a customer holds in his hands, in a real browser: report, rating, signature, agreement, stop-use notice.

Owns the walks through these pages and their pictures; what each step needs is tested without a browser.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from common.kernel.command import Role
from common.kernel.ids import derive_id
from common.stock.part_commands import SetCharge
from common.visit.records import RepairAgreement, ServiceReport, StopUseNotice
from field_app.screens.table import screen_table
from field_app.state.prefs import SavedPrefs
from field_app.store.schema import OutboxOp
from sync_server.followup.open_rating import open_sealed
from sync_server.keys import ServerKeys
from tests.support.browser import new_context, screenshot
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
from tests.support.tablet import TabletStand, bare, stand
from tests.support.visit_world import VisitWorld

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

pytestmark = pytest.mark.browser

KEYS = ServerKeys(sign=b"\x01" * 32, box=b"\x02" * 32, secret=b"\x03" * 32)
SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 400, "height": 800},
    "tablet": {"width": 1180, "height": 820},
}
NAME = [
    [(0.15, 0.7), (0.2, 0.2), (0.28, 0.7), (0.36, 0.3), (0.45, 0.65)],
    [(0.5, 0.5), (0.6, 0.4), (0.7, 0.6), (0.85, 0.45)],
]
CHARGES = (
    ("L1", "labour", "人工费", 30_000),
    ("T1", "travel", "市内差旅", 12_000),
    ("O1", "other", "检测费", 5_000),
)


def packed(folder: Path) -> TabletStand:
    """Make a tablet of a company with a price list."""
    office = VisitWorld()
    for code, kind, title, amount in CHARGES:
        charge = SetCharge(derive_id("charge", code), code, kind, title, amount, "CNY")  # type: ignore[arg-type]
        office.must(charge, roles=(Role.MANAGER,))
    return stand(folder, office, box_key=KEYS.box_public)


class Walk:
    """One page of the app in a browser; `shot(word)` keeps a picture of what is on it, whole and without red boxes."""

    def __init__(self, context: BrowserContext, url: str, size: str, language: str) -> None:
        self.context, self.url, self.name = context, url, f"{size}-{language}"
        self.page = context.new_page()
        self.errors = [script_errors(self.page)]

    def killed(self) -> Page:
        """Close the page as a killed app does, and return a new one."""
        self.page.close()
        self.page = self.context.new_page()
        self.errors.append(script_errors(self.page))
        return self.page

    def open(self, path: str, ident: str) -> None:
        """Load an address and wait for a part of it."""
        open_app(self.page, self.url + path)
        by_id(self.page, ident).wait_for(state="attached")

    def down(self) -> None:
        """Scroll to the end of the page."""
        box = self.page.viewport_size
        assert box is not None
        # Beside the signature, not on it: there a wheel would do nothing.
        self.page.mouse.move(box["width"] / 2, box["height"] * 0.55)
        self.page.mouse.wheel(0, 9_000)
        settled(self.page)

    def go(self, ident: str, then: str) -> None:
        """Tap something and wait for what comes."""
        tap(self.page, ident)
        by_id(self.page, then).wait_for(state="attached")
        settled(self.page)

    def shot(self, word: str) -> int:
        """Keep a picture; returns its size in bytes, as an empty page is a small one."""
        settled(self.page)
        picture = screenshot(self.page, f"app-{word}-{self.name}")
        assert red_boxes(self.page) == []
        return picture.stat().st_size


@contextmanager
def walking(
    browser: Browser, tablet: TabletStand, size: str, language: str, mode: str = "light"
) -> Iterator[Walk]:
    """Serve the tablet and open a page on it."""
    main = tablet.main(screen_table(), SavedPrefs(language, mode))
    with served(main) as url, new_context(browser, size=SIZES[size]) as context:
        walk = Walk(context, url, size, language)
        yield walk
        assert [error for errors in walk.errors for error in errors] == []


@pytest.mark.parametrize(
    ("size", "language"), [("phone", "zh-Hans"), ("tablet", "en"), ("tablet", "zh-Hant")]
)
def test_a_customer_reads_judges_rates_and_signs(
    browser: Browser, tmp_path: Path, size: str, language: str
) -> None:
    tablet = packed(tmp_path)
    with walking(browser, tablet, size, language) as walk:
        page = walk.page
        walk.open(f"/ticket/{tablet.ticket}/sign-off", "missing-diagnosis")
        walk.shot("sign-off-missing")
        tablet.repair()
        by_id(page, "complete").wait_for(state="attached")
        walk.shot("sign-off-complete")
        walk.go("hand-over", "paper")
        walk.go(f"customer-language-{language}", "paper")
        walk.shot("sign-off-read")
        walk.down()
        walk.go("step-next", "accept")
        tap(page, "accept")
        walk.go("opinion-good", "opinion")
        walk.shot("sign-off-decide")
        walk.down()
        walk.go("step-next", "grade-attitude-satisfied")
        tap(page, "grade-attitude-very_satisfied")
        tap(page, "grade-skill-satisfied")
        walk.shot("sign-off-rate")
        walk.down()
        tap(page, "grade-arrival_time-fair")
        tap(page, "grade-promises-satisfied")
        walk.go("step-next", "signature")
        type_into(field(page, "signer-name"), "王芳")
        walk.go("role-head_nurse", "signature")
        draw(page, "signature", NAME)
        walk.shot("sign-off-sign")

        # Killed and opened again: the lock, the words and the strokes are all there.
        page = walk.killed()
        open_app(page, walk.url + "/settings")
        by_id(page, "customer-mode").wait_for(state="attached")
        by_id(page, "signature").wait_for(state="attached")
        walk.shot("sign-off-back-again")
        walk.down()
        tap(page, "step-next")
        by_id(page, "step-next").wait_for(state="detached")
        walk.shot("sign-off-thanks")
        walk.go("customer-leave", "customer-leave-dialog")
        type_into(field(page, "customer-code"), tablet.staff_number)
        tap(page, "customer-open")
        by_id(page, "customer-mode").wait_for(state="detached")
        walk.open(f"/ticket/{tablet.ticket}/sign-off", "sealed")
        walk.shot("sign-off-sealed")
    report, ratings = tablet.tablet.read(
        lambda s: (
            s.scalars(select(ServiceReport)).one(),
            [op["a"] for op in s.scalars(select(OutboxOp.envelope).where(OutboxOp.kind == "record_rating"))],
        )
    )
    assert (report.accepted, report.signer_name, report.language) == (True, "王芳", language)
    assert sum(len(stroke) for stroke in json.loads(report.strokes)) > 20
    assert json.loads(open_sealed(ratings[0]["sealed"], tablet.ticket, KEYS))["grades"]["arrival_time"] == 2


@pytest.mark.parametrize(("size", "language"), [("phone", "en"), ("tablet", "zh-Hans")])
def test_a_customer_agrees_to_plan_and_price(
    browser: Browser, tmp_path: Path, size: str, language: str
) -> None:
    tablet = packed(tmp_path)
    tablet.repair(cause="man_made")
    with walking(browser, tablet, size, language) as walk:
        page = walk.page
        walk.open(f"/ticket/{tablet.ticket}/agreement", "screen-agreement")
        type_into(field(page, "plan"), "更换泵体密封圈并校准流量")
        walk.shot("agreement-write")
        walk.down()
        walk.shot("agreement-lines")
        walk.go("hand-over", "paper")
        walk.shot("agreement-read")
        walk.down()
        walk.go("step-next", "signature")
        type_into(field(page, "signer-name"), "王主任")
        walk.go("role-equipment_office", "signature")
        draw(page, "signature", NAME)
        walk.shot("agreement-sign")
        walk.down()
        tap(page, "step-next")
        by_id(page, "step-next").wait_for(state="detached")
    [row] = tablet.tablet.read(lambda s: list(s.scalars(select(RepairAgreement))))
    assert (row.total_minor, row.signer_name) == (54_000, "王主任")


@pytest.mark.parametrize(("size", "language"), [("phone", "zh-Hant"), ("tablet", "en")])
def test_a_customer_acknowledges_a_stop_use_notice(
    browser: Browser, tmp_path: Path, size: str, language: str
) -> None:
    tablet = packed(tmp_path)
    with walking(browser, tablet, size, language) as walk:
        page = walk.page
        walk.open(f"/ticket/{tablet.ticket}/stop-use", "screen-stop-use")
        walk.go(f"customer-speaks-{language}", "hazard-electric")
        walk.go("hazard-electric", "hand-over")
        walk.down()
        walk.go("instruction-switch_off", "hand-over")
        walk.shot("stop-use-write")
        walk.go("hand-over", "signature")
        walk.shot("stop-use-sign")
        type_into(field(page, "signer-name"), "林護理長")
        walk.down()
        draw(page, "signature", NAME)
        tap(page, "step-next")
        by_id(page, "step-next").wait_for(state="detached")
        walk.shot("stop-use-thanks")
    [notice] = tablet.tablet.read(lambda s: list(s.scalars(select(StopUseNotice))))
    assert notice.signer_name == "林護理長"


@pytest.mark.parametrize(
    ("size", "language", "mode"),
    [("phone", "en", "light"), ("tablet", "zh-Hans", "light"), ("phone", "zh-Hant", "dark")],
)
def test_the_engineers_own_pages_are_drawn(
    browser: Browser, tmp_path: Path, size: str, language: str, mode: str
) -> None:
    tablet = packed(tmp_path / "packed")
    tablet.trouble()
    with walking(browser, tablet, size, language, mode) as walk:
        for path, ident in (
            ("/outbox", "screen-outbox"),
            ("/conflicts", "screen-conflicts"),
            ("/ready", "screen-ready"),
            ("/settings", "screen-settings"),
        ):
            walk.open(path, ident)
            assert walk.shot(path[1:]) > 20_000
    nobody = bare(tmp_path / "bare")
    with walking(browser, nobody, size, language, mode) as walk:
        walk.open("/", "screen-enrol")
        type_into(field(walk.page, "enrol-code"), "7KQ2-9XWM-4T")
        type_into(field(walk.page, "enrol-server"), "127.0.0.1:1")
        walk.down()
        walk.go("enrol-go", "enrol-error")
        walk.shot("enrol")
