"""How this server is set up: read once from the environment, then a plain value.

Owns the names of the server's environment variables. Nothing else in the server asks the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from common.i18n import LANGUAGES
from sync_server.bucket import SCHEME, Bucket, read_bucket
from sync_server.security import SecurityError, read_security

HOST = "127.0.0.1"
PORT = 8700
NUMBERS = (
    "port", "workers", "ticker_s", "backup_every_h", "backup_keep", "backup_alarm_h", "log_kb", "log_files",
)  # fmt: skip
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class SettingsError(ValueError):
    """A setting that cannot be used; the message is for the person who set it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`public_url` is what tablets and browsers are told; empty: the address served here.

    `proxies` are the addresses whose X-Forwarded headers are believed; `hosts` other names than the public URL's by
    which this server is called; `security` a file of figures over the shipped ones; `second_factor` is `required`, of
    the roles that file names, or `optional`; `ticker_s` is the pause between rounds of scheduled work, 0 for none. Of
    backups: every so many hours (0: none by itself), the newest so many are kept, and the office is told when the last
    good one is so many hours old. `anchors` is the folder of the audit chain's anchors; empty: in the data folder, where
    they prove less than on another machine. The log is kept in `log_files` files of `log_kb` each, 0: none. `files` is
    the folder of files' bytes or the URL of a bucket that speaks S3; empty: a folder in the data folder.
    """

    data_dir: Path
    database_url: str = ""
    host: str = HOST
    port: int = PORT
    workers: int = 1
    public_url: str = ""
    secure_cookies: bool = False
    time_zone: str = "Asia/Shanghai"
    language: str = "zh-Hans"
    proxies: str = ""
    ticker_s: int = 1
    anchors: str = ""
    files: str = ""
    hosts: str = ""
    security: str = ""
    backup_dir: str = ""
    backup_every_h: int = 24
    backup_keep: int = 14
    backup_alarm_h: int = 26
    second_factor: str = "required"
    log_kb: int = 5120
    log_files: int = 5

    @property
    def known_hosts(self) -> frozenset[str]:
        """Return the names this server answers to, without ports; none where no public URL is set: any name."""
        if not self.public_url:
            return frozenset()
        told = {urlsplit(self.public_url).hostname or "", self.host, *self.hosts.split(",")}
        return frozenset(name.strip().lower() for name in told | LOOPBACK if name.strip())

    @property
    def is_behind_tls(self) -> bool:
        """Say whether browsers reach this server over TLS, by itself or a proxy."""
        return self.public_url.startswith("https://")

    @property
    def database(self) -> str:
        """Return the database's URL: the one given, else SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir / 'fieldwright.db'}"

    @property
    def is_sqlite(self) -> bool:
        """Say whether the database is a file of this machine."""
        return self.database.startswith("sqlite")

    @property
    def keys_dir(self) -> Path:
        """Return the folder of the server's own keys."""
        return self.data_dir / "keys"

    @property
    def logs_dir(self) -> Path:
        """Return the folder of the server's log."""
        return self.data_dir / "logs"

    @property
    def backups_dir(self) -> Path:
        """Return the folder of backups."""
        return Path(self.backup_dir) if self.backup_dir else self.data_dir / "backups"

    @property
    def anchors_dir(self) -> Path:
        """Return the folder of anchors."""
        return Path(self.anchors) if self.anchors else self.data_dir / "anchors"

    @property
    def files_dir(self) -> Path:
        """Return the folder of files' bytes."""
        return Path(self.files) if self.files else self.data_dir / "files"

    @property
    def files_bucket(self) -> Bucket | None:
        """Return the bucket of files' bytes, None where they lie in a folder. Raises ValueError."""
        return read_bucket(self.files) if self.files.startswith(SCHEME) else None

    @property
    def shown_dir(self) -> Path:
        """Return the folder of pictures drawn for people; it may be deleted at any time."""
        return self.data_dir / "shown"

    @property
    def incoming_dir(self) -> Path:
        """Return the folder of bytes that still come."""
        return self.data_dir / "incoming"

    @property
    def address(self) -> str:
        """Return the address to tell people, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"


def read_settings(env: Mapping[str, str] | None = None, **chosen: object) -> Settings:
    """Read the settings; `chosen` (from the command line) wins where it is not None. Raises SettingsError."""
    given = os.environ if env is None else env
    root = given.get("FIELDWRIGHT_DATA") or str(Path.home() / ".fieldwright")
    told: dict[str, object] = {
        "data_dir": given.get("FIELDWRIGHT_SERVER_DATA") or str(Path(root) / "server"),
        "database_url": given.get("FIELDWRIGHT_DATABASE_URL"),
        "host": given.get("FIELDWRIGHT_SERVER_HOST"),
        "port": given.get("FIELDWRIGHT_SERVER_PORT"),
        "workers": given.get("FIELDWRIGHT_WORKERS"),
        "public_url": given.get("FIELDWRIGHT_PUBLIC_URL"),
        "secure_cookies": given.get("FIELDWRIGHT_SECURE_COOKIES"),
        "time_zone": given.get("FIELDWRIGHT_TIME_ZONE"),
        "language": given.get("FIELDWRIGHT_LANGUAGE"),
        "proxies": given.get("FIELDWRIGHT_PROXIES"),
        "anchors": given.get("FIELDWRIGHT_ANCHORS"),
        "files": given.get("FIELDWRIGHT_FILES"),
        "ticker_s": given.get("FIELDWRIGHT_TICKER_S"),
        "backup_dir": given.get("FIELDWRIGHT_BACKUP_DIR"),
        "backup_every_h": given.get("FIELDWRIGHT_BACKUP_EVERY_H"),
        "backup_keep": given.get("FIELDWRIGHT_BACKUP_KEEP"),
        "backup_alarm_h": given.get("FIELDWRIGHT_BACKUP_ALARM_H"),
        "hosts": given.get("FIELDWRIGHT_HOSTS"),
        "security": given.get("FIELDWRIGHT_SECURITY"),
        "second_factor": given.get("FIELDWRIGHT_SECOND_FACTOR"),
        "log_kb": given.get("FIELDWRIGHT_LOG_KB"),
        "log_files": given.get("FIELDWRIGHT_LOG_FILES"),
    }
    told |= {name: value for name, value in chosen.items() if value is not None}
    values = {name: value for name, value in told.items() if value not in (None, "")}
    return _checked(values)


def as_environment(settings: Settings) -> dict[str, str]:
    """Write settings as the variables they are read from, for worker processes."""
    names = {
        "data_dir": "FIELDWRIGHT_SERVER_DATA",
        "host": "FIELDWRIGHT_SERVER_HOST",
        "port": "FIELDWRIGHT_SERVER_PORT",
    }
    written = {}
    for field in fields(Settings):
        value = getattr(settings, field.name)
        text = ("1" if value else "") if isinstance(value, bool) else str(value)
        written[names.get(field.name, f"FIELDWRIGHT_{field.name.upper()}")] = text
    return written


def _checked(values: dict[str, object]) -> Settings:
    data_dir = Path(str(values.pop("data_dir"))).resolve()
    for name in NUMBERS:
        if name in values:
            text = str(values[name])
            if not text.isdecimal() or int(text) > 65_535:
                raise SettingsError(f"{name} must be a whole number, not {text!r}")
            values[name] = int(text)
    if "secure_cookies" in values:
        values["secure_cookies"] = str(values["secure_cookies"]).lower() in ("1", "true", "yes", "on")
    public = str(values.get("public_url", "")).rstrip("/")
    if public:
        told = urlsplit(public)
        if told.scheme not in ("http", "https") or not told.netloc:
            raise SettingsError(f"the public URL must begin with https:// or http://, not {public!r}")
        values["public_url"] = public
        values.setdefault("secure_cookies", told.scheme == "https")
    settings = Settings(data_dir=data_dir, **values)  # type: ignore[arg-type]
    if settings.language not in LANGUAGES:
        raise SettingsError(f"the language must be one of {', '.join(LANGUAGES)}, not {settings.language!r}")
    if settings.second_factor not in ("required", "optional"):
        raise SettingsError(f"the second factor is required or optional, not {settings.second_factor!r}")
    try:
        read_security(settings.security)
        if settings.files_bucket is not None and find_spec("boto3") is None:
            raise ValueError("files in a bucket need the extra s3: pip install 'fieldwright[s3]'")
    except (SecurityError, ValueError) as error:
        raise SettingsError(str(error)) from None
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(f"unknown time zone {settings.time_zone!r}") from None
    return settings
