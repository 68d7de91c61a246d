"""Security events in the same hash chain as commands: sign-in, codes, devices, passwords (ASVS 16.3).

Owns the entry's shape. An entry without an `op` is such an event; `verify` tells them apart by that.
"""

from __future__ import annotations

from common.kernel.codec import canonical
from sync_server.db.tables import AuditEntry
from sync_server.db.unit_of_work import UnitOfWork


def note_event(
    unit: UnitOfWork, kind: str, actor_id: str, *, device_id: str = "", **values: str | int
) -> None:
    """Add an event to the audit chain, in the transaction of what it tells of."""
    unit.noted += 1
    entry = {"event": kind, "actor": actor_id, "device": device_id, "values": values}
    unit.session.add(
        AuditEntry(
            id=unit.new_id(),
            seq=None,
            at=unit.now,
            tx=unit.tx,
            ordinal=unit.noted,
            actor_id=actor_id,
            device_id=device_id,
            kind=kind,
            entry=canonical(entry),
            prev_hash="",
            hash="",
        )
    )
