"""Rescue files handed in by anybody: opened with the server's key, their commands taken in once, like a push (P5).

Owns opening the file and whom it is believed to come from. Signed by a device in use, its commands have their effect;
all others wait for the office to judge.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from common.inbox.opening import discrepancy_id, open_discrepancy
from common.inbox.records import Discrepancy
from common.kernel.outcome import BadPayload, Refused
from common.people.person import Person
from common.protocol.messages import ClockNow, NotTrusted, OpResult
from common.protocol.rescue import RescueFile, RescueTaken, read_rescue, rescue_bound, rescue_text
from sync_server.db.tables import Device, Lane, Receipt
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.files.carried import lacking, take_all
from sync_server.files.uploads import Uploads
from sync_server.keys import ServerKeys, from_text
from sync_server.people.audit import note_event
from sync_server.people.boxes import BoxBroken, open_box
from sync_server.people.data_keys import DataKey
from sync_server.sync.drain import park_portion
from sync_server.sync.push import Numbered, portions, push_portion, read_ops
from sync_server.sync.service import actor_of

OPENED_AT_MOST = 64 * 1024 * 1024
UNSIGNED = "rescue_unsigned"  # reason its commands wait for
SPOILED = "rescue_spoiled"  # code of the entry for one that no longer opens
BY_HAND = 0  # the incarnation of what came by hand: no lane of a tablet has it


def hand_in(uploads: Uploads, keys: ServerKeys, file: RescueFile, by: str) -> RescueTaken:
    """Take the commands of a rescue file in, and say which of its photos lack; `by` is who handed it in.

    The same file again changes nothing.

    Refuses `rescue_unreadable`, `rescue_damaged`, `rescue_other_server`, `device_unknown`.
    """
    opened, spoiled = _open(keys, file)
    ops, database = _numbered(opened), uploads.database
    with database.read() as session:
        device = session.get(Device, file.dev)
        if device is None:
            raise Refused("device_unknown")
        person = session.get(Person, device.person_id)
        is_signed = _is_signed(device, file)
        known = sum(1 for item in ops if session.get(Receipt, item.op.id) is not None)
    code = "" if is_signed else UNSIGNED
    results: list[OpResult] = []
    lane = Lane(device_id=file.dev, incarnation=BY_HAND, last_n=0, token="", prev_token="")
    for portion in portions(ops):
        results += database.transact(lambda unit, p=portion: _take(unit, lane, p, code))  # type: ignore[misc]
        lane.last_n = portion[-1].n
    database.transact(lambda unit: _note(unit, file, by, device.person_id, len(ops), known, spoiled))
    waiting = sum(1 for result in results if result.s in ("parked", "blocked"))
    return RescueTaken(
        file.dev, person.name if person else "", len(ops), known, len(results) - waiting, waiting,
        lacking(uploads, [photo.sha256 for photo in file.files]), len(spoiled),
    )  # fmt: skip


def hand_in_whole(
    uploads: Uploads, keys: ServerKeys, source: BinaryIO, by: str
) -> tuple[RescueFile, RescueTaken]:
    """Take in a rescue file with its photos. Refuses as `hand_in`; photos that could not be taken stay in `lacks`."""
    file = read_rescue(source)
    taken = hand_in(uploads, keys, file, by)
    return file, replace(taken, lacks=take_all(uploads, keys, file, source, taken.lacks))


def _take(unit: UnitOfWork, lane: Lane, portion: list[Numbered], code: str) -> list[OpResult]:
    """Take a portion; a conflict of two transactions runs it again, so the lane is only read here."""
    place = Lane(
        device_id=lane.device_id, incarnation=lane.incarnation, last_n=lane.last_n, token="", prev_token=""
    )
    device = unit.session.get_one(Device, lane.device_id)
    clock = ClockNow(0, 0, "")
    try:
        actor = actor_of(unit, device)
    except NotTrusted as refused:
        code = refused.code
    if code:
        return park_portion(unit, place, device.person_id, portion, clock, code)
    return push_portion(unit, place, actor, portion, clock)


def _note(
    unit: UnitOfWork, file: RescueFile, by: str, person_id: str, count: int, known: int, spoiled: list[str]
) -> None:
    """Note that a file was handed in, and put before the office what no longer opens in it, once."""
    note_event(
        unit,
        "hand_in_rescue",
        by,
        device_id=file.dev,
        count=count,
        known=known,
        sha256=file.sha256,
        files=len(file.files),
        spoiled=len(spoiled),
    )
    for op_id in spoiled:
        if unit.session.get(Discrepancy, discrepancy_id(op_id, SPOILED)) is None:
            unit.add(open_discrepancy(op_id, SPOILED, {}, unit.now, person_id=person_id))


def _open(keys: ServerKeys, file: RescueFile) -> tuple[list[Any], list[str]]:
    """Open the commands of a file, and name those that no longer do."""
    try:
        box = from_text(file.box)
    except ValueError:
        raise Refused("rescue_unreadable") from None
    if hashlib.sha256(box).hexdigest() != file.sha256:
        raise Refused("rescue_damaged")
    try:
        packed = zlib.decompressobj()
        raw = packed.decompress(open_box(keys.opener, box, rescue_bound(file.dev)), OPENED_AT_MOST)
        told = json.loads(raw)
        if "sealed" not in told:
            return list(told["ops"]), []
        # They lay on a tablet nobody could unlock: its data key came with them, sealed for us.
        key = DataKey(keys, file.dev, file.key_id, file.key_box)
        return _open_each(key, told["sealed"])
    except BoxBroken:
        raise Refused("rescue_other_server") from None
    except (ValueError, KeyError, TypeError, zlib.error):
        raise Refused("rescue_unreadable") from None


def _open_each(key: DataKey, sealed: list[Any]) -> tuple[list[Any], list[str]]:
    """Open commands one by one: one with a changed bit stops no other (A6)."""
    opened, spoiled = [], []
    for op_id, body in sealed:
        try:
            opened.append(json.loads(key.open(from_text(body), f"op|envelope|{op_id}")))
        except BoxBroken:
            spoiled.append(str(op_id))
    return opened, spoiled


def _numbered(raw: list[Any]) -> list[Numbered]:
    try:
        return read_ops(tuple({**dict(item), "n": n} for n, item in enumerate(raw, start=1)))
    except (BadPayload, ValueError, TypeError):
        raise Refused("rescue_unreadable") from None


def _is_signed(device: Device, file: RescueFile) -> bool:
    text = rescue_text(file.dev, file.made, file.count, file.sha256)
    try:
        Ed25519PublicKey.from_public_bytes(from_text(device.public_key)).verify(from_text(file.sig), text)
    except (ValueError, InvalidSignature):
        return False
    return True
