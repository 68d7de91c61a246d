"""The numbers beside the entries of the navigation: fetched anew, alone, whenever what they count may have changed.

Owns their address. What is counted is said by the site's reader.
"""

from __future__ import annotations

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sync_server.console.site import Site

PATH = "/console/counts"


def counts_router(site: Site) -> APIRouter:
    """Make the address."""
    router = APIRouter()

    @router.get(PATH + "/{area}")
    def count(request: Request, area: str) -> Response:
        reader = site.reader(request)
        if area not in reader.areas or area not in reader.counts:
            raise HTTPException(404, "not_found")
        return site.pages.answer(request, reader, "kit/count.html", counted=area)

    return router
