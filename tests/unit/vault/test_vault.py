"""The vault: wrappings, tries that count before the check, what is lost and what is not."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from field_app.sync.keystore import FileKeystore
from field_app.vault import vault as vault_module
from field_app.vault.cipher import Cipher, SealBroken
from field_app.vault.file import VaultFileDamaged, Wrappings, read_wrappings
from field_app.vault.policy import LockPolicy, read_policy
from field_app.vault.vault import (
    SECRET,
    PinTooSoon,
    PinWeak,
    PinWrong,
    Vault,
    VaultClosed,
    VaultLost,
    VaultState,
)
from tests.support.fake_clock import FakeClock

PIN = "270419"
CHEAP = LockPolicy(memory_kib=64, passes=1)


class GuardedKeystore(FileKeystore):
    """Stands for a phone's secure storage."""

    is_guarded = True


def a_vault(folder: Path, clock: FakeClock | None = None, *, guarded: bool = False) -> Vault:
    keystore = (GuardedKeystore if guarded else FileKeystore)(folder / "keys")
    clock = clock or FakeClock()
    return Vault(folder / "vault.json", keystore, clock, random.Random(7).randbytes, lambda: CHEAP)


def test_what_is_sealed_opens_in_its_own_place_only() -> None:
    cipher = Cipher(b"k" * 32, 1, random.Random(1).randbytes)
    sealed = cipher.seal(b"Ward 4", b"ticket|address|1")
    assert cipher.open(sealed, b"ticket|address|1") == b"Ward 4"
    for place in (b"ticket|address|2", b"ticket|contact|1"):
        with pytest.raises(SealBroken):
            cipher.open(sealed, place)
    for i in range(len(sealed)):
        with pytest.raises(SealBroken):
            cipher.open(sealed[:i] + bytes((sealed[i] ^ 1,)) + sealed[i + 1 :], b"ticket|address|1")
    with pytest.raises(SealBroken):
        Cipher(b"k" * 32, 2, random.Random(1).randbytes).open(sealed, b"ticket|address|1")


