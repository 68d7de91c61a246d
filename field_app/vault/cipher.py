"""Sealing bytes under one data key: AES-256-GCM, a random nonce each, the place bound in.

Owns the sealed form, version 1: version, key version, nonce (12), ciphertext with tag. Knows no file and no table.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.kernel.ids import RandomBytes

KEY_BYTES = 32
NONCE_BYTES = 12
FORM = 1
HEAD = 2
OVERHEAD = HEAD + NONCE_BYTES + 16  # bytes a sealed value is longer than its content


class SealBroken(Exception):
    """What was sealed does not open: another key, another place, or changed bytes."""


class Sealer(Protocol):
    """What seals and opens bytes; `aad` names the place, and only there they open again."""

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Seal."""
        ...

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Open. Raises SealBroken."""
        ...


class Cipher:
    """One data key in memory. The key's version stands in the sealed form and is bound in with the place."""

    def __init__(self, key: bytes, key_version: int, random_bytes: RandomBytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a data key has 256 bits")
        self.key = key
        self._head = bytes((FORM, key_version))
        self._bound = b"|%d" % key_version
        self._random_bytes = random_bytes
        self._gcm = AESGCM(key)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Seal."""
        nonce = self._random_bytes(NONCE_BYTES)
        return self._head + nonce + self._gcm.encrypt(nonce, plain, aad + self._bound)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Open. Raises SealBroken."""
        body = HEAD + NONCE_BYTES
        if sealed[:HEAD] != self._head:
            raise SealBroken("another form or key version")
        try:
            return self._gcm.decrypt(sealed[HEAD:body], sealed[body:], aad + self._bound)
        except (InvalidTag, ValueError):
            raise SealBroken("it does not open here") from None
