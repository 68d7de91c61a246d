"""A first pull in a process of its own, so that its memory is its own: `python -m bench.pulling URL FOLDER CODE`.

Prints one line of JSON: the most memory it had, and what passed. Owns nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from bench.meter import Wire, peak_mb
from bench.tablets import KEY_ID
from common.protocol.messages import HaveRequest
from field_app.store.engine import make_store_engine
from field_app.store.store import Store
from field_app.sync.engine import SyncEngine
from field_app.sync.enrol import Invitation, enrol
from field_app.sync.http import HttpExchange
from field_app.sync.keys import device_key
from field_app.sync.keystore import FileKeystore
from field_app.vault.cipher import Cipher
from sync_server.app import SystemClock


def main(url: str, folder: Path, code: str) -> int:
    """Enrol, pull until nothing is left, say what it took."""
    folder.mkdir(parents=True)
    clock, wire, keystore = SystemClock(), Wire(), FileKeystore(folder / "keys")
    store = Store(make_store_engine(folder / "app.db"), clock, os.urandom)
    enrolled = enrol(store, keystore, Invitation(url, code), "Tablet", os.urandom)
    store.unseal(Cipher(os.urandom(32), 1, os.urandom), KEY_ID)
    key = device_key(keystore)
    assert key is not None
    exchange = HttpExchange(url, enrolled.device_id, key, clock, transport=wire)
    exchange.have(HaveRequest(enrolled.device_id, ()))
    engine, began_s = SyncEngine(store, exchange, clock, lambda: 0.5, "bench"), time.monotonic()
    base_mb, pages = peak_mb(os.getpid()), 0
    while not pages or engine.line.more:
        engine.turn(asked=True)
        pages += 1
        if engine.last_error:
            raise RuntimeError(engine.last_error)
    told = {
        "peak_mb": peak_mb(os.getpid()), "base_mb": base_mb, "pages": pages, "down": wire.down,
        "seconds": round(time.monotonic() - began_s, 1),
    }  # fmt: skip
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
