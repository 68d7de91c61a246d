"""The preset dictionary: a batch of commands costs at most 100 bytes each, and nothing inflates without end."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import common.nouns  # noqa: F401 - registers every command
from common.kernel.clock import Reading
from common.kernel.codec import compact, encode
from common.kernel.ids import uuid7
from common.kernel.op import make_op
from common.protocol.dictionary import BombError, deflate, dictionary, gunzip, inflate
from common.protocol.messages import ClockNow, SyncRequest
from common.stock.part_usage import RecordPartUsage
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.visit.diagnosis import RecordDiagnosis
from common.visit.on_site import AnswerChecklist, ArriveOnSite, LeaveSite
from common.visit.repair import RecordMeasure, RecordTest

START_MS = 1_795_000_000_123
BOOT = "3f1c9a52-7a0e-4c7e-9d55-0f6c1c2a9b11"


def new_id(at_ms: int = START_MS) -> str:
    return uuid7(at_ms, os.urandom)


def a_visit() -> list[Any]:
    """One visit as an engineer gives it, with Chinese text."""
    ticket, visit = new_id(), new_id()
    answers = [
        AnswerChecklist(ticket, "infusion_pump", item, "ok")
        for item in ("power", "alarm", "battery", "flow", "occlusion", "label")
    ]
    return [
        AcknowledgeTicket(ticket),
        StartTravel(ticket),
        ArriveOnSite(visit, ticket, "李强", True),
        *answers,
        RecordDiagnosis(new_id(), ticket, visit, "开机报警，流速不准", "泵管传感器老化", "wear", "E07"),
        RecordPartUsage(new_id(), ticket, new_id(), Decimal(1), visit),
        RecordMeasure(new_id(), ticket, visit, "更换传感器并校准流速", 45),
        RecordTest(new_id(), ticket, visit, "流速", "25.1", True, "ml/h", "24.5", "25.5"),
        LeaveSite(visit, ticket),
    ]


def a_request(payloads: list[Any]) -> bytes:
    """The body of a request that pushes these commands, minutes apart, each building on the arrival."""
    ops = []
    made: list[str] = []
    for i, payload in enumerate(payloads):
        at_ms = START_MS + i * 61_234
        op = make_op(
            payload, new_id(at_ms), Reading(at_ms, 88_123_456 + i * 61_234, BOOT), clock_error_ms=-412
        )
        op = replace(op, d=tuple(made[2:3]))
        made.append(op.id)
        ops.append({**encode(op), "n": 412 + i})
    clock = ClockNow(START_MS, 88_123_456, BOOT)
    cursor = '[18234,"",18234,18234,18234,5712398745123987]'
    request = SyncRequest(new_id(), 1, os.urandom(9).hex(), clock, app="0.1.0", cur=cursor, ops=tuple(ops))
    return compact(encode(request)).encode()


@pytest.mark.parametrize("part", [slice(0, 5), slice(3, 9), slice(5, 14), slice(0, 14)])
def test_a_command_costs_at_most_100_bytes_in_a_batch(part: slice) -> None:
    given = a_visit()[part]
    body = a_request(given)
    assert inflate(deflate(body), len(body)) == body
    assert len(deflate(body)) <= 100 * len(given)
    assert len(deflate(body)) < len(gzip.compress(body, 9))


def test_an_idle_request_is_small() -> None:
    assert len(deflate(a_request([]))) <= 300


def test_the_dictionary_fits_zlibs_window() -> None:
    assert 4_000 < len(dictionary()) <= 32_000
    dictionary().decode("utf-8")


@pytest.mark.parametrize(("press", "open_"), [(deflate, inflate), (gzip.compress, gunzip)])
def test_a_bomb_stops_at_the_limit(press: Any, open_: Any) -> None:
    bomb = press(b"0" * 2_000_000)
    assert len(bomb) < 10_000
    with pytest.raises(BombError):
        open_(bomb, 1_000_000)


@pytest.mark.parametrize("broken", [b"", b"x", b"\x78\x9c", b"not compressed"])
def test_what_is_not_whole_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match=r"not in the encoding|cut off"):
        inflate(broken, 100)


def test_a_cut_body_and_one_with_something_behind_are_refused() -> None:
    body = deflate(b'{"dev":"1"}' * 50)
    for wrong in (body[:-3], body + b"x"):
        with pytest.raises(ValueError, match="cut off"):
            inflate(wrong, 10_000)
