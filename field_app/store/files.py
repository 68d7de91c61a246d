"""Files attached on this tablet: bytes and record are kept together, found again after a crash, and let go at the end.

Owns the order of keeping (bytes for good → record and row in one transaction, A8) and the rows of `blob`. What is sent
when is `sync/upload.py`'s. Runs on any shelf.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from common.files.attach import AttachFile
from common.files.attachment import Attachment
from common.kernel.clock import millis
from common.kernel.ids import uuid7
from common.protocol.messages import SyncAnswer
from field_app.store.pictures import Prepared
from field_app.store.roomy import StoreFullError
from field_app.store.schema import SPOILED, Blob, OutboxOp, SyncState
from field_app.store.shelf import BytesUnreadable, Shelf, ShelfClosed
from field_app.store.store import Given, Store, state_of

PREVIEW = "preview"
PRIORITIES = {PREVIEW: 0, "signature": 0, "voice": 1, "document": 2}
LAST = 3  # photos
ASK = -1  # an offset that only the server knows
DAY_MS = 86_400_000
ORPHAN_MS = 14 * DAY_MS  # a store put back from an older copy may still be asked for what lies here
LOOKED_AT_MS = 7 * DAY_MS  # so long a file that is safe at the office can still be looked at here
STUCK = ("lost", "refused")  # these bytes go nowhere by themselves
UNSETTLED = ("new", "parked", "blocked")


@dataclass(frozen=True, slots=True)
class NewFile:
    """What is to be attached. `taken_at` in UTC; `kind` and `purpose` as `AttachFile` has them."""

    ticket_id: str
    visit_id: str | None
    kind: str
    purpose: str
    name: str
    taken_at: datetime
    caption: str = ""


class FileBox:
    """The files of one tablet."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self.store = store
        self.shelf = shelf

    def attach(self, new: NewFile, prepared: Prepared) -> Given:
        """Keep a file and its record. Refused: neither is kept. Raises StoreFullError; nothing of it is left then."""
        try:
            sha = self.shelf.put(prepared.data)
            preview = self.shelf.put(prepared.preview) if prepared.preview else ""
        except OSError as error:
            raise StoreFullError from error
        now_ms = self.store.clock.read().wall_ms
        payload = AttachFile(
            uuid7(now_ms, self.store.random_bytes),
            new.ticket_id,
            new.kind,
            sha,
            len(prepared.data),
            prepared.media_type,
            new.name,
            new.taken_at,
            new.visit_id,
            new.purpose,
            new.caption,
            preview,
        )

        def beside(session: Session, op_id: str) -> None:
            if preview:
                size = len(prepared.preview)
                _keep(
                    session,
                    Blob(sha=preview, role=PREVIEW, media_type="image/jpeg", size=size),
                    op_id,
                    now_ms,
                )
            size = len(prepared.data)
            _keep(
                session,
                Blob(sha=sha, role=new.kind, media_type=prepared.media_type, size=size),
                op_id,
                now_ms,
            )

        given: Given | None = None
        try:
            given = self.store.give(payload, beside=beside)
        finally:
            if given is None or not given.outcome.took_effect:
                self._remove_unused(sha, preview)
        return given

    def read(self, sha: str) -> bytes | None:
        """Read a file whole; None where its bytes are not here or do not open."""
        try:
            return self.shelf.read(sha)
        except (OSError, BytesUnreadable, ShelfClosed):  # the screen shows that it is not here
            return None

    def look_after(self) -> None:
        """Bring rows and bytes together at a start: what was never finished goes, what is missing is said (A8)."""
        here, now_ms = self.shelf.listed(), self.store.clock.read().wall_ms

        def compare(session: Session) -> set[str]:
            rows: dict[str, str] = {
                sha: state for sha, state in session.execute(select(Blob.sha, Blob.state))
            }
            lost = [sha for sha, state in rows.items() if state in ("waiting", "sent") and sha not in here]
            found = [sha for sha, state in rows.items() if state == "lost" and sha in here]
            session.execute(update(Blob).where(Blob.sha.in_(lost)).values(state="lost"))
            session.execute(
                update(Blob).where(Blob.sha.in_(found)).values(state="waiting", offset=ASK, tries=0)
            )
            old = {sha for sha, put_ms in here.items() if sha not in rows and now_ms - put_ms > ORPHAN_MS}
            return old | {sha for sha, state in rows.items() if state == "gone" and sha in here}

        for sha in self.store.write(compare):
            self.shelf.remove(sha)

    def let_go(self) -> int:
        """Forget bytes that the server has in a proven backup and that nobody looks at any more; returns how many."""
        since_ms = self.store.clock.read().wall_ms - LOOKED_AT_MS
        with self.store.read() as session:
            safe = select(Blob.sha).where(
                Blob.state == "sent",
                Blob.role != PREVIEW,  # 20 KB: the strip goes on showing them
                Blob.stored_seq > 0,
                Blob.stored_seq <= state_of(session).durable,
                Blob.kept_ms <= since_ms,
            )
            shas = list(session.scalars(safe))
        if not shas:
            return 0
        gone = update(Blob).where(Blob.sha.in_(shas), Blob.state == "sent").values(state="gone")
        self.store.write(lambda session: session.execute(gone))
        for sha in shas:
            self.shelf.remove(sha)
        return len(shas)

    def _remove_unused(self, *shas: str) -> None:
        with self.store.read() as session:
            used = set(session.scalars(select(Blob.sha).where(Blob.sha.in_(shas))))
        for sha in shas:
            if sha and sha not in used:
                self.shelf.remove(sha)


