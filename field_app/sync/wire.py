"""HTTP for the app: one request, its compression, and what every kind of bad answer means.

Owns the mapping to the tree of ExchangeError. A page of a captive portal, a proxy's error and silence are all the
same: the server was not reached, and nothing is concluded from it (B4, B7).
"""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

import httpx

from common.kernel.codec import compact, read_answer_json
from common.kernel.outcome import BadPayload
from common.protocol.dictionary import ENCODING, deflate, inflate
from common.protocol.messages import Busy, ExchangeError, NotTrusted, Rejected, Unreachable
from field_app.sync.collector import no_collection

ANSWER_AT_MOST = 64 * 1024 * 1024
PRESS_FROM = 200
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
PROBLEM = "application/problem+json"
NOBODY_THERE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Denied(ExchangeError):
    """The server itself said no: HTTP status, reason code, body as parsed JSON."""

    def __init__(self, status: int, code: str, body: dict[str, Any], retry_after_s: int) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.body = body
        self.retry_after_s = retry_after_s


class Line:
    """A connection to one server, kept open between requests."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        """Take the server's address. Raises NotTrusted `plain_http` for http:// to another machine."""
        told = urlsplit(url)
        if told.scheme != "https" and not (told.scheme == "http" and told.hostname in LOOPBACK):
            raise NotTrusted("plain_http")
        self.url = url.rstrip("/")
        self._client = httpx.Client(
            base_url=self.url, timeout=TIMEOUT, transport=transport, follow_redirects=False, trust_env=True,
            headers={"Accept-Encoding": f"{ENCODING}, gzip", "User-Agent": "fieldwright"},
        )  # fmt: skip

    def post(self, path: str, body: Any, token: str = "") -> dict[str, Any]:
        """Send JSON and return JSON. Raises Unreachable, NotTrusted `server_certificate`, Denied."""
        data = compact(body).encode()
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if len(data) >= PRESS_FROM:
            data, headers["Content-Encoding"] = deflate(data), ENCODING
        return _read(self.send("POST", path, headers, data))

    def send(self, method: str, path: str, headers: dict[str, str], content: bytes = b"") -> httpx.Response:
        """Send a request; returns whatever answers. Raises Unreachable, NotTrusted `server_certificate`."""
        try:
            return self._client.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            if _is_certificate(error):
                raise NotTrusted("server_certificate") from error
            raise Unreachable(type(error).__name__, partway=not isinstance(error, NOBODY_THERE)) from error

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()


def as_exchange_error(denied: Denied) -> ExchangeError:
    """Say what a refusal means to the sync loop; a session that can be renewed is not among them."""
    match denied.status:
        case 401 | 403 | 410:
            return NotTrusted(denied.code)
        case 409 | 423 | 429 | 503 | 507:
            return Busy(denied.retry_after_s)
        case status if status >= 500:
            return Busy(max(denied.retry_after_s, 30))
        case _:
            return Rejected(denied.code)


def _read(answer: httpx.Response) -> dict[str, Any]:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in ("application/json", PROBLEM):
        raise Unreachable("not the server's answer")
    raw = answer.content
    try:
        if answer.headers.get("content-encoding", "") == ENCODING:
            raw = inflate(raw, ANSWER_AT_MOST)
        with no_collection():
            body = read_answer_json(raw)
    except (BadPayload, ValueError) as error:
        raise Unreachable("a damaged answer", partway=True) from error
    if type(body) is not dict:
        raise Unreachable("not the server's answer")
    if answer.status_code == 200:
        return body
    raise denied_by(answer, body if kind == PROBLEM else {}, body)


def denied_by(answer: httpx.Response, problem: dict[str, Any], body: dict[str, Any]) -> Denied:
    """Read a refusal: its status, its reason code, when to come back (5 s where it does not say)."""
    retry = answer.headers.get("retry-after", "")
    wait_s = int(retry) if retry.isdecimal() and len(retry) < 6 else 5
    return Denied(answer.status_code, str(problem.get("reason_code", "")), body, wait_s)


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
