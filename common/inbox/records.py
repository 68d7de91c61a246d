"""What a person must look at: notices to one person, discrepancies for the office, conflicts of two edits.

Owns the tables. Nothing here decides what is wrong; command functions and the server's push do.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.record import Base, Key, PrivateDocument, PrivateLong, Short, Synced

OFFICE_INBOX = "office:inbox"


class InboxItem(Synced, Base):
    """A message to one person: a parked command, or that the office changed what he was working on."""

    __tablename__ = "inbox_item"
    person_id: Mapped[Key] = mapped_column(index=True)
    kind: Mapped[Short]  # parked | blocked | notice
    code: Mapped[Short]  # sentence `reason.<code>`
    details: Mapped[PrivateDocument]
    ticket_id: Mapped[Key | None]
    op_id: Mapped[Key | None] = mapped_column(index=True)
    command: Mapped[PrivateDocument | None]  # {"k": kind, "a": arguments} of a parked command
    raised_at: Mapped[datetime]
    state: Mapped[Short]  # open | seen | resent | office | withdrawn | accepted | declined


class Discrepancy(Synced, Base):
    """Something accepted that the office must look at: flagged facts, breached clocks, parked commands."""

    __tablename__ = "discrepancy"
    code: Mapped[Short]
    details: Mapped[PrivateDocument]
    ticket_id: Mapped[Key | None] = mapped_column(index=True)
    op_id: Mapped[Key | None] = mapped_column(index=True)
    person_id: Mapped[Key | None]
    raised_at: Mapped[datetime]
    state: Mapped[Short] = mapped_column(index=True)  # open | resolved
    resolution: Mapped[PrivateLong]
    resolved_by: Mapped[Key | None]
    resolved_at: Mapped[datetime | None]


class FieldConflict(Synced, Base):
    """Two people changed one field: what was kept, what lost, and whose each was. Never silently overwritten (P6)."""

    __tablename__ = "field_conflict"
    entity: Mapped[Short]
    row_id: Mapped[Key] = mapped_column(index=True)
    field: Mapped[Short]
    kept: Mapped[PrivateLong]
    lost: Mapped[PrivateLong]
    kept_by: Mapped[Key | None]
    lost_by: Mapped[Key | None]
    op_id: Mapped[Key]
    raised_at: Mapped[datetime]
    state: Mapped[Short]  # open | confirmed | swapped
