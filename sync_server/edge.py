"""The outermost check of every request: clean addresses, clean text in bodies, sizes within limits.

Owns what no route may ever see: NUL and broken UTF-8 in addresses and forms, JSON that is not strict, bodies without
end. The sync routes read their own bodies (they may be compressed); here only their size is bounded.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.kernel.codec import read_json
from common.kernel.outcome import BadPayload
from common.kernel.text import clean_fault
from common.protocol.messages import BODY_AT_MOST
from sync_server.problems import Problem, problem_response

UPLOAD_AT_MOST = 32 * 1024 * 1024
ADDRESS_AT_MOST = 8 * 1024
LONGEST_NUMBER = 18  # digits: anything longer does not fit a column of any database
HEALTH = "/health"  # asked by machines that know only an address
FORM = "application/x-www-form-urlencoded"
UPLOAD = "multipart/form-data"
JSON = "application/json"


class _Refused(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Edge:
    """ASGI middleware. Answers what it refuses as a problem with a reason code."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = frozenset()) -> None:
        """Take the names this server answers to; without any it answers to every name."""
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            self._check_host(scope)
            _check_address(scope)
            receive = await _checked_body(scope, receive)
        except _Refused as refused:
            answer = problem_response(Problem(refused.status, refused.code), "en")
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check_host(self, scope: Scope) -> None:
        """Refuse other names than our own: nothing may ever be made of what a stranger wrote there (H11)."""
        if not self.hosts or scope["path"] == HEALTH:
            return
        told = Headers(scope=scope).getlist("host")
        name = told[0].lower() if len(told) == 1 else ""
        if not name.endswith("]"):
            name = name.rpartition(":")[0] or name if name.rpartition(":")[2].isdigit() else name
        if name.strip("[]") not in self.hosts:
            raise _Refused(421, "host_unknown")


def _check_address(scope: Scope) -> None:
    raw = (
        bytes(scope.get("raw_path") or scope["path"].encode()) + b"?" + bytes(scope.get("query_string", b""))
    )
    if len(raw) > ADDRESS_AT_MOST:
        raise _Refused(414, "address_too_long")
    _check_text(raw, lines=False)
    for part in bytes(scope.get("query_string", b"")).split(b"&"):
        _check_number(unquote_to_bytes(part.partition(b"=")[2]))
    for part in raw.partition(b"?")[0].split(b"/"):
        _check_number(part)


def _check_number(raw: bytes) -> None:
    digits = raw.strip().lstrip(b"+-")
    if len(digits) > LONGEST_NUMBER and digits.isdigit():
        raise _Refused(422, "number_out_of_range")


def _check_text(raw: bytes, *, lines: bool) -> None:
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(422, "text_not_utf8") from None
    fault = clean_fault(
        text.replace("\r\n", "\n") if lines else text.replace("\n", "\x01").replace("\t", "\x01")
    )
    if fault:
        raise _Refused(422, fault)


async def _checked_body(scope: Scope, receive: Receive) -> Receive:
    headers = Headers(scope=scope)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    own = scope["path"].startswith("/v1/")
    limit = UPLOAD_AT_MOST if kind == UPLOAD else BODY_AT_MOST
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise _Refused(400, "request_invalid")
    if len(length) > LONGEST_NUMBER or int(length) > limit:
        raise _Refused(413, "body_too_large")
    if own:
        return receive
    if kind == UPLOAD or scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return _bounded(receive, limit)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _Refused(415, "encoding_unknown")
    body = await _whole(receive, limit)
    if kind == FORM:
        _check_form(body)
    elif body:
        _check_json(body, kind)
    return _replayed(body, receive)


def _check_form(body: bytes) -> None:
    _check_text(body.replace(b"+", b" "), lines=True)
    for part in body.split(b"&"):
        _check_number(unquote_to_bytes(part.partition(b"=")[2]))


def _check_json(body: bytes, kind: str) -> None:
    if kind != JSON and not kind.endswith("+json"):
        raise _Refused(415, "content_type_unknown")
    try:
        _check_strings(read_json(body))
    except BadPayload as fault:
        raise _Refused(422, fault.code) from None


def _check_strings(value: object) -> None:
    """Look at every text of parsed JSON: escapes may hold what raw bytes cannot."""
    if isinstance(value, str):
        if fault := clean_fault(value.replace("\r\n", "\n")):
            raise _Refused(422, fault)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)


async def _whole(receive: Receive, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _Refused(400, "request_cut_off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _Refused(413, "body_too_large")
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read once more, then what comes after it: the end of the connection."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _bounded(receive: Receive, limit: int) -> Receive:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return {"type": "http.disconnect"} if size > limit else message

    return bounded
