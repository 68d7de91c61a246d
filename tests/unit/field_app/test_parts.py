"""Parts and van: my van first, exact codes, serials, balances below zero said in words, lines taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from common.i18n import translate
from common.stock.part_usage import PartUsage, RecordPartUsage, usages_of
from common.stock.search import stock_at
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Ticket
from common.visit.on_site import ArriveOnSite
from field_app.state.parts import load_hits, load_part
from field_app.ui import UiSession
from tests.support.field_day import FieldDay, field_day
from tests.support.flet_session import FletSession
from tests.support.tablet_world import tablet_main


@pytest.fixture
def day() -> FieldDay:
    made = field_day()
    ticket_id = made.tickets["urgent"]
    made.tablet.give(AcknowledgeTicket(ticket_id))
    made.tablet.give(StartTravel(ticket_id))
    made.tablet.give(ArriveOnSite(made.tablet.new_id(), ticket_id, True, "李伟"))
    return made


def page(day: FieldDay) -> str:
    return f"/ticket/{day.tickets['urgent']}/parts"


def used(day: FieldDay) -> list[PartUsage]:
    return day.tablet.read(lambda session: usages_of(session, day.tickets["urgent"]))


def in_van(day: FieldDay) -> dict[str, Decimal]:
    van = day.tablet.van()
    assert van is not None
    return day.tablet.read(lambda session: {h.part.number: h.qty for h in stock_at(session, van.id)})


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("", "BT-112"),
        ("sk-220", "SK-220"),
        ("SK220", "SK-220"),
        ("密封", "SK-100"),
        ("密封件", "SK-220"),
        ("kong zhi", "CB-900"),
        ("6901234567892", "SK-220"),
        ("motor", "PM-310"),
    ],
)
def test_a_part_is_found_by_whatever_one_has(day: FieldDay, typed: str, first: str) -> None:
    hits = day.tablet.read(load_hits(day.tablet.person_id, typed))
    assert hits[0].part.number == first


def test_what_was_fitted_to_the_unit_before_leads_the_van(day: FieldDay) -> None:
    unit = day.tablet.read(lambda session: session.get(Ticket, day.tickets["urgent"]).equipment_id)
    hits = day.tablet.read(load_hits(day.tablet.person_id, "", unit))
    assert [(hit.part.number, hit.fitted) for hit in hits[:2]] == [("SK-100", True), ("BT-112", False)]
    found = day.tablet.read(load_hits(day.tablet.person_id, "BT-112", unit))
    assert [hit.part.number for hit in found] == ["BT-112"], "who types is given what he typed"


async def test_a_van_with_more_than_is_shown_says_so(day: FieldDay, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("state", "screens"):
        monkeypatch.setattr(f"field_app.{module}.parts.HITS", 2)
    async with FletSession.open(tablet_main(day.tablet), route=page(day)) as app:
        assert app.shows("Fitted to this unit before")
        assert app.shows("These are the first 2. Type to find the others.")
        await app.type("part-search", "SK-")
        assert app.has("part-SK-100")
        assert app.has("part-SK-220")
        assert not app.shows("These are the first"), "two, and there are no others"


async def test_a_part_from_the_van_is_used_and_its_balance_follows(day: FieldDay) -> None:
    opened: list[UiSession] = []
    async with FletSession.open(tablet_main(day.tablet, opened=opened.append), route=page(day)) as app:
        await app.event(app.key("part-SK-220"), "click", None)
        await app.click("part-qty-more")
        await app.click("part-save")
        (line,) = used(day)
        assert (line.part_number, line.qty, line.charged) == ("SK-220", Decimal(2), False)
        assert in_van(day)["SK-220"] == 1
        assert app.shows("2 × SK-220")
        assert app.ident("used-0-unsent") is not None
        assert app.shows("Seal kit: saved on this device, taken off the van")
        assert app.has("part-search"), "and the next part can be taken"
        assert opened[0].troubles.latest is None


async def test_a_scanned_code_takes_its_part_at_once(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day)) as app:
        await app.event(app.key("part-search"), "submit", "6901234567892")
        assert not app.has("part-form"), "an empty field finds nothing"
        await app.type("part-search", "6901234567892")
        await app.event(app.key("part-search"), "submit", "6901234567892")
        assert app.ident("part-form") is not None
        assert app.shows("Seal kit")


async def test_a_code_nobody_knows_is_said(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day)) as app:
        await app.type("part-search", "0000000000000")
        await app.event(app.key("part-search"), "submit", "0000000000000")
        assert app.shows("The code 0000000000000 is not in the catalogue")
        assert app.shows(translate("en", "app.parts.nothing_found"))


async def test_a_serial_part_wants_its_serial_and_offers_those_in_the_van(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day)) as app:
        await app.event(app.key("part-PM-310"), "click", None)
        await app.click("part-save")
        assert app.shows("Part PM-310 needs a serial number")
        assert used(day) == []
        await app.click("serial-MT-7782")
        assert app.key("serial-in").value == "MT-7782"
        await app.type("serial-out", "MT-0099")
        await app.click("charged-charged")
        await app.click("part-save")
        (line,) = used(day)
        assert (line.serial_in, line.serial_out, line.charged) == ("MT-7782", "MT-0099", True)
        left = day.tablet.read(load_part(day.tablet.person_id, day.parts["motor"]))
        assert left is not None
        assert left.serials == ("MT-7781",)


async def test_more_than_the_books_hold_is_taken_with_a_warning(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet), route=page(day)) as app:
        await app.type("part-search", "CB-900")
        await app.event(app.key("part-CB-900"), "click", None)
        assert app.shows("Afterwards the books say −1")
        await app.click("part-save")
        assert in_van(day)["CB-900"] == -1
        assert app.shows("gave more of CB-900 than the books held: now -1")
        await app.go("/van")
        assert app.ident("van-below") is not None
        assert app.shows("−1: below zero")


async def test_a_line_taken_back_puts_the_part_into_the_van_again(day: FieldDay) -> None:
    give = RecordPartUsage(day.tablet.new_id(), day.tickets["urgent"], day.parts["battery"], Decimal(1))
    day.tablet.give(give)
    assert in_van(day)["BT-112"] == 1
    async with FletSession.open(tablet_main(day.tablet), route=page(day)) as app:
        await app.click("used-0-withdraw")
        await app.click("used-0-keep")
        assert len(used(day)) == 1
        await app.click("used-0-withdraw")
        await app.click("used-0-sure")
        assert used(day) == []
        assert in_van(day)["BT-112"] == 2
        assert app.shows(translate("en", "app.parts.none_used"))


async def test_a_half_taken_part_comes_back(day: FieldDay) -> None:
    opened: list[UiSession] = []
    async with FletSession.open(tablet_main(day.tablet, opened=opened.append), route=page(day)) as app:
        await app.event(app.key("part-PM-310"), "click", None)
        await app.type("serial-out", "MT-0042")
        opened[0].drafts.flush()
    async with FletSession.open(tablet_main(day.tablet), route=page(day)) as app:
        assert app.key("serial-out").value == "MT-0042"


async def test_the_van_lists_what_the_books_hold_and_searches_it(day: FieldDay) -> None:
    async with FletSession.open(tablet_main(day.tablet, "zh-Hans"), route="/van") as app:
        assert app.ident("van-SK-220") is not None
        assert app.shows("密封件")
        await app.type("van-search", "电池")
        assert app.ident("van-BT-112") is not None
        assert app.ident("van-SK-220") is None
        await app.type("van-search", "没有")
        assert app.shows(translate("zh-Hans", "app.parts.nothing_found"))
