"""The rescue file: this tablet's unsent work and photos for carrying by hand, also where no PIN opens it (P5).

Owns making the file. What is inside only the server reads: photos go as they lie, sealed, with the data key as it was
sealed for the server; where this tablet's key is out of reach its commands do too.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text

from common.kernel.codec import compact, encode
from common.kernel.ids import RandomBytes
from common.protocol.rescue import (
    FILES_AT_MOST,
    SUFFIX,
    Carried,
    RescueFile,
    rescue_bound,
    rescue_text,
)
from field_app.store.files import PREVIEW
from field_app.store.schema import Blob
from field_app.store.store import Store
from field_app.sync.keys import DeviceKey, from_text, to_text
from field_app.vault.wraps import seal_to

_UNSENT = "SELECT id, envelope FROM main.op WHERE state = 'new' ORDER BY n, ord"


@dataclass(frozen=True, slots=True)
class Rescue:
    """A file that was made: all unsent commands, and as many photos as one file takes.

    `carried`: the photos in this file and in those made before it, small pictures among them; `photos`: how many that are
    without these; `left`: how many are in no file yet.
    """

    name: str
    content: bytes
    carried: frozenset[str] = frozenset()
    photos: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a rescue file is sealed with. `key_box`: "key id|box", '' where there is none; `key`: None out of reach.

    `sealed` gives the bytes of a photo as they lie and raises OSError; None where there are no photos.
    """

    box_key: str
    key_box: str
    key: DeviceKey | None
    sealed: Callable[[str], bytes] | None
    random_bytes: RandomBytes


def make_rescue(store: Store, sealing: Sealing, made_ms: int, before: Collection[str] = ()) -> Rescue:
    """Write all unsent commands into a file, and the photos that are not in a file made `before`."""
    device_id = store.identity().device_id
    with store.read() as session:
        rows = session.connection().execute(text(_UNSENT)).all()
    key_id, _, box = sealing.key_box.partition("|")
    sealed = [(op_id, to_text(body)) for op_id, body in rows if isinstance(body, bytes)]
    told: dict[str, Any] = {"ops": [json.loads(body) for _, body in rows if isinstance(body, str)]}
    if sealed:
        told = {"sealed": sealed}
    packed = seal_to(
        from_text(sealing.box_key),
        zlib.compress(compact(told).encode(), 9),
        rescue_bound(device_id),
        sealing.random_bytes,
    )
    waiting = _waiting(store) if box and sealing.sealed else {}
    bodies = _bodies(sealing.sealed, [sha for sha in waiting if sha not in before]) if sealing.sealed else {}
    sha256 = hashlib.sha256(packed).hexdigest()
    file = RescueFile(
        "fieldwright rescue 2", device_id, made_ms, len(rows), sha256, to_text(packed),
        sealing.key.sign(rescue_text(device_id, made_ms, len(rows), sha256)) if sealing.key else "",
        key_id, box, tuple(Carried(sha, len(body), waiting[sha] == PREVIEW) for sha, body in bodies.items()),
    )  # fmt: skip
    content = b"".join((compact(encode(file)).encode(), b"\n", *bodies.values()))
    name = f"fieldwright-{device_id[-8:]}-{made_ms}{SUFFIX}"
    carried = frozenset(before) | bodies.keys()
    whole = {sha for sha, role in waiting.items() if role != PREVIEW}
    return Rescue(name, content, carried, len(whole & carried), len(whole - carried))


def _waiting(store: Store) -> dict[str, str]:
    """Map the files that wait to be sent to what they are, in the order of sending."""
    query = select(Blob.sha, Blob.role).where(Blob.state == "waiting")
    with store.read() as session:
        rows = session.execute(query.order_by(Blob.priority, Blob.kept_ms, Blob.sha))
        return {sha: role for sha, role in rows}


def _bodies(sealed: Callable[[str], bytes], hashes: Collection[str]) -> dict[str, bytes]:
    """Read files as they lie until one rescue file is full; at least one."""
    found: dict[str, bytes] = {}
    size = 0
    for sha in hashes:
        try:
            body = sealed(sha)
        except OSError:  # its row says so when it is next looked after
            continue
        size += len(body)
        if found and size > FILES_AT_MOST:
            break
        found[sha] = body
    return found
