"""What only one program may do at a time: a file's lock says who does it, and falls with the process that held it.

Owns the lock, and that of the data folder: who serves a SQLite file holds it, who would replace it asks first (M1, M7).
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

LOCK = "serving.lock"


class HeldError(OSError):
    """Another one holds the lock, or the disk knows no locks."""


class ServingError(RuntimeError):
    """Another program has this data folder; the message says what to do."""


@contextmanager
def held(file: Path, *, wait: bool = False) -> Iterator[TextIO]:
    """Hold the lock of a file, which is given open; without `wait` raises HeldError while another one does."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise HeldError(str(file)) from None
        yield lock


@contextmanager
def sole_server(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process and its children. Raises ServingError while another one does."""
    with ExitStack() as stack:
        try:
            stack.enter_context(held(data_dir / LOCK))
        except HeldError:
            raise ServingError(f"A server is running on {data_dir}: stop it first.") from None
        yield
