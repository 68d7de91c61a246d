"""What the server remembers of its own keeping: backups that were restored to be sure, and restores it came from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Key, Long, Short
from sync_server.db.tables import ServerBase


class BackupMade(ServerBase):
    """A backup: where it lies, the newest number in it, and how many faults its restored copy had (0: it is good)."""

    __tablename__ = "backup_made"
    id: Mapped[Key] = mapped_column(primary_key=True)
    made_at: Mapped[datetime] = mapped_column(index=True)
    folder: Mapped[Long]
    seq: Mapped[int]
    faults: Mapped[int]


class Restoration(ServerBase):
    """That this database came out of a backup. `kind` copy: for trying things, tablets are sent away."""

    __tablename__ = "restoration"
    id: Mapped[Key] = mapped_column(primary_key=True)
    restored_at: Mapped[datetime]
    backup_at: Mapped[datetime]
    backup_seq: Mapped[int]
    kind: Mapped[Short]  # replace | copy | move
    epoch: Mapped[Short]
    previous_epoch: Mapped[Short]
    leave: Mapped[Short]  # by whose leave: approval | people | alone; '' for a copy and before this was asked
    reason: Mapped[Long]
