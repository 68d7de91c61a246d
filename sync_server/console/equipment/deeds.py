"""What is done about one unit: acceptance, contracts and warranties, return to use, retirement.

Owns reading these forms. Each is one command; refused, the unit's page is shown again with what was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from common.coverage.coverage_commands import CancelCoverage, RegisterCoverage
from common.equipment.acceptance import RecordAcceptance
from common.equipment.equipment_commands import RetireEquipment, ReturnToUse
from sync_server.console.desk import Desk, known_id
from sync_server.console.entry import Entry, Sent

PATH = "/console/equipment"
Show = Callable[[Desk, Request, str, Entry | None, str], Response]


def deeds_router(desk: Desk, show: Show) -> APIRouter:
    """Make `POST /console/equipment/{unit}/{deed}`."""
    router = APIRouter()

    @router.post(PATH + "/{unit_id}/{deed}")
    def do(request: Request, unit_id: str, deed: str, entry: Sent) -> Response:
        known = known_id(unit_id)
        if deed not in DEEDS:
            raise HTTPException(404, "not_found")
        outcome = desk.give(
            request, entry, lambda: DEEDS[deed](entry, known), {"window_backwards": "until_on"}
        )
        if outcome is None:
            return show(desk, request, known, entry, deed)
        return desk.back(request, f"{PATH}/{known}", outcome)

    return router


def _acceptance(entry: Entry, unit_id: str) -> RecordAcceptance:
    day = entry.day("accepted_on", needed=True)
    return RecordAcceptance(
        unit_id, day, entry.text("contract"), entry.whole("term_months"), entry.text("scope")  # type: ignore[arg-type]
    )  # fmt: skip


def _coverage(entry: Entry, unit_id: str) -> RegisterCoverage:
    kind = entry.choice("kind", ("contract", "warranty"), "contract")
    first, last = entry.day("from_on", needed=True), entry.day("until_on", needed=True)
    return RegisterCoverage(
        entry.new_id("coverage"), unit_id, kind, first, last, entry.text("number"), entry.text("scope")  # type: ignore[arg-type]
    )  # fmt: skip


def _cancelled(entry: Entry, unit_id: str) -> CancelCoverage:
    return CancelCoverage(entry.identifier("coverage_id") or "", unit_id, entry.text("reason"))


DEEDS: dict[str, Callable[[Entry, str], Any]] = {
    "acceptance": _acceptance,
    "coverage": _coverage,
    "cancel-coverage": _cancelled,
    "return": lambda entry, unit_id: ReturnToUse(unit_id, entry.text("reason")),
    "retire": lambda entry, unit_id: RetireEquipment(unit_id, entry.text("reason")),
}
