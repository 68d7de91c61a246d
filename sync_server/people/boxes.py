"""Boxes: bytes sealed for the owner of an X25519 key. The same form as the tablet's (`field_app.vault.wraps`).

Owns the form, version 1: a key made for this one message, HKDF-SHA256, AES-256-GCM, bound to what it is for.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.kernel.ids import RandomBytes

FORM = b"\x01"
PURPOSE = b"fieldwright vault 1"


class BoxBroken(Exception):
    """It is no box, or none for this key and purpose."""


def seal_to(public: bytes, plain: bytes, bound_to: bytes, random_bytes: RandomBytes) -> bytes:
    """Seal for the owner of a key. Raises ValueError for what is no key."""
    own = X25519PrivateKey.from_private_bytes(random_bytes(32))
    ours = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    nonce = random_bytes(12)
    return FORM + ours + nonce + AESGCM(_key(shared, ours, public)).encrypt(nonce, plain, bound_to)


def open_box(own: X25519PrivateKey, box: bytes, bound_to: bytes) -> bytes:
    """Open what was sealed for this key. Raises BoxBroken."""
    theirs, nonce, body = box[1:33], box[33:45], box[45:]
    try:
        if box[:1] != FORM:
            raise BoxBroken("another form")
        shared = own.exchange(X25519PublicKey.from_public_bytes(theirs))
        return AESGCM(_key(shared, theirs, own.public_key().public_bytes_raw())).decrypt(
            nonce, body, bound_to
        )
    except (InvalidTag, ValueError):
        raise BoxBroken("it does not open") from None


def _key(shared: bytes, theirs: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=theirs + public, info=PURPOSE).derive(shared)
