"""The bytes of files on this tablet: one sealed file each, named by the SHA-256 of what is in it.

Owns their folder. A file is there whole or not at all, and on the disk for good before `put` returns. How it is sealed is
`vault/frames.py`'s. Knows no table.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from field_app.vault.cipher import SealBroken, Sealer
from field_app.vault.frames import FRAME, frame_of, open_frames, seal_frames
from field_app.vault.vault import VaultClosed

UNDER_WAY = ".part"


class ShelfClosed(Exception):
    """The key is not in memory."""


class BytesUnreadable(Exception):
    """A frame does not open: the bytes are not what was put there."""


class Shelf(Protocol):
    """Where the bytes of files lie."""

    def put(self, data: bytes) -> str:
        """Keep bytes for good; returns their SHA-256. The same bytes are kept once. Raises OSError, ShelfClosed."""
        ...

    def has(self, sha: str) -> bool:
        """Say whether the bytes are here."""
        ...

    def read(self, sha: str, at: int = 0, size: int = -1) -> bytes:
        """Read bytes from a place on; -1: to the end. Raises OSError, BytesUnreadable, ShelfClosed."""
        ...

    def sealed(self, sha: str) -> bytes:
        """Read bytes as they lie, sealed; no key is needed. Raises OSError."""
        ...

    def remove(self, sha: str) -> None:
        """Forget the bytes."""
        ...

    def listed(self) -> dict[str, int]:
        """Map what is here to when it was put there, Unix ms. What was never finished is removed."""
        ...

    def clear(self) -> None:
        """Forget everything."""
        ...


class FolderShelf:
    """A folder of sealed files. `sealer` gives the key that is in memory, None while there is none."""

    def __init__(self, folder: Path, sealer: Callable[[], Sealer | None]) -> None:
        self.folder = folder
        self._sealer = sealer

    def put(self, data: bytes) -> str:
        """Write beside, bring to the disk, rename, bring the folder to the disk. Half a file is never left behind."""
        sha = hashlib.sha256(data).hexdigest()
        target = self._path(sha)
        if self.has(sha) and self._is_good(sha, data):
            return sha
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = target.with_suffix(UNDER_WAY)
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for frame in seal_frames(self._key(), sha, io.BytesIO(data)):
                    file.write(frame)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except VaultClosed:
            part.unlink(missing_ok=True)
            raise ShelfClosed from None
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(self.folder)
        return sha

    def has(self, sha: str) -> bool:
        """As `Shelf.has`."""
        return self._path(sha).is_file()

    def read(self, sha: str, at: int = 0, size: int = -1) -> bytes:
        """As `Shelf.read`: frames before the part are not opened, nor those behind it."""
        found, (first, place) = bytearray(), frame_of(at)
        try:
            with self._path(sha).open("rb") as file:
                file.seek(place)
                for frame in open_frames(self._key(), sha, file, first=first):
                    found += frame
                    if 0 <= size <= len(found) - (at - first * FRAME):
                        break
        except SealBroken as broken:
            raise BytesUnreadable(sha) from broken
        except VaultClosed:
            raise ShelfClosed from None
        start = at - first * FRAME
        return bytes(found[start:] if size < 0 else found[start : start + size])

    def sealed(self, sha: str) -> bytes:
        """As `Shelf.sealed`."""
        return self._path(sha).read_bytes()

    def remove(self, sha: str) -> None:
        """As `Shelf.remove`."""
        self._path(sha).unlink(missing_ok=True)

    def listed(self) -> dict[str, int]:
        """As `Shelf.listed`."""
        found: dict[str, int] = {}
        if not self.folder.is_dir():
            return found
        for path in self.folder.iterdir():
            if path.suffix == UNDER_WAY:
                path.unlink(missing_ok=True)
            elif len(path.name) == 64:
                found[path.name] = int(path.stat().st_mtime * 1000)
        return found

    def clear(self) -> None:
        """As `Shelf.clear`."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _key(self) -> Sealer:
        sealer = self._sealer()
        if sealer is None:
            raise ShelfClosed
        return sealer

    def _path(self, sha: str) -> Path:
        if len(sha) != 64 or not sha.isalnum():
            raise ValueError(f"not a SHA-256: {sha!r}")
        return self.folder / sha

    def _is_good(self, sha: str, data: bytes) -> bool:
        """Say whether what is here is what it is called: bytes that rotted are written anew."""
        try:
            return self.read(sha) == data
        except (OSError, BytesUnreadable):
            return False


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
