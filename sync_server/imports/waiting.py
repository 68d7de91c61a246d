"""Files between their preview and the word to go ahead, in the server's data folder, an hour at most.

Owns that folder. Whoever uploaded a file is the only one who can have it imported.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from pathlib import Path

from common.kernel.clock import instant
from common.kernel.ids import is_id

KEPT = timedelta(hours=1)
NAME = re.compile(r"[0-9a-f-]{36}\.[0-9a-f-]{36}\Z")


def keep(folder: Path, person_id: str, file_id: str, data: bytes, now: datetime) -> None:
    """Keep a file under an id made just now (UUIDv7, it carries the time), and let old ones go."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in folder.iterdir():
        if NAME.match(path.name) and now - _made_at(path) > KEPT:
            path.unlink(missing_ok=True)
    (folder / f"{file_id}.{person_id}").write_bytes(data)


def waiting(folder: Path, person_id: str, file_id: str) -> bytes | None:
    """Return a person's file, None where it is gone or another's."""
    if not is_id(file_id) or not is_id(person_id):
        return None
    path = folder / f"{file_id}.{person_id}"
    return path.read_bytes() if path.is_file() else None


def let_go(folder: Path, person_id: str, file_id: str) -> None:
    """Forget a file that was imported."""
    if is_id(file_id) and is_id(person_id):
        (folder / f"{file_id}.{person_id}").unlink(missing_ok=True)


def _made_at(path: Path) -> datetime:
    """Read the time out of the file's id."""
    return instant(uuid.UUID(path.name[:36]).int >> 80)
