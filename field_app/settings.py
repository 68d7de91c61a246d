"""Where the app keeps its data and how it is served: read once from the environment, then a plain value.

Owns the names of the app's environment variables. Nothing else in the app asks the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.i18n import nearest_language

HOST = "127.0.0.1"  # the app holds a person's work and asks no password: never another interface
PORT = 8701
SERVER_PORT = 8700


@dataclass(frozen=True, slots=True)
class Settings:
    """`data_dir` holds the database and choices; `assets_dir` the font and files for the browser.

    `server_url` is where this app enrols when only a code is typed; an invitation names its own. The log is kept in
    `log_files` files of `log_kb` each, 0: none. `pin` (FIELDWRIGHT_PIN, for demo and tests) is chosen and given at the
    start without asking.
    """

    data_dir: Path
    assets_dir: Path
    port: int = PORT
    language: str = "en"
    server_url: str = ""
    log_kb: int = 1024
    log_files: int = 4
    pin: str = ""

    @property
    def vault_path(self) -> Path:
        """Return the file of the key's wrappings."""
        return self.data_dir / "vault.json"

    @property
    def prefs_path(self) -> Path:
        """Return the file of the person's choices."""
        return self.data_dir / "prefs.json"

    @property
    def store_path(self) -> Path:
        """Return the file of the database."""
        return self.data_dir / "tablet.db"

    @property
    def logs_dir(self) -> Path:
        """Return the folder of the app's log."""
        return self.data_dir / "logs"

    @property
    def files_dir(self) -> Path:
        """Return the folder of attached files, sealed."""
        return self.data_dir / "files"

    @property
    def keys_dir(self) -> Path:
        """Return the folder of this device's secrets."""
        return self.data_dir / "keys"


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Flet names the data folder of a built app; FIELDWRIGHT_DATA the one of a clone."""
    given = os.environ if env is None else env
    own = given.get("FLET_APP_STORAGE_DATA")
    root = Path(own) if own else Path(given.get("FIELDWRIGHT_DATA") or Path.home() / ".fieldwright")
    data = root if own else root / "app"
    assets = given.get("FIELDWRIGHT_APP_ASSETS")
    tag = given.get("LC_ALL") or given.get("LC_MESSAGES") or given.get("LANG") or "en"
    return Settings(
        data_dir=data.resolve(),
        assets_dir=Path(assets).resolve() if assets else (data / "web").resolve(),
        port=int(given.get("FIELDWRIGHT_APP_PORT") or PORT),
        pin=given.get("FIELDWRIGHT_PIN") or "",
        language=nearest_language(tag),
        server_url=given.get("FIELDWRIGHT_SERVER_URL")
        or f"http://{HOST}:{given.get('FIELDWRIGHT_SERVER_PORT') or SERVER_PORT}",
        log_kb=int(given.get("FIELDWRIGHT_LOG_KB") or 1024),
        log_files=int(given.get("FIELDWRIGHT_LOG_FILES") or 4),
    )
