"""The tamper kit: whatever is done to the audit chain, `verify` names the first bad entry (D9, P8)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, text

from common.kernel.command import Role
from sync_server import cli
from sync_server.db.schema import FIRST_HASH
from sync_server.db.sequencer import link_hash
from sync_server.upkeep import anchors
from sync_server.upkeep.anchors import Anchor, AnchorError, anchor_page, make_anchor, read_anchors
from sync_server.upkeep.evidence import begin_check, evidence_jobs, last_check, outside, run_check
from sync_server.upkeep.merkle import path_of, root_of
from sync_server.upkeep.verify import verify
from tests.support.fake_clock import FakeClock
from tests.support.served import Server, a_server
from tests.unit.server.test_anchor_paths import climb


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        yield made


def hire(server: Server, *names: str) -> None:
    for name in names:
        server.person(Role.ENGINEER, name=name)


def anchor(server: Server, **how: bool) -> Anchor | None:
    server.clock.advance(timedelta(days=1))
    return make_anchor(server.parts.database, server.parts.keys, server.parts.settings.anchors_dir, **how)


def faults(server: Server) -> list[str]:
    server.parts.database.number()
    kept = outside(server.parts.settings, server.parts.keys)
    with server.parts.database.read() as session:
        return [str(fault) for fault in verify(session, kept)]


@pytest.fixture
def anchored(server: Server) -> Server:
    """Give a server with three anchors and something behind them."""
    for names in (("一", "二"), ("三", "四"), ("五", "六")):
        hire(server, *names)
        assert anchor(server) is not None
    hire(server, "七")
    assert faults(server) == []
    return server


def recompute(connection: Connection) -> None:
    """Link the chain anew from its beginning, as somebody with the database and the source could."""
    prev, seq = FIRST_HASH, 0
    entries = connection.execute(
        text("SELECT id, at, entry FROM audit WHERE seq IS NOT NULL ORDER BY seq")
    ).all()
    connection.execute(text("UPDATE audit SET seq = -seq WHERE seq IS NOT NULL"))
    for entry_id, at, entry in entries:
        seq += 1
        current = link_hash(prev, seq, at, entry)
        connection.execute(
            text("UPDATE audit SET seq = :seq, prev_hash = :prev, hash = :hash WHERE id = :id"),
            {"seq": seq, "prev": prev, "hash": current, "id": entry_id},
        )
        prev = current
    connection.execute(
        text("UPDATE stream_head SET audit_seq = :seq, audit_hash = :hash"), {"seq": seq, "hash": prev}
    )


def edit(connection: Connection) -> None:
    connection.execute(text("UPDATE audit SET entry = replace(entry, '四', '西') WHERE seq = 5"))


def delete(connection: Connection) -> None:
    connection.execute(text("DELETE FROM audit WHERE seq = 5"))


def cut_tail(connection: Connection) -> None:
    """Cut the tail and set the head back, receipts too: the chain itself holds."""
    connection.execute(text("DELETE FROM audit WHERE seq > 5 OR seq IS NULL"))
    connection.execute(
        text("UPDATE stream_head SET audit_seq = 5, audit_hash = (SELECT hash FROM audit WHERE seq = 5)")
    )


def edit_and_recompute(connection: Connection) -> None:
    edit(connection)
    recompute(connection)


def delete_and_recompute(connection: Connection) -> None:
    delete(connection)
    recompute(connection)


@pytest.mark.fault("D9")
@pytest.mark.parametrize(
    ("deed", "first"),
    [
        (edit, "audit: entry 5: add_person of"),
        (delete, "audit: entry 5: is missing"),
        (cut_tail, "audit: entry 6: the chain is cut off: 8 entries were anchored"),
        (edit_and_recompute, "audit: entry 5: was written anew after it had been anchored"),
        (delete_and_recompute, "audit: entry 5: was written anew after it had been anchored"),
    ],
    ids=["edit", "delete", "cut", "recompute", "delete and recompute"],
)
def test_the_first_bad_entry_is_named(
    anchored: Server, deed: Callable[[Connection], None], first: str
) -> None:
    with anchored.parts.database.engine.connect() as connection:
        deed(connection)
        connection.commit()
    found = [fault for fault in faults(anchored) if not fault.startswith("receipt")]
    assert found
    assert found[0].startswith(first), found


@pytest.mark.fault("D9")
def test_anchors_themselves_cannot_be_changed_or_taken_away(anchored: Server) -> None:
    folder = anchored.parts.settings.anchors_dir
    first, second, third = sorted(folder.glob("anchor-*.json"))
    kept = second.read_bytes()
    read = json.loads(kept)
    read["anchor"]["hash"] = "0" * 64
    second.write_text(json.dumps(read))
    assert any("is not signed by this server" in fault for fault in faults(anchored))
    second.unlink()
    assert faults(anchored) == [f"anchor: {third.name}: does not follow the anchor before it: one is missing"]
    second.write_bytes(kept)
    assert faults(anchored) == []
    first.write_text("{}")
    with pytest.raises(AnchorError, match="is no anchor"):
        read_anchors(folder)


@pytest.mark.fault("D9")
def test_without_the_list_of_links_the_stretch_is_named(anchored: Server) -> None:
    for beside in anchored.parts.settings.anchors_dir.glob("*.links"):
        beside.unlink()
    with anchored.parts.database.engine.connect() as connection:
        edit_and_recompute(connection)
        connection.commit()
    assert faults(anchored)[0].startswith("audit: entry 3: was written anew") or faults(anchored)[
        0
    ].startswith("audit: entry 4: was written anew")


def test_a_chain_that_does_not_hold_is_not_anchored(anchored: Server) -> None:
    with anchored.parts.database.engine.connect() as connection:
        edit_and_recompute(connection)
        connection.commit()
    with pytest.raises(AnchorError, match="does not contain the anchor"):
        anchor(anchored)
    with anchored.parts.database.engine.connect() as connection:
        connection.execute(text("UPDATE audit SET entry = replace(entry, '七', '柒')"))
        connection.commit()
    with pytest.raises(AnchorError, match="does not hold"):
        anchor(anchored, after_restore=True)


def test_after_a_restore_the_way_on_is_declared_and_signed(anchored: Server) -> None:
    """A restored server has lost entries; that is said once, and what comes after is anchored as before."""
    with anchored.parts.database.engine.connect() as connection:
        cut_tail(connection)
        connection.commit()
    with pytest.raises(AnchorError, match="after-restore"):
        anchor(anchored)
    hire(anchored, "八")
    made = anchor(anchored, after_restore=True)
    assert made is not None
    assert made.restarts
    assert [fault for fault in faults(anchored) if not fault.startswith("receipt")] == []
    hire(anchored, "九")
    assert anchor(anchored) is not None
    assert [fault for fault in faults(anchored) if not fault.startswith("receipt")] == []


def test_an_anchor_covers_what_came_since_the_one_before(anchored: Server) -> None:
    one, two, three = read_anchors(anchored.parts.settings.anchors_dir)
    assert (one.from_seq, two.from_seq, three.from_seq) == (1, one.seq + 1, two.seq + 1)
    assert (one.document["previous"], two.document["previous"]) == ("", one.digest)
    links = [
        link for (link,) in anchored.rows("SELECT hash FROM audit WHERE seq <= :n ORDER BY seq", n=three.seq)
    ]
    own = links[two.from_seq - 1 : two.seq]
    assert root_of(own) == two.document["root"]
    assert [climb(link, path_of(own, place)) for place, link in enumerate(own)] == [
        two.document["root"]
    ] * len(own)
    assert two.digest in anchor_page(two)
    server_kinds = [kind for (kind,) in anchored.rows("SELECT kind FROM audit ORDER BY seq")]
    assert server_kinds.count("chain_anchored") == 3


def test_nothing_new_needs_no_anchor(server: Server) -> None:
    hire(server, "一")
    assert anchor(server) is not None
    assert anchor(server) is not None  # the anchoring itself was noted
    assert len(read_anchors(server.parts.settings.anchors_dir)) == 2


@pytest.mark.fault("D9")
def test_two_anchors_at_once_follow_one_another(anchored: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daily job and somebody at the console; the clock moves on between them."""
    parts, seconds, together = anchored.parts, count(), Barrier(2)
    read = FakeClock.read
    monkeypatch.setattr(
        FakeClock,
        "read",
        lambda clock: replace(told := read(clock), wall_ms=told.wall_ms + 1000 * next(seconds)),
    )

    def press(_: int) -> Anchor | None:
        together.wait()
        return make_anchor(parts.database, parts.keys, parts.settings.anchors_dir)

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(press, range(2)))
    known = read_anchors(parts.settings.anchors_dir)
    assert [one.number for one in known] == [1, 2, 3, 4, 5]
    assert [one.from_seq for one in known[1:]] == [one.seq + 1 for one in known[:-1]]
    hire(anchored, "八")
    assert anchor(anchored) is not None
    assert faults(anchored) == []


