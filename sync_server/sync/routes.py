"""The sync routes: bytes to message, service, message to bytes. Nothing is decided here.

Owns authentication of devices by their token and which HTTP status an outcome has (sync-protocol 3.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from common.protocol.messages import (
    PROTOCOL,
    HaveRequest,
    NotTrusted,
    ReconcileRequest,
    SyncRequest,
)
from common.protocol.orders import DISMISSALS
from sync_server.db.database import DatabaseBusyError
from sync_server.gate import Gate, Rates
from sync_server.people.tokens import Tokens
from sync_server.problems import Problem, soon
from sync_server.sync.push import ServerTooOldError
from sync_server.sync.service import SyncService
from sync_server.sync.wire import answer, read_message

Message = TypeVar("Message", SyncRequest, HaveRequest, ReconcileRequest)
OLDEST_PROTOCOL = 1
SENT_AWAY = dict.fromkeys(DISMISSALS, 410)


def sync_router(
    service: SyncService,
    tokens: Tokens,
    *,
    oldest: int = OLDEST_PROTOCOL,
    poke: Callable[[], None] = lambda: None,
    rates: Rates,
    gate: Gate,
) -> APIRouter:
    """Make the three routes. Requests of a protocol before `oldest` may push and get no rows; `poke` wakes live pages.

    `gate` bounds what goes on at once: whoever comes too many is sent away to come again, before anything was done.
    """
    router = APIRouter(prefix="/v1")

    async def read(request: Request, message: type[Message]) -> Message:
        device_id = tokens.check(bearer(request))
        rates.take("sync_device", device_id)
        told = await read_message(request, message)
        if told.dev != device_id:
            raise Problem(403, "device_mismatch")
        return told

    @router.post("/sync")
    async def sync(request: Request) -> Response:
        told = await read(request, SyncRequest)
        with gate.entered():
            return await taken_in(request, told)

    async def taken_in(request: Request, told: SyncRequest) -> Response:
        if told.p > PROTOCOL:
            raise Problem(426, "server_too_old", newest=PROTOCOL)
        try:
            if told.p < oldest:
                return answer(request, await run_in_threadpool(service.drain, told), 426)
            found = await run_in_threadpool(service.sync, told)
        except NotTrusted as refused:
            if refused.code not in SENT_AWAY:
                raise
            taken = await run_in_threadpool(service.quarantine, told, refused.code)
            return answer(request, taken, SENT_AWAY[refused.code])
        except ServerTooOldError:
            raise Problem(426, "server_too_old", newest=PROTOCOL) from None
        except DatabaseBusyError:
            raise Problem(409, "lane_busy", headers={"Retry-After": soon()}) from None
        if told.ops:
            poke()
        return answer(request, found)

    @router.post("/sync/have")
    async def have(request: Request) -> Response:
        told = await read(request, HaveRequest)
        with gate.entered():
            return answer(request, await run_in_threadpool(service.have, told))

    @router.post("/sync/reconcile")
    async def reconcile(request: Request) -> Response:
        told = await read(request, ReconcileRequest)
        with gate.entered():
            return answer(request, await run_in_threadpool(service.reconcile, told))

    return router


def bearer(request: Request) -> str:
    """Return the token of the Authorization header, '' if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
