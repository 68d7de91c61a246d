"""The rescue file: this tablet's unsent work for carrying by hand, also where no PIN opens it (P5).

Owns making the file. What is inside only the server reads; where this tablet's key is out of reach its
commands go as they lie, sealed, with the data key as it was sealed for the server.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

from sqlalchemy import text

from common.kernel.codec import compact, encode
from common.kernel.ids import RandomBytes
from common.protocol.rescue import SUFFIX, RescueFile, rescue_bound, rescue_text
from field_app.store.store import Store
from field_app.sync.keys import DeviceKey, from_text, to_text
from field_app.vault.wraps import seal_to

_UNSENT = "SELECT id, envelope FROM main.op WHERE state = 'new' ORDER BY n, ord"


def make_rescue(
    store: Store, box_key: str, vault_box: str, key: DeviceKey | None, made_ms: int, random_bytes: RandomBytes
) -> tuple[str, bytes]:
    """Write all unsent work into a file; returns its name and content.

    `vault_box`: "key id|box", '' where there is none.
    """
    device_id = store.identity().device_id
    with store.read() as session:
        rows = session.connection().execute(text(_UNSENT)).all()
    key_id, _, box = vault_box.partition("|")
    sealed = [(op_id, to_text(body)) for op_id, body in rows if isinstance(body, bytes)]
    told: dict[str, Any] = {"ops": [json.loads(body) for _, body in rows if isinstance(body, str)]}
    if sealed:
        told = {"key_id": key_id, "box": box, "sealed": sealed}
    packed = seal_to(
        from_text(box_key), zlib.compress(compact(told).encode(), 9), rescue_bound(device_id), random_bytes
    )
    sha256 = hashlib.sha256(packed).hexdigest()
    signature = key.sign(rescue_text(device_id, made_ms, len(rows), sha256)) if key else ""
    file = RescueFile(
        "fieldwright rescue 1", device_id, made_ms, len(rows), sha256, to_text(packed), signature
    )
    return f"fieldwright-{device_id[-8:]}-{made_ms}{SUFFIX}", compact(encode(file)).encode()
