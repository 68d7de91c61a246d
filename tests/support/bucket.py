"""A bucket to test against: rclone serving a folder over S3, a program of its own that checks every signature.

Owns the process and its folder. Stopped and started again, it has what it acknowledged. Its directory cache must stay on:
without, it spends seconds of CPU on every request.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

KEY, SECRET = "fieldwright", "not-a-secret-of-anybody"
NAME = "evidence"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(slots=True)
class BucketServer:
    """Serves `folder`; the bucket is the folder `evidence` in it."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def endpoint(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Return what `FIELDWRIGHT_FILES` is set to."""
        return f"s3://{NAME}/fieldwright?endpoint={self.endpoint}&region=cn-north-1"

    def start(self) -> None:
        """Start it, at the same address as before."""
        (self.folder / NAME).mkdir(parents=True, exist_ok=True)
        if not self.port:
            with socket.socket() as found:
                found.bind(("127.0.0.1", 0))
                self.port = found.getsockname()[1]
        rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
        assert rclone, "rclone is not there: install the extra test"
        words = [
            "serve",
            "s3",
            "--auth-key",
            f"{KEY},{SECRET}",
            "--addr",
            f"127.0.0.1:{self.port}",
            str(self.folder),
        ]
        self.process = subprocess.Popen([rclone, "--config", "", *words], stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                httpx.get(self.endpoint, timeout=1)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("rclone does not answer")

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