def _keep(session: Session, blob: Blob, op_id: str, now_ms: int) -> None:
    """Write the row of new bytes; bytes that were attached before keep theirs, unless they were gone or lost."""
    known = session.get(Blob, blob.sha)
    if known is not None and known.state in ("waiting", "sent"):
        return
    if known is not None:
        session.execute(delete(Blob).where(Blob.sha == blob.sha))
        session.expunge(known)
    blob.priority = PRIORITIES.get(blob.role, LAST)
    blob.state, blob.offset, blob.tries, blob.error = "waiting", ASK, 0, ""
    blob.op_id, blob.kept_ms, blob.stored_seq = op_id, now_ms, 0
    session.add(blob)


def take_wishes(session: Session, state: SyncState, answer: SyncAnswer) -> None:
    """Take in what an answer says of files: what the server lacks is sent again, what it stored is noted as such."""
    if answer.reset:
        session.execute(update(Blob).where(Blob.stored_seq > 0).values(stored_seq=0))
    for wish in answer.blob:
        at = wish.off if wish.st == "partial" else ASK
        session.execute(
            update(Blob)
            .where(Blob.sha == wish.sha, Blob.state.in_(("waiting", "sent", "refused")))
            .values(state="waiting", offset=at, stored_seq=0)
        )
        if session.get(Blob, wish.sha) is None:
            _adopt(session, state.device_id, wish.sha, at)
    if answer.more or session.scalar(select(Blob.sha).limit(1)) is None:
        return
    other = aliased(Attachment)
    waited_for = exists().where(other.sha256 == Blob.sha, other.state != "stored", other.withdrawn.is_(False))
    stored = Attachment.state == "stored"
    mine = exists().where(Attachment.sha256 == Blob.sha, stored)
    wished = [wish.sha for wish in answer.blob]
    session.execute(
        update(Blob)
        .where(Blob.state == "waiting", Blob.sha.not_in(wished), mine, ~waited_for)
        .values(state="sent", offset=Blob.size, error="", tries=0)
        .execution_options(synchronize_session=False)
    )
    its = exists().where((Attachment.sha256 == Blob.sha) | (Attachment.preview_sha256 == Blob.sha), stored)
    session.execute(
        update(Blob)
        .where(Blob.state == "sent", Blob.stored_seq == 0, its)
        .values(stored_seq=state.position)
        .execution_options(synchronize_session=False)
    )


def _adopt(session: Session, device_id: str, sha: str, offset: int) -> None:
    """Take up a file that this store, put back from an older copy, does not know and whose bytes may still lie here.

    The server also asks for what its person attached on another tablet; that is none of ours.
    """
    mine = (Attachment.sha256 == sha, Attachment.device_id == device_id)
    row = session.scalar(select(Attachment).where(*mine).limit(1))
    if row is not None:
        blob = Blob(sha=sha, role=row.kind, media_type=row.media_type, size=row.size_bytes)
        _keep(session, blob, "", millis(row.attached_at))
        blob.offset = offset


def sendable(heavy: bool, *, unsettled: bool = False) -> Callable[[Session], Blob | None]:
    """Return the query of what is sent next: previews and signatures first; what keeps failing last.

    `heavy` False: only what is small, for a line that costs. Bytes wait until the server has taken their record in,
    but for `unsettled` ones: those of a tablet that was sent away, whose records the office has yet to judge.
    """
    query = select(Blob).where(Blob.state == "waiting")
    if not unsettled:
        unheard = and_(OutboxOp.state == SPOILED, OutboxOp.status == "")
        pending = select(OutboxOp.id).where(or_(OutboxOp.state.in_(UNSETTLED), unheard))
        query = query.where(Blob.op_id.not_in(pending))
    if not heavy:
        query = query.where(Blob.priority == 0)
    query = query.order_by(Blob.tries > 5, Blob.priority, Blob.kept_ms, Blob.sha).limit(1)
    return lambda session: session.scalar(query)


def note_offset(session: Session, sha: str, offset: int) -> None:
    """Note how many bytes the server says it has; all of them: it is sent."""
    _note(session, sha, offset, {})


def note_progress(session: Session, sha: str, offset: int) -> None:
    """Note how many bytes the server has after some were sent; all of them: it is sent."""
    _note(session, sha, offset, {"tries": 0, "error": ""})


def _note(session: Session, sha: str, offset: int, also: dict[str, Any]) -> None:
    state = "sent" if offset >= (session.scalar(select(Blob.size).where(Blob.sha == sha)) or 0) else "waiting"
    values = {"offset": offset, "state": state} | also
    session.execute(update(Blob).where(Blob.sha == sha, Blob.state == "waiting").values(**values))


def note_failure(session: Session, sha: str, error: str, *, state: str = "waiting", ask: bool = True) -> None:
    """Note that a try failed, and why; `ask`: the server must be asked how far it has come."""
    values = {"tries": Blob.tries + 1, "error": error, "state": state} | ({"offset": ASK} if ask else {})
    session.execute(update(Blob).where(Blob.sha == sha, Blob.state == "waiting").values(**values))
