"""What the office does with models once they are registered: change what work on one takes, end one (R021, R058).

Owns these commands. A retired model takes no new units; its units and their history stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from common.equipment.equipment import MODELS_AGG, Equipment, EquipmentModel
from common.equipment.equipment_commands import DESK_ROLES, refold_equipment
from common.inbox.edits import Changes, Winner, after_edit, apply_changes, edited
from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Id, Needed
from common.kernel.outcome import NOOP, OK, Outcome
from common.kernel.work import Work

EDITABLE = dict.fromkeys(
    ("name", "manufacturer", "category", "regulated", "checklist", "skill", "certificate", "active"),
    Winner.OFFICE,
)


@dataclass(frozen=True, slots=True)
class ChangeEquipmentModel:
    """Change a model's data: name, checklist, skill and certificate; also take a retired one up again (R021, R058)."""

    model_id: Id
    changes: Changes


@dataclass(frozen=True, slots=True)
class RetireEquipmentModel:
    """End a model: it takes no new units (R021)."""

    model_id: Id
    reason: Needed


@command(
    ChangeEquipmentModel, nature=Nature.EDIT, roles=DESK_ROLES, places=OFFICE, about=lambda c: MODELS_AGG
)
def change_equipment_model(work: Work, c: ChangeEquipmentModel) -> Outcome:
    """Merge changes into a model. Refuses `equipment_model_unknown` beside the codes of `apply_changes`."""
    return apply_changes(work, work.need(EquipmentModel, c.model_id), c.changes, EDITABLE, needed=("name",))


@command(
    RetireEquipmentModel,
    nature=Nature.INTENT,
    roles=(Role.SUPERVISOR, Role.ADMINISTRATOR),
    places=OFFICE,
    about=lambda c: MODELS_AGG,
)
def retire_equipment_model(work: Work, c: RetireEquipmentModel) -> Outcome:
    """Retire a model. Refuses `equipment_model_unknown`."""
    model = work.need(EquipmentModel, c.model_id)
    if not model.active:
        return NOOP
    model.active = False
    edited(work, model)
    return OK


@after_edit(EquipmentModel)
def refold_units(work: Work, model: EquipmentModel) -> None:
    """Make the text anew by which the model's units are found: its name is part of it."""
    for unit in work.rows(select(Equipment).where(Equipment.model_id == model.id).order_by(Equipment.id)):
        refold_equipment(work, unit)
