"""Uploads: which bytes come, from where on, and when they are whole. tus's state, without HTTP.

Owns the table's rows and the files that still come. Bytes count once the disk has them; a file is there only after its
whole SHA-256 was right (I1). One sender's quota never costs another anything (L4).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from common.files.attachment import Attachment, is_sha256
from common.kernel.clock import instant
from common.kernel.reserve import free_bytes
from sync_server.db.database import Database
from sync_server.db.file_tables import KeptFile
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.files.arrived import rules_of, settle
from sync_server.files.incoming import Incoming, held
from sync_server.files.kinds import HEAD_BYTES, media_type_of
from sync_server.files.store import FileStore
from sync_server.problems import Problem
from sync_server.security import UploadRules

MB = 1024 * 1024
DAY = timedelta(days=1)
QUOTA_WAIT_S = 3600


@dataclass(frozen=True, slots=True)
class Standing:
    """How an upload stands: `offset` bytes of `size` are here for sure."""

    offset: int
    size: int
    state: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Uploads:
    """Takes files in, from tablets by tus and from the office whole."""

    database: Database
    store: FileStore
    folder: Path  # of what still comes
    rules: UploadRules

    def largest(self) -> int:
        """Return the largest size any file may have."""
        with self.database.read() as session:
            return rules_of(session).size_max_bytes

    def announce(self, device_id: str, sha256: str, size: int) -> Standing:
        """Begin an upload, or say how an earlier one stands. Raises Problem for hash, size, quota, room."""
        if not is_sha256(sha256):
            raise Problem(422, "sha256_unusable")
        with self.database.read() as session:
            largest, row = rules_of(session).size_max_bytes, session.get(KeptFile, sha256)
        if not 1 <= size <= largest:
            raise Problem(413, "file_over_limit", mb=largest // MB)
        if row is not None and row.state == "refused":
            raise Problem(422, "file_not_kept", fault=row.fault)
        if row is None or row.state != "stored":
            self._begin(device_id, sha256, size, row)
        now = self.standing(sha256)
        if now.state == "stored" and now.size != size:
            raise Problem(422, "size_differs")  # one hash has one length: whoever says another is wrong
        return now

    def _begin(self, device_id: str, sha256: str, size: int, row: KeptFile | None) -> None:
        if self.store.size(sha256) is not None and self.is_whole(sha256):
            self.adopt(sha256)  # a restored database may know less than the disk
        elif row is None or row.state != "partial" or row.size_bytes != size:
            self._check_room(size)
            self.database.transact(lambda unit: self._plant(unit, device_id, sha256, size))

    def standing(self, sha256: str) -> Standing:
        """Say how an upload stands, by what the disk has. Raises Problem `file_unknown`."""
        with self.database.read() as session:
            row = session.get(KeptFile, sha256) if is_sha256(sha256) else None
        if row is None or row.state == "missing":
            raise Problem(404, "file_unknown")
        if row.state != "partial":
            return Standing(row.size_bytes, row.size_bytes, row.state, row.fault)
        try:
            on_disk = self.part(sha256).stat().st_size
        except FileNotFoundError:
            on_disk = 0
        return Standing(min(row.received_bytes, on_disk), row.size_bytes, row.state)

    def append(self, sha256: str, offset: int) -> Incoming | None:
        """Open an upload for more bytes from `offset` on; None where it is whole and `offset` its end.

        Raises Problem `file_unknown`, `file_not_kept`, `offset_conflict`, `file_busy`, `server_disk_full`.
        """
        if self._expected(sha256, offset).state == "stored":
            return None
        with held(self.part(sha256)) as holding:
            now = self._expected(sha256, offset)
            self._check_room(now.size - now.offset)
            return holding.keep(now.offset, now.size)

    def _expected(self, sha256: str, offset: int) -> Standing:
        now = self.standing(sha256)
        if now.state == "refused":
            raise Problem(422, "file_not_kept", fault=now.fault)
        if offset != now.offset:
            raise Problem(409, "offset_conflict", offset=now.offset)
        return now

    def advance(self, sha256: str, incoming: Incoming) -> Standing:
        """Count what came; the last byte has the whole looked at. Raises Problem `file_hash_wrong`."""
        incoming.sync()
        if incoming.offset < incoming.size:
            self._note(sha256, received_bytes=incoming.offset)
            return Standing(incoming.offset, incoming.size, "partial")
        if incoming.sha256() != sha256:
            incoming.cut(0)
            self._note(sha256, received_bytes=0)
            raise Problem(460, "file_hash_wrong")
        return self._take(sha256, self.part(sha256), incoming.head(HEAD_BYTES))

    def take_whole(self, source: Path, device_id: str = "") -> str:
        """Take a file that came whole, as an upload would be taken; returns its SHA-256. `source` is gone afterwards.

        `device_id`: the tablet that brings it, '' the office. Raises Problem as `announce`, and `file_busy` while a
        tablet is sending it.
        """
        with source.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            opened.seek(0)
            head = opened.read(HEAD_BYTES)
        if self.announce(device_id, sha256, source.stat().st_size).state == "stored":
            source.unlink()
            return sha256
        with held(self.part(sha256)):
            self._take(sha256, source, head)
            self.part(sha256).unlink()
        return sha256

    def is_whole(self, sha256: str) -> bool:
        """Read a file of the store and say whether it is what its name says. Raises StoreAwayError."""
        digest = hashlib.sha256()
        try:
            for block in self.store.read(sha256):
                digest.update(block)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == sha256

    def adopt(self, sha256: str) -> None:
        """Take up bytes that lie in the store, whole, and that the database knows nothing of or calls missing."""
        size = self.store.size(sha256) or 0
        media_type = media_type_of(next(self.store.read(sha256, 0, HEAD_BYTES), b""))

        def take_up(unit: UnitOfWork) -> None:
            self._plant(unit, "", sha256, size)
            _mark_stored(unit, sha256, size, media_type)

        self.database.transact(take_up)
        settle(self.database, [sha256])

    def part(self, sha256: str) -> Path:
        """Return where bytes lie that still come."""
        return self.folder / f"{sha256}.part"

    def _take(self, sha256: str, part: Path, head: bytes) -> Standing:
        media_type, size = media_type_of(head), part.stat().st_size
        with self.database.read() as session:
            is_taken = media_type in rules_of(session).types
        if is_taken:
            self.store.put(sha256, part)
            self.database.transact(lambda unit: _mark_stored(unit, sha256, size, media_type))
        else:
            part.unlink()
            self._note(sha256, state="refused", media_type=media_type, fault="type_unknown", received_bytes=0)
        settle(self.database, [sha256])
        if not is_taken:
            raise Problem(422, "file_not_kept", fault="type_unknown")
        return Standing(size, size, "stored")

    def _note(self, sha256: str, **values: object) -> None:
        def write(unit: UnitOfWork) -> None:
            row = unit.session.get(KeptFile, sha256)
            assert row is not None
            for name, value in values.items():
                setattr(row, name, value)
            row.moved_at = unit.now

        self.database.transact(write)

    def _plant(self, unit: UnitOfWork, device_id: str, sha256: str, size: int) -> None:
        row = unit.session.get(KeptFile, sha256)
        if row is None:
            if device_id:
                self._check_quota(unit.session, device_id, sha256, size, unit.now)
            row = KeptFile(
                sha256=sha256, device_id=device_id, begun_at=unit.now, stored_at=None, checked_at=None
            )
            unit.session.add(row)
        elif row.state == "stored":  # somebody else was quicker; bytes that are whole are never begun anew
            return
        row.size_bytes, row.received_bytes, row.state, row.moved_at = size, 0, "partial", unit.now
        row.fault = row.media_type = row.shown = ""
        row.backed_up = False

    def _check_quota(self, session: Session, device_id: str, sha256: str, size: int, now: datetime) -> None:
        """Refuse `file_quota`: too much of one tablet in a day, or too much that no record names."""
        rules, mine = rules_of(session), KeptFile.device_id == device_id
        files, total = _count(session, mine, KeptFile.begun_at > now - DAY)
        if files >= rules.per_device_day_max or total + size > rules.per_device_day_bytes_max:
            raise _quota()
        if session.scalar(select(_named_by(sha256))):
            return
        files, total = _count(session, mine, ~_named_by(KeptFile.sha256))
        if files >= self.rules.unrecorded_files or total + size > self.rules.unrecorded_mb * MB:
            raise _quota()

    def _check_room(self, size: int) -> None:
        """Refuse `server_disk_full` where the bytes would take what database and people need (I4)."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if free_bytes(self.folder) - size < self.rules.keep_free_mb * MB:
            raise Problem(507, "server_disk_full", headers={"Retry-After": "60"})


def now_of(database: Database) -> datetime:
    """Return the time on the database's clock."""
    return instant(database.clock.read().wall_ms)


def _mark_stored(unit: UnitOfWork, sha256: str, size: int, media_type: str) -> None:
    """Note what lies in the store, with the length it has there: a second sender may have told another."""
    row = unit.session.get(KeptFile, sha256)
    assert row is not None
    row.state, row.media_type = "stored", media_type
    row.size_bytes = row.received_bytes = size
    row.moved_at = row.stored_at = row.checked_at = unit.now


def _named_by(sha256: Any) -> ColumnElement[bool]:
    whole = select(Attachment.id).where(Attachment.sha256 == sha256).exists()
    return whole | select(Attachment.id).where(Attachment.preview_sha256 == sha256).exists()


def _count(session: Session, *conditions: ColumnElement[bool]) -> tuple[int, int]:
    query = select(func.count(), func.coalesce(func.sum(KeptFile.size_bytes), 0)).where(*conditions)
    files, total = session.execute(query).one()
    return files, int(total)


def _quota() -> Problem:
    return Problem(429, "file_quota", headers={"Retry-After": str(QUOTA_WAIT_S)})
