"""Fixtures of the unit tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """Give an empty world that stands for the server."""
    made = World()
    yield made
    made.close()
