"""Bytes of files over HTTP, in the words of tus 1.0: open, send from an offset on, fetch.

Owns headers and what each refusal means. The session with the server is `HttpExchange`'s.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Protocol

import httpx

from common.kernel.codec import read_answer_json
from common.kernel.outcome import BadPayload
from common.protocol.messages import ExchangeError, Unreachable
from field_app.sync.http import HttpExchange
from field_app.sync.wire import PROBLEM, Denied, Line, as_exchange_error, denied_by

PATH = "/v1/files"
VERSION = {"Tus-Resumable": "1.0.0"}
CHECKSUM_WRONG = 460
FETCHED_AT_MOST = 64 * 1024 * 1024
WHERE_LOST = (404, 409)
REFUSED = (400, 413, 415, 422)


class OffsetLost(Exception):
    """The server stands elsewhere with this file: ask it where."""


class BytesDamaged(Exception):
    """What arrived is not what was sent. `whole`: the file as a whole, of which the server keeps nothing."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__("whole" if whole else "part")
        self.whole = whole


class FileRefused(Exception):
    """The server will not have this file; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FileExchange(Protocol):
    """The seam for bytes: HTTP in the product, in-process in the simulator.

    Each raises ExchangeError, OffsetLost, BytesDamaged, FileRefused.
    """

    def open(self, sha: str, size: int, media_type: str) -> int:
        """Announce a file; returns how many of its bytes the server has."""
        ...

    def send(self, sha: str, offset: int, chunk: bytes) -> int:
        """Send bytes from an offset on; returns how many the server has now. All of them: it has checked the hash."""
        ...

    def fetch(self, sha: str, *, preview: bool = False) -> bytes:
        """Fetch a file whole."""
        ...


class TusFiles:
    """Files of one server, with the session of its exchange."""

    def __init__(self, exchange: HttpExchange) -> None:
        self._exchange = exchange

    def open(self, sha: str, size: int, media_type: str) -> int:
        """As `FileExchange.open`."""
        told = f"sha256 {_b64(sha.encode())},filetype {_b64(media_type.encode())}"
        headers = {**VERSION, "Upload-Length": str(size), "Upload-Metadata": told}
        return _offset(self._ask("POST", PATH, headers, b"", (200, 201)))

    def send(self, sha: str, offset: int, chunk: bytes) -> int:
        """As `FileExchange.send`."""
        headers = {
            **VERSION,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Upload-Checksum": f"sha256 {_b64(hashlib.sha256(chunk).digest())}",
        }
        return _offset(self._ask("PATCH", f"{PATH}/{sha}", headers, chunk, (204,)))

    def fetch(self, sha: str, *, preview: bool = False) -> bytes:
        """As `FileExchange.fetch`."""
        answer = self._ask("GET", f"{PATH}/{sha}{'?preview=1' if preview else ''}", {}, b"", (200,))
        return answer.content

    def carry(self, sha: str, body: bytes) -> None:
        """Bring a photo of another tablet's rescue file, sealed as it lay there. Raises as `send`."""
        headers = {"Content-Type": "application/x-fieldwright-carried"}
        self._ask("POST", f"{PATH}/{sha}/carried", headers, body, (204,))

    def _ask(
        self, method: str, path: str, headers: dict[str, str], content: bytes, good: tuple[int, ...]
    ) -> httpx.Response:
        def ask(line: Line, token: str) -> httpx.Response:
            answer = line.send(method, path, {**headers, "Authorization": f"Bearer {token}"}, content)
            if answer.status_code in good:
                return answer
            raise _denied(answer)

        try:
            return self._exchange.with_token(ask)
        except Denied as denied:
            raise meaning_of(denied) from denied


def meaning_of(denied: Denied) -> Exception:
    """Say what a refusal means to the sending of files."""
    if denied.status == CHECKSUM_WRONG or denied.code == "file_hash_wrong":
        return BytesDamaged(whole=denied.code == "file_hash_wrong")
    if denied.status in WHERE_LOST:
        return OffsetLost(denied.code)
    if denied.status in REFUSED:
        return FileRefused(denied.code or f"http_{denied.status}")
    error: ExchangeError = as_exchange_error(denied)
    return error


def _denied(answer: httpx.Response) -> Denied:
    """Read a refusal of the server's own; a page of somebody else's is no answer (B7)."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind != PROBLEM and "tus-resumable" not in answer.headers:
        raise Unreachable("not the server's answer")
    problem: Any = {}
    if kind == PROBLEM:
        try:
            problem = read_answer_json(answer.content)
        except (BadPayload, ValueError) as error:
            raise Unreachable("a damaged answer", partway=True) from error
    problem = problem if type(problem) is dict else {}
    return denied_by(answer, problem, problem)


def _offset(answer: httpx.Response) -> int:
    told = answer.headers.get("upload-offset", "0" if answer.status_code == 201 else "")
    if not told.isdecimal() or len(told) > 16:
        raise Unreachable("not the server's answer")
    return int(told)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
