"""What is done about one person: roles, zones, qualifications, absences, end and return of access.

Owns reading these forms. Each is one command; refused, the person's page is shown again with what was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from common.people.erasure import PseudonymisePerson
from common.people.fitness_commands import AddQualification, CancelAbsence, RecordAbsence, RevokeQualification
from common.people.person_commands import DeactivatePerson, ReactivatePerson, SetRoles, SetZones
from sync_server.console.desk import Desk, known_id
from sync_server.console.entry import Entry, Sent
from sync_server.people.sessions import forget_sign_in

PATH = "/console/people"
Show = Callable[[Desk, Request, str, Entry | None, str], Response]


def deeds_router(desk: Desk, show: Show) -> APIRouter:
    """Make `POST /console/people/{person}/{deed}`."""
    router = APIRouter()

    @router.post(PATH + "/{person_id}/{deed}")
    def do(request: Request, person_id: str, deed: str, entry: Sent) -> Response:
        known = known_id(person_id)
        if deed not in DEEDS:
            raise HTTPException(404, "not_found")
        give = desk.give_proved if deed == "erase" else desk.give
        outcome = give(request, entry, lambda: DEEDS[deed](entry, known), {"window_backwards": "until_on"})
        if outcome is None:
            return show(desk, request, known, entry, deed)
        if deed == "deactivate":
            desk.site.sessions.end_all(known, desk.site.actor(request).person_id)
        if deed == "erase":
            forget_sign_in(desk.site.database, known, desk.site.actor(request).person_id)
        return desk.back(request, f"{PATH}/{known}", outcome)

    return router


def _qualification(entry: Entry, person_id: str) -> AddQualification:
    kind = entry.choice("kind", ("skill", "certificate"), "skill")
    return AddQualification(
        entry.new_id("qualification"), person_id, kind, entry.text("code"), entry.text("number"),  # type: ignore[arg-type]
        entry.day("valid_until_on"),
    )  # fmt: skip


def _absence(entry: Entry, person_id: str) -> RecordAbsence:
    return RecordAbsence(
        entry.new_id("absence"), person_id, entry.instant("from_on", "from_time"),
        entry.instant("until_on", "until_time"), entry.text("reason"),
    )  # fmt: skip


DEEDS: dict[str, Callable[[Entry, str], Any]] = {
    "roles": lambda entry, person_id: SetRoles(person_id, tuple(entry.lists.get("roles", []))),
    "zones": lambda entry, person_id: SetZones(person_id, tuple(entry.lists.get("zones", []))),
    "qualification": _qualification,
    "revoke": lambda entry, person_id: RevokeQualification(
        entry.identifier("qualification_id") or "", person_id
    ),
    "absence": _absence,
    "cancel-absence": lambda entry, person_id: CancelAbsence(entry.identifier("absence_id") or "", person_id),
    "erase": lambda entry, person_id: PseudonymisePerson(person_id, entry.text("reason")),
    "deactivate": lambda _, person_id: DeactivatePerson(person_id),
    "reactivate": lambda _, person_id: ReactivatePerson(person_id),
}
