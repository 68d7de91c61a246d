"""A file kept only to be given up: where the disk is full even deleting needs room, and this is the room.

Owns the file. Who gives it up, and what is said to people then, is the program's (A3, C4).
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

_BLOCK = b"\xa5" * 65_536  # not zeros: a file system may keep holes and pressed blocks as nothing


def free_bytes(folder: Path) -> int:
    """Return how much room there is."""
    return shutil.disk_usage(folder).free


class Reserve:
    """A reserve of `size` bytes on the disk of `path`; `free` tells how much room a folder's disk has."""

    def __init__(self, path: Path, size: int, free: Callable[[Path], int] = free_bytes) -> None:
        self.path = path
        self.size = size
        self._free = free

    @property
    def is_there(self) -> bool:
        """Say whether it can be given up."""
        return self.path.is_file()

    def lay(self) -> bool:
        """Put it there if it is not, and there is room for twice its size; says whether it is there now."""
        if self.is_there:
            return True
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._free(self.path.parent) < 2 * self.size:
                return False
            with new.open("wb") as file:
                for _ in range(0, self.size, len(_BLOCK)):
                    file.write(_BLOCK)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError:  # full already, or not to be written at all: there is no reserve then
            new.unlink(missing_ok=True)
            return False
        return True

    def give_up(self) -> bool:
        """Remove it, so that what waits has room; says whether there was one."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True


def says_full(error: BaseException) -> bool:
    """Say whether an error means that the disk is full: a file's number, SQLite's words, PostgreSQL's code."""
    original = getattr(error, "orig", None) or error
    if getattr(original, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return True
    return getattr(original, "sqlstate", None) == "53100" or "disk is full" in str(original)


def says_read_only(error: BaseException) -> bool:
    """Say whether an error means that nothing can be written where it lies."""
    original = getattr(error, "orig", None) or error
    if getattr(original, "errno", None) in (errno.EROFS, errno.EACCES, errno.EPERM):
        return True
    return "readonly database" in str(original) or "read-only" in str(original)
