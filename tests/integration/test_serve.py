"""The server as its own processes: `init`, `serve`, several workers on PostgreSQL, and a quick end on SIGTERM (C6)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from common.kernel.command import Role
from common.people.person_commands import AddPerson
from sync_server.app import SystemClock, make_parts
from sync_server.db.office import SYSTEM, perform
from sync_server.jobs.ticker import JOBS
from sync_server.people.sessions import Sessions
from sync_server.settings import read_settings
from tests.support.served import PASSWORD

ROOT = Path(__file__).resolve().parents[2]


def run(env: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sync_server.cli", *words],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(env: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `serve` as its own process; yields the address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_server.cli", "serve"], env=env, cwd=ROOT, text=True
    )
    address = f"http://127.0.0.1:{env['FIELDWRIGHT_SERVER_PORT']}"
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=40)) as http:
            assert http.get(f"{address}/health").json() == {"status": "ok"}
        yield address, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> dict[str, str]:
    workers = "1" if database_url.startswith("sqlite") else "2"
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "FIELDWRIGHT_DATA": str(tmp_path),
        "FIELDWRIGHT_DATABASE_URL": database_url,
        "FIELDWRIGHT_SERVER_PORT": free_port(),
        "FIELDWRIGHT_WORKERS": workers,
    }


def test_a_server_that_was_not_made_does_not_start(env: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sync_server.cli", "serve"],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "sync-server init" in done.stderr


def test_init_serve_and_a_quick_end_with_a_page_open(env: dict[str, str]) -> None:
    assert "/console/start" in run(env, "init")
    parts = make_parts(read_settings(env))
    person_id = parts.database.new_id()
    assert perform(
        parts.database, SYSTEM, AddPerson(person_id, "D1", "林梅", (Role.DISPATCHER.value,))
    ).took_effect
    sessions = Sessions(parts.database)
    sessions.set_password(person_id, "mei", PASSWORD, person_id)
    token = sessions.login("mei", PASSWORD, "127.0.0.1")
    with (
        serving(env) as (address, process),
        httpx.Client(base_url=address, cookies={"session": token}) as http,
        http.stream("GET", "/console/events", timeout=60) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        other = AddPerson(parts.database.new_id(), "D2", "王芳", (Role.DISPATCHER.value,))
        assert perform(parts.database, SYSTEM, other).took_effect
        told = next(line for line in lines if line.startswith("data: "))
        assert f'"kind": "person", "id": "{other.person_id}"' in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) in (0, -signal.SIGTERM)
    parts.database.engine.dispose()


def test_a_signed_out_stream_ends(env: dict[str, str]) -> None:
    """The session is judged again before every change, in whichever process the stream is."""
    run(env, "init")
    parts = make_parts(read_settings(env), clock=SystemClock())
    person_id = parts.database.new_id()
    assert perform(
        parts.database, SYSTEM, AddPerson(person_id, "D1", "林梅", (Role.DISPATCHER.value,))
    ).took_effect
    sessions = Sessions(parts.database)
    sessions.set_password(person_id, "mei", PASSWORD, person_id)
    token = sessions.login("mei", PASSWORD, "127.0.0.1")
    with (
        serving(env) as (address, _),
        httpx.Client(base_url=address, cookies={"session": token}) as http,
        http.stream("GET", "/console/events", timeout=60) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 2000"
        assert sessions.end_all(person_id, person_id) == 1
        other = AddPerson(parts.database.new_id(), "D2", "王芳", (Role.DISPATCHER.value,))
        assert perform(parts.database, SYSTEM, other).took_effect
        assert "event: signed-out" in list(lines)
    with parts.database.read() as session:
        ran = session.execute(text("SELECT name FROM job_run")).scalars().all()
    parts.database.engine.dispose()
    assert len(ran) == len(set(ran)), "each job has one row, however many workers there are"
    assert {job.name for job in JOBS} <= set(ran)
