"""A file of a ticket: what it is, whose, and the hash that names its bytes.

Owns the table and what is read from it. The bytes are not here: they travel apart and are found by their hash.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from sqlalchemy import func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from common.kernel.fields import Text, Whole
from common.kernel.record import Base, Key, PrivateLong, PrivateShort, Short, Synced
from common.visit.records import ServiceReport

SHA256 = re.compile(r"[0-9a-f]{64}\Z")
Sha256 = Annotated[str, Text(64, 64)]
OptionalSha256 = Annotated[str, Text(0, 64)]
Bytes = Annotated[int, Whole(1, 2**40)]

# pending: the server waits for the bytes; stored: it has them and their hash is right; refused: it looked at them
# and will not keep them; missing: it had them once and asks for them again.
STATES = ("pending", "stored", "refused", "missing")
WANTED = ("pending", "missing")


class Attachment(Synced, Base):
    """A photo, paper or voice note of a ticket (R061). `sha256` names its bytes; `state` says whether they are here."""

    __tablename__ = "attachment"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    visit_id: Mapped[Key | None]
    round: Mapped[int]
    device_id: Mapped[Short]  # the tablet that has the bytes, '' for a file added at the office
    by_id: Mapped[Key]
    kind: Mapped[Short]  # photo | document | voice | signature: a kind of the policy
    purpose: Mapped[Short]  # '' | diagnosis | repair | test | sign_off
    name: Mapped[PrivateShort]
    caption: Mapped[PrivateLong]
    media_type: Mapped[Short]
    size_bytes: Mapped[int]
    sha256: Mapped[Short] = mapped_column(index=True)
    preview_sha256: Mapped[Short] = mapped_column(index=True)  # a small picture that travels first, or ""
    taken_at: Mapped[datetime]
    attached_at: Mapped[datetime]
    state: Mapped[Short] = mapped_column(index=True)
    fault: Mapped[Short]  # why it was refused: a sentence `file.fault.<fault>`
    stored_at: Mapped[datetime | None]
    late_at: Mapped[datetime | None]  # when the office was told that it does not come
    withdrawn: Mapped[bool]


def is_sha256(text: str) -> bool:
    """Say whether a text is a SHA-256 in lower-case hex."""
    return SHA256.match(text) is not None


def files_of(session: Session, ticket_id: str, *, withdrawn: bool = False) -> list[Attachment]:
    """List the files of a ticket in the order they were taken; withdrawn ones only if asked for."""
    query = select(Attachment).where(Attachment.ticket_id == ticket_id)
    if not withdrawn:
        query = query.where(Attachment.withdrawn.is_(False))
    return list(session.scalars(query.order_by(Attachment.taken_at, Attachment.id)))


def is_file_sealed(session: Session, row: Attachment) -> bool:
    """Say whether a report of the ticket was signed while this file was there: it stands in what was signed."""
    signed = select(func.max(ServiceReport.signed_at)).where(ServiceReport.ticket_id == row.ticket_id)
    last = session.scalar(signed)
    return last is not None and last >= row.attached_at


def wanted_files(session: Session, states: Sequence[str] = WANTED, limit: int = 500) -> list[Attachment]:
    """List files whose bytes are not here, those that wait longest first."""
    query = select(Attachment).where(Attachment.state.in_(states), Attachment.withdrawn.is_(False))
    return list(session.scalars(query.order_by(Attachment.attached_at, Attachment.id).limit(limit)))
