"""The folder of backups: who makes one holds its lock from beginning to end, so that there is one at a time.

Owns the lock, the memory of tries that came to no good, and what killed ones left. What one is made of is `backup`'s.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO

from common.kernel.outcome import Refused
from sync_server.jobs.due import is_due
from sync_server.security import BackupRules
from sync_server.upkeep.backup_files import sweep_parts
from sync_server.upkeep.running import HeldError, held

LOCK = "backup.lock"
UNFINISHED = ".unfinished"
CHECKED_IN = "checked-in"  # in an unfinished folder: the name of the database its copy is restored into


class BackupRunningError(Refused):
    """Another program makes a backup in this folder: `backup_running`."""

    def __init__(self) -> None:
        super().__init__("backup_running")


@dataclass(frozen=True, slots=True)
class Tries:
    """How many backups in a row failed or had faults, and when the last of them began (ISO)."""

    failed: int = 0
    began_at: str = ""

    def is_time(self, now: datetime, rules: BackupRules) -> bool:
        """Say whether to try again by itself: at once the first time, then after a pause that doubles."""
        if not self.failed:
            return True
        longest = timedelta(minutes=rules.retry_longest_min)
        pause = timedelta(minutes=rules.retry_first_min) * 2 ** min(self.failed - 1, 20)
        return is_due(datetime.fromisoformat(self.began_at), now, min(pause, longest))


@dataclass(frozen=True, slots=True)
class BackupPlace:
    """A folder of backups, held. The lock's file remembers the tries: it is there also while the database is not."""

    folder: Path
    lock: TextIO

    def tries(self) -> Tries:
        """Read how the last tries ended; what cannot be read says nothing."""
        self.lock.seek(0)
        try:
            return Tries(**json.loads(self.lock.read()))
        except (ValueError, TypeError):
            return Tries()

    def count_try(self, now: datetime) -> None:
        """Count a try before it is made: one that is killed, or dies of it, is counted too."""
        self._keep(Tries(self.tries().failed + 1, now.isoformat()))

    def ended_well(self) -> None:
        """Forget the tries: a good backup was made."""
        self._keep(Tries())

    def free_name(self, name: str) -> Path:
        """Return a name for the next one that no other has: a clock set back comes by the same moment again."""
        path, n = self.folder / name, 1
        while path.exists():
            n += 1
            path = self.folder / f"{name}-{n}"
        return path

    def sweep(self, drop: Callable[[str], None]) -> None:
        """Take away what killed backups left: databases they were checked in, by `drop`, folders and parts of files."""
        for left in sorted(self.folder.glob(f"*{UNFINISHED}")):
            note = left / CHECKED_IN
            if note.exists():
                drop(note.read_text("utf-8"))
            shutil.rmtree(left)
        sweep_parts(self.folder)

    def _keep(self, tries: Tries) -> None:
        self.lock.seek(0)
        self.lock.truncate()
        self.lock.write(json.dumps(asdict(tries)))
        self.lock.flush()


@contextmanager
def sole_backup(target: Path) -> Iterator[BackupPlace]:
    """Hold the folder for one backup; a process that dies lets it go. Refuses with `backup_running`."""
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(held(target / LOCK))
        except HeldError:
            raise BackupRunningError from None
        yield BackupPlace(target, lock)
