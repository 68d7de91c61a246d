"""What the server remembers of imports, so that one can be taken back as a whole (M4)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Document, Key, Long, Short
from sync_server.db.tables import ServerBase


class ImportRun(ServerBase):
    """One table that was taken in. `tx` is its transaction: what another one wrote to a row came after it."""

    __tablename__ = "import_run"
    id: Mapped[Key] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    kind: Mapped[Short]
    by: Mapped[Short]  # a person's id, or system
    at: Mapped[datetime]
    tx: Mapped[Key]
    rows: Mapped[int]
    state: Mapped[Short]  # applied | undone
    undone_by: Mapped[Short]
    undone_at: Mapped[datetime | None]


class ImportStep(ServerBase):
    """One thing an import did: of which line, and the command that takes it back."""

    __tablename__ = "import_step"
    id: Mapped[Key] = mapped_column(primary_key=True)
    run_id: Mapped[Key] = mapped_column(index=True)
    ordinal: Mapped[int]
    line: Mapped[int]
    key: Mapped[Short]
    title: Mapped[Long]
    entity: Mapped[Short]
    row_id: Mapped[Short]
    back: Mapped[Document]  # list of {"k": kind, "a": arguments}; empty: nothing takes it back
    left: Mapped[Short]  # why it was left as it is when the import was taken back, '' if it was not
