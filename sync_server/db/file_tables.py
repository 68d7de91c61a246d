"""What the server knows of a file's bytes, by their hash: how much came, from whom, and what it found in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Short
from sync_server.db.tables import ServerBase


class KeptFile(ServerBase):
    """Bytes named by their SHA-256. They lie in the store, or while they come in a folder of their own."""

    __tablename__ = "kept_file"
    sha256: Mapped[Short] = mapped_column(primary_key=True)
    size_bytes: Mapped[int]
    received_bytes: Mapped[int]  # these are on the disk for sure
    state: Mapped[Short] = mapped_column(index=True)  # partial | stored | refused | missing
    fault: Mapped[Short]  # why refused, or why it cannot be shown: a sentence `file.fault.<fault>`
    media_type: Mapped[Short]  # as found in the bytes, never as told
    shown: Mapped[Short]  # '' not tried yet | yes | no
    device_id: Mapped[Short] = mapped_column(index=True)  # who began to send it, '' the office
    begun_at: Mapped[datetime]
    moved_at: Mapped[datetime]
    stored_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]  # when the bytes were last read and hashed, or could not be read
    backed_up: Mapped[bool]  # a backup that was checked holds them
