"""The device's own key: made here, never leaves, signs what proves who this device is.

Owns Ed25519 and the text form of keys. Knows no store and no network.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.kernel.ids import RandomBytes
from field_app.sync.keystore import Keystore

DEVICE_KEY = "device"


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """An Ed25519 private key."""

    secret: bytes

    @property
    def public(self) -> str:
        """Return the public half as base64url."""
        return to_text(Ed25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw())

    def sign(self, text: bytes) -> str:
        """Sign; returns base64url."""
        return to_text(Ed25519PrivateKey.from_private_bytes(self.secret).sign(text))


def device_key(keystore: Keystore) -> DeviceKey | None:
    """Return this device's key; None before the first enrolment."""
    secret = keystore.load(DEVICE_KEY)
    return None if secret is None else DeviceKey(secret)


def ensure_device_key(keystore: Keystore, random_bytes: RandomBytes) -> DeviceKey:
    """Return this device's key, making it if there is none yet."""
    known = device_key(keystore)
    if known is None:
        known = DeviceKey(random_bytes(32))
        keystore.keep(DEVICE_KEY, known.secret)
    return known


def verify_signature(key: str, text: bytes, signature: str) -> bool:
    """Say whether a key (base64url) signed a text; False for whatever is no key or no signature."""
    try:
        Ed25519PublicKey.from_public_bytes(from_text(key)).verify(from_text(signature), text)
    except (ValueError, InvalidSignature):
        return False
    return True


def to_text(data: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """Read base64url without padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
