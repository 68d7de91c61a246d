"""Today: what stands in which section, what a card says, notices read, what is not sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from common.i18n import LANGUAGES, translate
from common.tickets.dispatching import UnassignTicket
from common.tickets.events import active_assignments
from common.tickets.field_work import AcknowledgeTicket
from common.tickets.ticket import Assignment
from field_app.state.today import TodayView, load_today
from field_app.ui import UiSession
from tests.support.field_day import DAY, FieldDay, field_day
from tests.support.flet_session import FletSession
from tests.support.tablet_world import tablet_main, tablet_with
from tests.support.visit_world import VisitWorld


@pytest.fixture
def day() -> FieldDay:
    return field_day()


def view_of(day: FieldDay) -> TodayView:
    tablet = day.tablet
    return tablet.read(load_today(tablet.person_id, tablet.now(), tablet.zone()))


def numbers(day: FieldDay, section: str) -> list[str]:
    names = {ticket_id: name for name, ticket_id in day.tickets.items()}
    cards = dict(view_of(day).sections).get(section, ())
    return [names.get(card.ticket_id, card.number) for card in cards]


def test_sections_follow_the_day_and_what_is_still_open(day: FieldDay) -> None:
    assert numbers(day, "today") == ["carried", "urgent", "next", "dangerous"]
    assert numbers(day, "later") == ["tomorrow"]
    assert numbers(day, "taken_away") == ["cancelled"]
    assert "past" in numbers(day, "earlier")
    day.clock.advance(timedelta(days=1))
    assert numbers(day, "today") == ["carried", "urgent", "next", "dangerous", "tomorrow"]
    assert numbers(day, "taken_away") == []


def test_a_card_says_what_presses_and_what_is_ready(day: FieldDay) -> None:
    cards = {card.ticket_id: card for _, cards in view_of(day).sections for card in cards}
    urgent = cards[day.tickets["urgent"]]
    assert (urgent.is_urgent, urgent.is_unseen, urgent.is_agreed) == (True, True, True)
    assert urgent.clock is not None
    assert (urgent.clock.kind, urgent.clock.status, urgent.clock.minutes) == ("arrival", "running", 120)
    assert (urgent.parts_here, urgent.parts_usual) == (1, 1), "the seal fitted before lies in the van"
    assert cards[day.tickets["carried"]].is_carried
    day.clock.advance(timedelta(hours=3))
    late = {card.ticket_id: card for _, cards in view_of(day).sections for card in cards}[urgent.ticket_id]
    assert late.clock is not None
    assert (late.clock.status, late.clock.tone, late.clock.minutes) == ("breached", "late", 60)


def test_a_ticket_given_to_somebody_else_stands_apart_until_it_is_gone() -> None:
    world = VisitWorld()
    world.assign()
    assert world.work is not None
    first = active_assignments(world.work, world.ticket)[0].id
    world.go()
    day = FieldDay(world, clock := field_day().clock, tablet_with(world, world.engineer, clock))
    own = day.tablet.store
    own.write(lambda session: setattr(session.get(Assignment, first), "state", "ended"))
    assert [name for name, _ in view_of(day).sections] == ["taken_away"]
    assert UnassignTicket.__doc__


async def test_the_list_shows_cards_notices_and_what_waits(day: FieldDay) -> None:
    opened: list[UiSession] = []
    async with FletSession.open(tablet_main(day.tablet, opened=opened.append)) as app:
        assert app.shows("4 tickets today · 5 not confirmed yet")
        assert app.shows("Arrival: 2 h left, until 10:42")
        assert app.shows("was cancelled: The customer solved it: loose plug")
        day.tablet.give(AcknowledgeTicket(day.tickets["urgent"]))
        await app.settle()
        assert app.shows("4 tickets today · 4 not confirmed yet"), "the list follows the store by itself"
        assert app.shows("1 not sent yet")
        assert app.shows("1 waiting")
        assert opened[0].troubles.latest is None


async def test_notices_are_read_one_by_one_or_all_at_once(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet)) as app:
        assert app.has("notice-0")
        await app.click("notice-0")
        assert not app.shows("was cancelled")
        await app.click("notices-read")
        assert app.ident("notices") is None


async def test_a_card_opens_its_ticket_beside_the_list_on_a_tablet(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), width=1180, height=820) as app:
        assert app.ident("choose") is not None
        assert app.ident("ticket-W260305-01") is not None
        await app.go(f"/ticket/{day.tickets['urgent']}")
        assert app.ident("screen-today") is not None
        assert app.ident("screen-ticket-overview") is not None
        await app.resize(400)
        assert app.ident("screen-today") is None


@pytest.mark.parametrize("language", LANGUAGES)
async def test_nothing_to_do_says_what_to_do(language: str) -> None:
    world = VisitWorld()
    clock = field_day().clock
    async with FletSession.open(tablet_main(tablet_with(world, world.engineer, clock), language)) as app:
        assert app.shows(translate(language, "app.today.empty"))
        assert app.shows(translate(language, "app.today.empty_do"))
        await app.click("today-empty-action")
        assert app.errors == []


async def test_time_passing_is_seen_without_touching_anything(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet)) as app:
        day.clock.at = DAY + timedelta(minutes=90)
        day.tablet.tell()
        await app.settle()
        assert app.shows("Arrival: 30 min left, until 10:42")


async def test_a_closed_page_is_told_nothing_more(day: FieldDay) -> None:
    from field_app.session import close_session

    opened: list[UiSession] = []
    async with FletSession.open(tablet_main(day.tablet, opened=opened.append)) as app:
        assert len(day.tablet.listeners) == 1
        close_session(opened[0])
        assert day.tablet.listeners == set()
        day.tablet.give(AcknowledgeTicket(day.tickets["urgent"]))
        await app.settle()
        assert app.shows("5 not confirmed yet")
