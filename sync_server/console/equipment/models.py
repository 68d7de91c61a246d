"""The pages of equipment models: what work on each takes, changing one, ending one.

Owns these pages. Models are registered, changed and retired by command.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from common.equipment.equipment import EquipmentModel
from common.equipment.equipment_commands import RegisterModel
from common.equipment.model_commands import ChangeEquipmentModel, RetireEquipmentModel
from common.inbox.edits import show_value
from common.policy.policy_set import find_policy
from sync_server.console.desk import Desk, found, known_id
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.equipment import listing

PATH = "/console/equipment/models"
FIELDS = ("name", "manufacturer", "category", "skill", "certificate", "checklist", "regulated", "active")
CAN = ("register_model", "change_equipment_model", "retire_equipment_model")


def models_router(desk: Desk) -> APIRouter:
    """Make the page."""
    router = APIRouter()

    @router.get(PATH)
    def models(request: Request) -> Response:
        return _models(desk, request)

    @router.post(PATH)
    def register(request: Request, entry: Sent) -> Response:
        model_id = entry.new_id("model")
        outcome = desk.give(
            request, entry,
            lambda: RegisterModel(
                model_id, entry.text("code"), entry.text("name"), entry.text("manufacturer"), entry.text("category"),
                entry.flag("regulated"), entry.text("checklist"), entry.text("skill"), entry.text("certificate"),
            ),
            {"number_taken": "code"},
        )  # fmt: skip
        return _models(desk, request, entry) if outcome is None else desk.back(request, PATH, outcome)

    @router.get(PATH + "/{model_id}")
    def model(request: Request, model_id: str) -> Response:
        row = _find(desk, model_id)
        return _model(
            desk, request, row, FormState({name: show_value(getattr(row, name)) for name in FIELDS})
        )

    @router.post(PATH + "/{model_id}")
    def change(request: Request, model_id: str, entry: Sent) -> Response:
        row = _find(desk, model_id)
        flags = ("regulated",) if row.active else ("regulated", "active")
        fields = FIELDS[:-1] if row.active else FIELDS
        outcome = desk.give(
            request, entry, lambda: ChangeEquipmentModel(row.id, entry.changes(fields, flags))
        )
        if outcome is None:
            return _model(desk, request, row, entry.state, 422)
        return desk.back(request, PATH, outcome)

    @router.post(PATH + "/{model_id}/retire")
    def retire(request: Request, model_id: str, entry: Sent) -> Response:
        row = _find(desk, model_id)
        outcome = desk.give(request, entry, lambda: RetireEquipmentModel(row.id, entry.text("reason")))
        if outcome is None:
            return _model(desk, request, row, entry.state, 422)
        return desk.back(request, PATH, outcome)

    return router


def _find(desk: Desk, model_id: str) -> EquipmentModel:
    with desk.site.database.read() as session:
        return found(session.get(EquipmentModel, known_id(model_id)))


def _checklists(desk: Desk, request: Request) -> list[tuple[str, str]]:
    language = desk.site.language(request)
    with desk.site.database.read() as session:
        policy = find_policy(session)
    return [(one.code, one.title.in_language(language)) for one in policy.checklists] if policy else []


def _model(desk: Desk, request: Request, row: EquipmentModel, form: FormState, status: int = 200) -> Response:
    return desk.show(
        request, "equipment/model.html", status_code=status, can=CAN, model=row, form=form, fields=FIELDS,
        checklists=_checklists(desk, request),
    )  # fmt: skip


def _models(desk: Desk, request: Request, entry: Entry | None = None) -> Response:
    with desk.site.database.read() as session:
        rows = listing.models_listed(session)
    checklists = _checklists(desk, request)
    return desk.show(
        request, "equipment/models.html", status_code=422 if entry else 200, can=CAN, rows=rows,
        form=entry.state if entry else FormState(), checklists=checklists, checklist_names=dict(checklists),
    )  # fmt: skip
