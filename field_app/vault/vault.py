"""The vault of one tablet: makes the data key, opens it by PIN, counts tries, forgets it.

Owns the file of wrappings beside the database, and the key in memory. What is sealed with it is the storage's.
Locking the screen leaves the key in memory so that work goes on being sent; ending the program does not (ADR-0032).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from common.kernel.clock import Clock
from common.kernel.ids import RandomBytes
from common.kernel.reserve import says_full
from common.protocol.recovery import key_bound
from field_app.sync.keystore import Keystore
from field_app.vault.cipher import KEY_BYTES, Cipher, SealBroken
from field_app.vault.file import VaultFileDamaged, Wrappings, read_wrappings, write_wrappings
from field_app.vault.policy import LockPolicy
from field_app.vault.wraps import keystore_key, pin_key, seal_to, unwrap, wrap

SECRET = "vault"  # noqa: S105 - the name of a secret in the keystore
SALT_BYTES = 16


class VaultState(StrEnum):
    """`NONE`: no PIN chosen yet; `LOST`: the PIN cannot open it any more, only the office can; `WIPED`: by order."""

    NONE = "none"
    CLOSED = "closed"
    OPEN = "open"
    LOST = "lost"
    WIPED = "wiped"


class VaultClosed(Exception):
    """The data key is not in memory."""


class PinWeak(Exception):
    """The PIN is too short, too long or too plain."""


class PinWrong(Exception):
    """The PIN does not open; `left` tries remain, the next after `wait_ms`."""

    def __init__(self, left: int, wait_ms: int) -> None:
        super().__init__(f"{left} tries left")
        self.left = left
        self.wait_ms = wait_ms


class PinTooSoon(Exception):
    """Too many wrong ones: the next try is allowed after `wait_ms`."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__(f"wait {wait_ms} ms")
        self.wait_ms = wait_ms


