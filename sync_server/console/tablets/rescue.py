"""The page that takes in a tablet's rescue file.

Owns the page and the words of refusals. Reading and taking in are `sync.hand_in`'s.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.outcome import Outcome, Refused
from sync_server.console.desk import Desk
from sync_server.console.entry import Sent, say
from sync_server.console.tablets.deeds import PATH
from sync_server.sync.hand_in import hand_in_whole

PAGE = "tablets/rescue.html"


def add_rescue(desk: Desk, router: APIRouter) -> None:
    """Add the routes."""
    site = desk.site

    @router.get(PATH + "/rescue")
    def rescue_page(request: Request) -> Response:
        return desk.show(request, PAGE, taken=None, photos=(0, 0), error="")

    @router.post(PATH + "/rescue")
    def rescue(request: Request, entry: Sent) -> Response:
        try:
            file, taken = hand_in_whole(
                site.uploads, site.keys, entry.opened("file"), site.actor(request).person_id
            )
        except Refused as refused:
            outcome = Outcome("parked", refused.code, refused.values)
            words = say(outcome, site.language(request), site.settings.time_zone)
            return desk.show(request, PAGE, status_code=422, taken=None, photos=(0, 0), error=words)
        site.hub.poke()
        photos = file.whole(), file.whole(taken.lacks)
        return desk.show(request, PAGE, taken=taken, photos=photos, error="")
