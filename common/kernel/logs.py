"""Log files that cannot fill a disk: rotated, so many of such a size, beside what goes to standard error (L6).

Owns where a program's log goes. What is logged names commands, rows and codes, never what people wrote: databases are
opened with hidden parameters, and what PostgreSQL quotes of a row is left out here.
"""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
ENTRY_AT_MOST = 8_000  # characters of one entry, its traceback included
PROGRAMS_AT_MOST = 64
OWN = ("sync_server", "field_app", "common")
QUOTES_ROWS = ("DETAIL:", "CONTEXT:")
_held: list[IO[bytes]] = []


class BoundedFormatter(logging.Formatter):
    """Writes an entry with no more than so many characters, and without the rows a database quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an entry; what is cut away stands at its middle, for a traceback ends with what happened."""
        lines = super().format(record).splitlines()
        told = "\n".join(line for line in lines if not line.lstrip().startswith(QUOTES_ROWS))
        if len(told) <= ENTRY_AT_MOST:
            return told
        half = ENTRY_AT_MOST // 2
        return f"{told[:half]}\n… {len(told) - 2 * half} characters …\n{told[-half:]}"


def keep_log(
    folder: Path, name: str, size_kb: int, files: int, *, also: tuple[str, ...] = ()
) -> logging.Handler | None:
    """Log to standard error and to `<name>.log` in the folder, at most `files` files of `size_kb` each.

    Programs that run at the same time take `<name>-2.log` and so on. `also` names loggers that do not pass on to the
    root. A size of 0, or a folder that cannot be written: standard error only, and None.
    """
    root = logging.getLogger()
    # What libraries tell of their daily work (addresses asked, letters of a font) is not what this log is for.
    root.setLevel(logging.WARNING)
    for own in OWN:
        logging.getLogger(own).setLevel(logging.INFO)
    if not root.handlers:
        screen = logging.StreamHandler(sys.stderr)
        screen.setFormatter(BoundedFormatter(FORMAT))
        root.addHandler(screen)
    if not size_kb:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = _own_file(folder, name)
        handler = RotatingFileHandler(
            path, maxBytes=size_kb * 1024, backupCount=max(files - 1, 1), encoding="utf-8", errors="replace"
        )
    except OSError as error:
        root.warning("no log file in %s: %s", folder, error)
        return None
    handler.setFormatter(BoundedFormatter(FORMAT))
    root.addHandler(handler)
    for logger in also:
        logging.getLogger(logger).addHandler(handler)
    return handler


def _own_file(folder: Path, name: str) -> Path:
    """Find the first name no running program has; the lock is held until this program ends."""
    for number in range(1, PROGRAMS_AT_MOST + 1):
        path = folder / (f"{name}.log" if number == 1 else f"{name}-{number}.log")
        lock = path.with_suffix(".lock").open("ab")
        if _locked(lock):
            _held.append(lock)
            return path
        lock.close()
    raise OSError(f"{PROGRAMS_AT_MOST} programs log here")


def _locked(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
