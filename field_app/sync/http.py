"""The exchange with the server over HTTP: satisfies `SyncExchange`, fetches and renews its own token.

Owns the token, in memory only. One request at a time, as the loop makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from common.kernel.clock import Clock
from common.kernel.codec import decode, encode
from common.kernel.outcome import BadPayload
from common.protocol.access import AUDIENCE, NonceAnswer, NonceRequest, TokenAnswer, TokenRequest, token_text
from common.protocol.messages import (
    Busy,
    HaveAnswer,
    HaveRequest,
    NotTrusted,
    ReconcileRequest,
    SyncAnswer,
    SyncRequest,
    TooOld,
    Unreachable,
)
from common.protocol.rescue import RescueFile, RescueTaken
from field_app.sync.keys import DeviceKey
from field_app.sync.wire import Denied, Line, as_exchange_error

T = TypeVar("T")
RENEW_BEFORE_MS = 60_000
WAIT_FOR_UPDATE_S = 600
RENEWABLE = frozenset({"token_missing", "token_wrong", "token_expired"})


class HttpExchange:
    """Speaks to one server as one device. `is_cut` answers True where the app is to behave as without a network."""

    def __init__(
        self,
        url: str,
        device_id: str,
        key: DeviceKey,
        clock: Clock,
        *,
        transport: httpx.BaseTransport | None = None,
        is_cut: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take server and identity. Raises NotTrusted `plain_http`."""
        self._line = Line(url, transport)
        self._device_id = device_id
        self._key = key
        self._clock = clock
        self._is_cut = is_cut
        self._token = ""
        self._renew_at_ms = 0

    def sync(self, request: SyncRequest) -> SyncAnswer:
        """Push and pull. Raises ExchangeError."""
        return self._ask("/v1/sync", request, SyncAnswer)

    def have(self, request: HaveRequest) -> HaveAnswer:
        """Ask which commands are unknown. Raises ExchangeError."""
        return self._ask("/v1/sync/have", request, HaveAnswer)

    def reconcile(self, request: ReconcileRequest) -> SyncAnswer:
        """Ask for what differs. Raises ExchangeError."""
        return self._ask("/v1/sync/reconcile", request, SyncAnswer)

    def hand_in(self, file: RescueFile) -> RescueTaken:
        """Hand in a rescue file, this tablet's or another's. Raises ExchangeError."""
        return self._ask("/v1/rescue", file, RescueTaken)

    def close(self) -> None:
        """Let the connection go."""
        self._line.close()

    def with_token(self, ask: Callable[[Line, str], T]) -> T:
        """Ask with a token that holds; one that ran out meanwhile is renewed once. Raises ExchangeError, Denied."""
        if self._is_cut():
            raise Unreachable("cut off on purpose")
        try:
            return ask(self._line, self._fresh_token())
        except Denied as denied:
            if denied.code not in RENEWABLE:
                raise
            self._token = ""
            return ask(self._line, self._fresh_token())

    def _ask(self, path: str, request: object, answer: type[T]) -> T:
        try:
            return self.with_token(lambda line, token: _read(answer, line.post(path, encode(request), token)))
        except Denied as denied:
            if denied.code == "server_too_old":  # it must be updated first; nothing is wrong here
                raise Busy(WAIT_FOR_UPDATE_S) from denied
            taken = _taken(denied)
            if denied.status == 426:
                raise TooOld(taken) from denied
            error = as_exchange_error(denied)
            if isinstance(error, NotTrusted) and taken is not None:
                raise NotTrusted(denied.code or "device_revoked", taken) from denied
            raise error from denied

    def _fresh_token(self) -> str:
        now_ms = self._clock.read().mono_ms
        if not self._token or now_ms >= self._renew_at_ms:
            nonce = _read(
                NonceAnswer, self._line.post("/v1/auth/nonce", encode(NonceRequest(self._device_id)))
            ).nonce
            signature = self._key.sign(token_text(self._device_id, nonce, AUDIENCE))
            request = TokenRequest(self._device_id, nonce, signature)
            given = _read(
                TokenAnswer, self._line.post("/v1/auth/token", {**encode(request), "aud": AUDIENCE})
            )
            self._token = given.token
            self._renew_at_ms = now_ms + max(given.expires_s * 1000 - RENEW_BEFORE_MS, 1000)
        return self._token


def _taken(denied: Denied) -> SyncAnswer | None:
    """Read the answer that comes with a door that is shut for rows but open for commands (410, 426)."""
    if denied.status not in (410, 426) or "reason_code" in denied.body:
        return None
    return _read(SyncAnswer, denied.body)


def _read(answer: type[T], body: dict[str, Any]) -> T:
    try:
        return decode(answer, body, strict=False)
    except BadPayload as fault:
        raise Unreachable("not the server's answer") from fault
