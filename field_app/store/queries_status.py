"""What the store can tell of itself: has anything changed, what waits, what needs a person, what is not sent.

Reads only. Words and colours are chosen by the screens.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.files.attachment import Attachment
from common.inbox.records import FieldConflict, InboxItem
from field_app.store.files import PREVIEW, STUCK
from field_app.store.outbox import NEEDS_A_LOOK, UNSENT
from field_app.store.schema import Blob, HeldAgg, OutboxOp
from field_app.store.store import state_of

WITH_THE_OFFICE = ("resent", "office", "withdrawn", "accepted", "declined")


def stamp(session: Session) -> tuple[Any, ...]:
    """Return a value that differs whenever what a screen shows may differ."""
    state = state_of(session)
    ops = session.execute(
        select(OutboxOp.state, func.count(), func.max(OutboxOp.result_seq)).group_by(OutboxOp.state)
    )
    held = session.execute(select(func.count(), func.sum(HeldAgg.rev))).one()
    files = session.execute(
        select(Blob.state, func.count(), func.sum(Blob.offset), func.sum(Blob.tries)).group_by(Blob.state)
    )
    lists = (tuple(map(tuple, ops)), tuple(held), tuple(map(tuple, files)))
    return (state.person_id, state.cursor, state.next_n, *lists)


def files_waiting(session: Session) -> int:
    """Count files whose bytes are not at the office yet; a photo and its preview are one."""
    return session.scalar(select(func.count()).where(Blob.state == "waiting", Blob.role != PREVIEW)) or 0


def files_stuck(session: Session) -> int:
    """Count files that stand in a ticket and whose bytes are lost here or were refused: a person must look."""
    stands = Attachment.withdrawn.is_(False) & (Attachment.state != "stored")
    its = select(Attachment.id).where(Attachment.sha256 == Blob.sha, stands).exists()
    query = select(func.count()).where(Blob.state.in_(STUCK), Blob.role != PREVIEW, its)
    return session.scalar(query) or 0


def needs_attention(session: Session) -> int:
    """Count what only the person at this tablet can decide: commands not accepted, changes that met another's."""
    given_away = select(InboxItem.op_id).where(
        InboxItem.op_id.is_not(None), InboxItem.state.in_(WITH_THE_OFFICE)
    )
    stuck = select(func.count()).where(OutboxOp.state.in_(NEEDS_A_LOOK), OutboxOp.id.not_in(given_away))
    met = select(func.count()).select_from(FieldConflict).where(FieldConflict.state == "open")
    return (session.scalar(stuck) or 0) + (session.scalar(met) or 0)


def open_notices(session: Session, limit: int = 20) -> list[InboxItem]:
    """List what the office has changed and the person has not read yet, newest first."""
    query = select(InboxItem).where(InboxItem.kind == "notice", InboxItem.state == "open")
    return list(session.scalars(query.order_by(InboxItem.raised_at.desc(), InboxItem.id.desc()).limit(limit)))


def unsent_by_ticket(session: Session) -> dict[str, int]:
    """Count unsent commands of each ticket."""
    query = (
        select(OutboxOp.ticket_id, func.count())
        .where(OutboxOp.state.in_(UNSENT), OutboxOp.ticket_id.is_not(None))
        .group_by(OutboxOp.ticket_id)
    )
    return {ticket_id: count for ticket_id, count in session.execute(query) if ticket_id}


def unsent_ids(session: Session, ticket_id: str) -> frozenset[str]:
    """Name everything that unsent commands of a ticket speak of, so that a line can say "not sent yet"."""
    query = select(OutboxOp.envelope).where(OutboxOp.state.in_(UNSENT), OutboxOp.ticket_id == ticket_id)
    return frozenset(word for envelope in session.scalars(query) for word in _words(envelope.get("a")))


def _words(args: Any) -> Iterator[str]:
    if isinstance(args, dict):
        for name, value in args.items():
            if isinstance(value, str) and name != "ticket_id":
                yield value
