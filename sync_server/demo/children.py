"""The demo's two programs as processes of their own, which never outlive it.

Owns starting, waiting until they answer, and ending them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

GRACE_S = 8
READY_S = 60
PR_SET_PDEATHSIG = 1


class Child:
    """One program; its output goes to a log file."""

    def __init__(self, name: str, words: list[str], log_path: Path) -> None:
        self.name, self.words, self.log_path = name, words, log_path
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, env: Mapping[str, str]) -> None:
        """Start it in its own process group: Ctrl-C reaches the demo, and the demo ends it."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(env),
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    async def stop(self) -> None:
        """Ask it to end, and make it after a while; its children too."""
        process = self.process
        if process is None:
            return
        for sign, wait_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 2)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, sign)
            if process.returncode is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), wait_s)

    @property
    def has_ended(self) -> bool:
        """Say whether it is not running any more."""
        return self.process is None or self.process.returncode is not None

    @property
    def was_killed(self) -> bool:
        """Say whether it ended by a signal, not by itself."""
        return self.process is not None and (self.process.returncode or 0) < 0

    def last_lines(self, count: int = 12) -> str:
        """Return the end of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text("utf-8", "replace").splitlines()[-count:])
        return ""


def _end_with_parent() -> None:
    """Have Linux end this process when the demo is killed without a chance to do so."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def answers(host: str, port: int, path: str) -> bool:
    """Say whether a program answers with success at an address."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 3)
    except (OSError, TimeoutError):
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        status = await asyncio.wait_for(reader.readline(), 5)
        return b" 200 " in status
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


async def wait_ready(child: Child, host: str, port: int, path: str) -> bool:
    """Wait until a program answers; False when it ended or took too long."""
    for _ in range(READY_S * 4):
        if child.has_ended:
            return False
        if await answers(host, port, path):
            return True
        await asyncio.sleep(0.25)
    return False


def is_taken(host: str, port: int) -> bool:
    """Say whether somebody listens on a port already."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
