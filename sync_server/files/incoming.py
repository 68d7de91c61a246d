"""A file that still comes: held by one writer, appended to, cut back where a piece was wrong.

Owns the descriptor and its lock (all workers of a machine see it). Decides nothing.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_server.problems import Problem

FULL = (errno.ENOSPC, errno.EDQUOT)


class Incoming:
    """An open part. `offset`: where the next byte goes; `start`: where this piece began."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.start = self.offset = self.size = 0
        self.is_kept = False

    def keep(self, offset: int, size: int) -> Incoming:
        """Go on with it after `held` ends; what lies behind `offset` was never counted and goes."""
        self.start = self.offset = offset
        self.size = size
        os.ftruncate(self._descriptor, offset)
        self.is_kept = True
        return self

    def write(self, data: bytes) -> None:
        """Append. Raises Problem `upload_too_long`, `server_disk_full`; what came before stays."""
        if self.offset + len(data) > self.size:
            raise Problem(413, "upload_too_long")
        view = memoryview(data)
        try:
            while view:
                done = os.pwrite(self._descriptor, view, self.offset)
                self.offset += done
                view = view[done:]
        except OSError as error:
            self.cut(self.start)
            if error.errno in FULL:
                raise Problem(507, "server_disk_full", headers={"Retry-After": "60"}) from None
            raise

    def cut(self, offset: int) -> None:
        """Forget everything from `offset` on."""
        os.ftruncate(self._descriptor, offset)
        self.offset = offset

    def sync(self) -> None:
        """Have the disk keep what came."""
        os.fsync(self._descriptor)

    def sha256(self) -> str:
        """Hash the whole, as it lies there."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def head(self, count: int) -> bytes:
        """Read the first bytes."""
        return os.pread(self._descriptor, count, 0)

    def close(self) -> None:
        """Let go of it and its lock."""
        os.close(self._descriptor)


@contextmanager
def held(path: Path) -> Iterator[Incoming]:
    """Hold a part: nobody else writes meanwhile. Closed at the end unless it was kept. Raises Problem `file_busy`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    incoming = Incoming(_locked(path))
    try:
        yield incoming
    finally:
        if not incoming.is_kept:
            incoming.close()


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise Problem(423, "file_busy", headers={"Retry-After": "1"}) from None
        except FileNotFoundError:
            pass
        os.close(descriptor)  # the file was moved into the store meanwhile: look again
