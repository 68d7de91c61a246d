"""A tablet whose key is out of reach: it asks, an administrator compares a code, its unsent work is there again (A12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from common.kernel.command import Place, Role
from common.kernel.outcome import Refused
from common.kernel.work import Actor
from common.protocol.access import CODE_ALPHABET
from common.tickets.field_work import AddNote
from field_app.state.tablet import Tablet
from field_app.sync.keystore import FileKeystore
from field_app.vault.vault import SECRET, PinWrong, VaultLost
from field_app.vault.wraps import open_box as open_on_tablet
from field_app.vault.wraps import seal_to as seal_on_tablet
from sync_server.db.office import SYSTEM
from sync_server.people.boxes import open_box, seal_to
from sync_server.people.enrolment import revoke_device
from sync_server.people.key_requests import LIFE, decline, give
from tests.integration.test_restore import a_ticket, notes_of
from tests.support.locked_tablet import PIN, ended, enrolled, started, talked
from tests.support.served import Server, a_server, listening

NEW_PIN = "840261"
NOTE = "钥匙在护士站"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made, listening(made):
        yield made


def admin(server: Server) -> Actor:
    return Actor(server.person(Role.ADMINISTRATOR), frozenset({Role.ADMINISTRATOR}), Place.OFFICE)


def with_unsent_work(server: Server, folder: Path) -> tuple[str, str]:
    """Leave a tablet with one unsent note; returns device and ticket."""
    person = server.person(Role.ENGINEER)
    ticket = a_ticket(server, person)
    tablet = enrolled(server, folder, person)
    assert talked(tablet) == ""
    tablet.cut_line(True)
    assert tablet.give(AddNote(ticket, NOTE)).outcome.took_effect
    tablet.cut_line(False)
    device = tablet.store.identity().device_id
    ended(tablet)
    return device, ticket


def reset_keystore(folder: Path) -> None:
    FileKeystore(folder / "keys").forget(SECRET)


def lose_file(folder: Path) -> None:
    (folder / "vault.json").unlink()


def spoil_file(folder: Path) -> None:
    (folder / "vault.json").write_bytes(b'{"form": 1')


def nothing(_folder: Path) -> None:
    return None


def ten_wrong(tablet: Tablet, server: Server) -> None:
    for _ in range(9):
        with pytest.raises(PinWrong) as wrong:
            tablet.unlock("999000")
        server.clock.advance(timedelta(milliseconds=wrong.value.wait_ms))
    with pytest.raises(VaultLost):
        tablet.unlock("999000")


@pytest.mark.fault("A12", "P5")
@pytest.mark.parametrize("harm", [reset_keystore, lose_file, spoil_file, nothing])
def test_the_key_comes_back_and_so_does_the_work(
    server: Server, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    folder = tmp_path / "tablet"
    device, _ = with_unsent_work(server, folder)
    harm(folder)
    tablet = started(folder, server.clock)
    if harm is nothing:
        ten_wrong(tablet, server)
    assert tablet.gate == "lost"
    assert tablet.ask_for_key()
    talked(tablet, 2)
    recovery = tablet.recovery
    assert recovery is not None
    assert recovery.state == "waiting"
    database, keys = server.parts.database, server.parts.keys
    give(database, keys, admin(server), device, recovery.code.lower().replace("-", " "))
    talked(tablet, 1)
    assert recovery.state == "given"
    tablet.recover(NEW_PIN)
    assert tablet.gate == ""
    assert talked(tablet) == ""
    assert notes_of(server) == {NOTE}
    ended(tablet)
    again = started(folder, server.clock)
    again.unlock(NEW_PIN)
    assert again.gate == ""
    ended(again)
    raw = server.rows("SELECT box, sealed FROM key_request")
    assert raw[0][0] == ""
    assert recovery.data_key.hex() not in str(raw)


@pytest.mark.fault("A12")
def test_a_running_tablet_whose_pin_was_destroyed_goes_on_sending_and_recovers(
    server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "tablet"
    device, ticket = with_unsent_work(server, folder)
    tablet = started(folder, server.clock)
    tablet.unlock(PIN)
    tablet.shut()
    ten_wrong(tablet, server)
    assert tablet.gate == "lost"
    assert talked(tablet) == ""
    assert notes_of(server) == {NOTE}
    assert tablet.ask_for_key()
    talked(tablet, 2)
    assert tablet.recovery
    give(server.parts.database, server.parts.keys, admin(server), device, tablet.recovery.code)
    talked(tablet, 2)
    tablet.recover(NEW_PIN)
    assert tablet.gate == ""
    assert ticket


@pytest.mark.fault("A12", "G6")
def test_only_an_administrator_and_only_with_the_code_on_the_screen(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "tablet"
    device, _ = with_unsent_work(server, folder)
    reset_keystore(folder)
    tablet = started(folder, server.clock)
    tablet.ask_for_key()
    talked(tablet, 1)
    recovery = tablet.recovery
    assert recovery
    database, keys = server.parts.database, server.parts.keys
    dispatcher = Actor(server.person(Role.DISPATCHER), frozenset({Role.DISPATCHER}), Place.OFFICE)
    wrong = "".join(CODE_ALPHABET[(CODE_ALPHABET.index(c) + 1) % 32] for c in recovery.code.replace("-", ""))
    for actor, code, refused in (
        (dispatcher, recovery.code, "not_permitted"),
        (admin(server), wrong, "key_code_wrong"),
        (admin(server), "", "key_code_wrong"),
    ):
        with pytest.raises(Refused, match=refused):
            give(database, keys, actor, device, code)
    decline(database, admin(server), device)
    talked(tablet, 1)
    assert recovery.state == "declined"
    assert not recovery.data_key
    with pytest.raises(Refused, match="key_not_asked"):
        give(database, keys, admin(server), device, recovery.code)
    tablet.ask_for_key()
    talked(tablet, 1)
    assert tablet.recovery
    server.clock.advance(LIFE + timedelta(minutes=1))
    with pytest.raises(Refused, match="key_not_asked"):
        give(database, keys, admin(server), device, tablet.recovery.code)
    talked(tablet, 1)
    assert tablet.recovery.state == "declined"


@pytest.mark.fault("A12", "G5")
def test_a_stopped_tablet_gets_no_key(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "tablet"
    device, _ = with_unsent_work(server, folder)
    reset_keystore(folder)
    tablet = started(folder, server.clock)
    tablet.ask_for_key()
    talked(tablet, 1)
    assert tablet.recovery
    revoke_device(server.parts.database, SYSTEM, device)
    with pytest.raises(Refused, match="key_not_asked"):
        give(server.parts.database, server.parts.keys, admin(server), device, tablet.recovery.code)


def test_both_programs_write_the_same_boxes(server: Server) -> None:
    opener = server.parts.keys.opener
    public, secret = opener.public_key().public_bytes_raw(), opener.private_bytes_raw()
    import os

    assert open_box(opener, seal_on_tablet(public, b"key", b"here", os.urandom), b"here") == b"key"
    assert open_on_tablet(secret, seal_to(public, b"key", b"here", os.urandom), b"here") == b"key"
