"""The books of a server that was restored more than once: each way back was declared, and no check cries (D9, P11)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from sync_server.db.database import Database
from sync_server.keys import load_keys
from sync_server.upkeep.anchors import AnchorError, make_anchor, read_anchors, standing
from sync_server.upkeep.export import VERIFIER, export_equipment
from tests.integration.test_anchors import anchor, faults, hire
from tests.integration.test_export import pack, run
from tests.support.console_world import an_id, make_world
from tests.support.served import Server, a_server


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        yield made


def cut(database: Database, to: int) -> None:
    """Go back behind an entry, as a restore of an older backup does."""
    database.number()
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit WHERE seq > :to OR seq IS NULL"), {"to": to})
        head = "UPDATE stream_head SET audit_seq = :to, audit_hash = (SELECT hash FROM audit WHERE seq = :to)"
        connection.execute(text(head), {"to": to})


def bad(server: Server) -> list[str]:
    return [fault for fault in faults(server) if not fault.startswith("receipt")]


def stand(server: Server) -> list[int]:
    return [one.number for one in standing(read_anchors(server.parts.settings.anchors_dir))]


@pytest.fixture
def twice_restored(server: Server) -> Server:
    """Anchors 1 to 3 (3 declares a restore behind 2), 4, and 5, which declares one behind 4."""
    hire(server, "一", "二")
    assert anchor(server) is not None
    hire(server, "三", "四")
    assert anchor(server) is not None
    cut(server.parts.database, 4)
    hire(server, *"甲乙丙丁")
    assert anchor(server, after_restore=True) is not None
    assert bad(server) == []
    hire(server, *"戊己")
    last = anchor(server)
    assert last is not None
    cut(server.parts.database, last.seq - 1)
    hire(server, "庚")
    assert anchor(server, after_restore=True) is not None
    return server


@pytest.mark.fault("D9")
def test_after_a_second_restore_the_first_is_still_declared(twice_restored: Server) -> None:
    server = twice_restored
    assert bad(server) == []
    assert stand(server) == [1, 3, 5]
    hire(server, "辛")
    assert anchor(server) is not None
    assert bad(server) == []


@pytest.mark.fault("D9")
def test_what_stands_is_still_held_against_the_chain(twice_restored: Server) -> None:
    server = twice_restored
    third = read_anchors(server.parts.settings.anchors_dir)[2]
    cut(server.parts.database, third.seq - 1)
    assert any("the chain is cut off" in fault for fault in bad(server))


@pytest.mark.fault("D9")
def test_only_a_signed_word_declares_a_restore(twice_restored: Server) -> None:
    """Who writes 'restarts' into an anchor excuses nothing: it is not signed any more."""
    server = twice_restored
    folder = server.parts.settings.anchors_dir
    assert anchor(server) is not None
    newest = read_anchors(folder)[-1]
    cut(server.parts.database, 2)
    read = json.loads(newest.file.read_text("utf-8"))
    read["anchor"] |= {"restarts": True, "from_seq": 3}
    newest.file.write_text(json.dumps(read), "utf-8")
    said = bad(server)
    assert any("is not signed" in fault for fault in said)
    assert any("the chain is cut off" in fault for fault in said)


def test_a_restore_forward_into_the_old_history_is_anchored_from_where_both_agree(server: Server) -> None:
    """A newer backup turns up after an older one had been restored: what the first restore took back is there again."""
    hire(server, "一", "二")
    assert anchor(server) is not None
    hire(server, "三", "四")
    assert anchor(server) is not None
    server.parts.database.number()
    newer = server.rows("SELECT * FROM audit ORDER BY seq")
    cut(server.parts.database, 4)
    hire(server, *"甲乙丙丁")
    assert anchor(server, after_restore=True) is not None
    put_back(server, newer)
    with pytest.raises(AnchorError, match="after-restore"):
        anchor(server)
    assert anchor(server, after_restore=True) is not None
    assert bad(server) == []
    assert stand(server) == [1, 4]


def put_back(server: Server, rows: list[tuple[object, ...]]) -> None:
    """Have the chain be what it was."""
    marks = ", ".join(f":c{n}" for n in range(len(rows[0])))
    with server.parts.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit"))
        for row in rows:
            connection.execute(
                text(f"INSERT INTO audit VALUES ({marks})"), {f"c{n}": value for n, value in enumerate(row)}
            )
        head = (
            "SET audit_seq = (SELECT max(seq) FROM audit), audit_hash = (SELECT hash FROM audit WHERE seq = "
        )
        connection.execute(text(f"UPDATE stream_head {head}(SELECT max(seq) FROM audit))"))


@pytest.mark.fault("I6")
def test_an_export_of_a_twice_restored_server_is_found_good(tmp_path: Path) -> None:
    world = make_world(tmp_path / "company")
    settings, database = world.settings, world.database
    keys = load_keys(settings.keys_dir, lambda _n: b"")
    for after_restore in (False, False, True, False, True):
        if after_restore:
            cut(database, read_anchors(settings.anchors_dir)[-1].seq - 2)
        for _ in range(3):
            world.ticket()
        assert make_anchor(database, keys, settings.anchors_dir, after_restore=after_restore) is not None
    out = io.BytesIO()
    export_equipment(database, keys, settings, an_id("pump"), an_id("admin"), out)
    with zipfile.ZipFile(out) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    target = tmp_path / "expert"
    target.mkdir()
    verifier = target / "verify_evidence.py"
    verifier.write_bytes(VERIFIER.read_bytes())
    code, said = run(verifier, pack(files, target / "good.zip"))
    assert "FAIL" not in said, said
    assert code == 0
    database.engine.dispose()
