"""The lock of the whole app: from enrolment to unlocking, what goes on while it is locked, what a restart asks for."""

from __future__ import annotations

import dataclasses
import errno
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from common.customers.customer import Customer
from common.i18n import has_key
from common.tickets.field_work import AddNote
from field_app.main import connect, look_after, open_tablet, page_main
from field_app.settings import Settings
from field_app.state.gate import GateModel
from field_app.state.reach import HANDED_TO
from field_app.state.tablet import VAULT_BOX, Tablet
from field_app.store.roomy import StoreFullError
from field_app.sync.keys import DEVICE_KEY, device_key, ensure_device_key, to_text
from field_app.sync.keystore import FileKeystore
from field_app.vault.file import read_wrappings
from field_app.vault.policy import LOCK_POLICY
from field_app.vault.vault import SECRET
from field_app.vault.wraps import open_box
from tests.support.fake_clock import FakeClock
from tests.support.flet_session import FletSession
from tests.support.tablet import stand
from tests.support.visit_world import VisitWorld

PIN = "270419"
NOTE = "钥匙在护士站"


@pytest.fixture
def office() -> VisitWorld:
    return VisitWorld()


def settings(folder: Path) -> Settings:
    return Settings(folder, folder / "web")


def start(folder: Path, clock: FakeClock) -> Tablet:
    tablet = open_tablet(settings(folder), clock)
    tablet.loop = None
    return tablet


def an_old_tablet(folder: Path, office: VisitWorld) -> FakeClock:
    """Leave a tablet of before the vault: enrolled, with work, plain."""
    made = stand(folder, office)
    made.store.choose(LOCK_POLICY, '{"memory_kib": 64, "passes": 1}')
    made.do(AddNote(made.ticket, NOTE))
    ensure_device_key(FileKeystore(folder / "keys"), lambda n: b"d" * n)
    made.store.mark() if hasattr(made.store, "mark") else None
    made.store.engine.dispose()
    return made.clock


@pytest.mark.fault("P10")
async def test_an_old_tablet_asks_for_a_pin_and_is_sealed(tmp_path: Path, office: VisitWorld) -> None:
    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    assert tablet.gate == "choose"
    assert connect(tablet) is None
    model = GateModel(tablet)
    await model.choose(PIN, "other one")
    assert model.trouble is not None
    assert model.trouble.code == "differs"
    await model.choose(PIN, PIN)
    assert model.trouble is None
    assert tablet.gate == ""
    key = device_key(tablet.keystore)
    assert key is not None
    assert key.secret == b"d" * 32
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (NOTE.encode(), b"d" * 32, PIN.encode()):
        assert secret not in files


async def test_a_restart_asks_for_the_pin_and_shows_nothing_before(
    tmp_path: Path, office: VisitWorld
) -> None:
    clock = an_old_tablet(tmp_path, office)
    start(tmp_path, clock).choose_pin(PIN)
    tablet = start(tmp_path, clock)
    assert tablet.gate == "unlock"
    assert not tablet.can_talk
    assert device_key(tablet.keystore) is None
    model = GateModel(tablet)
    assert model.waiting == 1
    await model.unlock("999000")
    assert model.trouble is not None
    assert model.trouble.code == "wrong"
    await model.unlock(PIN)
    assert (tablet.gate, tablet.can_talk) == ("", True)


def test_idle_locks_the_screens_and_not_the_line(tmp_path: Path, office: VisitWorld) -> None:
    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    tablet.choose_pin(PIN)
    clock.advance(timedelta(minutes=4))
    tablet.keep_draft("note", {"text": "half a sentence"})
    clock.advance(timedelta(minutes=4))
    assert not tablet.is_idle
    clock.advance(timedelta(minutes=2))
    assert tablet.is_idle
    tablet.shut()
    assert tablet.gate == "unlock"
    assert tablet.can_talk
    assert connect(tablet) is not None
    tablet.unlock(PIN)
    assert tablet.gate == ""
    assert tablet.store.draft("note") == {"text": "half a sentence"}


