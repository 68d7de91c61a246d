"""Who may read the bytes of a file: whoever's scope holds a ticket it is attached to (G1, P9).

Owns the question for tablets. Nobody else's file is anything but unknown.
"""

from __future__ import annotations

import logging

from sqlalchemy import or_, select

from common.files.attachment import Attachment, is_sha256
from sync_server.db.file_tables import KeptFile
from sync_server.db.tables import Member, PrincipalOf
from sync_server.files.uploads import Uploads
from sync_server.problems import Problem

log = logging.getLogger("sync_server")


def visible_file(uploads: Uploads, person_id: str, device_id: str, sha256: str) -> KeptFile:
    """Find a file the person's tablet may hold. Raises Problem `file_unknown`, also for what is not here."""
    if not is_sha256(sha256):
        raise Problem(404, "file_unknown")
    in_scope = (
        select(Attachment.id)
        .join(Member, Member.agg == Attachment.agg)
        .join(PrincipalOf, PrincipalOf.principal == Member.principal)
        .where(
            or_(Attachment.sha256 == sha256, Attachment.preview_sha256 == sha256),
            PrincipalOf.person_id == person_id,
            Member.state == "active",
        )
    )
    with uploads.database.read() as session:
        kept = session.get(KeptFile, sha256)
        if session.scalar(in_scope.limit(1)) is None:
            log.warning("device %s asked for a file that is none of its person's", device_id)
            kept = None
    if kept is None or kept.state != "stored":
        raise Problem(404, "file_unknown")
    return kept
