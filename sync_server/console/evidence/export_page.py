"""Handing out a unit's whole life as a ZIP with its proofs, once two people have agreed (Q9, R175).

Owns the way out. What is in it is `sync_server.upkeep.export`'s; every export is noted in the audit chain.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sync_server.console.site import Site
from sync_server.files.store import whole_file
from sync_server.upkeep.export import export_equipment, plain_name

IN_MEMORY = 8 * 2**20
CHUNK = 2**16


def hand_out(site: Site, request: Request, unit_id: str, approval_id: str) -> Response:
    """Send the export of a unit for which an approval has just been used."""
    out: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it is sent
    try:
        done = export_equipment(
            site.database, site.keys, site.settings, unit_id, site.actor(request).person_id, out,
            partial(whole_file, site.uploads.store), approval_id=approval_id,
        )  # fmt: skip
    except BaseException:
        out.close()
        raise
    name = f"equipment-{plain_name(done.serial)}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_chunks(out), media_type="application/zip", headers=headers)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk
