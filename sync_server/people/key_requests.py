"""Tablets that cannot open their data: they ask, an administrator compares a code, they get their key back (A12).

Owns the requests. The data key passes through this server's memory once, from one box into another, and is kept nowhere.
"""

from __future__ import annotations

import hmac
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.command import Role
from common.kernel.outcome import Refused
from common.kernel.work import Actor
from common.people.person import Person
from common.protocol.access import tidy_code
from common.protocol.messages import NotTrusted
from common.protocol.recovery import KeyAnswer, KeyAsk, code_of, key_bound
from sync_server.db.database import Database
from sync_server.db.tables import Device, KeyRequest
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys, from_text, to_text
from sync_server.people.audit import note_event
from sync_server.people.boxes import BoxBroken, open_box, seal_to

LIFE = timedelta(hours=24)
MAY_GIVE = frozenset({Role.ADMINISTRATOR})


def ask(database: Database, told: KeyAsk) -> KeyAnswer:
    """Take a request, or say what became of it. Raises NotTrusted for a device that is not in use."""

    def write(unit: UnitOfWork) -> KeyAnswer:
        device = unit.session.get(Device, told.dev)
        person = unit.session.get(Person, device.person_id) if device is not None else None
        if device is None or device.state != "active" or person is None or not person.active:
            raise NotTrusted("device_unknown" if device is None else "device_revoked")
        row = unit.session.get(KeyRequest, device.id, with_for_update=True)
        if row is not None and row.fresh_key == told.fresh:
            late = row.state == "waiting" and unit.now - row.asked_at > LIFE
            return KeyAnswer("declined" if late else row.state, row.sealed)  # type: ignore[arg-type]
        if row is None:
            row = KeyRequest(device_id=device.id)
            unit.session.add(row)
        row.key_id, row.fresh_key, row.box, row.asked_at = told.key_id, told.fresh, told.box, unit.now
        row.state, row.sealed, row.decided_by, row.decided_at = "waiting", "", None, None
        note_event(unit, "ask_for_key", device.person_id, device_id=device.id, code=code_of(told.fresh))
        return KeyAnswer("waiting")

    return database.transact(write)


def waiting(session: Session, device_id: str) -> KeyRequest | None:
    """Find what a tablet asks for and nobody has decided."""
    row = session.get(KeyRequest, device_id)
    return row if row is not None and row.state == "waiting" else None


def asking(session: Session) -> set[str]:
    """List the tablets that wait for their key."""
    return set(session.scalars(select(KeyRequest.device_id).where(KeyRequest.state == "waiting")))


def give(database: Database, keys: ServerKeys, actor: Actor, device_id: str, code: str) -> None:
    """Give a tablet its key back, sealed for the key it shows.

    `code` is what its person reads from its screen. Refuses `not_permitted`, `key_not_asked`, `key_code_wrong`,
    `key_box_wrong`.
    """

    def write(unit: UnitOfWork) -> None:
        row = _held(unit, actor, device_id)
        if not hmac.compare_digest(tidy_code(code).encode(), tidy_code(code_of(row.fresh_key)).encode()):
            raise Refused("key_code_wrong")
        try:
            box = from_text(row.box)
            key = open_box(keys.opener, box, key_bound(row.key_id, "c", row.device_id))
            back = key_bound(row.key_id, "r", row.device_id)
            sealed = seal_to(from_text(row.fresh_key), key, back, database.random_bytes)
        except (BoxBroken, ValueError):
            raise Refused("key_box_wrong") from None
        row.sealed, row.box = to_text(sealed), ""
        _decide(unit, row, actor, "given")

    database.transact(write)


def decline(database: Database, actor: Actor, device_id: str) -> None:
    """Refuse a tablet its key. Refuses `not_permitted`, `key_not_asked`."""
    database.transact(lambda unit: _decide(unit, _held(unit, actor, device_id), actor, "declined"))


def _held(unit: UnitOfWork, actor: Actor, device_id: str) -> KeyRequest:
    if not actor.roles & MAY_GIVE:
        raise Refused("not_permitted")
    row = unit.session.get(KeyRequest, device_id, with_for_update=True)
    device = unit.session.get(Device, device_id)
    if row is None or row.state != "waiting" or unit.now - row.asked_at > LIFE:
        raise Refused("key_not_asked")
    if device is None or device.state != "active":
        raise Refused("key_not_asked")
    return row


def _decide(unit: UnitOfWork, row: KeyRequest, actor: Actor, state: str) -> None:
    row.state, row.decided_by, row.decided_at = state, actor.person_id, unit.now
    note_event(unit, f"key_{state}", actor.person_id, device_id=row.device_id)
