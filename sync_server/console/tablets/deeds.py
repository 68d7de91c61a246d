"""What the office does about one tablet: report it lost or found, decide in one go about what it handed over.

Owns the way from the forms to the functions of `people`, and the words of refusals.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import translate
from common.kernel.outcome import Outcome, Refused
from sync_server.console.desk import Desk, known_id
from sync_server.console.entry import Sent, say
from sync_server.console.rendering import see_other
from sync_server.people.handed_over import decide_all
from sync_server.people.key_requests import decline, give
from sync_server.people.orders import report_found, report_lost

PATH = "/console/tablets"
Again = Callable[[Request, str, str], Response]  # the tablet's page once more, with what went wrong


def add_deeds(desk: Desk, router: APIRouter, again: Again) -> None:
    """Add the routes."""
    site = desk.site

    def do(request: Request, device_id: str, deed: Callable[[], None]) -> Response:
        try:
            deed()
        except Refused as refused:
            return again(
                request, device_id, _words(desk, request, Outcome("parked", refused.code, refused.values))
            )
        return see_other(request, f"{PATH}/{device_id}", "saved")

    @router.post(PATH + "/{device_id}/lost")
    def lost(request: Request, device_id: str, entry: Sent) -> Response:
        known = known_id(device_id)
        return do(request, known, lambda: report_lost(site.database, site.actor(request), known))

    @router.post(PATH + "/{device_id}/found")
    def found(request: Request, device_id: str, entry: Sent) -> Response:
        known = known_id(device_id)
        return do(request, known, lambda: report_found(site.database, site.actor(request), known))

    @router.post(PATH + "/{device_id}/key")
    def key(request: Request, device_id: str, entry: Sent) -> Response:
        known, actor = known_id(device_id), site.actor(request)
        if entry.choice("choice", ("give", "decline"), "give") == "decline":
            return do(request, known, lambda: decline(site.database, actor, known))
        code = entry.text("code")
        return do(request, known, lambda: give(site.database, site.keys, actor, known, code))

    @router.post(PATH + "/{device_id}/handed-over")
    def handed_over(request: Request, device_id: str, entry: Sent) -> Response:
        known, choice = known_id(device_id), entry.choice("choice", ("accept", "decline"), "accept")
        note = entry.text("note")
        if choice == "decline" and not note:
            return again(request, known, _words(desk, request, Outcome("parked", "decision_note_missing")))
        decided = decide_all(
            site.database, site.actor(request), known, "accept" if choice == "accept" else "decline", note
        )
        site.hub.poke()
        if decided.left:
            language = site.language(request)
            why = " ".join(_words(desk, request, Outcome("parked", code)) for code in decided.codes)
            told = translate(language, "console.tablets.not_all", done=decided.done, left=decided.left)
            return again(request, known, f"{told} {why}")
        return see_other(request, f"{PATH}/{known}", "saved")


def _words(desk: Desk, request: Request, outcome: Outcome) -> str:
    return say(outcome, desk.site.language(request), desk.site.settings.time_zone)
