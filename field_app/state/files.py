"""The files of a ticket as the screens show them: which there are, and how far each has come.

Owns the choice of a file's state and of its words' keys. "At the office" is said only after the server has checked the
hash and the feed has told so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.files.attachment import Attachment, files_of, is_file_sealed
from common.i18n import has_key, translate
from common.tickets.ticket import Ticket
from field_app.store.files import PREVIEW, STUCK
from field_app.store.schema import Blob

KIB = 1024
PERCENT = 100


@dataclass(frozen=True, slots=True)
class FileLine:
    """One file. `state`: here, held, sending, checking, stored, refused, asked, lost, elsewhere.

    `percent` counts what the server has; `error` is a reason code, '' where all is well.
    """

    attachment_id: str
    ticket_id: str
    number: str
    kind: str
    purpose: str
    name: str
    caption: str
    media_type: str
    size: int
    sha: str
    preview_sha: str
    taken_at: datetime
    state: str
    percent: int = 0
    tries: int = 0
    error: str = ""
    is_here: bool = False
    is_sealed: bool = False


def load_files(ticket_id: str, holds_back: bool = False) -> Callable[[Session], tuple[FileLine, ...]]:
    """Return the query of a ticket's files that stand. `holds_back`: photos wait for Wi-Fi now."""

    def load(session: Session) -> tuple[FileLine, ...]:
        rows = files_of(session, ticket_id)
        return _lines(session, rows, holds_back)

    return load


def waiting_files(session: Session, holds_back: bool = False, limit: int = 60) -> tuple[FileLine, ...]:
    """List files that are on their way or did not get there, in the order they go."""
    query = (
        select(Blob.sha)
        .where(Blob.state.in_(("waiting", *STUCK)), Blob.role != PREVIEW)
        .order_by(Blob.state != "waiting", Blob.priority, Blob.kept_ms)
        .limit(limit)
    )
    place = {sha: number for number, sha in enumerate(session.scalars(query))}
    rows = session.scalars(
        select(Attachment).where(Attachment.sha256.in_(place), Attachment.withdrawn.is_(False))
    )
    lines = _lines(session, list(rows), holds_back)
    return tuple(sorted(lines, key=lambda line: (place[line.sha], line.taken_at)))


def _lines(session: Session, rows: Sequence[Attachment], holds_back: bool) -> tuple[FileLine, ...]:
    shas = {row.sha256 for row in rows}
    blobs = {blob.sha: blob for blob in session.scalars(select(Blob).where(Blob.sha.in_(shas)))}
    tickets = {row.ticket_id for row in rows}
    numbers = session.execute(select(Ticket.id, Ticket.number).where(Ticket.id.in_(tickets)))
    known = {ticket_id: number for ticket_id, number in numbers}
    return tuple(
        _line(row, blobs.get(row.sha256), known, is_file_sealed(session, row), holds_back) for row in rows
    )


def _line(
    row: Attachment, blob: Blob | None, numbers: Mapping[str, str], is_sealed: bool, holds_back: bool
) -> FileLine:
    state = state_of_file(row, blob, holds_back)
    error = row.fault if row.state == "refused" else blob.error if blob is not None and blob.error else ""
    has = blob.offset if blob is not None and blob.offset > 0 else 0
    return FileLine(
        row.id,
        row.ticket_id,
        numbers.get(row.ticket_id, ""),
        row.kind,
        row.purpose,
        row.name,
        row.caption,
        row.media_type,
        row.size_bytes,
        row.sha256,
        row.preview_sha256,
        row.taken_at,
        state,
        min(has * PERCENT // max(row.size_bytes, 1), PERCENT),
        blob.tries if blob is not None else 0,
        "" if state == "stored" else error,
        blob is not None and blob.state in ("waiting", "sent", "refused"),
        is_sealed,
    )


def state_of_file(row: Attachment, blob: Blob | None, holds_back: bool) -> str:
    """Choose the state of a file: what the server says of it, else how far this tablet has come with it."""
    if row.state in ("stored", "refused"):
        return row.state
    if blob is None or blob.state == "gone":
        return "elsewhere"
    if blob.state in STUCK:
        return blob.state
    if blob.state == "sent":
        return "checking"
    if row.state == "missing":
        return "asked"
    if blob.offset > 0:
        return "sending"
    return "held" if holds_back and blob.priority else "here"


def say_state(language: str, line: FileLine) -> str:
    """Say how far a file has come."""
    return translate(language, f"app.files.state.{line.state}", percent=line.percent)


def say_error(language: str, code: str) -> str:
    """Say why a file did not go; '' where nothing is wrong."""
    if not code:
        return ""
    for key in (f"app.files.error.{code}", f"file.fault.{code}", f"reason.{code}"):
        if has_key(key):
            return translate(language, key)
    return translate(language, "app.files.error.other", code=code)


def say_file_size(size: int) -> tuple[str, dict[str, str]]:
    """Name the key and values of a file's size: KB below one MB, else MB with one place."""
    if size < KIB * KIB:
        return "app.outbox.kib", {"n": str(max(size // KIB, 1))}
    tenths = size * 10 // (KIB * KIB)
    return "app.files.mib", {"n": f"{tenths // 10}.{tenths % 10}"}