def test_a_number_is_given_once_where_no_lock_holds(
    anchored: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on another machine may know no locks: who comes second with the same number is refused."""

    def overtaken(links: list[str]) -> str:
        monkeypatch.setattr(anchors, "root_of", root_of)
        assert anchor(anchored) is not None
        return root_of(links)

    monkeypatch.setattr(anchors, "held", lambda *_, **__: nullcontext())
    monkeypatch.setattr(anchors, "root_of", overtaken)
    with pytest.raises(AnchorError, match="is there already"):
        anchor(anchored)
    assert anchor(anchored) is not None
    assert [one.number for one in read_anchors(anchored.parts.settings.anchors_dir)] == [1, 2, 3, 4, 5]
    assert faults(anchored) == []


def test_checks_are_recorded_and_run_daily(anchored: Server) -> None:
    parts = anchored.parts
    check = begin_check(parts.database, "somebody")
    assert begin_check(parts.database, "another") == check  # one at a time
    assert run_check(parts.settings, parts.keys, parts.database, check)
    with parts.database.read() as session:
        last = last_check(session)
    assert last is not None
    assert (last.state, last.by, last.faults, last.anchors) == ("good", "somebody", [], 3)
    assert last.seen == last.total > 0
    anchored.clock.advance(timedelta(days=1))
    with parts.database.engine.connect() as connection:
        edit(connection)
        connection.commit()
    did = {job.name: job.run(parts.database) for job in evidence_jobs(parts.settings, parts.keys)}
    assert did["chain_check"] == 1
    with parts.database.read() as session:
        last = last_check(session)
    assert last is not None
    assert last.state == "bad"
    assert last.faults[0].startswith("audit: entry 5")
    anchored.clock.advance(timedelta(days=1))
    in_the_way = parts.settings.data_dir / "a-file"
    in_the_way.touch()
    away = replace(parts.settings, anchors=str(in_the_way / "anchors"))
    for job in (*evidence_jobs(parts.settings, parts.keys), *evidence_jobs(away, parts.keys)):
        job.run(parts.database)
    told = anchored.rows("SELECT code, state FROM discrepancy ORDER BY code")
    assert [tuple(row) for row in told] == [("chain_broken", "open"), ("chain_not_anchored", "open")]


def test_the_command_line_anchors_and_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--data", str(tmp_path / "data")]
    assert cli.main([*common, "init"]) == 0
    assert cli.main([*common, "user", "add", "mei", "--name", "林梅", "--role", "administrator"]) == 0
    assert cli.main([*common, "anchor", "--print"]) == 0
    said = capsys.readouterr().out
    assert "Anchored up to entry" in said
    assert "审计链锚点" in said
    assert cli.main([*common, "verify"]) == 0
    beside = next((tmp_path / "data" / "anchors").glob("anchor-*.json"))
    beside.write_text(beside.read_text().replace('"seq": ', '"seq": 9'))
    assert cli.main([*common, "verify"]) == 1
    assert "anchor" in capsys.readouterr().out
