"""Where a device keeps its secrets: one seam, so that a phone's secure storage can stand behind it.

Owns the file form, for web and desktop. Loses nothing silently: a secret that cannot be read is an error.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

SEALED = b"fieldwright sealed 1|"


class Seal(Protocol):
    """What seals and opens bytes (the vault's part of the seam)."""

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Seal."""
        ...

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Open."""
        ...


class Keystore(Protocol):
    """Keeps small secrets by name. `is_guarded`: the platform lets only this app, on this machine, read them."""

    is_guarded: bool

    def load(self, name: str) -> bytes | None:
        """Return a secret; None if it was never kept."""
        ...

    def keep(self, name: str, secret: bytes) -> None:
        """Keep a secret for good before returning."""
        ...

    def forget(self, name: str) -> None:
        """Delete a secret; nothing happens where there is none."""
        ...


class FileKeystore:
    """Secrets as files that only their owner may read, in the app's data folder."""

    is_guarded = False  # whoever copies the folder has them

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, name: str) -> bytes | None:
        """Return a secret; None if it was never kept."""
        path = self._path(name)
        return path.read_bytes() if path.exists() else None

    def keep(self, name: str, secret: bytes) -> None:
        """Keep a secret for good before returning."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(name)
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def forget(self, name: str) -> None:
        """Delete a secret; nothing happens where there is none."""
        with contextlib.suppress(FileNotFoundError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        if not name.replace("-", "").isalnum():
            raise ValueError(f"not a name for a secret: {name!r}")
        return self._folder / f"{name}.key"


class SealedKeystore:
    """A keystore whose secrets are sealed with the data key once there is one; plain before that (ADR-0031)."""

    def __init__(self, inner: Keystore, seal: Seal, is_open: Callable[[], bool]) -> None:
        """Take where secrets are kept, what seals them, and whether that is open now."""
        self._inner, self._sealer, self._is_open = inner, seal, is_open
        self.is_guarded = inner.is_guarded

    def load(self, name: str) -> bytes | None:
        """Return a secret; None if it was never kept, or is sealed while the vault is closed."""
        kept = self._inner.load(name)
        if kept is None or not kept.startswith(SEALED):
            return kept
        return self._sealer.open(kept[len(SEALED) :], _place(name)) if self._is_open() else None

    def keep(self, name: str, secret: bytes) -> None:
        """Keep a secret for good before returning, sealed where that is possible."""
        sealed = SEALED + self._sealer.seal(secret, _place(name)) if self._is_open() else secret
        self._inner.keep(name, sealed)

    def forget(self, name: str) -> None:
        """Delete a secret."""
        self._inner.forget(name)

    def seal(self, name: str) -> None:
        """Seal a secret that was kept before there was a key."""
        kept = self._inner.load(name)
        if kept is not None and not kept.startswith(SEALED):
            self.keep(name, kept)


def _place(name: str) -> bytes:
    return b"keystore|" + name.encode()
