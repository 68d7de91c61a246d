"""When each scheduled job last began: the row that workers hold to agree who runs it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Short
from sync_server.db.tables import ServerBase


class JobRun(ServerBase):
    """One job."""

    __tablename__ = "job_run"
    name: Mapped[Short] = mapped_column(primary_key=True)
    began_at: Mapped[datetime]
