"""What the server does about files by itself: draws, tells late ones, reads all again over time, sweeps (I2, I5, A8).

Owns these jobs. They change records only by the command that says what became of bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select

from common.files.attachment import WANTED, Attachment
from common.files.bytes_arrive import NoteFileState
from sync_server.db.database import Database
from sync_server.db.file_tables import KeptFile
from sync_server.db.office import SYSTEM, perform
from sync_server.db.tables import ParkedOp
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.files.arrived import hashes_in, rules_of, settle, settle_all
from sync_server.files.pictures import Pictures
from sync_server.files.store import FileStore, StoreAwayError
from sync_server.files.uploads import Uploads, now_of
from sync_server.jobs.ticker import Job

log = logging.getLogger("sync_server")
A_ROUND = 500
HOURS = 24


def nowhere(_sha256: str) -> bool:
    """Say that no backup holds a file."""
    return False


@dataclass(frozen=True, slots=True)
class Keeping:
    """The jobs of files. `put_back` puts one into the store out of a backup, and says whether one held it."""

    uploads: Uploads
    pictures: Pictures
    put_back: Callable[[str], bool] = nowhere

    def jobs(self) -> tuple[Job, ...]:
        """Return them."""
        return (
            Job("file_pictures", timedelta(seconds=20), self.settle_and_draw),
            Job("file_late", timedelta(minutes=10), tell_late),
            Job("file_presence", timedelta(hours=HOURS), self.look_all),
            Job("file_scrub", timedelta(hours=1), self.scrub),
            Job("file_sweep", timedelta(hours=6), self.sweep),
        )

    def settle_and_draw(self, database: Database) -> int:
        """Tell records what was not told yet, draw pictures nobody looked at; returns how many."""
        return settle_all(database) + self.pictures.draw_waiting()

    def look_all(self, database: Database) -> int:
        """See that every file is there with all its bytes, and take up missing ones; returns how many changed."""
        with database.read() as session:
            query = select(KeptFile.sha256, KeptFile.size_bytes, KeptFile.state)
            rows = session.execute(query.where(KeptFile.state.in_(("stored", "missing")))).all()
        is_there = {sha256: self.uploads.store.size(sha256) == size for sha256, size, _ in rows}
        missing = [sha256 for sha256, _, state in rows if state == "missing"]
        back = [sha256 for sha256 in missing if self._is_back(sha256, is_there[sha256])]
        for sha256 in back:
            self.uploads.adopt(sha256)
        lost = [sha256 for sha256, _, state in rows if state == "stored" and not is_there[sha256]]
        return len(back) + self._lose(database, lost)

    def _is_back(self, sha256: str, is_there: bool) -> bool:
        return (is_there and self.uploads.is_whole(sha256)) or self.put_back(sha256)

    def _lose(self, database: Database, hashes: list[str]) -> int:
        """Put back what a backup holds, note that the rest is missing; returns how many there were."""
        lose(database, self.uploads.store, [sha256 for sha256 in hashes if not self.put_back(sha256)])
        return len(hashes)

    def rotten(self) -> list[str]:
        """Read and hash every file; returns those that are not whole. Changes nothing."""
        with self.uploads.database.read() as session:
            query = select(KeptFile.sha256).where(KeptFile.state == "stored").order_by(KeptFile.sha256)
            hashes = list(session.scalars(query))
        return [sha256 for sha256 in hashes if not self.uploads.is_whole(sha256)]

    def scrub(self, database: Database) -> int:
        """Read and hash the files that were not read for longest, so many that all are within `scrub_d` days.

        Returns how many were missing or rotten. Raises StoreAwayError, having noted what could be read.
        """
        with database.read() as session:
            total = session.scalar(select(func.count()).where(KeptFile.state == "stored")) or 0
            share = total // (self.uploads.rules.scrub_d * HOURS) + 1
            query = (
                select(KeptFile.sha256)
                .where(KeptFile.state == "stored")
                .order_by(KeptFile.checked_at)
                .limit(share)
            )
            slice_ = list(session.scalars(query))
        rotten, read, away = [], [], None
        for sha256 in slice_:
            read.append(sha256)
            try:
                if not self.uploads.is_whole(sha256):
                    rotten.append(sha256)
            except StoreAwayError as error:
                away = error  # of one file or of all: what cannot be read is not known to be rotten
                break

        def checked(unit: UnitOfWork) -> None:
            for row in unit.session.scalars(select(KeptFile).where(KeptFile.sha256.in_(read))):
                row.checked_at = unit.now  # of what cannot be read too: it must not hold the others up

        database.transact(checked)
        lost = self._lose(database, rotten)
        if away is not None:
            raise away
        return lost

    def sweep(self, database: Database) -> int:
        """Let go what no record names for `unrecorded_d` days; take up bytes that lie in the store without a row.

        What a command names that the office has yet to judge is kept.

        Those are of a crash, or of a database that was restored from before they came.
        """
        before = now_of(database) - timedelta(days=self.uploads.rules.unrecorded_d)
        named = or_(Attachment.sha256 == KeptFile.sha256, Attachment.preview_sha256 == KeptFile.sha256)
        unnamed = ~select(Attachment.id).where(named).exists()
        with database.read() as session:
            query = select(KeptFile.sha256).where(KeptFile.moved_at < before, unnamed).limit(A_ROUND)
            open_ops = select(ParkedOp.envelope).where(ParkedOp.state == "open")
            gone = set(session.scalars(query)) - hashes_in(session.scalars(open_ops))
            known = set(session.scalars(select(KeptFile.sha256)))

        def delete(unit: UnitOfWork) -> None:
            for sha256 in gone:
                row = unit.session.get(KeptFile, sha256)
                if row is not None:
                    unit.session.delete(row)

        if gone:
            database.transact(delete)
        for sha256 in gone:
            self.uploads.store.remove(sha256)
            self.uploads.part(sha256).unlink(missing_ok=True)
            self.pictures.forget(sha256)
        adopted = [sha256 for sha256 in self.uploads.store.names() if sha256 not in known]
        for sha256 in adopted:
            if self.uploads.is_whole(sha256):
                self.uploads.adopt(sha256)
            else:
                self.uploads.store.remove(sha256)
        return len(gone) + len(adopted) + self._sweep_incoming(before.timestamp(), known - gone)

    def _sweep_incoming(self, before_s: float, known: set[str]) -> int:
        old = [
            path
            for path in self.uploads.folder.glob("*")
            if path.stem not in known and path.stat().st_mtime < before_s
        ]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def lose(database: Database, store: FileStore, hashes: Iterable[str]) -> int:
    """Note that bytes are gone or rotten: they are asked back from whoever still has them; returns how many.

    Records are told before anything is removed: what a crash leaves then is rotten bytes that nobody is shown and the
    next upload replaces.
    """
    lost = sorted(hashes)

    def note(unit: UnitOfWork) -> None:
        for row in unit.session.scalars(select(KeptFile).where(KeptFile.sha256.in_(lost))):
            row.state, row.received_bytes, row.moved_at = "missing", 0, unit.now

    if lost:
        log.error("%s files are missing or rotten; they are asked back from the tablets", len(lost))
        database.transact(note)
        settle(database, lost)
        for sha256 in lost:
            try:
                store.remove(sha256)
            except StoreAwayError as error:
                log.warning("what is left of a rotten file stays: %s", error)
    return len(lost)


def tell_late(database: Database) -> int:
    """Tell the office of files whose bytes do not come for `pending_alarm_h` hours; returns how many."""
    with database.read() as session:
        before = now_of(database) - timedelta(hours=rules_of(session).pending_alarm_h)
        query = select(Attachment.id, Attachment.ticket_id).where(
            Attachment.state.in_(WANTED),
            Attachment.attached_at < before,
            Attachment.late_at.is_(None),
            Attachment.withdrawn.is_(False),
        )
        late = session.execute(query.limit(A_ROUND)).all()
    notes = [NoteFileState(file_id, ticket_id, "late") for file_id, ticket_id in late]
    return sum(perform(database, SYSTEM, note).took_effect for note in notes)
