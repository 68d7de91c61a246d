"""A tablet's data key as it was sealed for this server: opens what lay sealed on that tablet (P5, A12).

Owns reading the tablet's sealed form, version 1 (`field_app.vault.cipher`, `field_app.vault.frames`). Seals nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.protocol.recovery import key_bound
from sync_server.keys import ServerKeys, from_text
from sync_server.people.boxes import BoxBroken, open_box

HEAD, NONCE, TAG = 2, 12, 16  # of a sealed value: form and key version, nonce, and what GCM adds
FRAME = 1024 * 1024 + HEAD + NONCE + TAG  # of a sealed file: every frame but the last is so long


class DataKey:
    """The key of one tablet."""

    def __init__(self, keys: ServerKeys, device_id: str, key_id: str, box: str) -> None:
        """Open the box. Raises BoxBroken."""
        try:
            self._gcm = AESGCM(open_box(keys.opener, from_text(box), key_bound(key_id, "c", device_id)))
        except ValueError:
            raise BoxBroken("no box") from None

    def open(self, sealed: bytes, place: str) -> bytes:
        """Open one value; `place` is where it lay. Raises BoxBroken."""
        try:
            bound = f"{place}|{sealed[1]}".encode()
            return self._gcm.decrypt(sealed[HEAD : HEAD + NONCE], sealed[HEAD + NONCE :], bound)
        except (InvalidTag, ValueError, IndexError):
            raise BoxBroken("it does not open") from None

    def open_frames(self, sha256: str, source: BinaryIO, size: int) -> Iterator[bytes]:
        """Yield the content of a file whose `size` sealed bytes come next. Raises BoxBroken, also where bytes lack."""
        no, left = 0, size
        while left or not no:
            sealed = source.read(min(FRAME, left))
            if len(sealed) < min(FRAME, left):
                raise BoxBroken("the file has no end")
            left -= len(sealed)
            yield self.open(sealed, f"file|{sha256}|{no}|{int(not left)}")
            no += 1
