"""The demo as it is run: programs started, the app enrolled through the line, everything ended, nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import ROOT

pytestmark = pytest.mark.slow
NAMES = ("SERVER", "APP", "LINE", "SWITCH")


def free_ports() -> dict[str, str]:
    """Find a port nobody listens on for each of the demo's."""
    probes = [socket.socket() for _ in NAMES]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = {f"FIELDWRIGHT_{n}_PORT": str(p.getsockname()[1]) for n, p in zip(NAMES, probes, strict=True)}
    for probe in probes:
        probe.close()
    return ports


class Running:
    """The demo as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ports = folder, free_ports()
        self.env = os.environ | self.ports | {
            "FIELDWRIGHT_DATA": str(folder),
            "FIELDWRIGHT_APP_ASSETS": str(ROOT / ".build" / "app_assets"),
            "LANG": "en_GB.UTF-8",
            "LC_ALL": "",
            "LC_MESSAGES": "",
            "PYTHONUTF8": "1",
        }  # fmt: skip
        self.said = ""
        self.process = self.start()

    def start(self) -> subprocess.Popen[str]:
        """Start it."""
        words = [sys.executable, "-m", "sync_server.demo", "--small"]
        return subprocess.Popen(
            words,
            cwd=ROOT,
            env=self.env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def wait_for(self, words: str) -> None:
        """Read what it says until it says these words."""
        assert self.process.stdout is not None
        guard = threading.Timer(240, self.process.kill)
        guard.start()
        for line in self.process.stdout:
            self.said += line
            if words in line:
                break
        guard.cancel()
        assert words in self.said, self.said

    def get(self, name: str, path: str, data: bytes | None = None) -> int:
        """Ask one of its ports; 0 where nothing answers."""
        address = f"http://127.0.0.1:{self.ports[f'FIELDWRIGHT_{name}_PORT']}{path}"
        try:
            with urllib.request.urlopen(address, data, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return int(error.code)
        except OSError:
            return 0

    def stop(self, sign: signal.Signals) -> int:
        """End it and read the rest."""
        self.process.send_signal(sign)
        rest, _ = self.process.communicate(timeout=60)
        self.said += rest
        return self.process.returncode


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start the small demo."""
    running = Running(tmp_path_factory.mktemp("running"))
    running.wait_for("exist in the demo database only")
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate(timeout=60)


def test_everything_answers_and_the_app_is_enrolled_through_the_line(demo: Running) -> None:
    assert demo.get("SERVER", "/health") == 200
    assert demo.get("APP", "/healthz") == 200
    assert demo.get("LINE", "/health") == 200
    assert demo.get("SWITCH", "/line", b"want=cut") == 200
    assert demo.get("LINE", "/health") == 0
    assert demo.get("SWITCH", "/line", b"want=whole") == 200
    assert demo.get("LINE", "/health") == 200
    tablet = sqlite3.connect(f"file:{demo.folder}/demo/app/tablet.db?mode=ro", uri=True)
    assert tablet.execute("SELECT count(*) FROM sync_state").fetchone() == (1,)
    tablet.close()
    assert "dispatcher  /  demo-hengxin" in demo.said


def test_a_second_demo_says_which_ports_are_taken(demo: Running) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "sync_server.demo", "--small"],
        cwd=ROOT, env=demo.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    for variable, port in demo.ports.items():
        assert f"Port {port} is taken" in second.stdout
        assert f"{variable}=" in second.stdout


def test_a_killed_app_is_there_again(demo: Running) -> None:
    app = [line for line in subprocess.check_output(["ps", "-eo", "pid,ppid,args"], text=True).splitlines()
           if "field_app.main" in line and line.split()[1] == str(demo.process.pid)]  # fmt: skip
    os.kill(int(app[0].split()[0]), signal.SIGKILL)
    demo.wait_for("The app was killed")
    for _ in range(400):
        if demo.get("APP", "/healthz") == 200:
            break
        time.sleep(0.1)
    assert demo.get("APP", "/healthz") == 200
    assert demo.get("SERVER", "/health") == 200


def test_it_stops_cleanly_starts_again_and_leaves_nothing_when_killed(demo: Running) -> None:
    assert demo.stop(signal.SIGINT) == 0
    assert "Stopped." in demo.said
    assert [demo.get(name, "/") for name in NAMES] == [0, 0, 0, 0]
    demo.said = ""
    demo.process = demo.start()
    demo.wait_for("exist in the demo database only")
    assert "Making the demo company" not in demo.said
    demo.process.kill()
    demo.process.communicate(timeout=60)
    for name in NAMES:
        for _ in range(200):
            if demo.get(name, "/") == 0:
                break
            time.sleep(0.1)
        assert demo.get(name, "/") == 0, name
