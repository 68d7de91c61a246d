"""The two servers of the bench as processes of their own: the product's, and the bare one for comparison.

Owns start, waiting until they answer, and stop.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

START_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Host:
    """A server that answers."""

    url: str
    pid: int


def free_port() -> int:
    """Find a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def product_server(data_dir: Path, ticker_s: int = 0) -> Iterator[Host]:
    """Serve the product over the database in this folder, as `sync-server serve` does; `ticker_s` 0: no jobs."""
    port = free_port()
    env = os.environ | {"FIELDWRIGHT_SERVER_DATA": str(data_dir), "FIELDWRIGHT_TICKER_S": str(ticker_s)}
    env.pop("FIELDWRIGHT_DATABASE_URL", None)
    command = [sys.executable, "-m", "sync_server.cli", "serve", "--port", str(port)]
    with _running(command, env, f"http://127.0.0.1:{port}", "/health") as host:
        yield host


@contextmanager
def plain_server() -> Iterator[Host]:
    """Serve plain bytes with the same server program and settings."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.plain:app", "--port", str(port), "--no-access-log"]
    command += ["--log-level", "warning"]
    with _running(command, dict(os.environ), f"http://127.0.0.1:{port}", "/0") as host:
        yield host


@contextmanager
def _running(command: list[str], env: dict[str, str], url: str, path: str) -> Iterator[Host]:
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=env, stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(process, url + path, log)
            yield Host(url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(process: subprocess.Popen[bytes], address: str, log: IO[bytes]) -> None:
    give_up_s = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up_s and process.poll() is None:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    log.seek(0)
    said = log.read().decode(errors="replace")[-2000:]
    raise RuntimeError(f"no answer at {address}; the server ended with {process.poll()}:\n{said}")
