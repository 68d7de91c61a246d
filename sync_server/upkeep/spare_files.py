"""What the server has lost and a backup still holds: tablets let bytes go once a backup has them, so it is asked first.

Owns where such files lie: beside every good backup the database knows of, wherever it was made. Changes no row.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from sync_server.db.upkeep_tables import BackupMade
from sync_server.files.store import StoreAwayError
from sync_server.files.uploads import Uploads
from sync_server.upkeep.backup_files import backup_store, copy_whole

log = logging.getLogger("sync_server")


@dataclass(frozen=True, slots=True)
class SpareFiles:
    """Puts files back into the store of `uploads`."""

    uploads: Uploads

    def put_back(self, sha256: str) -> bool:
        """Put a file back out of the newest backup that holds it whole; says whether one does."""
        return any(self._from(backups, sha256) for backups in self._targets())

    def _targets(self) -> list[Path]:
        good = select(BackupMade.folder).where(BackupMade.faults == 0).order_by(BackupMade.made_at.desc())
        with self.uploads.database.read() as session:
            return list(dict.fromkeys(Path(folder).parent for folder in session.scalars(good)))

    def _from(self, backups: Path, sha256: str) -> bool:
        there = backup_store(backups)
        try:
            is_back = there.size(sha256) is not None and copy_whole(sha256, there, self.uploads.store)
        except (StoreAwayError, OSError) as error:
            log.warning("a lost file could not be put back from %s: %s", backups, error)
            return False
        if is_back:
            log.warning("the lost file %s was put back from %s", sha256, backups)
        return is_back
