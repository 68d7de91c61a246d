"""The way files come: tus 1.0.0 with creation and checksum, at /v1/files; and the way tablets read them.

Owns headers, statuses and the streaming of bodies. What is taken and kept is `uploads`'. Every piece is read as it
comes: nothing larger than a block is held in memory.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from common.files.attachment import is_sha256
from common.kernel.outcome import Refused
from common.protocol.rescue import CarriedFile, read_head
from sync_server.files.carried import take_carried
from sync_server.files.incoming import Incoming
from sync_server.files.pictures import Pictures
from sync_server.files.serving import bytes_answer, picture_answer
from sync_server.files.uploads import MB, Standing, Uploads
from sync_server.files.visible import visible_file
from sync_server.gate import Gate, Rates
from sync_server.keys import ServerKeys
from sync_server.people.tokens import Tokens
from sync_server.problems import Problem
from sync_server.sync.routes import bearer
from sync_server.sync.service import known_device, person_of

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum"
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
PIECE = "application/offset+octet-stream"
CARRIED = "application/x-fieldwright-carried"
CARRIED_HEAD = 64 * 1024  # of the line before a carried photo, and of what sealing adds
BLOCK = 256 * 1024
TOLD = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}
CREATION_BODY_AT_MOST = 64 * 1024  # creation-with-upload is not offered: such a body is read past


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a piece must hash to; `running` is fed as it comes."""

    running: Any
    wanted: bytes

    def is_right(self) -> bool:
        """Say whether what came is what was sent."""
        found: bytes = self.running.digest()
        return found == self.wanted


@dataclass(frozen=True, slots=True)
class Door:
    """Where tablets bring and fetch files. They come in by their token as to /v1/sync.

    `gate` bounds how many pieces are taken at once; `poke` wakes live pages when a file is whole.
    """

    uploads: Uploads
    pictures: Pictures
    keys: ServerKeys
    tokens: Tokens
    rates: Rates
    gate: Gate
    poke: Callable[[], None]

    async def sender(self, request: Request) -> tuple[str, str]:
        """Say which device asks, and whose it is. Raises NotTrusted, Refused."""
        device_id = self.tokens.check(bearer(request))
        self.rates.take("file_device", device_id)
        return device_id, await run_in_threadpool(person_of, self.uploads.database, device_id)

    async def bringer(self, request: Request) -> str:
        """Say which device brings bytes: also one that was sent away, whose work the office has yet to judge (G5)."""
        device_id = self.tokens.check(bearer(request))
        self.rates.take("file_device", device_id)
        await run_in_threadpool(known_device, self.uploads.database, device_id)
        return device_id

    async def options(self) -> Response:
        """Say what of tus is spoken."""
        told = {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(await run_in_threadpool(self.uploads.largest)),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        }
        return Response(status_code=204, headers=TOLD | told)

    async def create(self, request: Request) -> Response:
        """Begin an upload; `Upload-Offset` says how much is here already."""
        device_id = await self.bringer(request)
        _check_version(request)
        size, sha256 = _whole(request, "upload-length"), _named(request)
        await _read_past(request)
        now = await run_in_threadpool(self.uploads.announce, device_id, sha256, size)
        headers = {"Location": f"/v1/files/{sha256}", "Upload-Offset": str(now.offset)}
        return Response(status_code=201, headers=TOLD | headers)

    async def standing(self, request: Request, sha256: str) -> Response:
        """Say how far an upload is."""
        await self.bringer(request)
        _check_version(request)
        now = await run_in_threadpool(self.uploads.standing, sha256)
        headers = {"Upload-Offset": str(now.offset), "Upload-Length": str(now.size)}
        return Response(status_code=200, headers=TOLD | headers)

    async def append(self, request: Request, sha256: str) -> Response:
        """Take a piece."""
        await self.bringer(request)
        _check_version(request)
        if request.headers.get("content-type", "") != PIECE:
            raise Problem(415, "content_type_unknown")
        offset, checksum = _whole(request, "upload-offset"), _checksum(request)
        _check_piece(request, self.uploads)
        with self.gate.entered():
            incoming = await run_in_threadpool(self.uploads.append, sha256, offset)
            if incoming is None:
                now = Standing(offset, offset, "whole")
            else:
                now = await _read_to_end(request, self.uploads, sha256, incoming, checksum)
        if now.state == "stored":
            self.poke()
        return Response(status_code=204, headers=TOLD | {"Upload-Offset": str(now.offset)})

    async def carry(self, request: Request, sha256: str) -> Response:
        """Take a photo of another tablet's rescue file: its head in a line of JSON, then its sealed bytes."""
        device_id, _ = await self.sender(request)
        if request.headers.get("content-type", "") != CARRIED:
            raise Problem(415, "content_type_unknown")
        at_most = await run_in_threadpool(self.uploads.largest) + CARRIED_HEAD
        with self.gate.entered(), tempfile.TemporaryFile() as came:
            size = 0
            async for part in request.stream():
                size += len(part)
                if size > at_most:
                    raise Problem(413, "body_too_large")
                await run_in_threadpool(came.write, part)
            await run_in_threadpool(self._carried, sha256, came, size, device_id)
        self.poke()
        return Response(status_code=204, headers={"Cache-Control": "no-store"})

    def _carried(self, sha256: str, came: BinaryIO, size: int, device_id: str) -> None:
        came.seek(0)
        head = read_head(CarriedFile, came)
        if head.sha256 != sha256:
            raise Refused("rescue_damaged")
        take_carried(self.uploads, self.keys, head, came, size - came.tell(), device_id)

    async def read(self, request: Request, sha256: str, preview: bool = False) -> Response:
        """Give bytes back, or the small picture the server drew of them."""
        device_id, person_id = await self.sender(request)
        found = await run_in_threadpool(visible_file, self.uploads, person_id, device_id, sha256)
        if preview:
            return picture_answer(await run_in_threadpool(self.pictures.find, sha256, "thumb"))
        return await run_in_threadpool(bytes_answer, request, self.uploads.store, found)


