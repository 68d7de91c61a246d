"""What became of a file's bytes at the server: here with the right hash, refused, gone, or late (R061).

Owns the one command that says so. Only the server gives it, after it has looked; tablets learn it from the feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from common.files.attachment import Attachment
from common.inbox.records import Discrepancy
from common.kernel.command import Nature, Place, Role, command
from common.kernel.fields import Id, OptionalCode
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.work import Work
from common.tickets.ticket import Ticket, ticket_agg

ARRIVED = "arrived"  # resolution of what was told of bytes that came after all


@dataclass(frozen=True, slots=True)
class NoteFileState:
    """Note what the server found about a file's bytes (R061). `fault`: why they were refused."""

    attachment_id: Id
    ticket_id: Id
    state: Literal["stored", "refused", "missing", "late"]
    fault: OptionalCode = ""


@command(
    NoteFileState,
    nature=Nature.FACT,
    roles=(Role.SYSTEM,),
    places=frozenset({Place.SYSTEM}),
    about=lambda c: ticket_agg(c.ticket_id),
)
def note_file_state(work: Work, c: NoteFileState) -> Outcome:
    """Note it. Flags `file_refused`, `file_missing`, `file_late`: a person at the office must look."""
    ticket, row = work.need(Ticket, c.ticket_id), work.need(Attachment, c.attachment_id)
    if row.ticket_id != ticket.id:
        raise Refused("attachment_unknown")
    if c.state == "late":
        if row.late_at is not None or row.state not in ("pending", "missing"):
            return NOOP
        row.late_at = work.at
    elif row.state == c.state and row.fault == c.fault:
        return NOOP
    else:
        row.state, row.fault = c.state, c.fault
        row.stored_at = work.at if c.state == "stored" else None
    if c.state == "refused":
        work.flag("file_refused", number=ticket.number, name=row.name, fault=c.fault)
    elif c.state == "missing":
        work.flag("file_missing", number=ticket.number, name=row.name, file=row.id)
    elif c.state == "late":
        work.flag("file_late", number=ticket.number, name=row.name, file=row.id)
    else:
        _take_back(work, row)
    return OK


def _take_back(work: Work, row: Attachment) -> None:
    """Close what the office was told of bytes that are here now: nobody needs to look any more."""
    told = select(Discrepancy).where(
        Discrepancy.ticket_id == row.ticket_id,
        Discrepancy.code.in_(("file_late", "file_missing")),
        Discrepancy.state == "open",
    )
    for entry in work.rows(told.order_by(Discrepancy.id)):
        if entry.details.get("file") == row.id:
            entry.state, entry.resolution, entry.resolved_at = "resolved", ARRIVED, work.received_at
