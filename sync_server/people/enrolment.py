"""One-time codes for devices, and what becomes of them: a device, its lane and who it speaks for.

Owns codes and devices. A code lives 15 minutes, is worth one device and dies after five wrong tries.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select

from common.kernel.command import Role
from common.kernel.ids import RandomBytes
from common.kernel.outcome import Refused
from common.kernel.scope import EVERYONE, user
from common.kernel.work import Actor
from common.people.person import Person
from common.protocol.access import (
    CODE_ALPHABET,
    CODE_LENGTH,
    EnrolAnswer,
    EnrolRequest,
    enrol_text,
    tidy_code,
)
from sync_server.db.database import Database
from sync_server.db.security_tables import EnrolCode
from sync_server.db.tables import Device, Lane, PrincipalOf, StreamHead
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.keys import ServerKeys, from_text
from sync_server.people.audit import note_event
from sync_server.people.throttle import count_failure, wait_s
from sync_server.security import Security, read_security
from sync_server.sync.lanes import open_lane

LIFE = timedelta(minutes=15)
TRIES = 5
PREFIX = 3
MAY_ENROL = frozenset({Role.ADMINISTRATOR, Role.SUPERVISOR, Role.DISPATCHER, Role.SYSTEM})


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A code to be shown once: `text` in two groups of five."""

    text: str
    person_id: str
    expires_s: int = int(LIFE / timedelta(seconds=1))


def new_code(random_bytes: RandomBytes) -> str:
    """Make a code of 50 random bits."""
    return "".join(CODE_ALPHABET[byte % 32] for byte in random_bytes(CODE_LENGTH))


def shown(code: str) -> str:
    """Write a code for a person's eyes."""
    return f"{code[:5]}-{code[5:]}"


def issue_code(database: Database, keys: ServerKeys, actor: Actor, person_id: str) -> IssuedCode:
    """Make a code for a person's next device. Refuses `not_permitted`, `person_unknown`, `person_inactive`."""
    if not actor.roles & MAY_ENROL:
        raise Refused("not_permitted")
    code = new_code(database.random_bytes)

    def write(unit: UnitOfWork) -> None:
        person = unit.session.get(Person, person_id)
        if person is None:
            raise Refused("person_unknown")
        if not person.active:
            raise Refused("person_inactive")
        unit.session.add(
            EnrolCode(
                id=unit.new_id(),
                person_id=person_id,
                prefix=code[:PREFIX],
                code_hash=keys.mac("enrol", code),
                made_by=actor.person_id,
                made_at=unit.now,
                expires_at=unit.now + LIFE,
                tries=0,
                device_id=None,
            )
        )
        note_event(unit, "issue_enrolment_code", actor.person_id, person=person_id)

    database.transact(write)
    return IssuedCode(shown(code), person_id)


def enrol(
    database: Database,
    keys: ServerKeys,
    request: EnrolRequest,
    address: str,
    security: Security | None = None,
) -> EnrolAnswer:
    """Turn a code into a device. The same code with the same key gives the same answer again: a reply may be lost.

    Refuses `enrol_code_wrong` (also for one used up, run out or tried too often), `enrol_signature_wrong`,
    `person_inactive`, `try_later`.
    """
    code = tidy_code(request.code)
    if not _holds_key(request):
        raise Refused("enrol_signature_wrong")

    def write(unit: UnitOfWork) -> EnrolAnswer | Refused:
        if wait := wait_s(unit.session, "enrol", address, unit.now):
            return Refused("try_later", wait_s=wait)
        row = _find(unit, keys, code)
        if row is not None and row.device_id is not None:
            device = unit.session.get(Device, row.device_id)
            if device is not None and device.public_key == request.key and device.state == "active":
                return _answer(unit, keys, device)
            row = None
        if row is None:
            count_failure(unit, security or read_security(), "enrol", address)
            note_event(unit, "enrol_failed", "", address=address[:100])
            return Refused("enrol_code_wrong")
        person = unit.session.get(Person, row.person_id)
        if person is None or not person.active:
            return Refused("person_inactive")
        device = _add_device(unit, row, request)
        open_lane(unit, device.id, 1, database.random_bytes)
        for principal in (user(person.id), EVERYONE):
            if unit.session.get(PrincipalOf, (person.id, principal)) is None:
                unit.session.add(PrincipalOf(person_id=person.id, principal=principal, granted_seq=0))
        note_event(
            unit, "enrol_device", person.id, device_id=device.id, name=device.name, made_by=row.made_by
        )
        return _answer(unit, keys, device)

    answer = database.transact(write)
    if isinstance(answer, Refused):
        raise answer
    return answer


def revoke_device(database: Database, actor: Actor, device_id: str) -> None:
    """Take a device's access away; work still on it may come in for the office to judge.

    Refuses `not_permitted`, `device_unknown`.
    """
    if not actor.roles & MAY_ENROL:
        raise Refused("not_permitted")

    def write(unit: UnitOfWork) -> None:
        device = unit.session.get(Device, device_id, with_for_update=True)
        if device is None:
            raise Refused("device_unknown")
        if device.state != "revoked":
            device.state = "revoked"
            note_event(unit, "revoke_device", actor.person_id, device_id=device.id, person=device.person_id)

    database.transact(write)


def _find(unit: UnitOfWork, keys: ServerKeys, code: str) -> EnrolCode | None:
    """Find the code; every living code with the same beginning loses a try when none fits."""
    candidates = unit.session.scalars(
        select(EnrolCode)
        .where(EnrolCode.prefix == code[:PREFIX], EnrolCode.expires_at > unit.now, EnrolCode.tries < TRIES)
        .with_for_update()
    ).all()
    told = keys.mac("enrol", code)
    for row in candidates:
        if hmac.compare_digest(row.code_hash, told):
            return row
    for row in candidates:
        row.tries += 1
    return None


def _add_device(unit: UnitOfWork, row: EnrolCode, request: EnrolRequest) -> Device:
    device = Device(
        id=unit.new_id(),
        person_id=row.person_id,
        name=request.name,
        public_key=request.key,
        state="active",
        enrolled_at=unit.now,
        last_contact_at=None,
        clock_error_ms=0,
        unsent=0,
        oldest_unsent_at=None,
        app=request.app,
        position=0,
        forks=0,
        leased_at=None,
        lost_at=None,
        told_at=None,
        wiped_at=None,
    )
    unit.session.add(device)
    row.device_id = device.id
    unit.session.flush()
    return device


def _answer(unit: UnitOfWork, keys: ServerKeys, device: Device) -> EnrolAnswer:
    person = unit.session.get(Person, device.person_id)
    lane = unit.session.get(Lane, (device.id, 1))
    assert person is not None
    assert lane is not None
    epoch = unit.session.scalar(select(StreamHead.epoch)) or ""
    return EnrolAnswer(
        dev=device.id,
        person=person.id,
        name=person.name,
        language=person.language,
        inc=lane.incarnation,
        tok=lane.token,
        epoch=epoch,
        sign_key=keys.sign_public,
        box_key=keys.box_public,
    )


def _holds_key(request: EnrolRequest) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(from_text(request.key))
        public.verify(from_text(request.sig), enrol_text(request.code, request.key))
    except (ValueError, InvalidSignature):
        return False
    return True
