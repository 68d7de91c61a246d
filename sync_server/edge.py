"""The outermost check of every request: clean addresses, clean text in bodies, sizes within limits.

Owns what no route may ever see: NUL and broken UTF-8 in addresses and forms, JSON that is not strict, bodies without
end or that hardly come. The sync routes read their own bodies (they may be compressed); here their size and pace are
bounded.
"""

from __future__ import annotations

import asyncio
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.kernel.codec import read_json
from common.kernel.outcome import BadPayload
from common.kernel.text import clean_fault
from sync_server.gate import Gate
from sync_server.problems import Problem, language_wished, problem_response
from sync_server.security import LineRules, read_security
from sync_server.sync.wire import body_at_most

UPLOAD_AT_MOST = 32 * 1024 * 1024
ADDRESS_AT_MOST = 8 * 1024
LONGEST_NUMBER = 18  # digits: anything longer does not fit a column of any database
OWN = "/v1/"
ENDLESS = "/console/events"
PIECES = "/v1/files/"  # of files; the route has a lower bound of its own
# Open to strangers: no uploads.
DOORS = ("/console/sign-in", "/console/sign-in/code", "/console/start", "/console/language")
HEALTH = "/health"  # asked by machines that know only an address
FORM = "application/x-www-form-urlencoded"
UPLOAD = "multipart/form-data"
JSON = "application/json"


class Edge:
    """ASGI middleware. Answers what it refuses as a problem with a reason code."""

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str] = frozenset(),
        *,
        line: LineRules | None = None,
        gate: Gate | None = None,
    ) -> None:
        """Take the names this server answers to (none: every name), the pace of bodies, and how much goes on at once."""
        self.app = app
        self.hosts = hosts
        self.line = line or read_security().line
        self.gate = gate or Gate(read_security().load.requests_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, send)
        try:
            self._check_host(scope)
            _check_address(scope)
            body = await _checked_body(scope, Paced(receive, self.line, answer), answer)
            if scope["path"].startswith(OWN) or scope["path"] == ENDLESS:  # they count their own work
                await self.app(scope, body, answer)
                return
            with self.gate.entered():
                await self.app(scope, body, answer)
        except Problem as refused:
            if answer.begun:
                raise
            await answer.refuse(refused)

    def _check_host(self, scope: Scope) -> None:
        """Refuse other names than our own: nothing may ever be made of what a stranger wrote there (H11)."""
        if not self.hosts or scope["path"] == HEALTH:
            return
        told = Headers(scope=scope).getlist("host")
        name = told[0].lower() if len(told) == 1 else ""
        if not name.endswith("]"):
            name = name.rpartition(":")[0] or name if name.rpartition(":")[2].isdigit() else name
        if name.strip("[]") not in self.hosts:
            raise Problem(421, "host_unknown")


def _check_address(scope: Scope) -> None:
    raw = (
        bytes(scope.get("raw_path") or scope["path"].encode()) + b"?" + bytes(scope.get("query_string", b""))
    )
    if len(raw) > ADDRESS_AT_MOST:
        raise Problem(414, "address_too_long")
    _check_text(raw, lines=False)
    for part in bytes(scope.get("query_string", b"")).split(b"&"):
        _check_number(unquote_to_bytes(part.partition(b"=")[2]))
    for part in raw.partition(b"?")[0].split(b"/"):
        _check_number(part)


def _check_number(raw: bytes) -> None:
    digits = raw.strip().lstrip(b"+-")
    if len(digits) > LONGEST_NUMBER and digits.isdigit():
        raise Problem(422, "number_out_of_range")


def _check_text(raw: bytes, *, lines: bool) -> None:
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(422, "text_not_utf8") from None
    fault = clean_fault(
        text.replace("\r\n", "\n") if lines else text.replace("\n", "\x01").replace("\t", "\x01")
    )
    if fault:
        raise Problem(422, fault)


def is_form(request: Request) -> bool:
    """Say whether a request carries a form: the console's guard reads it, and no other can read its body again."""
    return request.headers.get("content-type", "").lower().startswith((FORM, UPLOAD))


async def _checked_body(scope: Scope, receive: Receive, answer: _Answer) -> Receive:
    headers = Headers(scope=scope)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_large = kind == UPLOAD and scope["path"] not in DOORS or scope["path"].startswith(PIECES)
    limit = UPLOAD_AT_MOST if is_large else body_at_most(scope["path"])
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise Problem(400, "request_invalid")
    if len(length) > LONGEST_NUMBER or int(length) > limit:
        raise Problem(413, "body_too_large")
    if scope["path"].startswith(OWN):
        return receive
    if kind == UPLOAD or scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return _bounded(receive, limit, answer)
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "encoding_unknown")
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
        raise Problem(415, "content_type_unknown")
    try:
        _check_strings(read_json(body))
    except BadPayload as fault:
        raise Problem(422, fault.code) from None


def _check_strings(value: object) -> None:
    """Look at every text of parsed JSON: escapes may hold what raw bytes cannot."""
    if isinstance(value, str):
        if fault := clean_fault(value.replace("\r\n", "\n")):
            raise Problem(422, fault)
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
            raise Problem(400, "request_cut_off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise Problem(413, "body_too_large")
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


def _bounded(receive: Receive, limit: int, answer: _Answer) -> Receive:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise answer.given_up(Problem(413, "body_too_large"))
        return message

    return bounded


class Paced:
    """A body that must go on coming: 408 `request_too_slow` where it stands still or only drips."""

    def __init__(self, receive: Receive, line: LineRules, answer: _Answer) -> None:
        self._receive = receive
        self._line = line
        self._answer = answer
        self._began_s = asyncio.get_running_loop().time()
        self._size = 0
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:  # from now on only the end of the connection is waited for
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._line.idle_s)
        except TimeoutError:
            raise self._answer.given_up(Problem(408, "request_too_slow")) from None
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body")
        over_s = asyncio.get_running_loop().time() - self._began_s - self._line.grace_s
        if not self._whole and over_s > 0 and self._size < over_s * self._line.slowest_bytes_s:
            raise self._answer.given_up(Problem(408, "request_too_slow"))
        return message


class _Answer:
    """The way out. A body that was given up is answered so, whatever a route made of its end."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._refused: Problem | None = None
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if self._refused is not None:
            if not self.begun:
                await self.refuse(self._refused)
            return
        self.begun = True
        await self._send(message)

    def given_up(self, refused: Problem) -> Problem:
        """Keep why the body was not read to its end; what is still to come must not be read as a next request."""
        if not self.begun:
            refused.headers["Connection"] = "close"
            self._refused = refused
        return refused

    async def refuse(self, refused: Problem) -> None:
        """Answer with a problem."""
        self.begun = True
        if refused.status in (408, 413):
            refused.headers["Connection"] = "close"
        answer = problem_response(refused, language_wished(Request(self._scope)))
        await answer(self._scope, _nothing, self._send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
