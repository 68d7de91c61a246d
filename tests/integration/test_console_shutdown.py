"""A server with open event streams ends at once when told to: browsers would hold it for ever otherwise."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
SERVE = """
import uvicorn
from tests.support.console_demo import Demo, create_demo
uvicorn.run(create_demo(Demo()), port=0, ws="none")
"""


def test_open_streams_do_not_hold_up_a_shutdown() -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVE], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr
        lines = iter(server.stderr.readline, "")
        address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        with httpx.stream("GET", f"{address}/console/events?after=0", timeout=60) as stream:
            chunks = stream.iter_text()
            assert "retry:" in next(chunks)
            server.send_signal(signal.SIGTERM)
            assert "".join(chunks) == ""
        assert server.wait(timeout=60) in (0, -signal.SIGTERM)
    finally:
        server.kill()
        server.wait()
