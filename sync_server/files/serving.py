"""Bytes on their way out: whole or a range, never as a page (H2).

Owns headers of what strangers made: a type of our own choosing, an attachment by our own name, a sandbox around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from sync_server.db.file_tables import KeptFile
from sync_server.files.kinds import PLAIN, extension_of
from sync_server.files.store import FileStore
from sync_server.problems import Problem

RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})\Z")
SANDBOX = "default-src 'none'; sandbox"
SMALL = 8


def attachment_headers(kept: KeptFile, name: str = "") -> dict[str, str]:
    """Write the headers under which bytes of strangers go out; named by their own hash unless we have a name."""
    told = f"{name or kept.sha256[: 2 * SMALL]}.{extension_of(kept.media_type)}"
    return {
        "Content-Disposition": f'attachment; filename="{told}"',
        "Content-Security-Policy": SANDBOX,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
        "ETag": f'"{kept.sha256}"',
    }


def bytes_answer(request: Request, store: FileStore, kept: KeptFile, *, name: str = "") -> Response:
    """Answer with the bytes. Raises Problem `file_unknown` where the store has lost them, `range_unusable`."""
    start, length, status = _range(request, kept.size_bytes)
    try:
        blocks: Iterator[bytes] = store.read(kept.sha256, start, length)
    except FileNotFoundError:
        raise Problem(404, "file_unknown") from None
    headers = attachment_headers(kept, name) | {"Content-Length": str(length)}
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{kept.size_bytes}"
    return StreamingResponse(blocks, status, headers, PLAIN)


def picture_answer(drawn: Path | None) -> Response:
    """Answer with a picture we drew: it alone may be looked at in a page. Raises Problem `file_unknown` for none."""
    if drawn is None:
        raise Problem(404, "file_unknown")
    headers = {"Content-Security-Policy": SANDBOX, "Cache-Control": "private, max-age=3600"}
    return FileResponse(drawn, headers=headers, media_type="image/jpeg")


def _range(request: Request, size: int) -> tuple[int, int, int]:
    told = request.headers.get("range")
    found = RANGE.match(told) if told else None
    if found is None:
        return 0, size, 200
    start = int(found[1])
    end = min(int(found[2]) if found[2] else size - 1, size - 1)
    if start > end:
        raise Problem(416, "range_unusable", headers={"Content-Range": f"bytes */{size}"})
    return start, end - start + 1, 206
