"""The office's side of the stock: catalogue, prices, places, receipts, transfers, counts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from common.kernel.command import Role
from common.kernel.scope import grants_of
from common.people.person import Person
from common.stock.ledger import balance, ledger_faults
from common.stock.location import ADJUSTMENTS, SUPPLIERS, StockLocation, locations, van_of
from common.stock.minimum_commands import SetStockMinimum
from common.stock.movement import StockLevel, StockMinimum, StockMovement
from common.stock.part import Part, part_agg, price_items, price_list_version
from common.stock.part_commands import EditPart, RegisterPart, SetCharge, SetPrice
from common.stock.search import find_parts, movements_of, part_by_code, serials_at, stock_at
from common.stock.stock_commands import (
    AssignVan,
    CountStock,
    ReceiveStock,
    RegisterLocation,
    StockLine,
    TransferStock,
)
from tests.support.world import World, change


def lines(part_id: str, *wanted: tuple[str, str]) -> tuple[StockLine, ...]:
    """Write lines of (quantity, serial)."""
    return tuple(StockLine(part_id, Decimal(qty), serial) for qty, serial in wanted)


def test_a_part_is_found_by_number_name_pinyin_and_code(world: World) -> None:
    part = world.a_part(
        "PS-220-A", name="Power supply", name_zh="電源模組", pinyin="dian yuan", barcode="690123"
    )
    other = world.a_part("PS-221", name="Fan")
    van = world.a_van(world.a_person())
    world.stock_up(van, other, 3)
    for typed in ("ps-220", "PS220A", "电源", "電源", "power supp", "dian yuan", "690123"):
        assert [hit.part.id for hit in find_parts(world.session, typed, van)] == [part], typed
    both = find_parts(world.session, "PS-22", van)
    assert [(hit.part.id, hit.qty) for hit in both] == [(other, 3), (part, 0)]
    assert [hit.part.id for hit in find_parts(world.session, "ps-220-a", van)] == [part]
    assert part_by_code(world.session, " 690123 ").id == part  # type: ignore[union-attr]
    assert part_by_code(world.session, "ps-221").id == other  # type: ignore[union-attr]
    assert part_by_code(world.session, "") is None
    world.must(EditPart(part, (change("active", "1", "0"),)))
    assert find_parts(world.session, "电源", None) == []


def test_a_part_is_registered_once_in_one_of_256_chunks(world: World) -> None:
    payload = RegisterPart(world.id(), "PT-1", "Seal", 100, "CNY")
    world.must(payload)
    assert world.do(payload).status == "noop"
    assert world.do(RegisterPart(world.id(), "PT-1", "Seal", 100, "CNY")).code == "number_taken"
    chunks = {part_agg(world.id()) for _ in range(4000)}
    assert len(chunks) == 256
    assert grants_of(world.session, part_agg(payload.part_id)) == {("all", part_agg(payload.part_id))}


def test_every_price_change_gets_the_next_number(world: World) -> None:
    one, other, item = world.a_part(), world.a_part(), world.id()
    assert price_list_version(world.session) == 1
    world.must(SetPrice(one, 15_000, "CNY"))
    assert world.do(SetPrice(one, 15_000, "CNY")).status == "noop"
    world.must(SetCharge(item, "LAB", "labour", "工时费", 20_000, "CNY"))
    world.must(SetCharge(item, "LAB", "labour", "工时费", 22_000, "CNY"))
    world.must(SetCharge(world.id(), "TRV-S", "travel", "郊区上门", 8_000, "CNY", "suburb"))
    assert world.do(SetCharge(item, "LAB", "labour", "工时费", 22_000, "CNY")).status == "noop"
    assert world.get(Part, one).price_version == 2
    assert world.get(Part, other).price_version == 1
    assert price_list_version(world.session) == 3
    assert [charge.code for charge in price_items(world.session, zone="city")] == ["LAB"]
    assert [charge.code for charge in price_items(world.session, "travel", "suburb")] == ["TRV-S"]
    assert world.do(SetPrice(one, 1, "CNY"), roles=(Role.PARTS_KEEPER,)).code == "not_permitted"


def test_a_van_has_one_driver_and_a_driver_one_van(world: World) -> None:
    one, other = world.a_person(), world.a_person()
    first, second = world.a_van(one), world.a_van(other)
    assert world.get(Person, one).van_location_id == first
    assert grants_of(world.session, f"van:{first}") == {(f"user:{one}", f"van:{first}")}
    world.must(AssignVan(second, one))
    assert world.do(AssignVan(second, one)).status == "noop"
    assert world.get(Person, one).van_location_id == second
    assert world.get(Person, other).van_location_id is None
    assert world.get(StockLocation, first).person_id is None
    assert grants_of(world.session, f"van:{first}") == frozenset()
    assert van_of(world.session, one).id == second  # type: ignore[union-attr]
    store = RegisterLocation(world.id(), "Z1", "中心库", "central", one)
    assert world.do(store).code == "only_vans_have_drivers"
    assert [place.kind for place in locations(world.session)] == ["van", "van"]


def test_what_is_received_and_transferred_is_on_the_books(world: World) -> None:
    part, store, van = world.a_part(), world.a_store(), world.a_van(world.a_person())
    world.must(ReceiveStock(store, lines(part, ("10.5", ""))))
    world.must(TransferStock(store, van, lines(part, ("3", ""), ("0.25", ""))))
    assert balance(world.session, store, part) == Decimal("7.25")
    assert balance(world.session, van, part) == Decimal("3.25")
    assert balance(world.session, SUPPLIERS, part) == Decimal("-10.5")
    assert ledger_faults(world.session) == []
    assert len(movements_of(world.session, location_id=van, part_id=part)) == 2
    assert [hit.qty for hit in stock_at(world.session, van)] == [Decimal("3.25")]
    assert world.do(TransferStock(van, van, ())).code == "same_location"
    assert world.do(TransferStock(store, world.id(), ())).code == "stock_location_unknown"
    for qty, code in (("0", "quantity_not_positive"), ("-1", "quantity_not_positive")):
        assert world.do(ReceiveStock(store, lines(part, (qty, "")))).code == code
    assert world.do(ReceiveStock(store, lines(world.id(), ("1", "")))).code == "part_unknown"


def test_more_than_there_is_goes_out_and_is_flagged(world: World) -> None:
    part, store, van = world.a_part("PT-9"), world.a_store(), world.a_van(world.a_person())
    outcome = world.do(TransferStock(store, van, lines(part, ("2", ""))))
    assert (outcome.status, outcome.code) == ("flagged", "stock_below_zero")
    assert outcome.values["part"] == "PT-9"
    assert outcome.values["qty"] == "-2"
    assert balance(world.session, store, part) == -2
    assert stock_at(world.session, store)[0].qty == -2


def test_serials_move_with_their_piece(world: World) -> None:
    part, store, van = world.a_part(serialised=True), world.a_store(), world.a_van(world.a_person())
    world.stock_up(store, part, 2, "A1", "A2")
    world.must(TransferStock(store, van, lines(part, ("1", "A1"))))
    assert (serials_at(world.session, store, part), serials_at(world.session, van, part)) == (["A2"], ["A1"])
    assert world.do(TransferStock(store, van, lines(part, ("1", "A1")))).code == "serial_not_here"
    assert world.do(ReceiveStock(store, lines(part, ("1", "A1")))).code == "serial_twice"
    assert world.do(ReceiveStock(store, lines(part, ("1", "")))).code == "serial_missing"
    assert world.do(ReceiveStock(store, lines(part, ("2", "B1")))).code == "serial_is_one_piece"
    assert world.do(ReceiveStock(store, lines(part, ("1", "C1"), ("1", "C1")))).took_effect


@pytest.mark.fault("J5")
def test_a_count_is_a_movement(world: World) -> None:
    part, store = world.a_part(), world.a_store()
    world.stock_up(store, part, 5)
    world.must(CountStock(store, part, Decimal("3.5")))
    world.must(CountStock(store, part, Decimal(4)))
    assert world.do(CountStock(store, part, Decimal(4))).status == "noop"
    counted = [(m.qty, m.from_location_id == ADJUSTMENTS) for m in movements_of(world.session, part_id=part)]
    assert (Decimal("1.5"), False) in counted
    assert (Decimal("0.5"), True) in counted
    assert balance(world.session, store, part) == 4
    assert ledger_faults(world.session) == []
    assert world.do(CountStock(store, part, Decimal(-1))).code == "count_negative"
    assert world.do(CountStock(world.a_store("scrap"), part, Decimal(1))).code == "not_a_shelf"


def test_a_level_that_is_no_sum_is_named(world: World) -> None:
    part, store = world.a_part(), world.a_store()
    world.stock_up(store, part, 5)
    level = world.session.query(StockLevel).one()
    level.qty = Decimal(6)
    world.session.commit()
    (fault,) = ledger_faults(world.session)
    assert (fault.location_id, fault.part_id, fault.level_milli, fault.moved_milli) == (
        store,
        part,
        6000,
        5000,
    )


def test_a_repeated_command_moves_nothing_twice(world: World) -> None:
    part, store = world.a_part(), world.a_store()
    payload = ReceiveStock(store, lines(part, ("2", "")))
    world.must(payload)
    assert world.work is not None
    world.must(payload, op=world.work.op)
    assert balance(world.session, store, part) == 2
    assert world.session.query(StockMovement).count() == 1


def test_a_minimum_is_set_once_for_a_part_at_a_place_and_travels_with_its_van(world: World) -> None:
    part, driver = world.a_part(), world.a_person()
    van = world.a_van(driver)
    world.must(SetStockMinimum(van, part, Decimal("2.5")))
    assert world.do(SetStockMinimum(van, part, Decimal("2.5"))).status == "noop"
    world.must(SetStockMinimum(van, part, Decimal(0)))
    row = world.session.query(StockMinimum).one()
    assert (row.qty, row.agg) == (Decimal(0), f"van:{van}")
    for payload, code in (
        (SetStockMinimum(van, part, Decimal(-1)), "count_negative"),
        (SetStockMinimum(van, world.id(), Decimal(1)), "part_unknown"),
        (SetStockMinimum(world.id(), part, Decimal(1)), "stock_location_unknown"),
    ):
        assert world.do(payload).code == code
