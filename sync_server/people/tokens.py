"""Access tokens of devices: a server nonce, signed by the device's key, becomes a token of ten minutes.

Owns nonces and tokens. One algorithm, one type, one audience; nothing in a token's header is believed (ASVS 9.1).
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from sqlalchemy.exc import IntegrityError

from common.kernel.clock import instant
from common.protocol.access import AUDIENCE, TokenAnswer, TokenRequest, token_text
from common.protocol.messages import NotTrusted
from sync_server.db.database import Database
from sync_server.db.security_tables import UsedNonce
from sync_server.db.tables import Device
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys, from_text, to_text

ALGORITHM = "Ed25519"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - the kind of token, not one
TOKEN_LIFE_S = 600
NONCE_LIFE_MS = 120_000
LEEWAY_MS = 30_000  # clocks of several workers
REMEMBERED = 4096
LONGEST_TOKEN = 1200


class Tokens:
    """Gives and checks tokens. Remembers what it has checked, so that a busy device costs one signature a token."""

    def __init__(self, keys: ServerKeys, database: Database, issuer: Callable[[], str]) -> None:
        self._keys = keys
        self._database = database
        self._issuer = issuer
        self._jwk = OKPKey.import_key(
            {"kty": "OKP", "crv": "Ed25519", "x": keys.sign_public, "d": to_text(keys.sign)}
        )
        self._checked: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def nonce(self, device_id: str) -> str:
        """Make a number to sign. Costs no row: it proves itself, and is remembered only once it is used."""
        body = f"{self._now_ms():x}.{self._database.random_bytes(12).hex()}"
        return f"{body}.{self._nonce_mac(device_id, body)}"

    def give(self, request: TokenRequest) -> TokenAnswer:
        """Check a signed nonce and give a token. Raises NotTrusted with `nonce_…`, `device_…`, `signature_wrong`."""
        made_ms = self._read_nonce(request)
        nonce_hash = self._keys.mac("used", request.nonce)

        def use(unit: UnitOfWork) -> None:
            device = unit.session.get(Device, request.dev)
            _check_signature(device, request)
            if unit.session.get(UsedNonce, nonce_hash) is not None:
                raise NotTrusted("nonce_used")
            unit.session.add(
                UsedNonce(nonce_hash=nonce_hash, expires_at=instant(made_ms + 2 * NONCE_LIFE_MS + LEEWAY_MS))
            )
            unit.session.flush()

        try:
            self._database.transact(use)
        except IntegrityError:  # two at once: the other one was first
            raise NotTrusted("nonce_used") from None
        return TokenAnswer(self._make(request.dev), TOKEN_LIFE_S)

    def check(self, token: str) -> str:
        """Return the device a token was given to. Raises NotTrusted `token_missing`, `token_wrong`, `token_expired`.

        Whether the device may still come in is asked of the database, at every request.
        """
        if not token:
            raise NotTrusted("token_missing")
        now_s = self._now_ms() // 1000
        known = self._checked.get(token)
        if known is not None and now_s < known[1]:
            return known[0]
        device_id, expires_s = self._read(token)
        if now_s >= expires_s:
            raise NotTrusted("token_expired")
        self._checked[token] = (device_id, expires_s)
        while len(self._checked) > REMEMBERED:
            self._checked.popitem(last=False)
        return device_id

    def _make(self, device_id: str) -> str:
        now_s = self._now_ms() // 1000
        claims = {
            "iss": self._issuer(),
            "aud": AUDIENCE,
            "sub": device_id,
            "iat": now_s,
            "exp": now_s + TOKEN_LIFE_S,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TOKEN_TYPE}, claims, self._jwk, algorithms=[ALGORITHM])

    def _read(self, token: str) -> tuple[str, int]:
        if len(token) > LONGEST_TOKEN:
            raise NotTrusted("token_wrong")
        try:
            read = jwt.decode(token, self._jwk, algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError):
            raise NotTrusted("token_wrong") from None
        claims = read.claims
        sub, exp, iat = claims.get("sub"), claims.get("exp"), claims.get("iat")
        right = read.header.get("typ") == TOKEN_TYPE and "crit" not in read.header
        right = right and claims.get("aud") == AUDIENCE and claims.get("iss") == self._issuer()
        if not right or not isinstance(sub, str) or type(exp) is not int or type(iat) is not int:
            raise NotTrusted("token_wrong")
        if iat * 1000 > self._now_ms() + LEEWAY_MS:
            raise NotTrusted("token_wrong")
        return sub, exp

    def _read_nonce(self, request: TokenRequest) -> int:
        if request.aud != AUDIENCE:
            raise NotTrusted("audience_wrong")
        body, _, mac = request.nonce.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._nonce_mac(request.dev, body).encode()):
            raise NotTrusted("nonce_wrong")
        made_ms = int(body.partition(".")[0], 16)
        if not made_ms - LEEWAY_MS <= self._now_ms() <= made_ms + NONCE_LIFE_MS:
            raise NotTrusted("nonce_expired")
        return made_ms

    def _nonce_mac(self, device_id: str, body: str) -> str:
        return self._keys.mac("nonce", f"{device_id}|{body}")[:32]

    def _now_ms(self) -> int:
        return self._database.clock.read().wall_ms


def _check_signature(device: Device | None, request: TokenRequest) -> None:
    """A revoked device is known by its key and gets a token: with it it may hand over its work, nothing else."""
    if device is None:
        raise NotTrusted("device_unknown")
    try:
        public = Ed25519PublicKey.from_public_bytes(from_text(device.public_key))
        public.verify(from_text(request.sig), token_text(request.dev, request.nonce, request.aud))
    except (ValueError, InvalidSignature):
        raise NotTrusted("signature_wrong") from None
