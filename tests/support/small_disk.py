"""A disk of so many bytes: SQLite on it is told "full" by its file system, as on a full tablet or server.

Owns an SQLite file system over apsw that counts everything in its folder, the reserve too. Nothing is pretended above it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from tests.simulation.crash_disk import ApswConnection


class SmallDisk:
    """A folder that holds `capacity` bytes. `used` counts what lies in it."""

    def __init__(self, folder: Path, capacity: int) -> None:
        self.folder = folder
        self.capacity = capacity

    @property
    def used(self) -> int:
        """Add up the files of the folder."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())

    def free(self, _folder: Path) -> int:
        """Say how much room there is."""
        return self.capacity - self.used

    def fill(self, left: int) -> None:
        """Fill it with somebody's photos until only so many bytes are left."""
        (self.folder / "photos").write_bytes(bytes(max(self.capacity - self.used - left, 0)))

    def tidy(self) -> None:
        """Delete the photos."""
        (self.folder / "photos").unlink()


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], disk: SmallDisk) -> None:
        super().__init__("unix", name, flags)
        self.disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Write if there is room for what the file grows by."""
        grows = offset + len(data) - self.xFileSize()
        if grows > 0 and self.disk.used + grows > self.disk.capacity:
            raise apsw.FullError
        super().xWrite(data, offset)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: SmallDisk) -> None:
        self.disk = disk
        super().__init__(name, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        """Open a file of the small disk."""
        return _File(name, flags, self.disk)


@contextmanager
def small_disk(path: Path, capacity: int) -> Iterator[tuple[SmallDisk, Callable[[], ApswConnection]]]:
    """Give a disk and what opens the database at `path` on it."""
    disk = SmallDisk(path.parent, capacity)
    name = f"small-{id(disk)}"
    vfs = _Vfs(name, disk)
    raw = apsw.Connection(str(path), vfs=name)
    raw.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
    try:
        yield disk, lambda: ApswConnection(raw)
    finally:
        disk.capacity = 1 << 40
        raw.close()
        vfs.unregister()
