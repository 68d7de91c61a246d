"""Photos carried by hand: opened with their tablet's data key, then taken in as an upload would be (P5).

Owns that step. The hash in a photo's name is checked like any upload's, so nothing needs to be believed of who brings it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import BinaryIO

from sqlalchemy import select

from common.kernel.outcome import Refused
from common.protocol.rescue import CarriedFile, RescueFile
from sync_server.db.file_tables import KeptFile
from sync_server.files.uploads import Uploads
from sync_server.keys import ServerKeys
from sync_server.people.boxes import BoxBroken
from sync_server.people.data_keys import DataKey
from sync_server.problems import Problem


def lacking(uploads: Uploads, hashes: Collection[str]) -> tuple[str, ...]:
    """Name those of these files that are not here yet, in their order."""
    with uploads.database.read() as session:
        query = select(KeptFile.sha256).where(KeptFile.sha256.in_(hashes), KeptFile.state == "stored")
        here = set(session.scalars(query))
    return tuple(sha256 for sha256 in hashes if sha256 not in here)


def take_carried(
    uploads: Uploads, keys: ServerKeys, head: CarriedFile, source: BinaryIO, size: int, by_device: str = ""
) -> None:
    """Take one file in; its `size` sealed bytes come next. Once more changes nothing.

    `by_device`: the tablet that brings it and whose quota counts, '' the office. Refuses `rescue_damaged`,
    `rescue_other_server`. Raises Problem as an upload does.
    """
    try:
        key = DataKey(keys, head.dev, head.key_id, head.key_box)
    except BoxBroken:
        raise Refused("rescue_other_server") from None
    uploads.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    opened, running = uploads.folder / f"carried-{uploads.database.new_id()}", hashlib.sha256()
    try:
        with opened.open("wb") as out:
            for frame in key.open_frames(head.sha256, source, size):
                running.update(frame)
                out.write(frame)
        if running.hexdigest() != head.sha256:
            raise Refused("rescue_damaged")
        uploads.take_whole(opened, by_device)
    except BoxBroken:
        raise Refused("rescue_damaged") from None
    finally:
        opened.unlink(missing_ok=True)


def take_all(
    uploads: Uploads, keys: ServerKeys, file: RescueFile, source: BinaryIO, lacks: Collection[str]
) -> tuple[str, ...]:
    """Take in the photos of a rescue file that the server `lacks`; returns those it lacks still.

    One that is damaged or not wanted does not stop those behind it. `source` stands at the first.
    """
    place = source.tell()
    for photo in file.files:
        source.seek(place)
        place += photo.sealed
        if photo.sha256 not in lacks:
            continue
        head = CarriedFile(file.dev, file.key_id, file.key_box, photo.sha256)
        try:
            take_carried(uploads, keys, head, source, photo.sealed)
        except (Refused, Problem):
            continue
    return lacking(uploads, lacks)
