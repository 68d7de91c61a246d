"""A sealed file that is damaged: what is rescued from it stays sealed, and opens with the same PIN's key."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from common.tickets.field_work import AddNote
from field_app.store.opening import open_store, recovery_of
from field_app.store.private import NAME_OF_PERSON
from field_app.store.schema import OutboxOp
from field_app.store.store import Store
from field_app.vault.cipher import Cipher
from tests.support.tablet import stand

NOTE = "钥匙在护士站，夜间找值班护士"
DRAFT = {"finding": "half a sentence about the seal"}


def cipher() -> Cipher:
    return Cipher(b"k" * 32, 1, random.Random(3).randbytes)


def spoil(path: Path, table: str) -> None:
    """Fill the first page of a table with nonsense."""
    with sqlite3.connect(path) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    raw = bytearray(path.read_bytes())
    raw[(root - 1) * size : root * size] = b"\x5a" * size
    path.write_bytes(bytes(raw))


def envelopes(session: Session) -> list[object]:
    return list(session.scalars(select(OutboxOp.envelope).order_by(OutboxOp.ord)))


@pytest.mark.fault("A6")
@pytest.mark.parametrize("table", ["ticket", "setting"])
def test_what_is_rescued_stays_sealed_and_opens(tmp_path: Path, table: str) -> None:
    tablet = stand(tmp_path)
    tablet.store.choose(NAME_OF_PERSON, "李伟的名字")
    tablet.store.unseal(cipher(), "one")
    tablet.do(AddNote(tablet.ticket, NOTE))
    tablet.store.keep_draft("diagnosis:1", DRAFT)
    with tablet.store.read() as session:
        before = envelopes(session)
    tablet.store.engine.dispose()
    spoil(tmp_path / "tablet.db", table)
    store: Store = open_store(tmp_path / "tablet.db", tablet.clock, random.Random(1).randbytes)
    told = recovery_of(store)
    assert told is not None
    assert (told.kind, told.saved) == ("damaged", len(before))
    assert NOTE.encode() not in (tmp_path / "tablet.db").read_bytes()
    store.unseal(cipher(), "one")
    with store.read() as session:
        assert envelopes(session) == before
    assert store.draft("diagnosis:1") == DRAFT
    assert store.setting(NAME_OF_PERSON) == ("" if table == "setting" else "李伟的名字")
    assert store.sealed_with == "one"