def test_a_new_vault_opens_with_its_pin_after_a_restart(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    assert vault.state is VaultState.NONE
    vault.create(PIN)
    sealed = vault.seal(b"note", b"here")
    again = a_vault(tmp_path)
    assert again.state is VaultState.CLOSED
    with pytest.raises(VaultClosed):
        again.open(sealed, b"here")
    again.unlock(PIN)
    assert again.open(sealed, b"here") == b"note"


@pytest.mark.parametrize("pin", ["12345", "111111", "123456", "654321", "112112112" * 10])
def test_a_weak_pin_is_not_taken(tmp_path: Path, pin: str) -> None:
    with pytest.raises(PinWeak):
        a_vault(tmp_path).create(pin)


@pytest.mark.fault("G6")
def test_guessing_waits_longer_each_time_and_then_destroys_the_pin(tmp_path: Path) -> None:
    clock = FakeClock()
    vault = a_vault(tmp_path, clock)
    vault.create(PIN)
    vault.close()
    waits = []
    for n in range(1, CHEAP.tries_at_most):
        with pytest.raises(PinWrong) as wrong:
            vault.unlock("999000")
        assert wrong.value.left == CHEAP.tries_at_most - n
        waits.append(wrong.value.wait_ms)
        if wrong.value.wait_ms:
            with pytest.raises(PinTooSoon):
                vault.unlock(PIN)
            clock.advance(timedelta(milliseconds=wrong.value.wait_ms))
    assert waits == [0, 0, 0, 0, 60_000, 120_000, 240_000, 480_000, 960_000]
    with pytest.raises(VaultLost, match="pin_destroyed"):
        vault.unlock("999000")
    clock.advance(timedelta(milliseconds=10**9))
    with pytest.raises(VaultLost, match="pin_destroyed"):
        vault.unlock(PIN)
    assert vault.state is VaultState.LOST


@pytest.mark.fault("G6")
def test_a_try_is_counted_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = a_vault(tmp_path)
    vault.create(PIN)

    def power_cut(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("field_app.vault.vault.pin_key", power_cut)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            a_vault(tmp_path).unlock("999000")
    known = read_wrappings(tmp_path / "vault.json")
    assert known is not None
    assert known.tries == 3
    monkeypatch.undo()
    vault.unlock(PIN)
    known = read_wrappings(tmp_path / "vault.json")
    assert known is not None
    assert known.tries == 0


@pytest.mark.fault("G6")
def test_a_clock_set_back_does_not_lengthen_the_wait_nor_shorten_it(tmp_path: Path) -> None:
    clock = FakeClock()
    vault = a_vault(tmp_path, clock)
    vault.create(PIN)
    for _ in range(5):
        with pytest.raises(PinWrong):
            vault.unlock("999000")
    clock.advance(timedelta(milliseconds=-(10**10)))
    assert vault.wait_ms() == 60_000


@pytest.mark.fault("G6", "E1")
def test_a_clock_that_was_far_ahead_locks_nobody_out_for_ever(tmp_path: Path) -> None:
    clock = FakeClock()
    vault = a_vault(tmp_path, clock)
    vault.create(PIN)
    clock.advance(timedelta(days=365))
    for _ in range(5):
        with pytest.raises(PinWrong):
            vault.unlock("999000")
    clock.at -= timedelta(days=365)
    vault = a_vault(tmp_path, clock)
    with pytest.raises(PinTooSoon) as soon:
        vault.unlock(PIN)
    assert soon.value.wait_ms == 60_000, "nothing is won by setting it back"
    clock.advance(timedelta(seconds=59))
    with pytest.raises(PinTooSoon):
        vault.unlock(PIN)
    clock.advance(timedelta(seconds=1))
    vault.unlock(PIN)
    assert vault.state is VaultState.OPEN


@pytest.mark.fault("G6")
def test_a_kill_before_the_destruction_buys_no_further_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    vault = a_vault(tmp_path, clock)
    vault.create(PIN)
    real = vault_module.write_wrappings

    def cut(path: Path, wrappings: Wrappings) -> None:
        if not wrappings.by_pin:
            raise KeyboardInterrupt
        real(path, wrappings)

    monkeypatch.setattr(vault_module, "write_wrappings", cut)
    for n in range(CHEAP.tries_at_most + 3):
        clock.advance(timedelta(days=1))
        with pytest.raises(PinWrong if n < CHEAP.tries_at_most - 1 else KeyboardInterrupt):
            a_vault(tmp_path, clock).unlock("999000")
    known = read_wrappings(tmp_path / "vault.json")
    assert known is not None
    assert known.tries == CHEAP.tries_at_most, (
        "the plug is pulled before each destruction: no try is made any more"
    )
    monkeypatch.undo()
    clock.advance(timedelta(days=1))
    with pytest.raises(VaultLost, match="pin_destroyed"):
        a_vault(tmp_path, clock).unlock(PIN)
    known = read_wrappings(tmp_path / "vault.json")
    assert known is not None
    assert known.by_pin == b""


@pytest.mark.fault("P5")
def test_a_reset_keystore_is_told_apart_from_a_new_tablet(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    vault.create(PIN)
    FileKeystore(tmp_path / "keys").forget(SECRET)
    again = a_vault(tmp_path)
    assert again.state is VaultState.LOST
    assert again.why_lost == "keystore_lost"
    with pytest.raises(VaultLost, match="keystore_lost"):
        again.unlock(PIN)


def test_a_damaged_file_is_said_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "vault.json").write_bytes(b'{"form": 1')
    with pytest.raises(VaultFileDamaged):
        a_vault(tmp_path).unlock(PIN)
    assert (tmp_path / "vault.json").read_bytes() == b'{"form": 1'


def test_only_guarded_storage_opens_unasked(tmp_path: Path) -> None:
    plain, guarded = a_vault(tmp_path / "a"), a_vault(tmp_path / "b", guarded=True)
    for vault in (plain, guarded):
        vault.create(PIN)
        vault.close()
    assert not plain.open_unasked()
    assert guarded.open_unasked()
    assert guarded.state is VaultState.OPEN


def test_another_pin_replaces_the_old_one(tmp_path: Path) -> None:
    vault = a_vault(tmp_path)
    vault.create(PIN)
    sealed = vault.seal(b"note", b"here")
    vault.change_pin(PIN, "840261")
    again = a_vault(tmp_path)
    with pytest.raises(PinWrong):
        again.unlock(PIN)
    again.unlock("840261")
    assert again.open(sealed, b"here") == b"note"


@pytest.mark.fault("P10")
def test_a_wiped_vault_never_opens(tmp_path: Path) -> None:
    vault = a_vault(tmp_path, guarded=True)
    vault.create(PIN)
    vault.destroy()
    again = a_vault(tmp_path, guarded=True)
    assert again.state is VaultState.WIPED
    assert not again.open_unasked()
    with pytest.raises(VaultLost):
        again.unlock(PIN)


def test_figures_come_as_data() -> None:
    assert read_policy('{"idle_ms": 60000, "fewest": "x", "other": 1}') == LockPolicy(idle_ms=60_000)
    assert read_policy("no json") == LockPolicy()
    assert read_policy("[1]") == LockPolicy()
