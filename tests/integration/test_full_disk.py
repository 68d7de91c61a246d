"""Full disks and disks that cannot be written, on the tablet and on the server (A3, A5, C4); two programs (A11)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from common.i18n import LANGUAGES, translate
from common.kernel.reserve import Reserve
from common.tickets.field_work import AddNote
from field_app.state.tablet import Tablet
from field_app.store.engine import make_store_engine
from field_app.store.one_program import AlreadyRunningError, only_program
from field_app.store.opening import open_store
from field_app.store.roomy import LAY_AGAIN_MS, RoomyStore, StoreFullError
from field_app.sync.keystore import FileKeystore
from tests.simulation.cluster import Network, SimClock, SimDevice, SimServer, Time, unseal
from tests.simulation.stage import TICKETS, images
from tests.support.killable import start
from tests.support.small_disk import SmallDisk, small_disk

RESERVE = 1024 * 1024
CAPACITY = 8 * 1024 * 1024


def a_tablets_file(path: Path) -> Time:
    """Write the database of a tablet that has fetched its tickets."""
    rng, time = random.Random(3), Time()
    made = images()
    device = SimDevice("t", made.devices[0], SimServer(made.server, time, rng), time, Network(rng))
    device.engine.turn(asked=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(device.disk.image())
    return time


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[SmallDisk, RoomyStore, Time]]:
    path = tmp_path / "app" / "tablet.db"
    time = a_tablets_file(path)
    with small_disk(path, CAPACITY) as (disk, creator):
        store = RoomyStore(
            make_store_engine(None, creator=creator), SimClock(time), os.urandom,
            Reserve(path.with_suffix(".reserve"), RESERVE, disk.free),
        )  # fmt: skip
        unseal(store, os.urandom)
        yield disk, store, time
        store.engine.dispose()


@pytest.mark.fault("A3", "P1")
def test_a_save_on_a_full_tablet_goes_through_and_the_person_is_told(
    small: tuple[SmallDisk, RoomyStore, Time], tmp_path: Path
) -> None:
    disk, store, time = small
    tablet = Tablet(store, FileKeystore(tmp_path / "keys"), store.clock, os.urandom)
    assert store.reserve.is_there
    disk.fill(left=2_000)
    given = [store.give(AddNote(TICKETS[0], "as the disk fills " + "x" * 900)).op_id for _ in range(6)]
    assert not store.reserve.is_there
    assert tablet.status().trouble == "device_full"
    store.keep_draft("note/1", {"text": "half a thought"})
    confirmed = set(given)
    with suppress(StoreFullError):
        for _ in range(400):
            confirmed.add(store.give(AddNote(TICKETS[0], "y" * 900)).op_id)
    with pytest.raises(StoreFullError, match="device_full"):
        store.give(AddNote(TICKETS[0], "z" * 3_900))
    with store.read() as session:
        assert confirmed <= set(session.execute(text("SELECT id FROM op")).scalars())
    assert store.draft("note/1") == {"text": "half a thought"}
    assert store.check() == "ok"
    disk.tidy()
    time.pass_by(LAY_AGAIN_MS)
    assert store.give(AddNote(TICKETS[0], "room again")).outcome.took_effect
    assert store.reserve.is_there
    assert tablet.status().trouble == ""
    for language in LANGUAGES:
        for code in ("device_full", "device_read_only"):
            assert translate(language, f"app.device.{code}_do") != translate(language, f"reason.{code}")


def look_only(folder: Path) -> None:
    """Open a store as somebody who may not write there; end with 0 if all is as it must be."""
    os.setuid(65_534)
    store = open_store(folder / "tablet.db", SimClock(Time()), os.urandom)
    assert store.trouble == "device_read_only"
    with store.read() as session:
        assert session.execute(text("SELECT count(*) FROM ticket")).scalar_one() > 0
    try:
        store.give(AddNote(TICKETS[0], "nothing of this is kept"))
    except StoreFullError as error:
        os._exit(0 if error.code == "device_read_only" else 3)
    os._exit(4)


@pytest.mark.fault("A5")
def test_storage_that_cannot_be_written_opens_to_look_at() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become somebody who may not write here")
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are shut to others
        folder = Path(name)
        a_tablets_file(folder / "tablet.db")
        before = (folder / "tablet.db").read_bytes()
        folder.chmod(0o755)
        process = start(look_only, folder)
        process.join(60)
        assert process.exitcode == 0
        assert (folder / "tablet.db").read_bytes() == before
        assert [file.name for file in folder.iterdir()] == ["tablet.db"]


@pytest.mark.fault("A11")
def test_a_second_program_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    env = os.environ | {"FIELDWRIGHT_DATA": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    with only_program(tmp_path / "app"):
        with pytest.raises(AlreadyRunningError), only_program(tmp_path / "app"):
            pass
        words = [sys.executable, "-m", "field_app.main", "--web"]
        second = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert second.returncode == 1
    assert "already open" in second.stderr
    assert not (tmp_path / "app" / "tablet.db").exists()
    with only_program(tmp_path / "app"):
        pass
