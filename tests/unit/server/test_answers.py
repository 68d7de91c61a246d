"""Ready bytes say exactly what `encode` says, and every error has its status and a sentence in three languages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from common.i18n import LANGUAGES, catalogue
from common.kernel.codec import compact, decode, encode
from common.kernel.outcome import BadPayload, Refused
from common.protocol.messages import Fork, HaveAnswer, NotTrusted, OpResult, Put, SyncAnswer
from sync_server.db.database import DatabaseBusyError
from sync_server.edge import Edge
from sync_server.problems import Problem, problem_of, problem_response, sentence_of
from sync_server.sync.ready import to_json
from sync_server.sync.wire import _sync_answer, answer

ONE, TWO = "01a200c0-2d5b-752d-ad44-b54d7d5371db", "01a200c0-2d5b-752d-ad44-b54d7d5371dc"
ROWS = {"ticket": [["id", "agg", 7, None, "维修"]]}
ANSWERS = (
    SyncAnswer(),
    SyncAnswer(fork=Fork(2, "t"), now=1),
    SyncAnswer(
        "t", 3, (OpResult(ONE, "ok", 5), OpResult(TWO, "parked", 5, "code", {"n": 1})), True, {"ticket": ("id", "agg")},
        (Put("ticket:1", 3, True, ROWS), Put("ticket:2", 1)), ("ticket:3",), "[1]", 9, True, "ok", 4, "e", 1, None,
    ),
)  # fmt: skip


def request(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": pairs, "method": "POST", "path": "/"})


@pytest.mark.parametrize("told", ANSWERS)
def test_ready_bytes_are_what_encode_says(told: SyncAnswer) -> None:
    quick = json.loads(to_json(_sync_answer(told)))
    assert quick == json.loads(compact(encode(told)))
    assert encode(decode(SyncAnswer, quick, strict=False)) == encode(told)


def test_small_answers_are_left_alone_and_large_ones_pressed_as_wished() -> None:
    small, large = HaveAnswer((), 1), HaveAnswer(tuple("x" * 36 for _ in range(50)), 1)
    assert "content-encoding" not in answer(request(accept_encoding="x-deflate-d1, gzip"), small).headers
    assert (
        answer(request(accept_encoding="x-deflate-d1, gzip"), large).headers["content-encoding"]
        == "x-deflate-d1"
    )
    assert answer(request(accept_encoding="gzip"), large).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in answer(request(), large).headers


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Problem(413, "body_too_large"), 413, "body_too_large"),
        (BadPayload("type_int", "a.b"), 422, "type_int"),
        (Refused("login_wrong"), 422, "login_wrong"),
        (Refused("try_later", wait_s=9), 429, "try_later"),
        (Refused("not_permitted"), 403, "not_permitted"),
        (NotTrusted("token_wrong"), 401, "token_wrong"),
        (NotTrusted("device_revoked"), 410, "device_revoked"),
        (HTTPException(404), 404, "not_found"),
        (HTTPException(405), 405, "method_not_allowed"),
        (HTTPException(403, "csrf_token"), 403, "csrf_token"),
        (HTTPException(418, "<script>"), 418, "request_refused"),
        (DatabaseBusyError(), 503, "database_busy"),
        (OperationalError("SELECT secret", {}, Exception("x")), 503, "database_away"),
    ],
)
def test_every_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    if status in (429, 503):
        assert int(problem.headers["Retry-After"]) >= 1
    told = json.loads(bytes(problem_response(problem, "en").body))
    assert (told["status"], told["reason_code"]) == (status, code)
    assert len(told["reference"]) == 8
    assert "secret" not in str(told)


def test_pauses_differ_so_that_tablets_do_not_march_in_step() -> None:
    pauses = {problem_of(DatabaseBusyError()).headers["Retry-After"] for _ in range(100)}
    assert len(pauses) > 3


def test_every_refusal_of_the_door_has_its_sentence() -> None:
    codes = [
        key for key in catalogue() if key.startswith(("reason.password_", "reason.token_", "reason.nonce_"))
    ]
    assert len(codes) > 10
    for key in codes:
        sentences = {
            sentence_of(Problem(422, key.removeprefix("reason.")), language) for language in LANGUAGES
        }
        assert len(sentences) == 3


async def test_a_slow_body_that_never_ends_stops_at_the_limit() -> None:
    sent: list[Any] = []
    given = 0

    async def receive() -> dict[str, Any]:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: Any) -> None:
        raise AssertionError("the application was asked")

    scope = {
        "type": "http", "method": "POST", "path": "/console/x", "raw_path": b"/console/x", "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    await Edge(never)(scope, receive, send)
    assert sent[0]["status"] == 413
    assert given < 30