def test_whichever_clock_went_on_tells_that_nobody_was_there(tmp_path: Path, office: VisitWorld) -> None:
    """The steady clock of some devices stands still while they sleep; the wall clock may be set back."""
    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    tablet.choose_pin(PIN)
    clock.at += timedelta(hours=9)
    assert tablet.is_idle
    tablet.touch()
    clock.advance(timedelta(minutes=6))
    clock.at -= timedelta(hours=9)
    assert tablet.is_idle


@pytest.mark.fault("P10")
def test_a_tablet_without_a_page_locks_beside_the_loops_turns(tmp_path: Path, office: VisitWorld) -> None:
    clock = an_old_tablet(tmp_path, office)
    tablet = open_tablet(settings(tmp_path), clock)
    tablet.cut_line(True)
    tablet.choose_pin(PIN)
    assert tablet.loop is not None
    clock.advance(timedelta(minutes=4))
    tablet.loop.turn(asked=False)
    assert tablet.gate == ""
    tablet.store.choose(HANDED_TO, "/ticket/1/sign")
    clock.advance(timedelta(minutes=4))
    tablet.loop.turn(asked=False)
    assert tablet.gate == "", "the customer is reading"
    tablet.store.choose(HANDED_TO, "")
    tablet.loop.turn(asked=False)
    assert tablet.gate == "unlock"


@pytest.mark.fault("P10")
async def test_a_new_page_of_a_tablet_left_alone_asks_for_the_pin_first(
    tmp_path: Path, office: VisitWorld
) -> None:
    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    tablet.choose_pin(PIN)
    customer = tablet.read(lambda session: session.scalars(select(Customer.name)).first())
    async with FletSession.open(page_main(settings(tmp_path), tablet)) as app:
        assert app.shows(str(customer))
    clock.advance(timedelta(hours=10))
    async with FletSession.open(page_main(settings(tmp_path), tablet)) as app:
        assert app.has("gate-pin")
        assert not app.shows(str(customer))
        assert tablet.gate == "unlock"


@pytest.mark.fault("P10")
async def test_a_page_that_comes_back_finds_the_lock_and_its_form_again(
    tmp_path: Path, office: VisitWorld
) -> None:
    """Locked beside the loop, while the page had no line; what was half-typed is on the disk by then."""
    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    tablet.choose_pin(PIN)
    route = f"/ticket/{office.ticket}/notes"
    async with FletSession.open(page_main(settings(tmp_path), tablet), route=route) as app:
        await app.type("note-text", "half a sentence")
        await app.session.disconnect(3600)
        clock.advance(timedelta(minutes=6))
        look_after(tablet)
        assert tablet.gate == "unlock"
        await app.session.connect(app.connection)
        await app.settle()
        assert app.has("gate-pin")
        assert not app.shows("half a sentence")
        tablet.unlock(PIN)
        await app.settle()
        assert app.shows("half a sentence")


@pytest.mark.fault("P5")
async def test_a_reset_keystore_leads_to_recovery_never_to_an_empty_start(
    tmp_path: Path, office: VisitWorld
) -> None:
    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    tablet.choose_pin(PIN)
    FileKeystore(tmp_path / "keys").forget(SECRET)
    again = start(tmp_path, clock)
    model = GateModel(again)
    assert (again.gate, model.why_lost, model.waiting) == ("lost", "keystore_lost", 1)
    (tmp_path / "vault.json").unlink()
    assert (again.gate, model.why_lost, model.waiting) == ("lost", "vault_file_lost", 1)
    assert again.is_enrolled


@pytest.mark.fault("P5")
def test_the_server_can_open_the_key_of_a_tablet_that_lost_its_own(
    tmp_path: Path, office: VisitWorld
) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from field_app.sync.keys import from_text

    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    server = X25519PrivateKey.from_private_bytes(b"s" * 32)
    tablet.store.choose("server.box_key", to_text(server.public_key().public_bytes_raw()))
    tablet.choose_pin(PIN)
    vault = tablet.vault
    assert vault is not None
    key_id, _, box = tablet.store.setting(VAULT_BOX).partition("|")
    assert key_id == vault.key_id
    bound = b"fieldwright dek|" + key_id.encode() + b"|c" + tablet.store.identity().device_id.encode()
    data_key = open_box(b"s" * 32, from_text(box), bound)
    FileKeystore(tmp_path / "keys").forget(SECRET)
    again = start(tmp_path, clock)
    assert again.vault is not None
    again.vault.adopt(data_key, key_id, "840261")
    again.unlock("840261")
    assert again.gate == ""
    with again.store.read() as session:
        from field_app.store.queries_outbox import whole_outbox

        assert NOTE in str(whole_outbox(session))


