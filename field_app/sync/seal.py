"""Seals a customer's rating for the server, so that whoever holds the tablet cannot read it (R066).

Owns the sealed form, version 1: X25519 with a key made for this one message, HKDF-SHA256, AES-256-GCM; the ticket is
bound in. The server's opener is `sync_server.followup.open_rating`.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.kernel.ids import RandomBytes
from field_app.sync.keys import from_text, to_text

VERSION = b"\x01"
PURPOSE = b"fieldwright rating 1"


def seal(plain: str, box_key: str, bound_to: str, random_bytes: RandomBytes) -> str:
    """Seal text for the owner of `box_key`; it opens only together with `bound_to`. Returns base64url."""
    own = X25519PrivateKey.from_private_bytes(random_bytes(32))
    public = own.public_key().public_bytes_raw()
    theirs = from_text(box_key)
    shared = own.exchange(X25519PublicKey.from_public_bytes(theirs))
    key = HKDF(SHA256(), 32, salt=public + theirs, info=PURPOSE).derive(shared)
    nonce = random_bytes(12)
    return to_text(VERSION + public + nonce + AESGCM(key).encrypt(nonce, plain.encode(), bound_to.encode()))
