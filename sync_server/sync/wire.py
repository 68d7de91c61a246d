"""Bytes in and out of the sync routes: strict reading within limits, ready bytes as answers.

Owns encodings and sizes. Knows nothing of what a message means.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from common.kernel.codec import decode, encode, read_json
from common.protocol.dictionary import ENCODING, BombError, deflate, gunzip, inflate
from common.protocol.messages import BODY_AT_MOST, SyncAnswer
from common.protocol.rescue import HEAD_AT_MOST
from sync_server.problems import Problem
from sync_server.sync.ready import as_written, to_json

T = TypeVar("T")
PRESS_FROM = 200
# Bytes of a body, packed and unpacked. What a tablet holds is told in one request, some fifty bytes an aggregate.
LARGER_BODIES = {"/v1/rescue": 2 * HEAD_AT_MOST, "/v1/sync/reconcile": 8 * 1024 * 1024}


def body_at_most(path: str) -> int:
    """Say how many bytes a request to this path may bring."""
    return LARGER_BODIES.get(path, BODY_AT_MOST)


async def read_message(request: Request, message: type[T], at_most: int = 0) -> T:
    """Read a body as a message of the protocol; `at_most` 0: what its path allows. Raises Problem, BadPayload."""
    at_most = at_most or body_at_most(request.url.path)
    return decode(message, read_json(_plain(request.headers, await _body(request, at_most), at_most)))


def answer(request: Request, value: Any, status: int = 200) -> Response:
    """Write a message as an answer, compressed as the caller wishes."""
    body = to_json(_sync_answer(value) if isinstance(value, SyncAnswer) else encode(value))
    wished = request.headers.get("accept-encoding", "")
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= PRESS_FROM and ENCODING in wished:
        body, headers["Content-Encoding"] = deflate(body), ENCODING
    elif len(body) >= PRESS_FROM and "gzip" in wished:
        body, headers["Content-Encoding"] = gzip.compress(body, 1, mtime=0), "gzip"
    return Response(body, status, headers, media_type="application/json")


def _sync_answer(value: SyncAnswer) -> dict[str, Any]:
    """Write an answer as `encode` would, without walking through every cell of every row."""
    written = {}
    puts = []
    for put in value.put:
        item: dict[str, Any] = {"agg": put.agg, "rev": put.rev}
        if put.full:
            item["full"] = True
        puts.append(item | {"rows": as_written(put.rows)})
    for name in SyncAnswer.__slots__:
        item = getattr(value, name)
        default = SyncAnswer.__dataclass_fields__[name].default
        if item == default and type(item) is type(default):
            continue
        written[name] = puts if name == "put" else encode(item)
    return written


async def _body(request: Request, at_most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > at_most:
            raise Problem(413, "body_too_large")
        parts.append(part)
    return b"".join(parts)


def _plain(headers: Mapping[str, str], body: bytes, at_most: int) -> bytes:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    readers: dict[str, Callable[[bytes, int], bytes]] = {
        "identity": lambda data, _: data,
        "gzip": gunzip,
        ENCODING: inflate,
    }
    reader = readers.get(encoding)
    if reader is None:
        raise Problem(415, "encoding_unknown")
    try:
        return reader(body, at_most)
    except BombError:
        raise Problem(413, "body_too_large") from None
    except ValueError:
        raise Problem(400, "encoding_broken") from None
