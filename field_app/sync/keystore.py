"""Where a device keeps its secrets: one seam, so that a phone's secure storage can stand behind it.

Owns the file form, for web and desktop. Loses nothing silently: a secret that cannot be read is an error.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Protocol


class Keystore(Protocol):
    """Keeps small secrets by name."""

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
