"""What the office does with models and units: register, change, take back into use (R021, R025, R150).

Owns these commands. A unit is stopped from the field, by the stop-use notice; only the office takes it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import select

from common.customers.customer import Customer
from common.equipment.equipment import (
    EQUIPMENT_LIFE,
    MODELS_AGG,
    Equipment,
    EquipmentModel,
    equipment_agg,
    fold_equipment,
)
from common.inbox.edits import Changes, Winner, after_edit, apply_changes, edited
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Code, Day, Id, Line, Name, Needed, OptionalCode, Whole
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work

DESK_ROLES = (Role.SPECIALIST, Role.DISPATCHER, Role.CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR)
Term = Annotated[int, Whole(1, 600)]
EDITABLE = {
    "serial": Winner.FIELD,
    "udi": Winner.FIELD,
    "location": Winner.FIELD,
    "software_version": Winner.FIELD,
    "sold_on": Winner.OFFICE,
    "warranty_months": Winner.OFFICE,
}


@dataclass(frozen=True, slots=True)
class RegisterModel:
    """Add a product model with what work on it takes (R021, R058)."""

    model_id: Id
    code: Code
    name: Name
    manufacturer: Line = ""
    category: OptionalCode = ""
    regulated: bool = False
    checklist: OptionalCode = ""
    skill: OptionalCode = ""
    certificate: OptionalCode = ""


@dataclass(frozen=True, slots=True)
class RegisterEquipment:
    """Add a customer's unit (R021, R023, R025). `warranty_months` None: as the policy says."""

    equipment_id: Id
    serial: Code
    model_id: Id
    customer_id: Id
    udi: Line = ""
    location: Line = ""
    sold_on: Day | None = None
    accepted_on: Day | None = None
    warranty_months: Term | None = None
    software_version: OptionalCode = ""


@dataclass(frozen=True, slots=True)
class EditEquipment:
    """Change a unit's data (R021)."""

    equipment_id: Id
    changes: Changes


@dataclass(frozen=True, slots=True)
class ReturnToUse:
    """Lift a stop of use after the hazard is gone (R150)."""

    equipment_id: Id
    reason: Needed


@dataclass(frozen=True, slots=True)
class RetireEquipment:
    """End a unit's life in the files (R021)."""

    equipment_id: Id
    reason: Needed


@command(RegisterModel, nature=Nature.INTENT, roles=DESK_ROLES, places=OFFICE, about=lambda c: MODELS_AGG)
def register_model(work: Work, c: RegisterModel) -> Outcome:
    """Register a model. Refuses `number_taken`."""
    if work.get(EquipmentModel, c.model_id) is not None:
        return NOOP
    if work.session.scalar(select(EquipmentModel.id).where(EquipmentModel.code == c.code)) is not None:
        raise Refused("number_taken", number=c.code)
    work.add(
        EquipmentModel(
            id=c.model_id,
            agg=MODELS_AGG,
            code=c.code,
            name=c.name,
            manufacturer=c.manufacturer,
            category=c.category,
            regulated=c.regulated,
            checklist=c.checklist,
            skill=c.skill,
            certificate=c.certificate,
            active=True,
        )
    )
    return OK


@command(
    RegisterEquipment,
    nature=Nature.INTENT,
    roles=DESK_ROLES,
    places=OFFICE,
    about=lambda c: equipment_agg(c.equipment_id),
)
def register_equipment(work: Work, c: RegisterEquipment) -> Outcome:
    """Register a unit. Refuses `equipment_model_unknown`, `model_retired`, `customer_unknown`, `serial_taken`."""
    if work.get(Equipment, c.equipment_id) is not None:
        return NOOP
    model = work.look(EquipmentModel, c.model_id)
    if model is None:
        raise Refused("equipment_model_unknown")
    if not model.active:
        raise Refused("model_retired", number=model.code)
    if work.look(Customer, c.customer_id) is None:
        raise Refused("customer_unknown")
    require_free_serial(work, c.model_id, c.serial)
    unit = Equipment(
        id=c.equipment_id,
        agg=equipment_agg(c.equipment_id),
        serial=c.serial,
        udi=c.udi,
        model_id=c.model_id,
        customer_id=c.customer_id,
        location=c.location,
        sold_on=c.sold_on,
        accepted_on=c.accepted_on,
        warranty_months=c.warranty_months,
        software_version=c.software_version,
        state=EQUIPMENT_LIFE.start,
        edited_by=work.actor.person_id,
    )
    refold_equipment(work, unit)
    work.add(unit)
    return OK


@command(
    EditEquipment,
    nature=Nature.EDIT,
    roles=DESK_ROLES,
    places=OFFICE,
    about=lambda c: equipment_agg(c.equipment_id),
)
def edit_equipment(work: Work, c: EditEquipment) -> Outcome:
    """Merge changes into a unit. Refuses `serial_taken` beside the codes of `apply_changes`."""
    unit = work.need(Equipment, c.equipment_id)
    for change in c.changes:
        if change.field == "serial" and change.new != unit.serial:
            require_free_serial(work, unit.model_id, change.new)
    return apply_changes(work, unit, c.changes, EDITABLE, needed=("serial",))


@command(
    ReturnToUse,
    nature=Nature.INTENT,
    roles=(Role.SUPERVISOR,),
    places=OFFICE,
    about=lambda c: equipment_agg(c.equipment_id),
)
def return_to_use(work: Work, c: ReturnToUse) -> Outcome:
    """Take a stopped unit back into use. Refuses `equipment_unknown`, `equipment_retired`."""
    return change_state(work, c.equipment_id, "in_use")


@command(
    RetireEquipment,
    nature=Nature.INTENT,
    roles=(Role.SUPERVISOR, Role.ADMINISTRATOR),
    places=OFFICE,
    about=lambda c: equipment_agg(c.equipment_id),
)
def retire_equipment(work: Work, c: RetireEquipment) -> Outcome:
    """Retire a unit for good. Refuses `equipment_unknown`."""
    return change_state(work, c.equipment_id, "retired")


def change_state(work: Work, equipment_id: str, state: str) -> Outcome:
    """Move a unit by its lifecycle. Refuses `equipment_retired`: nothing leaves that state."""
    unit = work.need(Equipment, equipment_id)
    move = EQUIPMENT_LIFE.judge_move(unit.state, state)
    if move == "illegal":
        raise Refused("equipment_retired", serial=unit.serial)
    if move == "noop":
        return NOOP
    unit.state = state
    edited(work, unit)
    return OK


def require_free_serial(work: Work, model_id: str, serial: str) -> None:
    """Refuse `serial_taken`: one model has a serial once."""
    query = select(Equipment.id).where(Equipment.serial == serial, Equipment.model_id == model_id)
    if work.session.scalar(query.limit(1)) is not None:
        raise Refused("serial_taken", serial=serial)


@after_edit(Equipment)
def refold_equipment(work: Work, unit: Equipment) -> None:
    """Make the text a unit is found by anew."""
    unit.folded = fold_equipment(unit, work.look(EquipmentModel, unit.model_id))
