"""Plans for models and units: registration, acceptance with its warranty, and contracts (R031, R038)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.coverage.coverage import Coverage
from common.coverage.coverage_commands import RegisterCoverage
from common.customers.customer import Customer
from common.equipment.acceptance import RecordAcceptance
from common.equipment.equipment import Equipment, EquipmentModel
from common.equipment.equipment_commands import EditEquipment, RegisterEquipment, RegisterModel
from common.equipment.model_commands import ChangeEquipmentModel
from common.inbox.edits import Change, show_value
from common.kernel.ids import derive_id
from sync_server.imports.plan import Line, Notes, Planned, edits_of, fresh_id, has_all, planned, taken_up

MODEL_FIELDS = ("name", "manufacturer", "category", "regulated", "checklist", "skill", "certificate")
UNIT_FIELDS = ("location", "udi", "sold_on", "software_version")


def plan_models(session: Session, lines: list[Line], notes: Notes) -> Iterator[Planned]:
    """Plan each model: registered, or changed where the file says otherwise."""
    known = {model.code: model for model in session.scalars(select(EquipmentModel))}
    for line in lines:
        code = line.values["code"]
        wanted = line.of(*MODEL_FIELDS)
        model = known.get(code)
        if model is None:
            if has_all(line, notes, "name"):
                command = RegisterModel(derive_id("import", "model", code), code, **wanted)
                yield planned(line, code, wanted["name"], (), command, new=True)
            continue
        changes = (*edits_of(model, wanted), *taken_up(model))
        commands = [ChangeEquipmentModel(model.id, changes)] if changes else []
        yield planned(line, code, model.name, changes, *commands)


def plan_equipment(session: Session, lines: list[Line], notes: Notes) -> Iterator[Planned]:
    """Plan each unit. Notes `model_unknown`, `customer_unknown`, `unit_elsewhere`, `contract_incomplete`, …"""
    models = {code: id_ for code, id_ in session.execute(select(EquipmentModel.code, EquipmentModel.id))}
    customers = {number: id_ for number, id_ in session.execute(select(Customer.number, Customer.id))}
    units = {(unit.model_id, unit.serial): unit for unit in session.scalars(select(Equipment))}
    ids = {unit.id for unit in units.values()}
    contracts = set(session.scalars(select(Coverage.id)))
    ended = set(session.scalars(select(Coverage.id).where(Coverage.cancelled.is_(True))))
    for line in lines:
        model_id = models.get(line.values["model"])
        if model_id is None:
            notes.add("model_unknown", line.line, "model", value=line.values["model"])
            continue
        customer_id = customers.get(line.values.get("customer", ""))
        if customer_id is None and "customer" in line.values:
            notes.add("customer_unknown", line.line, "customer", value=line.values["customer"])
            continue
        unit = units.get((model_id, line.values["serial"]))
        plan = (
            _new_unit(line, notes, model_id, customer_id, ids)
            if unit is None
            else _known_unit(line, notes, unit, customer_id)
        )
        if plan is None:
            continue
        unit_id, changes, commands = plan
        contract = _contract(line, notes, unit_id, ended)
        if contract is not None and contract.coverage_id not in contracts:
            commands.append(contract)
            changes.append(Change("contract_number", "", f"{contract.number} {contract.until_on}".strip()))
        shown_changes = () if unit is None else tuple(changes)
        title = f"{line.values['model']} {line.values['serial']}"
        yield planned(line, line.values["serial"], title, shown_changes, *commands, new=unit is None)


Plan = tuple[str, list[Change], list[Any]]


def _new_unit(line: Line, notes: Notes, model_id: str, customer_id: str | None, ids: set[str]) -> Plan | None:
    if customer_id is None:
        has_all(line, notes, "customer")
        return None
    serial = line.values["serial"]
    unit_id = fresh_id(ids, "equipment", model_id, serial)
    commands: list[Any] = [
        RegisterEquipment(unit_id, serial, model_id, customer_id, **line.of(*UNIT_FIELDS, "warranty_months"))
    ]
    if "accepted_on" in line.values:
        commands.append(_acceptance(line, unit_id, line.values.get("warranty_months")))
    return unit_id, [], commands


def _known_unit(line: Line, notes: Notes, unit: Equipment, customer_id: str | None) -> Plan | None:
    if customer_id is not None and customer_id != unit.customer_id:
        notes.add("unit_elsewhere", line.line, "customer", value=line.values["customer"], serial=unit.serial)
        return None
    edits = list(edits_of(unit, line.of(*UNIT_FIELDS)))
    commands: list[Any] = [EditEquipment(unit.id, tuple(edits))] if edits else []
    accepted_on: date | None = line.values.get("accepted_on", unit.accepted_on)
    months: int | None = line.values.get("warranty_months", unit.warranty_months)
    dated = [
        Change(name, show_value(old), show_value(new))
        for name, old, new in (
            ("accepted_on", unit.accepted_on, accepted_on),
            ("warranty_months", unit.warranty_months, months),
        )
        if old != new
    ]
    if dated and accepted_on is not None:
        commands.append(_acceptance(line, unit.id, months, accepted_on))
    elif dated:
        commands.append(EditEquipment(unit.id, tuple(dated)))
    return unit.id, [*edits, *dated], commands


def _acceptance(line: Line, unit_id: str, months: int | None, on: date | None = None) -> RecordAcceptance:
    return RecordAcceptance(unit_id, on or line.values["accepted_on"], term_months=months)


def _contract(line: Line, notes: Notes, unit_id: str, ended: set[str]) -> RegisterCoverage | None:
    from_on, until_on = line.values.get("contract_from_on"), line.values.get("contract_until_on")
    number = line.values.get("contract_number", "")
    if not number and from_on is None and until_on is None:
        return None
    if from_on is None or until_on is None:
        column = "contract_from_on" if from_on is None else "contract_until_on"
        notes.add("contract_incomplete", line.line, column)
        return None
    if from_on > until_on:
        notes.add("contract_backwards", line.line, "contract_until_on")
        return None
    parts = ("contract", unit_id, number, from_on.isoformat(), until_on.isoformat())
    coverage_id = fresh_id(ended, *parts)
    return RegisterCoverage(coverage_id, unit_id, "contract", from_on, until_on, number)