class VaultLost(Exception):
    """No PIN opens it any more. `code`: keystore_lost, vault_file_lost, pin_destroyed, other_key."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Vault:
    """One for each process. Safe to use from several threads."""

    def __init__(
        self,
        path: Path,
        keystore: Keystore,
        clock: Clock,
        random_bytes: RandomBytes,
        policy: Callable[[], LockPolicy] = LockPolicy,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take the file of wrappings; nothing is opened yet. `make_room` gives up what is kept for a full disk (A3)."""
        self._path = path
        self._keystore = keystore
        self._clock = clock
        self._random_bytes = random_bytes
        self._policy = policy
        self._make_room = make_room
        self._cipher: Cipher | None = None
        self._lock = threading.RLock()
        self.is_guarded = keystore.is_guarded

    @property
    def policy(self) -> LockPolicy:
        """Return the figures in force."""
        return self._policy()

    @property
    def state(self) -> VaultState:
        """Say where it stands."""
        if self._cipher is not None:
            return VaultState.OPEN
        try:
            known = read_wrappings(self._path)
        except VaultFileDamaged:
            return VaultState.LOST
        if known is None:
            return VaultState.NONE
        if known.wiped:
            return VaultState.WIPED
        return VaultState.LOST if self._why_lost(known) else VaultState.CLOSED

    @property
    def why_lost(self) -> str:
        """Name the reason no PIN opens it any more; '' where one does."""
        try:
            known = read_wrappings(self._path)
        except VaultFileDamaged:
            return "vault_file_lost"
        return "" if known is None else self._why_lost(known)

    @property
    def key_id(self) -> str:
        """Return the id of the data key; '' before there is one."""
        known = read_wrappings(self._path)
        return known.key_id if known else ""

    def create(self, pin: str) -> None:
        """Make the data key and both wrappings of this tablet's own; it is open afterwards. Raises PinWeak."""
        with self._lock:
            if self.state is not VaultState.NONE:
                raise ValueError("there is a vault already")
            if not self.policy.is_long_enough(pin):
                raise PinWeak
            self._take(self._random_bytes(KEY_BYTES), self._random_bytes(8).hex(), pin)

    def adopt(self, data_key: bytes, key_id: str, pin: str) -> None:
        """Take a data key back that the office could open, under a new PIN. Raises PinWeak."""
        with self._lock:
            if not self.policy.is_long_enough(pin):
                raise PinWeak
            self._take(data_key, key_id, pin)

    def open_unasked(self) -> bool:
        """Open by the keystore alone, where the platform guards it, so that work is sent before anybody unlocks."""
        with self._lock:
            try:
                known = read_wrappings(self._path)
            except VaultFileDamaged:
                return False
            secret = self._keystore.load(SECRET)
            if known is None or not known.by_keystore or secret is None or known.wiped:
                return False
            try:
                key = unwrap(keystore_key(secret), known.by_keystore, _bound(known.key_id, b"a"))
            except SealBroken:
                return False
            self._cipher = Cipher(key, known.key_version, self._random_bytes)
            return True

    def unlock(self, pin: str) -> None:
        """Check the PIN and open. Raises PinWrong, PinTooSoon, VaultLost, OSError.

        The try is written down before it is made: pulling the plug buys no further one (G6), nor does a full disk.
        """
        with self._lock:
            known = read_wrappings(self._path)
            if known is None:
                raise VaultLost("vault_file_lost")
            code = self._why_lost(known)
            if code:
                raise VaultLost(code)
            if known.tries >= self.policy.tries_at_most:  # counted, and ended before it was destroyed
                self._destroy_pin(known)
            now_ms = self._clock.read().wall_ms
            if known.tried_ms > now_ms:  # the clock was set back: the wait begins anew, and ends
                known = replace(known, tried_ms=now_ms)
                self._write(known)
            wait_ms = self._still_to_wait_ms(known, now_ms)
            if wait_ms:
                raise PinTooSoon(wait_ms)
            tried = replace(known, tries=known.tries + 1, tried_ms=now_ms)
            self._write(tried)
            secret = self._keystore.load(SECRET) or b""
            cost = replace(self.policy, memory_kib=known.memory_kib, passes=known.passes)
            try:
                key = unwrap(pin_key(pin, known.salt, secret, cost), known.by_pin, _bound(known.key_id, b"b"))
            except SealBroken:
                self._count_failure(tried)
            self._write(replace(tried, tries=0))
            self._cipher = Cipher(key, known.key_version, self._random_bytes)

    def wait_ms(self) -> int:
        """Say how long until the next try is allowed, in milliseconds."""
        known = read_wrappings(self._path)
        return self._still_to_wait_ms(known, self._clock.read().wall_ms) if known else 0

    def change_pin(self, old: str, new: str) -> None:
        """Choose another PIN; the old one is a try like any other. Raises as `unlock`, and PinWeak."""
        with self._lock:
            if not self.policy.is_long_enough(new):
                raise PinWeak
            self.unlock(old)
            known = read_wrappings(self._path)
            assert known is not None
            assert self._cipher is not None
            self._take(self._cipher.key, known.key_id, new)

    def wrap_for_server(self, box_key: bytes, bound_to: str) -> bytes:
        """Wrap the data key for the server (c), bound to the device it belongs to. Raises VaultClosed."""
        bound = key_bound(self.key_id, "c", bound_to)
        return seal_to(box_key, self._open_cipher().key, bound, self._random_bytes)

    def seal(self, plain: bytes, aad: bytes) -> bytes:
        """Seal bytes; they open only with the same `aad`. Raises VaultClosed."""
        return self._open_cipher().seal(plain, aad)

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        """Open sealed bytes. Raises VaultClosed, SealBroken."""
        return self._open_cipher().open(sealed, aad)

    def close(self) -> None:
        """Forget the data key in memory."""
        self._cipher = None

    def destroy(self) -> None:
        """Destroy every wrapping and the keystore's secret: nothing on this tablet opens any more."""
        with self._lock:
            known = read_wrappings(self._path)
            if known is not None:
                gone = replace(known, by_keystore=b"", by_pin=b"", wiped=True)
                self._write(gone)
            self._keystore.forget(SECRET)
            self.close()

    def forget(self) -> None:
        """Remove the file of a destroyed vault, so that a new one can be made."""
        with self._lock:
            if self.state is VaultState.WIPED:
                self._path.unlink(missing_ok=True)

    def _take(self, key: bytes, key_id: str, pin: str) -> None:
        policy = self.policy
        secret = self._keystore.load(SECRET)
        if secret is None:
            secret = self._random_bytes(KEY_BYTES)
            self._keystore.keep(SECRET, secret)
        salt = self._random_bytes(SALT_BYTES)
        by_pin = wrap(pin_key(pin, salt, secret, policy), key, _bound(key_id, b"b"), self._random_bytes)
        # Without secure storage of the platform the secret lies beside the data: alone it must open nothing.
        by_keystore = b""
        if self.is_guarded:
            by_keystore = wrap(keystore_key(secret), key, _bound(key_id, b"a"), self._random_bytes)
        fresh = Wrappings(key_id, 1, salt, policy.memory_kib, policy.passes, by_pin, by_keystore)
        self._write(fresh)
        self._cipher = Cipher(key, fresh.key_version, self._random_bytes)

    def _count_failure(self, tried: Wrappings) -> None:
        policy = self.policy
        left = policy.tries_at_most - tried.tries
        if left <= 0:
            self._destroy_pin(tried)
        raise PinWrong(left, policy.wait_ms(tried.tries))

    def _destroy_pin(self, known: Wrappings) -> NoReturn:
        self._write(replace(known, by_pin=b""))
        raise VaultLost("pin_destroyed")

    def _write(self, wrappings: Wrappings) -> None:
        try:
            write_wrappings(self._path, wrappings)
        except OSError as error:
            if not (says_full(error) and self._make_room()):
                raise
            write_wrappings(self._path, wrappings)

    def _why_lost(self, known: Wrappings) -> str:
        if not known.by_pin:
            return "pin_destroyed"
        return "keystore_lost" if self._keystore.load(SECRET) is None else ""

    def _still_to_wait_ms(self, known: Wrappings, now_ms: int) -> int:
        # A clock set back never shortens the wait nor lengthens it; one set forward may: it costs tries all the same.
        waits_ms = self.policy.wait_ms(known.tries)
        return max(0, min(known.tried_ms + waits_ms - now_ms, waits_ms)) if waits_ms else 0

    def _open_cipher(self) -> Cipher:
        cipher = self._cipher
        if cipher is None:
            raise VaultClosed
        return cipher


def _bound(key_id: str, way: bytes) -> bytes:
    return b"fieldwright dek|" + key_id.encode() + b"|" + way
