"""The page of equipment models: what work on each takes.

Owns this page. Models are registered by command.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from common.equipment.equipment_commands import RegisterModel
from common.policy.policy_set import find_policy
from sync_server.console.desk import Desk
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.equipment import listing

PATH = "/console/equipment/models"


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

    return router


def _models(desk: Desk, request: Request, entry: Entry | None = None) -> Response:
    language = desk.site.language(request)
    with desk.site.database.read() as session:
        rows = listing.models_listed(session)
        policy = find_policy(session)
    checklists = [(one.code, one.title.in_language(language)) for one in policy.checklists] if policy else []
    return desk.show(
        request, "equipment/models.html", status_code=422 if entry else 200, can=("register_model",), rows=rows,
        form=entry.state if entry else FormState(), checklists=checklists, checklist_names=dict(checklists),
    )  # fmt: skip
