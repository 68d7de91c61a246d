"""Fixtures every test may ask for: databases of both kinds and a browser.

Owns only what needs the outside of the process. Builders and worlds of the product live in `tests/support`.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL

from sync_server.people import passwords
from tests.support.postgres import fresh_database, postgres_url

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

SWEPT = gc.get_threshold()
# No deadline: the machine that runs the tests is shared, and time is no property of the code under test.
settings.register_profile("make", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "long", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=2_000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "make"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long versions to those who ask for them: `pytest -m soak`."""
    if "soak" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


def pytest_collection_finish() -> None:
    """Sweep rarely from here on: what is loaded stays, and what a test makes dies with it. A seventh of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture
def swept_as_in_earnest() -> Iterator[None]:
    """Sweep as often as Python does by itself, for tests that measure memory."""
    rarely = gc.get_threshold()
    gc.set_threshold(*SWEPT)
    yield
    gc.set_threshold(*rarely)


@pytest.fixture(scope="session", autouse=True)
def password_cost() -> Iterator[passwords.Cost]:
    """Let a password cost little in this process, because hundreds of tests sign in; gives what it costs in earnest."""
    real = passwords.COST
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "COST", passwords.Cost(1, 64, 1))
        yield real


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """Give the URL of a PostgreSQL server, one for each test process."""
    with postgres_url() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_server: URL) -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database."""
    with fresh_database(postgres_server) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of an empty database: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'server.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give one headless browser for the session; each test opens contexts of its own."""
    from tests.support.browser import launched

    with launched() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Give a browser context of the size of a desk screen."""
    from tests.support.browser import new_context

    with ExitStack() as stack:
        yield stack.enter_context(new_context(browser))
