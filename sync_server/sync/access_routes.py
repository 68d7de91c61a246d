"""Routes by which a device comes in: enrolment with a code, a nonce, a token; and how it asks for its lost key.

Owns nothing but the way from HTTP to the functions of `people`.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from common.protocol.access import EnrolRequest, NonceAnswer, NonceRequest, TokenRequest
from common.protocol.recovery import KeyAsk
from common.protocol.rescue import RescueFile
from sync_server.files.uploads import Uploads
from sync_server.gate import Rates
from sync_server.keys import ServerKeys
from sync_server.people.enrolment import enrol
from sync_server.people.key_requests import ask
from sync_server.people.tokens import Tokens
from sync_server.security import Security
from sync_server.sync.hand_in import hand_in
from sync_server.sync.routes import bearer
from sync_server.sync.service import person_of
from sync_server.sync.wire import answer, read_message

BODY_AT_MOST = 8 * 1024


def access_router(
    uploads: Uploads, keys: ServerKeys, tokens: Tokens, security: Security, rates: Rates
) -> APIRouter:
    """Make the routes. Each counts by address; a nonce by device and address, so that nobody floods another's device."""
    router, database = APIRouter(prefix="/v1"), uploads.database

    @router.post("/enrol")
    async def enrol_device(request: Request) -> Response:
        rates.take("door_address", address_of(request))
        told = await read_message(request, EnrolRequest, BODY_AT_MOST)
        made = await run_in_threadpool(enrol, database, keys, told, address_of(request), security)
        return answer(request, made)

    @router.post("/auth/nonce")
    async def nonce(request: Request) -> Response:
        rates.take("door_address", address_of(request))
        told = await read_message(request, NonceRequest, BODY_AT_MOST)
        rates.take("nonce_device", f"{told.dev} {address_of(request)}")
        return answer(request, NonceAnswer(tokens.nonce(told.dev)))

    @router.post("/auth/token")
    async def token(request: Request) -> Response:
        rates.take("door_address", address_of(request))
        told = await read_message(request, TokenRequest, BODY_AT_MOST)
        return answer(request, await run_in_threadpool(tokens.give, told))

    @router.post("/recovery")
    async def recovery(request: Request) -> Response:
        rates.take("door_address", address_of(request))
        told = await read_message(request, KeyAsk, BODY_AT_MOST)
        rates.take("nonce_device", f"key {told.dev} {address_of(request)}")
        return answer(request, await run_in_threadpool(ask, database, told))

    @router.post("/rescue")
    async def rescue(request: Request) -> Response:
        device_id = tokens.check(bearer(request))
        rates.take("sync_device", device_id)
        told = await read_message(request, RescueFile)
        by = await run_in_threadpool(person_of, database, device_id)
        return answer(request, await run_in_threadpool(hand_in, uploads, keys, told, by))

    return router


def address_of(request: Request) -> str:
    """Return the address a request came from; behind a listed proxy uvicorn has put the real one in."""
    return request.client.host if request.client else ""
