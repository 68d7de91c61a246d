"""Fixtures of the console's pages: a whole server with a temporary database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Give a server with an empty database."""
    made = Office(tmp_path)
    yield made
    made.close()
