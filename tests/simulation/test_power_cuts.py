"""The power goes anywhere in a history, pages are torn: what was confirmed is there on the tablet and the server (A2).

Taken-away cures: with `synchronous=NORMAL` confirmed saves are lost, which a killed process would never show.
"""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from field_app.store import engine as tablet_engine
from sync_server.db import engine as server_engine
from tests.simulation.checks import Violation
from tests.simulation.power import Recordings, cut_server, cut_tablet, live

STEPS, CUTS = 80, 110


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Recordings:
    """One history for all cuts of this module."""
    return live(2026, STEPS, tmp_path_factory.mktemp("disks"))


@pytest.mark.fault("A2", "P1")
def test_a_tablet_keeps_what_it_confirmed(recordings: Recordings, tmp_path: Path) -> None:
    assert cut_tablet(recordings.tablet, CUTS, random.Random(1), tmp_path / "cut") > 10 * CUTS


@pytest.mark.fault("A2", "P2")
def test_a_server_keeps_what_it_confirmed(recordings: Recordings, tmp_path: Path) -> None:
    assert cut_server(recordings.server, CUTS, random.Random(2), tmp_path / "cut") > 10 * CUTS


def weaker(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the pragmas as they are, but trust the disk's cache with the newest commits."""
    real = module._set_pragmas

    def set_pragmas(connection: Any, record: Any) -> None:
        real(connection, record)
        connection.execute("PRAGMA synchronous=NORMAL")

    monkeypatch.setattr(module, "_set_pragmas", set_pragmas)


def test_without_full_synchronisation_saves_are_lost(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    weaker(tablet_engine, monkeypatch)
    weaker(server_engine, monkeypatch)
    weak = live(2026, 30, tmp_path / "disks")
    with pytest.raises(Violation, match="P1"):
        cut_tablet(weak.tablet, 60, random.Random(1), tmp_path / "tablet")
    with pytest.raises(Violation, match="P2"):
        cut_server(weak.server, 60, random.Random(1), tmp_path / "server")


@pytest.mark.soak
@pytest.mark.fault("A2")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(20))
def test_thousands_of_cuts(seed: int, tmp_path: Path) -> None:
    made = live(seed, 150, tmp_path / "disks")
    assert cut_tablet(made.tablet, 250, random.Random(seed), tmp_path / "tablet") > 0
    assert cut_server(made.server, 250, random.Random(seed), tmp_path / "server") > 0
