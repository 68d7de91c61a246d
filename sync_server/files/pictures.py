"""Pictures as people are shown them: drawn anew by a limited process, kept beside the originals, never instead of them.

Owns the folder of drawn pictures; it can be thrown away at any time. Originals stay untouched as evidence.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sqlalchemy import select

from sync_server.db.database import Database
from sync_server.db.file_tables import KeptFile
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.files import draw
from sync_server.files.arrived import rules_of, settle
from sync_server.files.kinds import PICTURES
from sync_server.files.store import FileStore, StoreAwayError

log = logging.getLogger("sync_server")
AT_ONCE = threading.BoundedSemaphore(2)  # drawing takes memory
LONGEST_S = 60
A_ROUND = 40
AGAIN_MS = 600_000  # after a try that told nothing of the picture
Size = Literal["view", "thumb"]


class NotDrawnError(Exception):
    """Nothing is known of the picture: the machine was too busy or too full to draw it."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Draws what can be drawn, once. What could not be drawn just now is tried again later, by this process."""

    database: Database
    store: FileStore
    folder: Path
    later: dict[str, int] = field(default_factory=dict)  # when to try again, steady clock in ms

    def path(self, sha256: str, size: Size) -> Path:
        """Return where a drawn picture lies, or would."""
        return self.folder / sha256[:2] / f"{sha256}.{size}.jpg"

    def find(self, sha256: str, size: Size) -> Path | None:
        """Find a picture to show, drawn now if it was not yet; None for what cannot be shown."""
        with self.database.read() as session:
            row = session.get(KeptFile, sha256)
        if row is None or row.state != "stored" or row.shown == "no" or sha256 in self._not_due():
            return None
        path = self.path(sha256, size)
        if not (row.shown == "yes" and path.is_file()):
            self.draw(row)
        return path if path.is_file() else None

    def draw(self, row: KeptFile) -> None:
        """Draw one, and note what came of it. What has no picture, or is no picture we can draw, is noted as such."""
        if row.media_type not in PICTURES:
            self._note(row.sha256, "no", "no_display" if row.media_type == "image/heic" else "")
            return
        try:
            said = self._said(row.sha256)
        except NotDrawnError as error:
            log.warning("a picture could not be drawn just now: %s", error)
            self._put_off(row.sha256)
            return
        except StoreAwayError:
            self._put_off(row.sha256)
            raise
        self._note(row.sha256, "yes" if said == "ok" else "no", "" if said == "ok" else said)

    def draw_waiting(self) -> int:
        """Draw those nobody looked at yet, some a round; returns how many."""
        waits = (KeptFile.state == "stored", KeptFile.shown == "", KeptFile.sha256.not_in(self._not_due()))
        query = select(KeptFile).where(*waits).limit(A_ROUND)
        with self.database.read() as session:
            waiting = list(session.scalars(query))
        for row in waiting:
            self.draw(row)
        return len(waiting)

    def forget(self, sha256: str) -> None:
        """Throw both away."""
        for size in ("view", "thumb"):
            self.path(sha256, size).unlink(missing_ok=True)

    def _put_off(self, sha256: str) -> None:
        self.later[sha256] = self.database.clock.read().mono_ms + AGAIN_MS

    def _not_due(self) -> set[str]:
        now_ms = self.database.clock.read().mono_ms
        for sha256, at_ms in tuple(self.later.items()):
            if at_ms <= now_ms:
                self.later.pop(sha256, None)
        return set(self.later)

    def _said(self, sha256: str) -> str:
        """Draw both in a process of its own; returns its word. Raises NotDrawnError, StoreAwayError."""
        with self.database.read() as session:
            pixels = rules_of(session).pixels_max
        view, thumb = self.path(sha256, "view"), self.path(sha256, "thumb")
        new = [path.with_name(f"{path.name}.{threading.get_ident()}") for path in (view, thumb)]
        command = [sys.executable, "-I", draw.__file__, str(new[0]), str(new[1]), str(pixels)]
        try:
            view.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            original = b"".join(self.store.read(sha256))
            with AT_ONCE:
                done = subprocess.run(  # noqa: S603 - our own program
                    command, input=original, capture_output=True, timeout=LONGEST_S, check=False, env={}
                )
            said = _word_of(done)
            if said == "ok":
                for made, path in zip(new, (view, thumb), strict=True):
                    made.replace(path)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotDrawnError(type(error).__name__) from error
        finally:
            for made in new:
                made.unlink(missing_ok=True)
        return said

    def _note(self, sha256: str, shown: str, fault: str) -> None:
        def write(unit: UnitOfWork) -> bool:
            row = unit.session.get(KeptFile, sha256)
            if row is None or row.state != "stored":
                return False
            told = row.fault != fault
            row.shown, row.fault = shown, fault
            return told

        if self.database.transact(write):
            settle(self.database, [sha256])


def _word_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """Read what the drawing program said. Raises NotDrawnError where that is nothing about the picture."""
    if done.returncode < 0:  # ended by a signal, as hostile pictures end it
        return "picture_broken"
    said = done.stdout.decode("ascii", "replace").strip()
    if done.returncode or said == "not_now":
        raise NotDrawnError(f"the drawing program ended with {done.returncode}, saying {said!r}")
    return said
