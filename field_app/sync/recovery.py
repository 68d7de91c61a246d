"""Asking the office for this tablet's own data key, where no PIN opens it any more (A12).

Owns one request: the fresh key it is to be sealed for, kept in memory only, and the code a person reads out. Deleted work
there is none: what is sealed stays until the key is back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.kernel.codec import decode, encode
from common.kernel.ids import RandomBytes
from common.kernel.outcome import BadPayload
from common.protocol.messages import Unreachable
from common.protocol.recovery import KeyAnswer, KeyAsk, code_of, key_bound
from field_app.sync.keys import from_text, to_text
from field_app.sync.wire import Denied, Line, as_exchange_error
from field_app.vault.cipher import SealBroken
from field_app.vault.wraps import open_box


@dataclass(eq=False)
class Recovery:
    """One request for the key. `state`: waiting, given or declined; `data_key` is there once it was given."""

    url: str
    device_id: str
    key_id: str
    box: str
    random_bytes: RandomBytes
    transport: httpx.BaseTransport | None = None
    state: str = ""
    data_key: bytes = b""
    _secret: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        self._secret = self.random_bytes(32)
        public = X25519PrivateKey.from_private_bytes(self._secret).public_key().public_bytes_raw()
        self.fresh = to_text(public)

    @property
    def code(self) -> str:
        """Return what is read out to the office."""
        return code_of(self.fresh)

    def ask(self) -> None:
        """Ask, or hear what was decided. Raises ExchangeError."""
        line = Line(self.url, self.transport)
        try:
            told = line.post(
                "/v1/recovery", encode(KeyAsk(self.device_id, self.key_id, self.box, self.fresh))
            )
            answer = decode(KeyAnswer, told, strict=False)
            if answer.state == "given":
                bound = key_bound(self.key_id, "r", self.device_id)
                self.data_key = open_box(self._secret, from_text(answer.box), bound)
        except Denied as denied:
            raise as_exchange_error(denied) from denied
        except (BadPayload, SealBroken, ValueError) as fault:
            raise Unreachable("not the server's answer") from fault
        finally:
            line.close()
        self.state = answer.state
