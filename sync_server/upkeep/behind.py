"""A database that is behind its own backup: a replica that never heard the end, or a file put back by hand (D8, P2).

Tablets let go of what a proven backup holds (ADR-0016). A database of the same history that ends before it must not
be served: what tablets let go of would be in the backup alone, and nobody would know.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import select

from sync_server.db.database import Database
from sync_server.db.tables import StreamHead
from sync_server.upkeep.backup import BackupError
from sync_server.upkeep.restore import backups_in

log = logging.getLogger("sync_server")


class BehindBackupError(BackupError):
    """The database lacks what a backup of its own history holds; the message says what to do."""

    def __init__(self, ahead: Path) -> None:
        super().__init__(
            f"This database ends before the backup {ahead} of the same history. Tablets may have let go of what it "
            f"lacks. Restore it: sync-server restore {ahead}. Only if that cannot be: "
            "sync-server new-epoch --without-backup REASON; what only the backup holds is then lost."
        )


def backup_ahead(database: Database, backups: Path) -> Path | None:
    """Find the backup of this database's history that knows most more than it does; None where none does.

    A restore and `new-epoch` begin another history, whose numbers are not compared. Backups with faults count for
    nothing: no tablet let go for their sake. A damaged one is named in the log: it does not stop a sound database.
    """
    with database.read() as session:
        seq, epoch = session.execute(select(StreamHead.seq, StreamHead.epoch)).one()
    found: list[tuple[int, Path]] = []
    for folder, told in backups_in(backups):
        if told is None:
            log.warning(
                "the backup %s cannot be read; whether it holds more than the database is not known", folder
            )
        elif told["epoch"] == epoch and not told.get("faults") and told["seq"] > seq:
            found.append((told["seq"], folder))
    return max(found)[1] if found else None


def require_not_behind(database: Database, backups: Path) -> None:
    """Raise BehindBackupError where a backup is ahead of its database."""
    ahead = backup_ahead(database, backups)
    if ahead is not None:
        raise BehindBackupError(ahead)
