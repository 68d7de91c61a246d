"""What the server remembers of checking its own books."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Document, Key, Short
from sync_server.db.tables import ServerBase


class ChainCheck(ServerBase):
    """One check of audit chain, anchors, stock and seals: who asked, how far it is, what it found."""

    __tablename__ = "chain_check"
    id: Mapped[Key] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    by: Mapped[Short]  # a person's id, or system
    state: Mapped[Short]  # running | good | bad
    seen: Mapped[int]
    total: Mapped[int]
    anchors: Mapped[int]
    faults: Mapped[Document]
