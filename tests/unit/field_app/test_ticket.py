"""A ticket's pages: the next step follows the lifecycle, words for everything, refusals that lose nothing."""

from __future__ import annotations

from datetime import timedelta

import flet as ft
import pytest

from common.i18n import translate
from common.tickets.events import timeline
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Assignment, Ticket
from common.visit.on_site import ArriveOnSite
from common.visit.records import Visit
from field_app.state.ticket import TicketView, load_ticket, next_step
from field_app.ui import UiSession
from tests.support.field_day import FieldDay, field_day
from tests.support.flet_session import FletSession
from tests.support.tablet_world import tablet_main


@pytest.fixture
def day() -> FieldDay:
    return field_day()


def view_of(day: FieldDay, name: str = "urgent") -> TicketView:
    tablet = day.tablet
    view = tablet.read(load_ticket(day.tickets[name], tablet.person_id, tablet.now()))
    assert view is not None
    return view


def state_of(day: FieldDay, name: str = "urgent") -> str:
    def read(session: object) -> str:
        ticket = session.get(Ticket, day.tickets[name])  # type: ignore[attr-defined]
        return str(ticket.state)

    return day.tablet.read(read)


def arrive(day: FieldDay, name: str = "urgent") -> None:
    ticket_id = day.tickets[name]
    day.tablet.give(AcknowledgeTicket(ticket_id))
    day.tablet.give(StartTravel(ticket_id))
    day.tablet.give(ArriveOnSite(day.tablet.new_id(), ticket_id, True, "李伟"))


@pytest.mark.parametrize(
    ("missing", "has_answered", "step"),
    [
        (("checklist", "diagnosis", "measures", "test"), False, "checklist"),
        (("checklist", "diagnosis", "measures", "test"), True, "diagnosis"),
        (("checklist", "measures", "test", "agreement"), True, "agreement"),
        (("checklist", "measures", "test"), True, "repair"),
        (("checklist", "test"), True, "test"),
        (("checklist",), True, "checklist"),
        (("opinion",), True, "sign_off"),
        ((), True, "sign_off"),
    ],
)
def test_the_work_on_site_has_an_order(missing: tuple[str, ...], has_answered: bool, step: str) -> None:
    assert (
        next_step(
            is_seen=True, is_travelling=True, is_there=True, is_signed=False, is_overtaken=False,
            has_answered=has_answered, missing=missing,
        )
        == step
    )  # fmt: skip


async def test_from_confirming_to_standing_there(day: FieldDay) -> None:
    opened: list[UiSession] = []
    async with FletSession.open(
        tablet_main(day.tablet, opened=opened.append), route=f"/ticket/{day.tickets['urgent']}"
    ) as app:
        await app.click("step-acknowledge")
        assert state_of(day) == "acknowledged"
        assert app.shows(translate("en", "app.given.saved")), "saved here, never sent"
        await app.click("step-travel")
        assert state_of(day) == "en_route"
        await app.click("step-arrive")
        await app.click("arrive-badge")
        assert state_of(day) == "on_site"
        visit = view_of(day).visit
        assert visit is not None
        assert (visit.badge_shown, visit.engineer_name) == (True, "李伟")
        assert app.has("step-checklist")
        assert opened[0].troubles.latest is None


async def test_who_is_there_already_need_not_have_set_out(day: FieldDay) -> None:
    day.tablet.give(AcknowledgeTicket(day.tickets["urgent"]))
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}") as app:
        await app.click("step-there-already")
        await app.click("arrive-no-badge")
        visit = view_of(day).visit
        assert visit is not None
        assert visit.badge_shown is False


def test_a_second_visit_begins_with_a_new_journey(day: FieldDay) -> None:
    arrive(day)
    own = day.tablet.store
    visit = view_of(day).visit
    assert visit is not None
    day.clock.advance(timedelta(minutes=30))
    own.write(lambda session: setattr(session.get(Visit, visit.id), "left_at", day.clock.at))
    assert view_of(day).step == "travel"
    day.tablet.give(StartTravel(day.tickets["urgent"]))
    assert view_of(day).step == "arrive"


async def test_the_overview_says_all_there_is_to_know(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}") as app:
        for words in (
            "53 Dongdan North Street, building 2, floor 4",
            "Equipment office · 139 0000 1234",
            "Register at the gate. Lift B only.",
            "Infusion pump IP-50",
            "IP50-88213",
            "Covered by warranty",
            "In warranty until 2026-09-12; the cause is not known yet",
            "C · Free service",
            "Last service 2026-03-03",
            "10:00 – 12:00  (agreed by Service desk)",
        ):
            assert app.shows(words), words
        await app.event(app.key("explain-arrival"), "click", None)
        assert app.shows("1. Rule: Arrival, same city, 4 hours (source: company rule 2026)")
        assert app.shows("Asia/Shanghai: dispatched")


