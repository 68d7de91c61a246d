"""Any office command over HTTP, for a house's own programs: one command in, its outcome with a sentence out.

Owns the shape of question and answer. Who asks is told by the session; what he may do is judged by `execute` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.i18n import has_key
from common.kernel.codec import decode, read_json
from common.kernel.command import spec_of
from common.kernel.fields import Code, Id
from common.kernel.outcome import Details, Outcome
from common.kernel.work import Actor
from common.tickets.wording import say_reason
from sync_server.db.database import Database
from sync_server.db.office import perform
from sync_server.edge import is_form
from sync_server.problems import Problem

FORBIDDEN = frozenset({"not_permitted", "wrong_place", "not_your_ticket", "no_longer_yours"})
# What needs a fresh proof of who sits there is given on the console's pages, which ask for it (ASVS 7.5.3).
AT_THE_CONSOLE = frozenset(
    {"decide_approval", "use_approval", "void_report", "pseudonymise_person", "pseudonymise_contact"}
)


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """One command: `id` is made by the caller and makes repetition harmless, `args` are the payload's fields."""

    id: Id
    kind: Code
    args: dict[str, Any]


def commands_router(
    database: Database,
    actor_of: Callable[[Request], Actor],
    language_of: Callable[[Request], str],
    *,
    time_zone: str,
    poke: Callable[[], None] = lambda: None,
) -> APIRouter:
    """Make `POST /api/v1/commands`; put it behind the console's sign-in and its guard against forged requests."""
    router = APIRouter(prefix="/api/v1")

    @router.post("/commands")
    async def give_command(request: Request) -> Response:
        """Give a command: 200 took effect, 403 not for this person, 409 refused for another reason, 422 not readable.

        A form is none: 415.
        """
        if is_form(request):
            raise Problem(415, "content_type_unknown")
        told = decode(CommandRequest, read_json(await request.body()))
        payload = decode(spec_of(told.kind).payload, told.args, where="args")
        actor, language = actor_of(request), language_of(request)
        if told.kind in AT_THE_CONSOLE and not spec_of(told.kind).roles.isdisjoint(actor.roles):
            outcome = Outcome("parked", "proof_needed")
        else:
            outcome = await run_in_threadpool(perform, database, actor, payload, op_id=told.id)
        poke()
        return JSONResponse(written(told.id, outcome, language, time_zone), _status(outcome))

    return router


def written(op_id: str, outcome: Outcome, language: str, time_zone: str) -> dict[str, Any]:
    """Write an outcome; `reason_code` and its sentence are '' where there is nothing to say."""

    def sentence(code: str, values: Details) -> str:
        return say_reason(
            code if has_key(f"reason.{code}") else "request_refused", values, language, time_zone
        )

    return {
        "id": op_id,
        "status": outcome.status,
        "reason_code": outcome.code,
        "reason": sentence(outcome.code, outcome.values) if outcome.code else "",
        "values": dict(outcome.values),
        "flags": [
            {
                "reason_code": flag.code,
                "reason": sentence(flag.code, flag.values),
                "values": dict(flag.values),
            }
            for flag in outcome.flags
        ],
    }


def _status(outcome: Outcome) -> int:
    if outcome.took_effect:
        return 200
    return 403 if outcome.code in FORBIDDEN else 409
