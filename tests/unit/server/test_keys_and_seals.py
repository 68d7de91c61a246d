"""Keys stay as they are and with their owner; what a customer rated opens only at the server, for its own ticket."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from field_app.sync.keys import from_text, to_text
from field_app.sync.seal import seal
from sync_server.followup.open_rating import SealBrokenError, open_sealed
from sync_server.keys import load_keys

RATING = '{"attitude":4,"speed":3,"quality":4,"tidiness":1,"words":"很满意"}'


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    first, again = load_keys(tmp_path / "keys", os.urandom), load_keys(tmp_path / "keys", os.urandom)
    assert first == again
    assert len({first.sign, first.box, first.secret}) == 3
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "box.key",
        "secret.key",
        "sign.key",
    ]


def test_several_processes_starting_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_keys(tmp_path / "keys", os.urandom), range(16)))
    assert len({key.sign for key in keys}) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 3


def test_a_broken_key_file_is_an_error_not_a_new_key(tmp_path: Path) -> None:
    load_keys(tmp_path, os.urandom)
    (tmp_path / "box.key").write_text("")
    with pytest.raises(ValueError, match="put it back from a backup"):
        load_keys(tmp_path, os.urandom)


def test_a_sealed_rating_opens_at_the_server(tmp_path: Path) -> None:
    keys = load_keys(tmp_path, os.urandom)
    sealed = seal(RATING, keys.box_public, "ticket-1", os.urandom)
    assert "满意" not in sealed
    assert seal(RATING, keys.box_public, "ticket-1", os.urandom) != sealed
    assert open_sealed(sealed, "ticket-1", keys) == RATING


def test_a_seal_opens_for_nothing_else(tmp_path: Path) -> None:
    keys, others = load_keys(tmp_path / "a", os.urandom), load_keys(tmp_path / "b", os.urandom)
    sealed = seal(RATING, keys.box_public, "ticket-1", os.urandom)
    raw = bytearray(from_text(sealed))
    raw[-1] ^= 1
    for wrong, ticket, holder in (
        (sealed, "ticket-2", keys),
        (sealed, "ticket-1", others),
        (to_text(bytes(raw)), "ticket-1", keys),
        (sealed[:40], "ticket-1", keys),
        ("not base64 !", "ticket-1", keys),
        ("", "ticket-1", keys),
        (to_text(b"\x02" + bytes(100)), "ticket-1", keys),
        (to_text(b"\x01" + bytes(100)), "ticket-1", keys),
    ):
        with pytest.raises(SealBrokenError):
            open_sealed(wrong, ticket, holder)


def test_a_hash_is_for_one_purpose(tmp_path: Path) -> None:
    keys = load_keys(tmp_path, os.urandom)
    assert keys.mac("enrol", "code") != keys.mac("start", "code")
    assert keys.mac("enrol", "code") == load_keys(tmp_path, os.urandom).mac("enrol", "code")
