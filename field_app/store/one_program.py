"""One program a device: a second one on the same folder is refused (A11), for both would give the same numbers.

Owns the lock file. The system takes the lock away when its program ends, however it ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another program holds this folder."""


@contextmanager
def only_program(folder: Path) -> Iterator[None]:
    """Hold a folder for this program. Raises AlreadyRunningError. A folder that cannot be written needs no lock."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "app.lock").open("a+b")
    except OSError:
        yield
        return
    with file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise AlreadyRunningError(str(folder)) from error
        yield


def _lock(number: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
