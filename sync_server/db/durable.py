"""How far the database is known to be safe elsewhere: tablets may then let go of what they keep (T26)."""

from __future__ import annotations

from sqlalchemy import update

from sync_server.db.database import Database
from sync_server.db.tables import StreamHead
from sync_server.db.unit_of_work import UnitOfWork


def mark_durable(database: Database, seq: int) -> None:
    """Say that everything up to `seq` is in a backup that was restored and checked. Never goes back."""

    def write(unit: UnitOfWork) -> None:
        unit.session.execute(update(StreamHead).where(StreamHead.durable < seq).values(durable=seq))

    database.transact(write)
