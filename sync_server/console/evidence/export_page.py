"""The button on a unit's page that hands out its whole life as a ZIP with its proofs (Q9).

Owns the route. What is in it is `sync_server.upkeep.export`'s; every export is noted in the audit chain.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sync_server.console.desk import known_id
from sync_server.console.rendering import see_other
from sync_server.console.site import Site
from sync_server.upkeep.anchors import AnchorError
from sync_server.upkeep.export import export_equipment, plain_name

IN_MEMORY = 8 * 2**20
CHUNK = 2**16


def export_router(site: Site) -> APIRouter:
    """Make the route."""
    router = APIRouter(dependencies=[Depends(site.allow("export"))])

    @router.post("/console/equipment/{unit_id}/export")
    def export(request: Request, unit_id: str) -> Response:
        out: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it is sent
        try:
            done = export_equipment(
                site.database, site.keys, site.settings, known_id(unit_id), site.actor(request).person_id, out
            )
        except AnchorError:
            out.close()
            return see_other(request, f"/console/equipment/{unit_id}", "not_anchored")
        except HTTPException:
            out.close()
            raise
        name = f"equipment-{plain_name(done.serial)}.zip"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(_chunks(out), media_type="application/zip", headers=headers)

    return router


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk
