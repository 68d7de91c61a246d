"""Files in a backup: one folder beside the backups, filled with what is new, by hash (A backup holds what it names).

Owns copying there and back. Which files a database names is asked of the copy that was restored to be sure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from sync_server.db.file_tables import KeptFile
from sync_server.files.store import FileStore, FolderStore

FOLDER = "files"


def backup_store(target: Path) -> FolderStore:
    """Return the folder of files that all backups below `target` share."""
    return FolderStore(target / FOLDER)


def copy_new(session: Session, store: FileStore, target: Path) -> list[str]:
    """Copy what the backup does not hold yet; returns the hashes of files that are missing or rotten here.

    `session` reads the copied database: exactly what it calls stored must be there when it is believed.
    """
    there = backup_store(target)
    return [
        sha256
        for sha256, size in _named(session)
        if there.size(sha256) != size and not _copy(sha256, store, there)
    ]


def bring_back(session: Session, backups: Path, store: FileStore) -> tuple[int, int]:
    """Put back what the restored database names and the store has lost; returns how many came, how many are not there."""
    here = backup_store(backups)
    lost = [sha256 for sha256, size in _named(session) if store.size(sha256) != size]
    came = sum(_copy(sha256, here, store) for sha256 in lost)
    return came, len(lost) - came


def _named(session: Session) -> Iterator[tuple[str, int]]:
    query = (
        select(KeptFile.sha256, KeptFile.size_bytes)
        .where(KeptFile.state == "stored")
        .order_by(KeptFile.sha256)
    )
    yield from ((row.sha256, row.size_bytes) for row in session.execute(query))


def _copy(sha256: str, source: FileStore, target: FileStore) -> bool:
    """Copy one file, if it is still what its name says."""
    folder = target.folder if isinstance(target, FolderStore) else Path()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    unready = folder / f"{sha256}.copying"
    digest = hashlib.sha256()
    try:
        with unready.open("wb") as out:
            for block in source.read(sha256):
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != sha256:
            return False
        target.remove(sha256)
        target.put(sha256, unready)
    except FileNotFoundError:
        return False
    finally:
        unready.unlink(missing_ok=True)
    return True
