"""Tablets of the bench: real store file, real exchange over HTTP, every byte counted.

Owns enrolment of a tablet and syncing until nothing is left. Measures nothing itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.company import Company
from bench.meter import Wire
from common.protocol.messages import HaveRequest
from field_app.store.engine import make_store_engine
from field_app.store.store import Store
from field_app.sync.engine import SyncEngine
from field_app.sync.enrol import Invitation, enrol
from field_app.sync.http import HttpExchange
from field_app.sync.keys import device_key
from field_app.sync.keystore import FileKeystore
from field_app.vault.cipher import Cipher
from sync_server.db.office import SYSTEM
from sync_server.people.enrolment import issue_code

TURNS_AT_MOST = 200
KEY_ID = "bench"  # of the key its tablets are sealed with


@dataclass(frozen=True, slots=True)
class BenchTablet:
    """One enrolled tablet and the file its store is in."""

    store: Store
    engine: SyncEngine
    wire: Wire
    path: Path
    sealer: Cipher

    def sync(self) -> None:
        """Take turns until nothing is left to send or fetch. Raises RuntimeError for a line that fails."""
        for _ in range(TURNS_AT_MOST):
            self.engine.turn(asked=True)
            if self.engine.last_error:
                raise RuntimeError(f"the sync failed: {self.engine.last_error}")
            if not self.engine.line.more:
                return
        raise RuntimeError("the sync does not come to an end")

    def close(self) -> None:
        """Let go of file and line."""
        self.store.engine.dispose()
        self.wire.close()


def a_tablet(
    company: Company,
    url: str,
    folder: Path,
    person_id: str,
    over: Callable[[Wire], httpx.BaseTransport] = lambda wire: wire,
    *,
    sealed: bool = True,
) -> BenchTablet:
    """Enrol an empty tablet; it is signed in and its line is open, so that what follows is the sync alone.

    `over` puts another line between the tablet and the counting one; `sealed` False leaves its file plain.
    """
    database, clock = company.parts.database, company.parts.database.clock
    folder.mkdir(parents=True)
    path = folder / "app.db"
    store, keystore, wire = (
        Store(make_store_engine(path), clock, os.urandom),
        FileKeystore(folder / "keys"),
        Wire(),
    )
    code = issue_code(database, company.parts.keys, SYSTEM, person_id).text
    enrolled = enrol(store, keystore, Invitation(url, code), "Tablet", os.urandom)
    key = device_key(keystore)
    assert key is not None
    exchange = HttpExchange(url, enrolled.device_id, key, clock, transport=over(wire))
    sealer = Cipher(os.urandom(32), 1, os.urandom)
    if sealed:
        store.unseal(sealer, KEY_ID)
    exchange.have(HaveRequest(enrolled.device_id, ()))
    return BenchTablet(store, SyncEngine(store, exchange, clock, lambda: 0.5, "bench"), wire, path, sealer)