async def test_calling_and_the_way_there_are_handed_to_the_device(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}") as app:
        await app.click("call-1")
        await app.click("directions")
        opened = [args["url"] for name, args in app.connection.calls if name == "launch_url"]
        called, shown = (str(getattr(url, "url", url)) for url in opened)
        assert called == "tel:13900001234"
        assert shown.startswith("geo:0,0?q=53%20Dongdan")


async def test_what_the_office_decided_meanwhile_is_said_in_words(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['cancelled']}") as app:
        assert app.shows(translate("en", "app.overtaken.cancelled"))
        assert not any(key.startswith("step-") for key in map(str, (c.key for c in app.all(ft.FilledButton))))


async def test_a_danger_is_said_first_and_leads_to_the_stop_use_notice(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.tickets['dangerous']}") as app:
        assert app.ident("warn-danger") is not None
        await app.click("go-stop-use")
        assert app.page.route == f"/ticket/{day.tickets['dangerous']}/stop-use"


async def test_a_ticket_that_is_not_here_says_so(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{day.world.id('none')}") as app:
        assert app.shows(translate("en", "app.ticket.gone"))
        await app.click("ticket-gone-action")
        assert app.page.route == "/"


async def test_a_note_half_typed_comes_back_and_a_kept_one_stands_in_the_timeline(day: FieldDay) -> None:
    route = f"/ticket/{day.tickets['urgent']}/notes"
    opened: list[UiSession] = []
    async with FletSession.open(tablet_main(day.tablet, opened=opened.append), route=route) as app:
        await app.type("note-text", "Gate closes at six")
        opened[0].drafts.flush()
    async with FletSession.open(tablet_main(day.tablet), route=route) as app:
        assert app.key("note-text").value == "Gate closes at six"
        await app.click("note-save")
        assert app.key("note-text").value == ""
        assert app.shows("Gate closes at six")
        assert app.shows("Not sent yet")
    kinds = day.tablet.read(lambda s: [e.kind for e in timeline(s, day.tickets["urgent"])])
    assert kinds[-1] == "note"


async def test_an_empty_note_is_asked_for_and_nothing_is_given(day: FieldDay) -> None:
    async with FletSession.open(
        tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}/notes"
    ) as app:
        await app.click("note-save")
        assert app.shows(translate("en", "app.form.needed"))
        assert day.tablet.status().waiting == 0


async def test_help_is_asked_for_and_seen_on_the_ticket(day: FieldDay) -> None:
    async with FletSession.open(
        tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}/help"
    ) as app:
        await app.type("help-reason", "The fault does not show")
        await app.click("help-ask")
        assert app.page.route == f"/ticket/{day.tickets['urgent']}"
        assert app.ident("warn-help") is not None


async def test_the_time_is_moved_only_after_the_customer_was_told(day: FieldDay) -> None:
    ticket_id = day.tickets["urgent"]
    async with FletSession.open(tablet_main(day.tablet), route=f"/ticket/{ticket_id}/reschedule") as app:
        await app.click("day-2026-03-09")
        await app.click("hour-14")
        await app.click("hours-3")
        await app.type("reschedule-reason", "Pump is in use until Monday")
        await app.click("told-no")
        await app.click("reschedule-save")
        assert app.shows(translate("en", "reason.customer_not_told"))
        assert app.key("reschedule-reason").value == "Pump is in use until Monday", "what was typed stays"
        await app.click("told-yes")
        await app.click("reschedule-save")
        assert app.page.route == f"/ticket/{ticket_id}"
        assert app.shows("Mon 9 Mar · 14:00 – 17:00")
    moved = day.tablet.read(lambda s: s.get(Ticket, ticket_id))
    assert moved.window_from_at.isoformat() == "2026-03-09T06:00:00+00:00"


async def test_history_shows_what_was_done_before(day: FieldDay) -> None:
    async with FletSession.open(
        tablet_main(day.tablet), route=f"/ticket/{day.tickets['urgent']}/history"
    ) as app:
        assert app.ident("voucher-W260303-07") is not None
        assert app.shows("1 × SK-100")
        await app.go(f"/ticket/{day.tickets['carried']}/history")
        assert app.shows(translate("en", "app.history.empty"))


def test_a_reassigned_ticket_has_no_next_step(day: FieldDay) -> None:
    view = view_of(day)
    assert view.assignment is not None
    ended = view.assignment.id
    day.tablet.store.write(lambda session: setattr(session.get(Assignment, ended), "state", "ended"))
    assert (view_of(day).overtaken, view_of(day).step) == ("reassigned", "")
