"""Settings: where they come from, what is refused, and that worker processes get the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_server.settings import Settings, SettingsError, as_environment, read_settings


def test_with_nothing_set_it_is_sqlite_on_loopback(tmp_path: Path) -> None:
    settings = read_settings({"FIELDWRIGHT_DATA": str(tmp_path)})
    assert settings.database == f"sqlite:///{tmp_path}/server/fieldwright.db"
    assert (settings.address, settings.workers, settings.secure_cookies) == (
        "http://127.0.0.1:8700",
        1,
        False,
    )


def test_the_command_line_wins_over_the_environment(tmp_path: Path) -> None:
    env = {"FIELDWRIGHT_DATA": str(tmp_path), "FIELDWRIGHT_SERVER_PORT": "9000", "FIELDWRIGHT_WORKERS": "3"}
    settings = read_settings(env, port="9100", host=None)
    assert (settings.port, settings.workers) == (9100, 3)


def test_a_public_https_address_makes_cookies_secure() -> None:
    settings = read_settings({"FIELDWRIGHT_DATA": "/d", "FIELDWRIGHT_PUBLIC_URL": "https://service.example/"})
    assert (settings.address, settings.secure_cookies) == ("https://service.example", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIELDWRIGHT_SERVER_PORT", "eighty"), ("FIELDWRIGHT_SERVER_PORT", "70000"), ("FIELDWRIGHT_WORKERS", "-1"),
        ("FIELDWRIGHT_PUBLIC_URL", "service.example"), ("FIELDWRIGHT_TIME_ZONE", "Mars/Olympus"),
        ("FIELDWRIGHT_TIME_ZONE", "../../etc/passwd"), ("FIELDWRIGHT_LANGUAGE", "tlh"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(name: str, value: str) -> None:
    with pytest.raises(SettingsError):
        read_settings({"FIELDWRIGHT_DATA": "/d", name: value})


@pytest.mark.parametrize(
    "settings",
    [
        Settings(Path("/d").resolve()),
        Settings(
            Path("/e").resolve(), "postgresql+psycopg://u@h/d", "::1", 9000, 4, "https://x.example", True,
            "Europe/Vienna", "en", "10.0.0.1", 0,
        ),
    ],
)  # fmt: skip
def test_worker_processes_read_the_same_settings(settings: Settings) -> None:
    assert read_settings(as_environment(settings)) == settings
