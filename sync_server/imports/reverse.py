"""What takes one step of an import back: the opposite command, made while the old values are still there (M4).

Owns the opposites. None here deletes anything: what was made is retired or taken out of use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.coverage.coverage_commands import CancelCoverage, RegisterCoverage
from common.customers.customer_commands import EditCustomer, RegisterCustomer
from common.equipment.acceptance import RecordAcceptance
from common.equipment.equipment import Equipment
from common.equipment.equipment_commands import (
    EditEquipment,
    RegisterEquipment,
    RegisterModel,
    RetireEquipment,
)
from common.equipment.model_commands import ChangeEquipmentModel, RetireEquipmentModel
from common.inbox.edits import Change, show_value
from common.people.fitness_commands import AddQualification, RevokeQualification
from common.people.person import Person
from common.people.person_commands import (
    AddPerson,
    DeactivatePerson,
    EditPerson,
    ReactivatePerson,
    SetRoles,
    SetZones,
)
from common.stock.location import StockLocation
from common.stock.movement import StockLevel
from common.stock.part import Part, PriceItem
from common.stock.part_commands import EditPart, RegisterPart, SetCharge, SetPrice
from common.stock.stock_commands import AssignVan, CountStock, ReceiveStock, RegisterLocation

Step = tuple[str, str, tuple[Any, ...]]  # entity, row id, commands that take it back
NOTE = "import {number}"
OUT = (Change("active", show_value(True), show_value(False)),)


def opposite(session: Session, command: Any, number: int) -> list[Step]:
    """Say what takes a command of an import back; a step without commands stays. `number` is the import's."""
    make = OPPOSITES.get(type(command))
    return make(session, command, NOTE.format(number=number)) if make else []


def _edit(entity: str, id_name: str) -> Callable[[Session, Any, str], list[Step]]:
    def back(_session: Session, c: Any, _note: str) -> list[Step]:
        changes = tuple(Change(one.field, one.new, one.old) for one in c.changes)
        return [(entity, getattr(c, id_name), (replace(c, changes=changes),))]

    return back


def _unit(_session: Session, c: RegisterEquipment, note: str) -> list[Step]:
    """Free the serial number for the right table, then retire the unit."""
    renamed = EditEquipment(c.equipment_id, (Change("serial", c.serial, f"{c.serial} ({note})"[:200]),))
    return [("equipment", c.equipment_id, (renamed, RetireEquipment(c.equipment_id, note)))]


def _acceptance(session: Session, c: RecordAcceptance, _note: str) -> list[Step]:
    unit = session.get(Equipment, c.equipment_id)
    if unit is None:
        return []  # made by the same import: it goes with its unit
    if unit.accepted_on is None:
        return [("equipment", unit.id, ())]
    return [
        (
            "equipment",
            unit.id,
            (RecordAcceptance(unit.id, unit.accepted_on, term_months=unit.warranty_months),),
        )
    ]


def _roles(session: Session, c: SetRoles, _note: str) -> list[Step]:
    person = session.get(Person, c.person_id)
    return [("person", c.person_id, (SetRoles(c.person_id, tuple(person.roles)),))] if person else []


def _zones(session: Session, c: SetZones, _note: str) -> list[Step]:
    person = session.get(Person, c.person_id)
    return [("person", c.person_id, (SetZones(c.person_id, tuple(person.zones)),))] if person else []


def _price(session: Session, c: SetPrice, _note: str) -> list[Step]:
    part = session.get(Part, c.part_id)
    return [("part", c.part_id, (SetPrice(c.part_id, part.price_minor, part.currency),))] if part else []


def _charge(session: Session, c: SetCharge, _note: str) -> list[Step]:
    item = session.get(PriceItem, c.item_id)
    if item is None:
        return [("price_item", c.item_id, (replace(c, active=False),))]
    kind: Any = item.kind
    old = SetCharge(
        item.id, item.code, kind, item.title, item.amount_minor, item.currency, item.zone, item.active
    )
    return [("price_item", c.item_id, (old,))]


def _van(session: Session, c: AssignVan, _note: str) -> list[Step]:
    van = session.get(StockLocation, c.location_id)
    return [("stock_location", c.location_id, (AssignVan(c.location_id, van.person_id),))] if van else []


def _received(session: Session, c: ReceiveStock, note: str) -> list[Step]:
    """Count back to what lay there before; pieces with a serial number are for a person to look at."""
    steps: list[Step] = []
    for line in c.lines:
        level = _level(session, c.location_id, line.part_id)
        back = () if line.serial else (CountStock(c.location_id, line.part_id, level[1], note),)
        steps.append(("stock_level", f"{c.location_id}|{line.part_id}", back))
    return steps


def _counted(session: Session, c: CountStock, note: str) -> list[Step]:
    level = _level(session, c.location_id, c.part_id)
    back = CountStock(c.location_id, c.part_id, level[1], note)
    return [("stock_level", f"{c.location_id}|{c.part_id}", (back,))]


def _level(session: Session, location_id: str, part_id: str) -> tuple[str, Any]:
    query = select(StockLevel.id, StockLevel.qty).where(
        StockLevel.location_id == location_id, StockLevel.part_id == part_id
    )
    found = session.execute(query).first()
    return (found[0], found[1]) if found else ("", 0)


OPPOSITES: dict[type[Any], Callable[[Session, Any, str], list[Step]]] = {
    AddPerson: lambda _s, c, _n: [("person", c.person_id, (DeactivatePerson(c.person_id),))],
    ReactivatePerson: lambda _s, c, _n: [("person", c.person_id, (DeactivatePerson(c.person_id),))],
    EditPerson: _edit("person", "person_id"),
    SetRoles: _roles,
    SetZones: _zones,
    AddQualification: lambda _s, c, _n: [
        ("qualification", c.qualification_id, (RevokeQualification(c.qualification_id, c.person_id),))
    ],
    RegisterLocation: lambda _s, c, _n: [("stock_location", c.location_id, ())],
    AssignVan: _van,
    RegisterCustomer: lambda _s, c, _n: [("customer", c.customer_id, (EditCustomer(c.customer_id, OUT),))],
    EditCustomer: _edit("customer", "customer_id"),
    RegisterModel: lambda _s, c, n: [("equipment_model", c.model_id, (RetireEquipmentModel(c.model_id, n),))],
    ChangeEquipmentModel: _edit("equipment_model", "model_id"),
    RegisterEquipment: _unit,
    EditEquipment: _edit("equipment", "equipment_id"),
    RecordAcceptance: _acceptance,
    RegisterCoverage: lambda _s, c, n: [
        ("coverage", c.coverage_id, (CancelCoverage(c.coverage_id, c.equipment_id, n),))
    ],
    RegisterPart: lambda _s, c, _n: [("part", c.part_id, (EditPart(c.part_id, OUT),))],
    EditPart: _edit("part", "part_id"),
    SetPrice: _price,
    SetCharge: _charge,
    ReceiveStock: _received,
    CountStock: _counted,
}
