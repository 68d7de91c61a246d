"""How a person signs in at the console: a name and a first password, given anew when forgotten; his sessions.

Owns these forms, for administrators only. Passwords and sessions are `people.sessions`'. Whoever gives another a way in
shows once more who he is: with it he could be that other (ADR-0029).
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.command import Role
from common.kernel.ids import RandomBytes
from common.kernel.outcome import Outcome, Refused
from sync_server.console.desk import Desk, known_id
from sync_server.console.entry import Sent
from sync_server.console.rendering import see_other
from sync_server.people.enrolment import new_code, shown

PATH = "/console/people"
Show = Callable[..., Response]


def access_router(desk: Desk, show: Show) -> APIRouter:
    """Make the routes."""
    router = APIRouter()
    site = desk.site

    @router.post(PATH + "/{person_id}/access")
    def give_access(request: Request, person_id: str, entry: Sent) -> Response:
        by_id, known = _administrator(desk, request), known_id(person_id)
        password = first_password(site.database.random_bytes)
        if not desk.proved(request, entry):
            return show(desk, request, known, entry, "access")
        try:
            if known == by_id:
                raise Refused("access_own")
            site.sessions.set_password(known, entry.text("login"), password, by_id, must_change=True)
        except Refused as refused:
            entry.refused(Outcome("parked", refused.code, refused.values))
            return show(desk, request, known, entry, "access")
        return show(desk, request, known, made=password)

    @router.post(PATH + "/{person_id}/sessions")
    def end_sessions(request: Request, person_id: str, entry: Sent) -> Response:
        by_id, known = _administrator(desk, request), known_id(person_id)
        one = entry.text("session")
        if one:
            site.sessions.end_one(one, known, by_id)
        else:
            site.sessions.end_all(known, by_id, keep=_own(desk, request))
        return see_other(request, f"{PATH}/{known}", "saved")

    @router.post(PATH + "/{person_id}/factor")
    def reset_factor(request: Request, person_id: str, entry: Sent) -> Response:
        known = known_id(person_id)
        _administrator(desk, request)
        if not desk.proved(request, entry):
            return show(desk, request, known, entry, "factor")
        try:
            site.factors.reset(site.actor(request), known)
        except Refused as refused:
            entry.refused(Outcome("parked", refused.code, refused.values))
            return show(desk, request, known, entry, "factor")
        return see_other(request, f"{PATH}/{known}", "saved")

    return router


def first_password(random_bytes: RandomBytes) -> str:
    """Make a password of 60 random bits that can be read aloud; it must be changed at the first sign-in."""
    return f"{shown(new_code(random_bytes))}-{new_code(random_bytes)[:2]}"


def _administrator(desk: Desk, request: Request) -> str:
    if Role.ADMINISTRATOR not in desk.roles(request):
        raise HTTPException(403, "not_permitted")
    return desk.site.actor(request).person_id


def _own(desk: Desk, request: Request) -> str:
    signed_in = desk.site.signed_in(request)
    return signed_in.id_hash if signed_in else ""
