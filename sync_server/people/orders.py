"""What the server tells a tablet under its signature: its lease, and the order to forget everything.

Owns signing and when a lease is renewed. Who is lost or has left is asked of the rows; the texts are shared ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from common.kernel.clock import millis
from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.kernel.work import Actor
from common.protocol.orders import WIPES, Lease, WipeOrder, lease_text, wipe_text
from sync_server.db.database import Database
from sync_server.db.tables import Device
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys, to_text
from sync_server.people.audit import note_event
from sync_server.people.enrolment import MAY_ENROL

RENEW_AFTER = timedelta(
    hours=6
)  # an idle contact stays small; a lease that was lost on the way comes soon again
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Orders:
    """Signs for devices. `lease_days` maps a role to the days its people may work without a contact."""

    keys: ServerKeys
    lease_days: dict[Role, int]

    def lease(self, unit: UnitOfWork, device: Device, roles: Iterable[str]) -> Lease | None:
        """Give a new lease where the last one is some hours old; the strictest of a person's roles counts."""
        if device.leased_at is not None and timedelta(0) <= unit.now - device.leased_at < RENEW_AFTER:
            return None
        device.leased_at = unit.now
        days = min((self.lease_days[Role(role)] for role in roles), default=min(self.lease_days.values()))
        at_ms = millis(unit.now)
        until_ms = at_ms + days * DAY_MS
        return Lease(at_ms, until_ms, self._sign(lease_text(device.id, at_ms, until_ms)))

    def wipe(self, unit: UnitOfWork, device: Device, why: str) -> WipeOrder | None:
        """Order a device to forget everything, where its dismissal asks for it, and note that it was told."""
        if why not in WIPES:
            return None
        device.told_at = device.told_at or unit.now
        at_ms = millis(device.told_at)
        return WipeOrder(at_ms, why, self._sign(wipe_text(device.id, at_ms, why)))

    def _sign(self, text: bytes) -> str:
        return to_text(self.keys.signer.sign(text))


def report_lost(database: Database, actor: Actor, device_id: str) -> None:
    """Have a device wiped at its next contact, after it has handed over its work for the office to judge (G5).

    Refuses `not_permitted`, `device_unknown`, `device_wiped`.
    """

    def write(unit: UnitOfWork) -> None:
        device = _held(unit, actor, device_id)
        if device.wiped_at is not None:
            raise Refused("device_wiped")
        if device.state != "lost":
            device.state, device.lost_at, device.told_at = "lost", unit.now, None
            note_event(
                unit, "report_device_lost", actor.person_id, device_id=device.id, person=device.person_id
            )

    database.transact(write)


def report_found(database: Database, actor: Actor, device_id: str) -> None:
    """Take a device back into use that was reported lost, while no order has reached it.

    Refuses `not_permitted`, `device_unknown`, `device_not_lost`, `wipe_was_told`.
    """

    def write(unit: UnitOfWork) -> None:
        device = _held(unit, actor, device_id)
        if device.state != "lost":
            raise Refused("device_not_lost")
        if device.told_at is not None:
            raise Refused("wipe_was_told")
        device.state, device.lost_at = "active", None
        note_event(unit, "report_device_found", actor.person_id, device_id=device.id, person=device.person_id)

    database.transact(write)


def _held(unit: UnitOfWork, actor: Actor, device_id: str) -> Device:
    if not actor.roles & MAY_ENROL:
        raise Refused("not_permitted")
    device = unit.session.get(Device, device_id, with_for_update=True)
    if device is None:
        raise Refused("device_unknown")
    return device
