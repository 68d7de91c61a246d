"""The folder of backups: who makes one holds its lock from beginning to end, so that there is one at a time.

Owns the lock. What a backup is made of is `backup`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from common.kernel.outcome import Refused
from sync_server.upkeep.running import HeldError, held

LOCK = "backup.lock"


class BackupRunningError(Refused):
    """Another program makes a backup in this folder: `backup_running`."""

    def __init__(self) -> None:
        super().__init__("backup_running")


@contextmanager
def sole_backup(target: Path) -> Iterator[None]:
    """Hold the folder for one backup; a process that dies lets it go. Refuses with `backup_running`."""
    with ExitStack() as stack:
        try:
            stack.enter_context(held(target / LOCK))
        except HeldError:
            raise BackupRunningError from None
        yield
