"""One server a database file: who serves it holds a lock in the data folder, who would replace it asks first (M1, M7)."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "serving.lock"


class ServingError(RuntimeError):
    """Another program has this data folder; the message says what to do."""


@contextmanager
def sole_server(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for this process and its children. Raises ServingError while another one does."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServingError(f"A server is running on {data_dir}: stop it first.") from None
        yield
