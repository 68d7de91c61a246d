"""Models and units, the pouch of vouchers, acceptance and stop of use."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from common.coverage.coverage import Coverage
from common.equipment.acceptance import RecordAcceptance
from common.equipment.equipment import (
    EQUIPMENT_LIFE,
    Equipment,
    EquipmentModel,
    file_voucher,
    stop_use,
    units_of,
    vouchers_of,
)
from common.equipment.equipment_commands import (
    EditEquipment,
    RegisterEquipment,
    RegisterModel,
    RetireEquipment,
    ReturnToUse,
)
from common.equipment.model_commands import ChangeEquipmentModel, RetireEquipmentModel
from common.kernel.command import Place
from common.kernel.op import Op
from common.kernel.scope import grants_of
from common.kernel.work import Actor, Work
from tests.support.world import World, change


def hands(world: World) -> Work:
    """Make the work of a command that calls the room's functions."""
    at = datetime(2026, 3, 2, tzinfo=UTC)
    actor = Actor(world.boss, frozenset(), Place.TABLET)
    return Work(world.session, actor, Op(world.id(), "x", 0, {}), at, at, live=True, authority=False)


def test_a_unit_needs_model_and_customer_and_its_own_serial(world: World) -> None:
    model, customer = world.a_model("VM-1"), world.a_customer()
    assert world.do(RegisterModel(world.id(), "VM-1", "别的")).code == "number_taken"
    assert (
        world.do(RegisterEquipment(world.id(), "S1", world.id(), customer)).code == "equipment_model_unknown"
    )
    assert world.do(RegisterEquipment(world.id(), "S1", model, world.id())).code == "customer_unknown"
    payload = RegisterEquipment(world.id(), "S1", model, customer, accepted_on=date(2025, 1, 31))
    world.must(payload)
    assert world.do(payload).status == "noop"
    assert world.do(RegisterEquipment(world.id(), "S1", model, customer)).code == "serial_taken"
    world.must(RegisterEquipment(world.id(), "S1", world.a_model(), customer))
    assert len(units_of(world.session, customer)) == 2


def test_an_edit_reads_days_and_numbers(world: World) -> None:
    unit = world.a_unit(serial="S1")
    wanted = (
        change("sold_on", "", "2025-02-28"),
        change("warranty_months", "", "18"),
        change("serial", "S1", "S2"),
    )
    world.must(EditEquipment(unit, wanted))
    row = world.get(Equipment, unit)
    assert (row.sold_on, row.warranty_months, row.serial) == (date(2025, 2, 28), 18, "S2")
    assert "s2" in row.folded
    world.must(EditEquipment(unit, (change("sold_on", "2025-02-28", ""),)))
    assert world.get(Equipment, unit).sold_on is None
    for field, new in (("sold_on", "2025-02-30"), ("warranty_months", "1.5"), ("warranty_months", "9" * 30)):
        assert world.do(EditEquipment(unit, (change(field, "", new),))).code == "value_not_readable", new


def test_acceptance_dates_the_unit_and_begins_the_warranty(world: World) -> None:
    unit = world.a_unit()
    world.must(RecordAcceptance(unit, date(2025, 1, 31), "HT-9", 13, "整机"))
    row = world.get(Equipment, unit)
    assert (row.accepted_on, row.warranty_months) == (date(2025, 1, 31), 13)
    first = world.session.query(Coverage).one()
    assert (first.until_on, first.number, first.cancelled) == (date(2026, 2, 28), "HT-9", False)
    world.must(RecordAcceptance(unit, date(2025, 2, 1), "HT-9", 12))
    rows = world.session.query(Coverage).order_by(Coverage.from_on).all()
    assert [entry.cancelled for entry in rows] == [True, False]


def test_stop_of_use_is_lifted_by_the_office_only(world: World) -> None:
    unit = world.a_unit()
    stop_use(hands(world), unit)
    stop_use(hands(world), unit)
    stop_use(hands(world), world.id())
    assert world.get(Equipment, unit).state == "stopped"
    world.must(ReturnToUse(unit, "已更换电源"))
    assert world.do(ReturnToUse(unit, "已更换电源")).status == "noop"
    world.must(RetireEquipment(unit, "报废"))
    assert world.do(ReturnToUse(unit, "x")).code == "equipment_retired"
    stop_use(hands(world), unit)
    assert world.get(Equipment, unit).state == "retired"
    assert EQUIPMENT_LIFE.final == {"retired"}


@pytest.mark.parametrize("known", [True, False])
def test_the_pouch_takes_each_voucher_once(world: World, known: bool) -> None:
    unit = world.a_unit() if known else world.id()
    for day in (3, 1, 3):
        file_voucher(
            hands(world),
            report_id=f"00000000-0000-7000-8000-00000000000{day}",
            equipment_id=unit,
            ticket_number="T1",
            service_on=date(2026, 3, day),
            engineer_name="陈",
            fault="不能开机",
            cause_code="power",
            measures="换电源",
            parts=[{"number": "PT-1", "qty": 1000}],
            accepted=True,
            content_hash="ab",
        )
    assert [voucher.service_on.day for voucher in vouchers_of(world.session, unit)] == [3, 1]


def test_models_are_seen_by_all(world: World) -> None:
    assert grants_of(world.session, "catalogue:models") == {("all", "catalogue:models")}
    assert grants_of(world.session, f"equipment:{world.id()}") == frozenset()


def test_a_models_data_is_changed_and_its_units_are_found_by_the_new_name(world: World) -> None:
    unit = world.a_unit()
    model = world.get(Equipment, unit).model_id
    old = world.get(EquipmentModel, model).name
    wanted = (
        change("name", old, "Bedside monitor"),
        change("regulated", "0", "1"),
        change("skill", "", "ecg"),
    )
    world.must(ChangeEquipmentModel(model, wanted))
    row = world.get(EquipmentModel, model)
    assert (row.name, row.regulated, row.skill) == ("Bedside monitor", True, "ecg")
    assert "bedside" in world.get(Equipment, unit).folded
    assert world.do(ChangeEquipmentModel(model, (change("name", row.name, ""),))).code == "field_empty"
    assert (
        world.do(ChangeEquipmentModel(model, (change("code", row.code, "X"),))).code == "field_not_editable"
    )
    assert world.do(ChangeEquipmentModel(world.id(), wanted)).code == "equipment_model_unknown"


def test_a_retired_model_takes_no_new_units_until_it_is_taken_up_again(world: World) -> None:
    unit = world.a_unit()
    model, customer = world.get(Equipment, unit).model_id, world.get(Equipment, unit).customer_id
    world.must(RetireEquipmentModel(model, "停产"))
    assert world.do(RetireEquipmentModel(model, "停产")).status == "noop"
    assert world.do(RegisterEquipment(world.id(), "S-NEW", model, customer)).code == "model_retired"
    world.must(EditEquipment(unit, (change("location", world.get(Equipment, unit).location, "ICU"),)))
    world.must(ChangeEquipmentModel(model, (change("active", "0", "1"),)))
    world.must(RegisterEquipment(world.id(), "S-NEW", model, customer))