def test_a_pin_given_at_the_start_is_used(tmp_path: Path, office: VisitWorld) -> None:
    clock = an_old_tablet(tmp_path, office)
    told = dataclasses.replace(settings(tmp_path), pin=PIN)
    for _ in range(2):
        tablet = open_tablet(told, clock)
        tablet.loop = None
        tablet.use_pin_given()
        assert tablet.gate == ""


def test_keys_are_sealed_in_the_keystore_too(tmp_path: Path, office: VisitWorld) -> None:
    clock = an_old_tablet(tmp_path, office)
    tablet = start(tmp_path, clock)
    tablet.choose_pin(PIN)
    kept = FileKeystore(tmp_path / "keys").load(DEVICE_KEY)
    assert kept is not None
    assert b"d" * 32 not in kept


def fill(monkeypatch: pytest.MonkeyPatch, folder: Path, *, wholly: bool) -> None:
    """Have nothing written beside the database for good; not `wholly`: until the reserve is given up."""
    real = os.fsync

    def full(descriptor: int) -> None:
        if wholly or (folder / "tablet.reserve").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr("field_app.vault.file.os.fsync", full)


@pytest.mark.fault("A3")
async def test_a_full_disk_gives_up_its_reserve_for_the_note_of_a_try(
    tmp_path: Path, office: VisitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = an_old_tablet(tmp_path, office)
    start(tmp_path, clock).choose_pin(PIN)
    tablet = start(tmp_path, clock)
    model = GateModel(tablet)
    fill(monkeypatch, tmp_path, wholly=False)
    await model.unlock("999000")
    assert model.trouble is not None
    assert model.trouble.code == "wrong"
    known = read_wrappings(tmp_path / "vault.json")
    assert known is not None
    assert known.tries == 1
    await model.unlock(PIN)
    assert (model.trouble, tablet.gate) == (None, "")
    assert not (tmp_path / "tablet.reserve").exists()
    assert tablet.status().trouble == "device_full"


@pytest.mark.fault("A3")
async def test_with_no_room_for_the_note_no_try_is_made_and_it_is_said(
    tmp_path: Path, office: VisitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = an_old_tablet(tmp_path, office)
    start(tmp_path, clock).choose_pin(PIN)
    tablet = start(tmp_path, clock)
    model = GateModel(tablet)
    with monkeypatch.context() as patch:
        fill(patch, tmp_path, wholly=True)
        await model.unlock("999000")
    assert not model.is_busy
    assert model.trouble is not None
    assert (model.trouble.code, tablet.gate) == ("device_full", "unlock")
    await model.unlock(PIN)
    assert (model.trouble, tablet.gate) == (None, "")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "device_full"),
        (OSError(errno.EROFS, "Read-only file system"), "device_read_only"),
        (OSError(errno.EIO, "Input/output error"), "storage_failed"),
        (StoreFullError("device_read_only"), "device_read_only"),
        (OperationalError("", {}, sqlite3.OperationalError("database or disk is full")), "device_full"),
        (OperationalError("", {}, sqlite3.OperationalError("disk I/O error")), "storage_failed"),
    ],
)
async def test_whatever_the_storage_does_the_gate_says_so_and_is_not_busy(
    tmp_path: Path, office: VisitWorld, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    tablet = start(tmp_path, an_old_tablet(tmp_path, office))
    model = GateModel(tablet)

    def failing(_pin: str) -> None:
        raise fault

    monkeypatch.setattr(tablet, "choose_pin", failing)
    await model.choose(PIN, PIN)
    assert model.trouble is not None
    assert (model.trouble.code, model.is_busy) == (code, False)
    assert all(has_key(f"app.gate.{code}") for code in ("device_full", "device_read_only", "storage_failed"))
