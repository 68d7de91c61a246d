"""The three wrappings of the data key: by the keystore alone, by PIN and keystore, and for the server.

Owns their forms, version 1. Each is bound to the id of the key, so that none can be moved to another.
"""

from __future__ import annotations

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.kernel.ids import RandomBytes
from field_app.vault.cipher import KEY_BYTES, NONCE_BYTES, SealBroken
from field_app.vault.policy import LockPolicy

BOX_FORM = b"\x01"
BOX_PURPOSE = b"fieldwright vault 1"


def keystore_key(secret: bytes) -> bytes:
    """Derive the wrapping key (a): whoever has the platform's secure storage opened has the data key."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"fieldwright keystore wrap 1").derive(secret)


def pin_key(pin: str, salt: bytes, secret: bytes, policy: LockPolicy) -> bytes:
    """Derive the wrapping key (b). Takes half a second by intent; guessing needs the keystore's secret too."""
    slow = hash_secret_raw(
        pin.encode(), salt, policy.passes, policy.memory_kib, parallelism=1, hash_len=KEY_BYTES, type=Type.ID
    )
    return HKDF(SHA256(), KEY_BYTES, salt=salt, info=b"fieldwright pin wrap 1").derive(slow + secret)


def wrap(wrapping_key: bytes, data_key: bytes, bound_to: bytes, random_bytes: RandomBytes) -> bytes:
    """Wrap the data key."""
    nonce = random_bytes(NONCE_BYTES)
    return nonce + AESGCM(wrapping_key).encrypt(nonce, data_key, bound_to)


def unwrap(wrapping_key: bytes, wrapped: bytes, bound_to: bytes) -> bytes:
    """Unwrap the data key. Raises SealBroken."""
    try:
        return AESGCM(wrapping_key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        raise SealBroken("the wrapping does not open") from None


def seal_to(public: bytes, plain: bytes, bound_to: bytes, random_bytes: RandomBytes) -> bytes:
    """Seal for the owner of an X25519 key (c): a key made for this one message, HKDF-SHA256, AES-256-GCM."""
    own = X25519PrivateKey.from_private_bytes(random_bytes(32))
    ours = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public))
    nonce = random_bytes(NONCE_BYTES)
    return BOX_FORM + ours + nonce + AESGCM(_box_key(shared, ours, public)).encrypt(nonce, plain, bound_to)


def open_box(secret: bytes, box: bytes, bound_to: bytes) -> bytes:
    """Open what was sealed for this X25519 key. Raises SealBroken."""
    theirs, nonce, body = box[1:33], box[33:45], box[45:]
    own = X25519PrivateKey.from_private_bytes(secret)
    try:
        if box[:1] != BOX_FORM:
            raise SealBroken("another form")
        shared = own.exchange(X25519PublicKey.from_public_bytes(theirs))
        key = _box_key(shared, theirs, own.public_key().public_bytes_raw())
        return AESGCM(key).decrypt(nonce, body, bound_to)
    except (InvalidTag, ValueError):
        raise SealBroken("the box does not open") from None


def _box_key(shared: bytes, theirs: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=theirs + public, info=BOX_PURPOSE).derive(shared)
