"""The engineer's day in a real browser: from confirming a ticket to the parts used; pictures in three languages.

Owns the visit up to the customer's signature. The office is not there: everything is saved on the device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from common.i18n import LANGUAGES, translate
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Ticket
from common.visit.on_site import ArriveOnSite
from tests.support.browser import new_context, off_site_requests, screenshot
from tests.support.field_day import FieldDay, field_day
from tests.support.flet_browser import (
    by_id,
    field,
    open_app,
    red_boxes,
    script_errors,
    served,
    settled,
    tap,
    type_into,
)
from tests.support.tablet_world import tablet_main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

pytestmark = pytest.mark.browser

SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 400, "height": 800},
    "tablet": {"width": 1180, "height": 820},
    "desk": {"width": 1440, "height": 900},
}


def arrived(language: str) -> FieldDay:
    """Give a day on which the engineer stands at the customer's."""
    day = field_day(language)
    ticket_id = day.tickets["urgent"]
    day.tablet.give(AcknowledgeTicket(ticket_id))
    day.tablet.give(StartTravel(ticket_id))
    day.tablet.give(ArriveOnSite(day.tablet.new_id(), ticket_id, True, "李伟"))
    return day


def state_of(day: FieldDay) -> str:
    ticket = day.tablet.read(lambda session: session.get(Ticket, day.tickets["urgent"]))
    assert ticket is not None
    return ticket.state


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Wait until what was tapped has been done."""
    for _ in range(200):  # a busy machine is no finding
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_the_day_can_be_looked_at(browser: Browser, language: str, size: str) -> None:
    day = arrived(language)
    ticket = f"/ticket/{day.tickets['urgent']}"
    wanted = {"today": "/", "ticket": ticket}
    if (size, language) in (("phone", "zh-Hans"), ("tablet", "en")):
        wanted |= {name: f"{ticket}/{name}" for name in ("checklist", "diagnosis", "parts")}
    look = "dark" if (size, language) == ("desk", "zh-Hans") else "light"
    with served(tablet_main(day.tablet, language, look)) as url:
        for name, path in wanted.items():
            with new_context(browser, size=SIZES[size]) as context:
                page = context.new_page()
                errors, strangers = script_errors(page), off_site_requests(page)
                open_app(page, url + path)
                settled(page)
                screenshot(page, f"app-{name}-{size}-{language}")
                assert red_boxes(page) == []
                assert (errors, strangers) == ([], [])


def test_a_visit_without_the_office(browser: Browser) -> None:
    day = field_day("zh-Hans")
    tablet, ticket_id = day.tablet, day.tickets["urgent"]
    with served(tablet_main(tablet, "zh-Hans")) as url, new_context(browser, size=SIZES["phone"]) as context:
        page = context.new_page()
        errors = script_errors(page)
        open_app(page, f"{url}/ticket/{ticket_id}")
        for step, state in (("acknowledge", "acknowledged"), ("travel", "en_route")):
            tap(page, f"step-{step}")
            until(page, lambda wanted=state: state_of(day) == wanted)
        by_id(page, "step-arrive").wait_for(state="attached")
        tap(page, "step-arrive")
        by_id(page, "arrive-badge").wait_for(state="attached")
        settled(page)
        screenshot(page, "app-arrival-phone-zh-Hans")
        tap(page, "arrive-badge")
        until(page, lambda: state_of(day) == "on_site")
        by_id(page, "step-checklist").wait_for(state="attached")
        settled(page)
        tap(page, "step-checklist")
        by_id(page, "on_site_conduct-badge_shown-ok").wait_for(state="attached")
        settled(page)
        waiting = tablet.status().waiting
        tap(page, "on_site_conduct-badge_shown-ok")
        until(page, lambda: tablet.status().waiting == waiting + 1)
        page.get_by_text(translate("zh-Hans", "app.strip.waiting", n=waiting + 1)).first.wait_for(
            state="attached"
        )
        assert errors == []


def test_half_a_diagnosis_comes_back_after_the_page_was_lost(browser: Browser) -> None:
    day = arrived("en")
    path = f"/ticket/{day.tickets['urgent']}/diagnosis"
    with served(tablet_main(day.tablet)) as url:
        with new_context(browser, size=SIZES["tablet"]) as context:
            page = context.new_page()
            open_app(page, url + path)
            type_into(field(page, "finding"), "密封圈老化 seal brittle")
            until(page, lambda: bool(day.tablet.store.draft(f"diagnosis:{day.tickets['urgent']}:1")))
        with new_context(browser, size=SIZES["tablet"]) as context:
            page = context.new_page()
            open_app(page, url + path)
            by_id(page, "finding").wait_for(state="attached")
            field(page, "finding").click()  # an input holds its text only while it has the focus
            until(page, lambda: bool(field(page, "finding").input_value()))
            assert field(page, "finding").input_value() == "密封圈老化 seal brittle"


def test_a_part_is_found_by_pinyin_and_its_shortage_said(browser: Browser) -> None:
    day = arrived("zh-Hant")
    with (
        served(tablet_main(day.tablet, "zh-Hant")) as url,
        new_context(browser, size=SIZES["tablet"]) as context,
    ):
        page = context.new_page()
        open_app(page, f"{url}/ticket/{day.tickets['urgent']}/parts")
        type_into(field(page, "part-search"), "kong zhi")
        by_id(page, "part-CB-900").wait_for(state="attached")
        settled(page)
        tap(page, "part-CB-900")
        by_id(page, "below-zero").wait_for(state="attached")
        settled(page)
        screenshot(page, "app-part-below-zero-tablet-zh-Hant")
        assert red_boxes(page) == []
