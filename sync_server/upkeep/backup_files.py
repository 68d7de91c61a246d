"""Files in a backup: one folder beside the backups, filled with what is new, by hash (A backup holds what it names).

Owns copying there and back. Which files a database names is asked of the copy that was restored to be sure.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import select
from sqlalchemy.orm import Session

from sync_server.db.database import Database
from sync_server.db.file_tables import KeptFile
from sync_server.files.store import UNREADY, FileStore, FolderStore

FOLDER = "files"
PART = ".copying"


@dataclass(frozen=True, slots=True)
class Lacking:
    """Files a backup lacks: those `lost` are missing or rotten in the original too, the others could not be copied."""

    lost: tuple[str, ...]
    uncopied: tuple[str, ...]


def backup_store(target: Path) -> FolderStore:
    """Return the folder of files that all backups below `target` share."""
    return FolderStore(target / FOLDER)


def copy_new(session: Session, store: FileStore, target: Path) -> list[str]:
    """Copy what the backup does not hold yet; returns the hashes of files that it lacks all the same.

    `session` reads the copied database: exactly what it calls stored must be there when it is believed.
    """
    there = backup_store(target)
    return [
        sha256
        for sha256, size in _named(session, "stored")
        if there.size(sha256) != size and not copy_whole(sha256, store, there)
    ]


def look_again(database: Database, store: FileStore, lacking: Sequence[str]) -> Lacking:
    """Look at the originals of what a backup lacks: nothing is called lost for a copy that did not come about.

    What the database itself names no more was let go meanwhile, and is no fault.
    """
    with database.read() as session:
        query = select(KeptFile.sha256, KeptFile.state).where(KeptFile.sha256.in_(lacking))
        states = {row.sha256: row.state for row in session.execute(query.order_by(KeptFile.sha256))}
    lost = [sha256 for sha256, state in states.items() if state == "stored" and not _read(sha256, store)]
    return Lacking(tuple(lost), tuple(sha256 for sha256 in states if sha256 not in lost))


def sweep_parts(target: Path) -> None:
    """Take away parts of files that copies killed on their way left; nobody copies meanwhile."""
    folder = backup_store(target).folder
    for left in (*folder.glob(f"*{PART}"), *folder.glob(f"??/??/*{UNREADY}")):
        left.unlink(missing_ok=True)


def bring_back(session: Session, backups: Path, store: FileStore) -> tuple[int, int]:
    """Put back what the restored database names and the store has lost; returns how many came, how many are not there.

    What was missing already when the backup was made comes too, where an earlier one left it there; the office knows of
    it and it counts only if it comes.
    """
    here = backup_store(backups)

    def tried(state: str) -> list[bool]:
        lost = [sha256 for sha256, size in _named(session, state) if store.size(sha256) != size]
        return [copy_whole(sha256, here, store) for sha256 in lost]

    stored, missing = tried("stored"), tried("missing")
    return sum(stored) + sum(missing), stored.count(False)


def _named(session: Session, state: str) -> Iterator[tuple[str, int]]:
    query = (
        select(KeptFile.sha256, KeptFile.size_bytes).where(KeptFile.state == state).order_by(KeptFile.sha256)
    )
    yield from ((row.sha256, row.size_bytes) for row in session.execute(query))


def copy_whole(sha256: str, source: FileStore, target: FileStore) -> bool:
    """Copy one file, if it is what its name says; says whether it is."""
    with _part(sha256, target) as (path, out):
        is_whole = _read(sha256, source, out.write)
        out.close()
        if is_whole:
            target.put(sha256, path)
    return is_whole


def _read(sha256: str, source: FileStore, keep: Callable[[bytes], object] = len) -> bool:
    """Read one file and hand on its blocks; says whether it is what its name says."""
    digest = hashlib.sha256()
    for block in _blocks(sha256, source):
        digest.update(block)
        keep(block)
    return digest.hexdigest() == sha256


def _blocks(sha256: str, source: FileStore) -> Iterator[bytes]:
    """Read what is there: only here is a file that is not there a loss, and not a trouble of whoever writes."""
    try:
        yield from source.read(sha256)
    except FileNotFoundError:
        return


@contextmanager
def _part(sha256: str, target: FileStore) -> Iterator[tuple[Path, IO[bytes]]]:
    """Open a file of this copy alone, on the disk of a folder so that it can be moved in; gone afterwards."""
    folder = target.folder if isinstance(target, FolderStore) else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(prefix=f"{sha256}.", suffix=PART, dir=folder, delete=False) as out:
        path = Path(out.name)
        try:
            yield path, out
        finally:
            path.unlink(missing_ok=True)
