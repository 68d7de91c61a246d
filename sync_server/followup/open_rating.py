"""Opens ratings that were sealed on a tablet (R066). Counterpart of the app's `seal`; see there for the form."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sync_server.keys import ServerKeys, from_text

VERSION = b"\x01"
PURPOSE = b"fieldwright rating 1"


class SealBrokenError(ValueError):
    """The text was not sealed for this server and this ticket, or was changed since."""


def open_sealed(sealed: str, bound_to: str, keys: ServerKeys) -> str:
    """Open what the app sealed for the ticket `bound_to`. Raises SealBrokenError."""
    try:
        raw = from_text(sealed)
        if raw[:1] != VERSION or len(raw) < 61:
            raise SealBrokenError("not a sealed text of version 1")
        public, nonce, body = raw[1:33], raw[33:45], raw[45:]
        shared = keys.opener.exchange(X25519PublicKey.from_public_bytes(public))
        salt = public + keys.opener.public_key().public_bytes_raw()
        key = HKDF(SHA256(), 32, salt=salt, info=PURPOSE).derive(shared)
        return AESGCM(key).decrypt(nonce, body, bound_to.encode()).decode()
    except (ValueError, InvalidTag) as error:
        raise SealBrokenError("the seal does not open") from error
