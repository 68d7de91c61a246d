"""What became of bytes is told to the records that name them, by the one command that may (R061).

Owns that step and its repetition: records may come before, with, after or never with their bytes (I2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from common.files.attachment import Attachment, is_sha256
from common.files.bytes_arrive import NoteFileState
from common.policy.file_rules import FileRules, shipped_rules
from common.policy.policy_set import find_policy
from sync_server.db.database import Database
from sync_server.db.file_tables import KeptFile
from sync_server.db.office import SYSTEM, perform

PORTION = 500
State = Literal["stored", "refused", "missing"]


def rules_of(session: Session) -> FileRules:
    """Return what the policy in force says of files."""
    policy = find_policy(session)
    return policy.files if policy else shipped_rules()


def hashes_in(ops: Iterable[Mapping[str, Any]]) -> set[str]:
    """Gather the hashes of the files, and of their previews, that commands attach."""
    told = (op.get("a") for op in ops if op.get("k") == "attach_file")
    found = (
        args.get(name) for args in told if isinstance(args, dict) for name in ("sha256", "preview_sha256")
    )
    return {sha256 for sha256 in found if isinstance(sha256, str) and is_sha256(sha256)}


def settle(database: Database, hashes: Iterable[str]) -> int:
    """Tell every record of these bytes what the server found; returns how many learned something new."""
    wanted = sorted(set(hashes))
    if not wanted:
        return 0
    with database.read() as session:
        notes = [
            note
            for at in range(0, len(wanted), PORTION)
            for note in _news(session, wanted[at : at + PORTION])
        ]
    return sum(perform(database, SYSTEM, note).took_effect for note in notes)


def settle_all(database: Database) -> int:
    """Tell records what their bytes are known to be and they were not told: what a crash between the two leaves."""
    judged = Attachment.state.in_(("pending", "missing")) & KeptFile.state.in_(("stored", "refused"))
    lost = (Attachment.state == "stored") & (KeptFile.state == "missing")
    query = select(Attachment.sha256).join(KeptFile, KeptFile.sha256 == Attachment.sha256)
    query = query.where(or_(judged, lost))
    with database.read() as session:
        late = list(session.scalars(query.distinct().limit(PORTION)))
    return settle(database, late) if late else 0


def _news(session: Session, hashes: Sequence[str]) -> list[NoteFileState]:
    kept = {row.sha256: row for row in session.scalars(select(KeptFile).where(KeptFile.sha256.in_(hashes)))}
    if not kept:
        return []
    rules = rules_of(session)
    found = session.scalars(select(Attachment).where(Attachment.sha256.in_(sorted(kept))))
    told = [(row, _judged(row, kept[row.sha256], rules)) for row in found]
    return [
        NoteFileState(row.id, row.ticket_id, *news)
        for row, news in told
        if news is not None and news != (row.state, row.fault)
    ]


def _judged(row: Attachment, kept: KeptFile, rules: FileRules) -> tuple[State, str] | None:
    """Say what a record is to be told: a photo that is none is refused here, though its bytes may serve another."""
    kind = rules.kind(row.kind)
    match kept.state:
        case "stored" if kind is not None and kept.media_type not in kind.types:
            return "refused", "type_differs"
        case "stored":
            return "stored", kept.fault
        case "refused":
            return "refused", kept.fault
        case "missing":
            return "missing", ""
    return None
