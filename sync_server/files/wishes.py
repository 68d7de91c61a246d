"""The wish list of the sync answer: bytes of this tablet's files that the server lacks (sync-protocol 3.10).

Owns what is asked for and in which order. Saves the tablet a HEAD for each file.
"""

from __future__ import annotations

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from common.files.attachment import WANTED, Attachment
from common.protocol.messages import WANTED_AT_MOST, Wanted
from sync_server.db.file_tables import KeptFile

FIRST = ("signature",)


def wishes(session: Session, device_id: str, person_id: str) -> tuple[Wanted, ...]:
    """List what is wanted of a tablet: its own files and its person's, previews and signatures first, then by age."""
    query = (
        select(Attachment.sha256, Attachment.preview_sha256)
        .where(
            Attachment.state.in_(WANTED),
            Attachment.withdrawn.is_(False),
            or_(Attachment.device_id == device_id, Attachment.by_id == person_id),
        )
        .order_by(case((Attachment.kind.in_(FIRST), 0), else_=1), Attachment.attached_at, Attachment.id)
        .limit(WANTED_AT_MOST)
    )
    rows = session.execute(query).all()
    if not rows:
        return ()
    hashes = list(dict.fromkeys([preview for _, preview in rows if preview] + [whole for whole, _ in rows]))
    query_kept = select(KeptFile.sha256, KeptFile.state, KeptFile.received_bytes).where(
        KeptFile.sha256.in_(hashes)
    )
    kept = {sha256: (state, received) for sha256, state, received in session.execute(query_kept)}
    found = [(sha256, *kept.get(sha256, ("missing", 0))) for sha256 in hashes]
    return tuple(
        Wanted(sha256, "partial", received) if state == "partial" and received else Wanted(sha256, "missing")
        for sha256, state, received in found
        if state in ("missing", "partial")
    )[:WANTED_AT_MOST]
