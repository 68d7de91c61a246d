"""Stock at the console: what lies where, receiving, transferring, counting, prices, the ledger."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import pytest
from sqlalchemy import select

from common.customers.customer_commands import RegisterCustomer
from common.inbox.records import Discrepancy
from common.kernel.command import Role
from common.stock.ledger import balance, ledger_faults
from common.stock.location import StockLocation
from common.stock.movement import StockMovement
from common.stock.part import Part, PriceItem
from common.stock.part_commands import RegisterPart
from common.stock.part_usage import RecordPartUsage
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine
from common.tickets.intake import ReportFault
from tests.support.office import Desk, Office, words


@dataclass
class Stock:
    """A store, a van with its engineer, a seal and a pump."""

    office: Office
    store: str
    van: str
    engineer: str
    seal: str
    pump: str
    desk: Desk

    def held(self, place: str, part: str) -> Decimal:
        """Read a balance."""
        with self.office.database.read() as session:
            return balance(session, place, part)


@pytest.fixture
def stock(office: Office) -> Stock:
    store, van, seal, pump = (office.new() for _ in range(4))
    engineer = office.person(name="Li Wei")
    office.do(RegisterLocation(store, "CS", "Central store", "central"))
    office.do(RegisterLocation(van, "V1", "Van 1", "van", engineer))
    office.do(
        RegisterPart(
            seal, "PS-100", "Pump seal", 12_000, "CNY", "泵密封圈", "beng mi feng quan", "6901234567890"
        )
    )
    office.do(RegisterPart(pump, "PU-7", "Pump", 980_000, "CNY", serialised=True))
    office.do(ReceiveStock(store, (StockLine(seal, Decimal(10)), StockLine(pump, Decimal(1), "SN-1"))))
    return Stock(office, store, van, engineer, seal, pump, office.desk(Role.PARTS_KEEPER))


def lines(*rows: tuple[str, str, str]) -> dict[str, list[str]]:
    """Write lines as the form sends them, two empty ones at the end."""
    columns = zip(*rows, ("", "", ""), ("", "", ""), strict=True)
    return dict(zip(("line_part", "line_qty", "line_serial"), map(list, columns), strict=True))


def test_without_places_the_page_says_what_to_do(office: Office) -> None:
    page = words(office.desk(Role.PARTS_KEEPER).page("/console/stock"))
    assert "No stock location yet" in page
    assert "Open a stock location" in page


def test_places_with_their_engineer_and_what_lies_there(stock: Stock) -> None:
    page = words(stock.desk.page("/console/stock"))
    assert "Central store CS · Central store 2 different parts here" in page
    assert "Van 1 V1 · Van · Li Wei 0" in page
    assert "Nothing lies here" in words(stock.desk.page(f"/console/stock/places/{stock.van}"))


@pytest.mark.parametrize(
    "typed", ["PS-100", "ps100", "seal", "密封", "miFeng", "６９０１２３", "mi feng quan"]
)
def test_a_part_is_found_by_number_name_pinyin_or_barcode(stock: Stock, typed: str) -> None:
    answer = stock.desk.get(f"/console/stock/parts?q={typed}", **{"HX-Request": "true"})
    assert "<html" not in answer.text
    assert ("PS-100" in answer.text, "PU-7" in answer.text) == (True, False)


def test_parts_are_filtered_by_place_and_balance(stock: Stock) -> None:
    page = stock.desk.page
    assert "PS-100" in page(f"/console/stock/parts?location={stock.store}&level=some")
    assert "PU-7" in page(f"/console/stock/parts?location={stock.store}&level=some")
    assert "PU-7" not in page(f"/console/stock/parts?location={stock.van}&level=some")
    assert "Nothing matches" in words(page("/console/stock/parts?level=low"))
    assert "Nothing matches" in words(page("/console/stock/parts?level=negative"))
    order = re.findall(r">(P[SU]-\d+)</a>", page("/console/stock/parts?sort=-qty"))
    assert order == ["PS-100", "PU-7"]


def test_low_is_what_lies_below_the_minimum_of_its_place(stock: Stock) -> None:
    """A place with enough and one without: low is said of the place, an empty shelf included."""
    page, part = stock.desk.page, f"/console/stock/parts/{stock.pump}"
    for place, qty in ((stock.store, "1"), (stock.van, "2")):
        stock.desk.done(f"{part}/minimum", {"location_id": place, "qty": qty})
    assert "PU-7" in page("/console/stock/parts?level=low")
    assert "low at 1 place" in words(page("/console/stock/parts"))
    assert "PU-7" not in page(f"/console/stock/parts?location={stock.store}&level=low")
    shelf = words(page(f"/console/stock/places/{stock.van}?level=low"))
    assert "PU-7" in shelf and "minimum 2" in shelf  # noqa: PT018
    stock.desk.done(f"{part}/minimum", {"location_id": stock.van, "qty": "0"})
    assert "Nothing matches" in words(page("/console/stock/parts?level=low"))
    wrong = stock.desk.post(f"{part}/minimum", {"location_id": stock.van, "qty": "-1"})
    assert (wrong.status_code, "Price" in words(wrong.text)) == (422, True)
    clerk = stock.office.desk(Role.CLERK)
    assert clerk.post(f"{part}/minimum", {"location_id": stock.van, "qty": "1"}).status_code == 403


def test_a_delivery_is_received_line_by_line_by_number_or_barcode(stock: Stock) -> None:
    form = {
        "location_id": stock.store,
        "reference": "D-1",
        **lines(("6901234567890", "2.5", ""), ("pu-7", "", "SN-2")),
    }
    assert stock.desk.done("/console/stock/receive", form).startswith(f"/console/stock/places/{stock.store}")
    assert (stock.held(stock.store, stock.seal), stock.held(stock.store, stock.pump)) == (Decimal("12.5"), 2)
    assert "SN-1, SN-2" in words(stock.desk.page(f"/console/stock/parts/{stock.pump}"))


def test_a_form_sent_twice_receives_once(stock: Stock) -> None:
    form = {"location_id": stock.store, "command_id": stock.office.new(), **lines(("PS-100", "5", ""))}
    assert stock.desk.done("/console/stock/receive", form) == stock.desk.done("/console/stock/receive", form)
    assert stock.held(stock.store, stock.seal) == 15


def test_what_is_wrong_in_a_line_is_said_by_its_number_and_nothing_is_lost(stock: Stock) -> None:
    form = {
        "location_id": stock.store,
        **lines(
            ("PS-100", "two", ""),
            ("XX", "1", ""),
            ("PU-7", "1", ""),
            ("PS-100", "0", ""),
            ("PS-100", "3", ""),
        ),
    }
    answer = stock.desk.post("/console/stock/receive", form)
    page = words(answer.text)
    assert answer.status_code == 422
    for text in (
        "Line 1: This is not a number", "Line 2: This part is not in the catalogue", "Line 3: Part PU-7 needs a serial",
        "Line 4: The quantity must be more than zero",
    ):  # fmt: skip
        assert text in page
    assert "Line 5" not in page.split("Part number or scanned")[0]
    assert 'value="two"' in answer.text
    assert 'value="XX"' in answer.text
    assert stock.held(stock.store, stock.seal) == 10
    assert "Enter at least one part" in words(
        stock.desk.post("/console/stock/receive", {"location_id": stock.store}).text
    )


def test_a_transfer_to_the_van_reaches_its_page_and_the_ledger(stock: Stock) -> None:
    form = {"from_location_id": stock.store, "to_location_id": stock.van, **lines(("PS-100", "4", ""))}
    stock.desk.done("/console/stock/transfer", form)
    assert (stock.held(stock.store, stock.seal), stock.held(stock.van, stock.seal)) == (6, 4)
    assert "PS-100 Pump seal 4" in words(stock.desk.page(f"/console/stock/places/{stock.van}"))
    ledger = words(stock.desk.page("/console/stock/ledger?reason=transferred"))
    assert "Transferred PS-100 Pump seal Central store Van 1 4" in ledger
    same = stock.desk.post("/console/stock/transfer", {**form, "to_location_id": stock.store})
    assert "From and to are the same place" in words(same.text)


def test_taking_more_than_the_books_hold_is_posted_and_shown_in_words(stock: Stock) -> None:
    form = {"from_location_id": stock.van, "to_location_id": stock.store, **lines(("PS-100", "2", ""))}
    assert stock.desk.done("/console/stock/transfer", form).endswith("notice=flagged")
    assert "-2: below zero, count it" in words(stock.desk.page(f"/console/stock/places/{stock.van}"))
    assert "1 below zero" in words(stock.desk.page("/console/stock"))
    assert "Below zero somewhere" in words(stock.desk.page("/console/stock/parts?level=negative"))
    found = stock.office.rows(select(Discrepancy).where(Discrepancy.code == "stock_below_zero"))
    assert len(found) == 1


def test_a_count_shows_what_it_will_book_and_books_the_difference(stock: Stock) -> None:
    query = f"location_id={stock.store}&part=PS-100&counted=7"
    assert "Pump seal · books: 10 → −3 will be booked" in words(
        stock.desk.page(f"/console/stock/lookup?{query}")
    )
    form = {"location_id": stock.store, "part": "PS-100", "counted": "7", "note": "shelf B"}
    assert stock.desk.done("/console/stock/count", form).startswith(f"/console/stock/parts/{stock.seal}")
    assert stock.held(stock.store, stock.seal) == 7
    page = words(stock.desk.page(f"/console/stock/parts/{stock.seal}"))
    assert "Count difference Central store Count difference 3" in page
    assert stock.desk.done("/console/stock/count", form).endswith("notice=unchanged")
    with stock.office.database.read() as session:
        assert ledger_faults(session) == []


def test_a_wrong_count_says_why(stock: Stock) -> None:
    form = {"location_id": stock.store, "part": "none", "counted": "many"}
    page = words(stock.desk.post("/console/stock/count", form).text)
    assert "This part is not in the catalogue" in page
    assert "This is not a number" in page
    negative = stock.desk.post(
        "/console/stock/count", {"location_id": stock.store, "part": "PS-100", "counted": "-1"}
    )
    assert "A count cannot be less than zero" in words(negative.text)


def test_the_ledger_names_ticket_engineer_and_who_used_what(stock: Stock) -> None:
    office, customer, ticket = stock.office, stock.office.new(), stock.office.new()
    office.do(RegisterCustomer(customer, "C1", "东城医院"))
    office.do(
        ReportFault(
            ticket_id=ticket,
            number="T-9",
            channel="phone",
            customer_id=customer,
            fault_text="漏",
            severity="minor",
        )
    )
    stock.desk.done(
        "/console/stock/transfer",
        {"from_location_id": stock.store, "to_location_id": stock.van, **lines(("PS-100", "3", ""))},
    )
    tablet = office.tablet(stock.engineer)
    boss = office.desk(Role.SUPERVISOR)
    use = tablet.op(RecordPartUsage(office.new(), ticket, stock.seal, Decimal(1)))
    tablet.push(use)
    boss.done(f"/console/inbox/parked/{use.id}", {"choice": "accept"})
    page = words(boss.page("/console/stock/ledger?q=T-9"))
    assert "Used on a job PS-100 Pump seal Van 1 Customer's site 1 T-9 Li Wei" in page
    assert page.count("PS-100") == 1
    assert "T-9" in words(boss.page(f"/console/stock/parts/{stock.seal}"))


def test_a_price_gets_the_next_version(stock: Stock) -> None:
    office = stock.office
    boss = office.desk(Role.MANAGER)
    before = office.row(Part, stock.seal).price_version
    boss.done(f"/console/stock/parts/{stock.seal}/price", {"amount_minor": "1,280.50", "currency": "CNY"})
    row = office.row(Part, stock.seal)
    assert (row.price_minor, row.price_version) == (128_050, before + 1)
    assert "CNY 1,280.50" in words(boss.page(f"/console/stock/parts/{stock.seal}")).replace("\u00a0", " ")
    wrong = boss.post(
        f"/console/stock/parts/{stock.seal}/price", {"amount_minor": "12.345", "currency": "CNY"}
    )
    assert (wrong.status_code, "write an amount like" in words(wrong.text)) == (422, True)


def test_who_may_not_price_sees_no_form_and_is_refused(stock: Stock) -> None:
    assert "/price" not in stock.desk.page(f"/console/stock/parts/{stock.seal}")
    answer = stock.desk.post(
        f"/console/stock/parts/{stock.seal}/price", {"amount_minor": "1", "currency": "CNY"}
    )
    assert (answer.status_code, "Your role may not do this" in words(answer.text)) == (403, True)
    assert stock.office.row(Part, stock.seal).price_minor == 12_000
    dispatcher = stock.office.desk(Role.DISPATCHER)
    assert "/console/stock/receive" not in dispatcher.page("/console/stock")
    answer = dispatcher.post(
        "/console/stock/receive", {"location_id": stock.store, **lines(("PS-100", "1", ""))}
    )
    assert (answer.status_code, stock.held(stock.store, stock.seal)) == (403, 10)
    assert stock.office.desk(Role.CLERK).get("/console/stock").status_code == 403


def test_charges_are_published_and_changed(stock: Stock) -> None:
    boss = stock.office.desk(Role.SUPERVISOR)
    assert "No charge published yet" in words(boss.page("/console/stock/prices"))
    form = {
        "code": "LAB",
        "title": "Labour, hour",
        "kind": "labour",
        "amount_minor": "300",
        "currency": "CNY",
        "active": "1",
    }
    boss.done("/console/stock/prices", form)
    (item,) = stock.office.rows(select(PriceItem))
    assert (item.amount_minor, item.kind) == (30_000, "labour")
    assert 'value="300.00"' in boss.page(f"/console/stock/prices?item={item.id}")
    boss.done("/console/stock/prices", {**form, "item_id": item.id, "amount_minor": "320"})
    assert stock.office.row(PriceItem, item.id).amount_minor == 32_000
    assert len(stock.office.rows(select(PriceItem))) == 1


def test_a_part_is_entered_and_changed_and_two_edits_are_both_kept(stock: Stock) -> None:
    form = {
        "number": "BR-1",
        "name": "Bearing",
        "name_zh": "轴承",
        "price_minor": "45",
        "currency": "CNY",
        "unit": "pc",
    }
    url = stock.desk.done("/console/stock/parts/new", form).partition("?")[0]
    row = stock.office.row(Part, url.rpartition("/")[2])
    assert (row.price_minor, row.pinyin) == (4_500, "zhou cheng")
    taken = stock.desk.post("/console/stock/parts/new", form)
    assert "The number BR-1 is already in use" in words(taken.text)
    assert 'value="Bearing"' in taken.text
    old = {"was_name": "Bearing", "was_unit": "pc", "was_active": "1", "was_serialised": "0"}
    edit = {**old, "name": "Ball bearing", "unit": "pc", "active": "1"}
    stock.desk.done(f"{url}/edit", edit)
    assert stock.office.row(Part, row.id).name == "Ball bearing"
    assert stock.desk.done(f"{url}/edit", {**edit, "name": "Roller bearing"}).endswith("notice=merged")
    page = words(stock.desk.page(url))
    assert "Stands now" in page
    assert "Ball bearing" in page


def test_a_place_is_opened_and_a_van_given(stock: Stock) -> None:
    office = stock.office
    other = office.person(name="Gao Min")
    url = stock.desk.done(
        "/console/stock/places/new", {"kind": "van", "code": "V2", "name": "Van 2", "person_id": other}
    )
    place = url.partition("?")[0].rpartition("/")[2]
    assert office.row(StockLocation, place).person_id == other
    stock.desk.done(f"/console/stock/places/{place}/driver", {"person_id": stock.engineer})
    assert office.row(StockLocation, place).person_id == stock.engineer
    assert office.row(StockLocation, stock.van).person_id is None
    taken = stock.desk.post("/console/stock/places/new", {"kind": "van", "code": "V2", "name": "Again"})
    assert (taken.status_code, "The number V2 is already in use" in words(taken.text)) == (422, True)


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant"])
def test_every_word_is_in_the_readers_language(stock: Stock, language: str) -> None:
    stock.desk.client.cookies.set("language", language)
    paths = (
        "",
        "/parts",
        "/ledger",
        "/prices",
        "/receive",
        "/transfer",
        "/count",
        "/parts/new",
        "/places/new",
    )
    for path in (*paths, f"/parts/{stock.seal}", f"/places/{stock.van}", f"/parts/{stock.seal}/edit"):
        page = words(stock.desk.page(f"/console/stock{path}"))
        assert not re.search(r"\b(console|field|reason|command)\.[a-z]", page), path
    assert "泵密封圈" in stock.desk.page("/console/stock/parts")


def test_what_is_not_there_is_not_found(stock: Stock) -> None:
    for path in ("parts/none", f"parts/{stock.store}", f"places/{stock.seal}", "places/x"):
        assert stock.desk.get(f"/console/stock/{path}").status_code == 404
    assert stock.office.rows(select(StockMovement).where(StockMovement.reason == "counted")) == []
