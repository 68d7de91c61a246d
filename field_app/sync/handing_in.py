"""Handing in a rescue file, another tablet's or this one's: its commands first, then the photos the office lacks (P5).

Owns the order. What is in the file only the server reads; the file itself is never changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from common.kernel.codec import compact, encode
from common.protocol.rescue import CarriedFile, RescueTaken, read_rescue
from field_app.sync.http import HttpExchange
from field_app.sync.tus import BytesDamaged, FileRefused, OffsetLost, TusFiles


def hand_in(office: HttpExchange, source: BinaryIO) -> RescueTaken:
    """Hand a file in. `lacks` of what is returned: photos and papers refused there, or damaged in the file.

    Refuses `rescue_unreadable`. Raises ExchangeError; what was taken in until then stays, and handing it in again does no
    harm.
    """
    file = read_rescue(source)
    place = source.tell()
    taken = office.hand_in(file)
    files, lacks = TusFiles(office), []
    for photo in file.files:
        source.seek(place)
        place += photo.sealed
        if photo.sha256 not in taken.lacks:
            continue
        head = compact(encode(CarriedFile(file.dev, file.key_id, file.key_box, photo.sha256))).encode()
        try:
            files.carry(photo.sha256, head + b"\n" + source.read(photo.sealed))
        except (BytesDamaged, FileRefused, OffsetLost):
            if not photo.is_preview:
                lacks.append(photo.sha256)
    return replace(taken, lacks=tuple(lacks))
