"""Fixtures of the console's page tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console_world import ConsoleWorld, make_world
from tests.support.office import Office


@pytest.fixture
def company(tmp_path: Path) -> ConsoleWorld:
    """Give a company on a real database of its own."""
    return make_world(tmp_path)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Give a server with an empty database."""
    made = Office(tmp_path)
    yield made
    made.close()
