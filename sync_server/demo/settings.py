"""Where the demo lives and on which ports: read once from the environment.

Owns the names of the demo's variables. Its folder is never that of a real installation.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.i18n import nearest_language

HOST = "127.0.0.1"
PORTS = {"server": 8700, "app": 8701, "line": 8702, "switch": 8703}


class PortError(ValueError):
    """A port that is no number; the message names the variable."""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """`folder` holds everything of the demo; `line` is the port the app uses for the server, `switch` its page."""

    folder: Path
    server: int
    app: int
    line: int
    switch: int
    language: str

    def ports(self) -> dict[str, int]:
        """Map each variable's name to its port."""
        return {variable(name): getattr(self, name) for name in PORTS}

    def address(self, name: str) -> str:
        """Return the address of a port."""
        return f"http://{HOST}:{getattr(self, name)}"


def variable(name: str) -> str:
    """Name the variable that sets a port."""
    return f"FIELDWRIGHT_{name.upper()}_PORT"


def read_demo_settings(env: Mapping[str, str] | None = None) -> DemoSettings:
    """Read the settings. Raises PortError."""
    given = os.environ if env is None else env
    ports = {}
    for name, usual in PORTS.items():
        text = given.get(variable(name)) or str(usual)
        if not text.isdecimal() or not 1 <= int(text) <= 65_535:
            raise PortError(f"{variable(name)}={text}")
        ports[name] = int(text)
    tag = given.get("LC_ALL") or given.get("LC_MESSAGES") or given.get("LANG") or "en"
    root = Path(given.get("FIELDWRIGHT_DATA") or ".data")
    return DemoSettings((root / "demo").resolve(), language=nearest_language(tag), **ports)


APP_PIN = "270419"  # printed at every start, opens the demo's app only


def child_environment(settings: DemoSettings) -> dict[str, str]:
    """Return the environment of the server and the app: this one, with the demo's folder and ports."""
    own = {
        "FIELDWRIGHT_DATA": str(settings.folder),
        "FIELDWRIGHT_SERVER_DATA": str(settings.folder / "server"),
        "FIELDWRIGHT_SERVER_PORT": str(settings.server),
        "FIELDWRIGHT_SECOND_FACTOR": "optional",
        "FIELDWRIGHT_APP_PORT": str(settings.app),
        "FIELDWRIGHT_SERVER_URL": settings.address("line"),
        "FIELDWRIGHT_PIN": APP_PIN,
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }
    kept = {key: value for key, value in os.environ.items() if key != "FIELDWRIGHT_DATABASE_URL"}
    return kept | own
