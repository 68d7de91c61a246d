"""Where the bytes of files lie, by their SHA-256. A folder here; a bucket that speaks S3 is in `s3_store`.

Owns the store's promise: a name is there only with all its bytes, and what was put stays after a power cut. Hashes
nothing itself: whoever puts has looked.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from sqlalchemy import select

from common.files.attachment import is_sha256
from sync_server.db.database import Database
from sync_server.db.file_tables import KeptFile
from sync_server.settings import Settings

BLOCK = 256 * 1024
UNREADY = ".new"
PLACES = "??/??/*"
MARK = ".fieldwright-files"
MARK_SAYS = (
    "Fieldwright keeps files in this folder. An empty one without this mark is taken for one not mounted.\n"
)


class StoreAwayError(Exception):
    """The store cannot be asked. Nothing is known of what it holds; come again."""


class FileStore(Protocol):
    """What the server needs of a store. Names are SHA-256 in hex, nothing a stranger wrote.

    Each raises StoreAwayError for whatever tells nothing of the file itself; only what is not there is not there.
    """

    def claim(self) -> None:
        """Take the place for this store's own from now on, whatever should have lain in it."""
        ...

    def put(self, sha256: str, source: Path) -> None:
        """Take a file over: afterwards it is in the store for good, instead of any of that name, and `source` is gone."""
        ...

    def size(self, sha256: str) -> int | None:
        """Return how many bytes are there, None where there is no such file."""
        ...

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Read bytes in blocks. Raises FileNotFoundError before the first block."""
        ...

    def remove(self, sha256: str) -> None:
        """Let a file go, if it is there."""
        ...

    def names(self) -> Iterator[str]:
        """List everything that is there."""
        ...


class FolderStore:
    """A folder of this machine, `ab/cd/<sha256>`; every worker of the server uses the same.

    Its root is marked when the place is claimed. One that is empty and unmarked though files `are_expected` in it is
    another folder: a share that is not mounted, a wrong path. That is away, not empty.
    """

    def __init__(self, folder: Path, are_expected: Callable[[], bool] = lambda: False) -> None:
        self.folder = folder
        self._are_expected = are_expected

    def path(self, sha256: str) -> Path:
        """Return where a file lies, or would."""
        return self.folder / sha256[:2] / sha256[2:4] / sha256

    def put(self, sha256: str, source: Path) -> None:
        """Move or copy it in: temp, fsync, rename, fsync of the folders. It takes the place of one that is there.

        That may be rotten; this one was looked at just now.
        """
        place = self.path(sha256)
        with self._asked():
            self._make(place.parent)
            unready = place.with_name(source.name + UNREADY)
            if source.stat().st_dev == self.folder.stat().st_dev:
                source.replace(unready)
            else:
                shutil.copyfile(source, unready)
            _settle(unready)
            unready.replace(place)
            _settle(place.parent)
            source.unlink(missing_ok=True)

    def size(self, sha256: str) -> int | None:
        """Return how many bytes are there, None where there is no such file."""
        try:
            with self._asked():
                return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Read bytes in blocks. Raises FileNotFoundError; StoreAwayError also on the way."""
        with self._asked():
            file = self.path(sha256).open("rb")

        def blocks() -> Iterator[bytes]:
            left = length
            with _told(), file:
                file.seek(start)
                while left is None or left > 0:
                    block = file.read(BLOCK if left is None else min(BLOCK, left))
                    if not block:
                        return
                    left = None if left is None else left - len(block)
                    yield block

        return blocks()

    def remove(self, sha256: str) -> None:
        """Let a file go, if it is there."""
        with self._asked():
            self.path(sha256).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """List everything that is there, but for what a crash left half moved."""
        with self._asked():
            paths = sorted(self.folder.glob(PLACES))
        for path in paths:
            if is_sha256(path.name):
                yield path.name

    def claim(self) -> None:
        """Mark the root. Raises StoreAwayError."""
        with _told():
            self._make(self.folder)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        with _told():
            if not self._is_here() and self._are_expected():
                raise StoreAwayError(
                    f"{self.folder} has neither files nor the mark {MARK}: mount it. Only if all files are gone for "
                    "good, make an empty file of that name there: they are asked back from tablets and backups then"
                )
            yield

    def _is_here(self) -> bool:
        return (self.folder / MARK).is_file() or next(self.folder.glob(PLACES), None) is not None

    def _make(self, folder: Path) -> None:
        mark = self.folder / MARK
        if folder.is_dir() and mark.is_file():
            return
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not mark.is_file():
            mark.write_text(MARK_SAYS, "utf-8")
            _settle(mark)
        for made in (folder, folder.parent, self.folder):
            _settle(made)


@contextmanager
def _told() -> Iterator[None]:
    """Tell a file that is not there from a disk that does not answer: rights, open files, a line to a share."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreAwayError(str(error)) from error


def _settle(path: Path) -> None:
    """Have the disk keep a file's bytes or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def whole_file(store: FileStore, sha256: str) -> bytes | None:
    """Read a file into memory, None where it is not there: for what cannot be streamed."""
    try:
        return b"".join(store.read(sha256))
    except FileNotFoundError:
        return None


def open_store(settings: Settings, database: Database | None = None) -> FileStore:
    """Open the store of a server: a bucket where `files` is a URL, else a folder.

    `database` knows whether files should lie in the folder; without it an empty one is taken for a new one.
    """
    if settings.files_bucket is None:
        return FolderStore(settings.files_dir, partial(_are_known, database) if database else lambda: False)
    from sync_server.files.s3_store import S3Store  # boto3 is there only where it is asked for

    return S3Store(settings.files_bucket)


def _are_known(database: Database) -> bool:
    with database.read() as session:
        query = select(KeptFile.sha256).where(KeptFile.state.in_(("stored", "missing"))).limit(1)
        return session.scalar(query) is not None
