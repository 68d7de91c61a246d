"""The page that takes in a tablet's rescue file.

Owns the page and the words of refusals. Reading and taking in are `sync.hand_in`'s.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.outcome import Outcome, Refused
from common.protocol.rescue import FILE_AT_MOST, read_rescue
from sync_server.console.desk import Desk
from sync_server.console.entry import Sent, say
from sync_server.console.tablets.deeds import PATH
from sync_server.sync.hand_in import hand_in

PAGE = "tablets/rescue.html"


def add_rescue(desk: Desk, router: APIRouter) -> None:
    """Add the routes."""
    site = desk.site

    @router.get(PATH + "/rescue")
    def rescue_page(request: Request) -> Response:
        return desk.show(request, PAGE, taken=None, error="")

    @router.post(PATH + "/rescue")
    def rescue(request: Request, entry: Sent) -> Response:
        try:
            file = read_rescue(entry.file("file", FILE_AT_MOST + 1))
            taken = hand_in(site.database, site.keys, file, site.actor(request).person_id)
        except Refused as refused:
            outcome = Outcome("parked", refused.code, refused.values)
            words = say(outcome, site.language(request), site.settings.time_zone)
            return desk.show(request, PAGE, status_code=422, taken=None, error=words)
        site.hub.poke()
        return desk.show(request, PAGE, taken=taken, error="")
