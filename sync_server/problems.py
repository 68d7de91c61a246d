"""Errors as answers: problem details with a reason code, a sentence and a reference (RFC 9457). The only such place.

Owns the mapping from exceptions to answers. A 500 tells nothing but its reference; the log has the rest.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from functools import partial

from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from common.i18n import LANGUAGES, has_key, nearest_language, translate
from common.kernel.outcome import BadPayload, Detail, Refused
from common.kernel.reserve import says_full
from common.protocol.messages import NotTrusted
from sync_server.db.database import DatabaseBusyError, DatabaseFullError
from sync_server.files.store import StoreAwayError

log = logging.getLogger("sync_server")
MEDIA_TYPE = "application/problem+json"
BY_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
STATUS_OF = {
    "try_later": 429,
    "not_permitted": 403,
    "token_missing": 401,
    "device_revoked": 410,
    "device_lost": 410,
    "person_inactive": 410,
}
BUSY_S = 2
Page = Callable[[Request, int, str, Callable[[str], str], str], Response | None]


class Problem(Exception):
    """An answer that says no: HTTP status, reason code, values for its sentence."""

    def __init__(
        self, status: int, code: str, *, headers: Mapping[str, str] | None = None, **values: Detail
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})
        self.values = values


def install_problems(app: FastAPI, page: Page = lambda *_: None) -> None:
    """Answer every exception of the application as a problem. `page` may draw one for a person's browser.

    It is given the sentence as a function of the language: who reads the page is known to it alone.
    """

    def answer(request: Request, problem: Problem, reference: str = "") -> Response:
        language = language_wished(request)
        reference = reference or secrets.token_hex(4)
        drawn = page(request, problem.status, problem.code, partial(sentence_of, problem), reference)
        if drawn is None:
            return problem_response(problem, language, reference)
        drawn.headers.update(problem.headers)
        return drawn

    def expected(request: Request, error: Exception) -> Response:
        return answer(request, problem_of(error))

    def unexpected(request: Request, error: Exception) -> Response:
        reference = secrets.token_hex(4)
        log.error("reference %s: %s %s failed", reference, request.method, request.url.path, exc_info=error)
        return answer(request, Problem(500, "internal_error", reference=reference), reference)

    for kind in (
        Problem, BadPayload, Refused, NotTrusted, StarletteHTTPException, HTTPException, RequestValidationError,
        DatabaseBusyError, DatabaseFullError, StoreAwayError, OperationalError, InterfaceError, PoolTimeout,
        ClientDisconnect,
    ):  # fmt: skip
        app.add_exception_handler(kind, expected)
    app.add_exception_handler(Exception, unexpected)


def sentence_of(problem: Problem, language: str) -> str:
    """Say a problem in words."""
    key = f"reason.{problem.code}" if has_key(f"reason.{problem.code}") else "reason.request_refused"
    return translate(language, key, **problem.values)


def problem_response(problem: Problem, language: str, reference: str = "") -> JSONResponse:
    """Write a problem as JSON."""
    body = {
        "type": "about:blank",
        "title": sentence_of(problem, language),
        "status": problem.status,
        "reason_code": problem.code,
        "values": dict(problem.values),
        "reference": reference or secrets.token_hex(4),
    }
    return JSONResponse(body, problem.status, problem.headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Turn an exception that callers may meet into its answer."""
    match error:
        case Problem():
            return error
        case BadPayload():
            return Problem(422, error.code, where=error.where[:200])
        case Refused():
            return Problem(
                STATUS_OF.get(error.code, 422), error.code, headers=_wait(error.values), **error.values
            )
        case NotTrusted():
            return Problem(STATUS_OF.get(error.code, 401), error.code, headers={"WWW-Authenticate": "Bearer"})
        case RequestValidationError():
            return _invalid(error)
        case StarletteHTTPException():
            code = str(error.detail)
            known = has_key(f"reason.{code}")
            return Problem(
                error.status_code,
                code if known else BY_STATUS.get(error.status_code, "request_refused"),
                headers=error.headers,
            )
        case ClientDisconnect():
            return Problem(400, "request_cut_off")
        case DatabaseFullError():
            return Problem(507, "server_disk_full", headers={"Retry-After": "60"})
        case OperationalError() if says_full(error):
            return Problem(507, "server_disk_full", headers={"Retry-After": "60"})
        case StoreAwayError():
            log.warning("the store of files does not answer: %s", error)
            return Problem(503, "file_store_away", headers={"Retry-After": soon()})
        case DatabaseBusyError():
            return Problem(503, "database_busy", headers={"Retry-After": soon()})
        case _:
            log.error("the database does not answer", exc_info=error)
            return Problem(503, "database_away", headers={"Retry-After": soon()})


def _invalid(error: RequestValidationError) -> Problem:
    first = error.errors()[0] if error.errors() else {}
    where = ".".join(str(part) for part in first.get("loc", ()))[:200]
    kind = str(first.get("type", ""))
    code = (
        "json_malformed"
        if kind == "json_invalid"
        else "field_missing"
        if kind == "missing"
        else "request_invalid"
    )
    return Problem(422, code, where=where)


def _wait(values: Mapping[str, Detail]) -> dict[str, str]:
    return {"Retry-After": str(values["wait_s"])} if "wait_s" in values else {}


def soon() -> str:
    """Say when to come back, in seconds; spreads the return of many tablets (T34)."""
    return str(BUSY_S + secrets.randbelow(8))


def language_wished(request: Request) -> str:
    """Return the language switched to, else the nearest to the browser's wish."""
    chosen = request.cookies.get("language", "")
    wished = request.headers.get("accept-language", "en").split(",")[0].split(";")[0]
    return chosen if chosen in LANGUAGES else nearest_language(wished)
