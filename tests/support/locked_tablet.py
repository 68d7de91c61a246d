"""The product's tablet behind its PIN, talking to a server that really listens: for tests of theft, loss and recovery.

Owns starting, enrolling and turning the loop by hand. A restart is another `started` over the same folder.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from field_app.main import open_tablet
from field_app.settings import Settings
from field_app.state.tablet import Tablet
from field_app.store.opening import open_store
from field_app.sync.enrol import Invitation
from field_app.sync.keystore import FileKeystore
from field_app.vault.cipher import Cipher
from field_app.vault.file import read_wrappings
from field_app.vault.policy import LOCK_POLICY, LockPolicy
from field_app.vault.vault import SECRET
from field_app.vault.wraps import pin_key, unwrap
from tests.support.fake_clock import FakeClock
from tests.support.served import Server

PIN = "270419"
CHEAP = '{"memory_kib": 64, "passes": 1}'


def started(folder: Path, clock: FakeClock) -> Tablet:
    """Start the app; its thread stays still."""
    if not (folder / "tablet.db").exists():
        store = open_store(folder / "tablet.db", clock, lambda n: b"x" * n)
        store.choose(LOCK_POLICY, CHEAP)
        store.engine.dispose()
    return open_tablet(Settings(folder, folder / "web"), clock)


def ended(tablet: Tablet) -> None:
    """End the app."""
    tablet.store.engine.dispose()


def enrolled(server: Server, folder: Path, person_id: str, pin: str = PIN) -> Tablet:
    """Start a new tablet, enrol it for a person and choose its PIN."""
    tablet = started(folder, server.clock)
    tablet.enrol(Invitation(server.url, server.code(person_id)), platform.node() or "tablet")
    tablet.choose_pin(pin)
    return tablet


def talked(tablet: Tablet, rounds: int = 8) -> str:
    """Take turns; returns the last error."""
    assert tablet.loop is not None
    for _ in range(rounds):
        tablet.loop.turn(asked=True)
    return tablet.loop.error


def cipher_of(folder: Path, pin: str) -> Cipher:
    """Open the data key of a tablet that is running elsewhere, without a try being counted."""
    known, secret = read_wrappings(folder / "vault.json"), FileKeystore(folder / "keys").load(SECRET)
    assert known is not None
    assert secret is not None
    cost = LockPolicy(memory_kib=known.memory_kib, passes=known.passes)
    bound = b"fieldwright dek|" + known.key_id.encode() + b"|b"
    key = unwrap(pin_key(pin, known.salt, secret, cost), known.by_pin, bound)
    return Cipher(key, known.key_version, os.urandom)
