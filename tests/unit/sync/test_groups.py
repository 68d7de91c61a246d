"""Commands that share one fate: given in one transaction, sent in one request (T27)."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.protocol.messages import OPS_AT_MOST, SyncRequest
from common.tickets.field_work import AddNote, StartTravel
from field_app.store.outbox import build_request
from field_app.sync.plan import MOST
from tests.support.tablet import TabletStand, stand


@pytest.fixture
def tablet(tmp_path: Path) -> TabletStand:
    return stand(tmp_path)


def request(tablet: TabletStand) -> SyncRequest:
    reading = tablet.clock.read()
    return tablet.store.write(lambda session: build_request(session, reading, "t", MOST))


@pytest.mark.fault("B2")
def test_a_group_at_the_end_of_a_full_request_goes_whole_in_the_next(tablet: TabletStand) -> None:
    for n in range(OPS_AT_MOST - 1):
        tablet.do(AddNote(tablet.ticket, f"note {n}"))
    pair = [AddNote(tablet.ticket, f"of a pair {n}") for n in range(2)]
    given = tablet.store.give_together(pair, group="pair")
    sent = request(tablet)
    assert (len(sent.ops), sent.left) == (OPS_AT_MOST - 1, 2)
    assert not {op["id"] for op in sent.ops} & {one.op_id for one in given}


def test_all_of_a_group_is_kept_or_nothing(tablet: TabletStand) -> None:
    before = len(request(tablet).ops)
    given = tablet.store.give_together(
        [
            AddNote(tablet.ticket, "first"),
            StartTravel(tablet.store.identity().device_id),
            AddNote(tablet.ticket, "x"),
        ],
        group="three",
    )
    assert [one.outcome.took_effect for one in given] == [True, False]
    assert len(request(tablet).ops) == before
    given = tablet.store.give_together(
        [AddNote(tablet.ticket, "first"), AddNote(tablet.ticket, "second")], group="two"
    )
    ops = request(tablet).ops[before:]
    assert [(op["id"], op["g"]) for op in ops] == [(one.op_id, "two") for one in given]
    assert [op["n"] for op in ops] == [before + 1, before + 2]