def files_router(door: Door) -> APIRouter:
    """Make the routes."""
    router = APIRouter(prefix="/v1/files")
    one = "/{sha256}"
    for path, method, handler in (
        ("", "OPTIONS", door.options), (one, "OPTIONS", door.options), ("", "POST", door.create),
        (one + "/carried", "POST", door.carry), (one, "HEAD", door.standing), (one, "PATCH", door.append),
        (one, "GET", door.read),
    ):  # fmt: skip
        router.add_api_route(path, handler, methods=[method], response_class=Response)
    return router


async def _read_to_end(
    request: Request, uploads: Uploads, sha256: str, incoming: Incoming, checksum: Checksum | None
) -> Standing:
    """Read a piece. One that breaks off is kept as far as it came, unless its checksum covers the whole of it."""
    try:
        try:
            await _read(request, incoming, checksum, uploads.rules.piece_mb * MB)
        except Exception:
            with contextlib.suppress(Exception):
                await run_in_threadpool(_keep_what_came, uploads, sha256, incoming, checksum)
            raise
        if checksum is not None and not checksum.is_right():
            incoming.cut(incoming.start)
            raise Problem(460, "checksum_wrong")
        return await run_in_threadpool(uploads.advance, sha256, incoming)
    finally:
        incoming.close()


async def _read(request: Request, incoming: Incoming, checksum: Checksum | None, at_most: int) -> None:
    waiting = bytearray()
    size = 0

    def write(data: bytes) -> None:
        if checksum is not None:
            checksum.running.update(data)
        incoming.write(data)

    try:
        async for part in request.stream():
            size += len(part)
            if size > at_most:
                raise Problem(413, "body_too_large")
            waiting += part
            if len(waiting) >= BLOCK:
                await run_in_threadpool(write, bytes(waiting))
                waiting.clear()
    finally:
        if waiting:
            write(bytes(waiting))


def _keep_what_came(uploads: Uploads, sha256: str, incoming: Incoming, checksum: Checksum | None) -> None:
    if checksum is not None:
        incoming.cut(incoming.start)
    elif incoming.start < incoming.offset < incoming.size:
        uploads.advance(sha256, incoming)


async def _read_past(request: Request) -> None:
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > CREATION_BODY_AT_MOST:
            raise Problem(413, "body_too_large")


def _check_version(request: Request) -> None:
    if request.headers.get("tus-resumable") != VERSION:
        raise Problem(412, "tus_version", headers={"Tus-Version": VERSION})


def _check_piece(request: Request, uploads: Uploads) -> None:
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > uploads.rules.piece_mb * MB:
        raise Problem(413, "body_too_large")


def _whole(request: Request, name: str) -> int:
    told = request.headers.get(name, "")
    if not told.isascii() or not told.isdigit() or len(told) > 15:
        raise Problem(400, "header_unusable", header=name)
    return int(told)


def _named(request: Request) -> str:
    """Read the hash a new upload is named with: `Upload-Metadata: sha256 <base64 of its hex>`."""
    for pair in request.headers.get("upload-metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "sha256":
            sha256 = _unpacked(value, "upload-metadata").decode("ascii", "replace")
            if is_sha256(sha256):
                return sha256
    raise Problem(422, "sha256_unusable")


def _checksum(request: Request) -> Checksum | None:
    told = request.headers.get("upload-checksum")
    if told is None:
        return None
    name, _, value = told.strip().partition(" ")
    make = ALGORITHMS.get(name)
    if make is None:
        raise Problem(400, "checksum_unknown")
    return Checksum(make(), _unpacked(value, "upload-checksum"))


def _unpacked(value: str, header: str) -> bytes:
    try:
        return base64.b64decode(value.strip().encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Problem(400, "header_unusable", header=header) from None
