"""The server's own keys, as files that only their owner may read.

Owns: Ed25519 (tokens and seals), X25519 (what is sealed for the server), a secret for hashes of codes and nonces.
All worker processes of one server share the folder. Loses nothing silently: a broken file is an error, not a new key.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from common.kernel.ids import RandomBytes

NAMES = ("sign", "box", "secret")


@dataclass(frozen=True)
class ServerKeys:
    """Three secrets of 32 bytes."""

    sign: bytes
    box: bytes
    secret: bytes

    @cached_property
    def signer(self) -> Ed25519PrivateKey:
        """Return the key that signs tokens and seals."""
        return Ed25519PrivateKey.from_private_bytes(self.sign)

    @cached_property
    def opener(self) -> X25519PrivateKey:
        """Return the key that opens what was sealed for the server."""
        return X25519PrivateKey.from_private_bytes(self.box)

    @property
    def sign_public(self) -> str:
        """Return the public half of `signer` as base64url."""
        return to_text(self.signer.public_key().public_bytes_raw())

    @property
    def box_public(self) -> str:
        """Return the public half of `opener` as base64url."""
        return to_text(self.opener.public_key().public_bytes_raw())

    def mac(self, purpose: str, text: str) -> str:
        """Hash a text under the server's secret; another purpose gives another hash."""
        return hmac.new(self.secret, f"{purpose}|{text}".encode(), hashlib.sha256).hexdigest()


def load_keys(folder: Path, random_bytes: RandomBytes) -> ServerKeys:
    """Read the keys, making those that were never there. Safe when several processes start at once."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ServerKeys(**{name: _load(folder / f"{name}.key", random_bytes) for name in NAMES})


def to_text(data: bytes) -> str:
    """Write bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    """Read base64url without padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _load(path: Path, random_bytes: RandomBytes) -> bytes:
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{random_bytes(6).hex()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(random_bytes(32).hex().encode())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
            os.link(fresh, path)
        fresh.unlink()
    key = bytes.fromhex(path.read_text("ascii").strip())
    if len(key) != 32:
        raise ValueError(f"{path} does not hold a key of 32 bytes; put it back from a backup")
    return key
