"""The product's two programs as processes of their own, and the line between them that can be cut.

Owns starting, killing and starting again. What is kept lies in folders and the database, never in these processes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from sync_server.demo.line import Line
from tests.support.browser import ROOT
from tests.support.flet_browser import ASSETS

HOST = "127.0.0.1"
START_S = 90
PIN = "270419"


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """One program, with its children in a process group of their own. `ready` is an address that answers 200."""

    def __init__(self, words: list[str], env: dict[str, str], ready: str, log: Path) -> None:
        self.words, self.env, self.ready, self.log = words, env, ready, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; the end of its log is the complaint."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.words], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        ends_at = time.monotonic() + START_S
        while not self.answers():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < ends_at, self.said()
            threading.Event().wait(0.1)

    def answers(self) -> bool:
        """Say whether the program answers."""
        try:
            return httpx.get(self.ready, timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def end(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End it and its children; with SIGKILL nothing of it gets a chance to tidy up."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, sign)
        except ProcessLookupError:
            self.process = None
            return
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def said(self) -> str:
        """Return the end of its log."""
        return self.log.read_text("utf-8", "replace")[-4000:] if self.log.exists() else ""


class CountingLine(Line):
    """The demo's line; counts how often the app asked for a sync."""

    asked = 0

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read = reader.read

        async def counted(most: int = -1) -> bytes:
            data = await read(most)
            self.asked += data.count(b"POST /v1/sync")
            return data

        reader.read = counted  # type: ignore[method-assign, assignment]
        await super()._relay(reader, writer)


class Cable:
    """The demo's line between app and server, in a thread of its own."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self._line = CountingLine(server_port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._do(self._line.start(HOST, self.port, free_port()))

    @property
    def url(self) -> str:
        """Return the address the app knows the server by."""
        return f"http://{HOST}:{self.port}"

    @property
    def asked(self) -> int:
        """Return how often the app asked for a sync on this line."""
        return self._line.asked

    def cut(self) -> None:
        """Cut the line, also what is under way on it."""
        self._do(self._set(True))

    def mend(self) -> None:
        """Join it again."""
        self._do(self._set(False))

    def close(self) -> None:
        """End the thread."""
        self._do(self._line.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _set(self, cut: bool) -> None:
        self._line.set_cut(cut)

    def _do(self, what: object) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(20)  # type: ignore[arg-type]


def server_program(folder: Path, database_url: str, port: int, time_zone: str, workers: int = 1) -> Program:
    """Describe the server over a database that has been made."""
    env = _clean() | {
        "FIELDWRIGHT_SERVER_DATA": str(folder / "server"), "FIELDWRIGHT_DATABASE_URL": database_url,
        "FIELDWRIGHT_SECOND_FACTOR": "optional", "FIELDWRIGHT_SERVER_PORT": str(port), "FIELDWRIGHT_TIME_ZONE": time_zone,
    }  # fmt: skip
    words = ["sync_server.cli", "serve", "--workers", str(workers)]
    return Program(words, env, f"http://{HOST}:{port}/health", folder / "server.log")


def app_program(folder: Path, server_url: str, port: int, language: str = "en") -> Program:
    """Describe the engineer's app with a data folder of its own."""
    env = _clean() | {
        "FIELDWRIGHT_DATA": str(folder / "tablet"), "FIELDWRIGHT_APP_PORT": str(port), "LANG": language,
        "FIELDWRIGHT_APP_ASSETS": str(ASSETS), "FIELDWRIGHT_SERVER_URL": server_url, "FIELDWRIGHT_PIN": PIN,
    }  # fmt: skip
    return Program(["field_app.main", "--web"], env, f"http://{HOST}:{port}/healthz", folder / "app.log")


def _clean() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FIELDWRIGHT_", "LC_"))}
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1"}
