"""One id with two contents, a transfer cut off anywhere, fields nobody asked for (K2, J3, G3)."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from common.inbox.records import Discrepancy
from common.kernel.codec import encode
from common.kernel.command import REGISTRY
from common.kernel.op import Op, payload_of
from common.kernel.outcome import BadPayload
from common.stock.ledger import balance, ledger_faults
from common.stock.stock_commands import StockLine, TransferStock
from common.tickets.field_work import AddNote
from tests.simulation.checks import check_rebase_law, dump
from tests.simulation.cluster import Network, PowerCut, SimDevice, SimServer, Time
from tests.simulation.stage import PARTS, STORE, TICKETS, VANS, give_office, images
from tests.support.examples import EXAMPLES, Around
from tests.support.office import Office

NOT_ASKED = {
    "roles": ["administrator"], "role": "administrator", "tenant": "other", "price_minor": 1, "status": "ok",
    "state": "closed", "agg": "office", "person_id_": "x", "actor_id": "x", "is_admin": True, "sealed": False,
}  # fmt: skip


@pytest.mark.fault("K2", "P3")
def test_one_id_with_other_content_is_answered_as_before_kept_and_alarmed(office: Office) -> None:
    tablet = office.tablet(office.person())
    first = tablet.op(AddNote(office.new(), "as it was meant"))
    (answer,) = tablet.push(first)
    tablet.sent -= 1
    second = replace(first, a={**first.a, "text": "something else under the same number"})
    (again,) = tablet.push(second)
    assert (again.id, again.s, again.c) == (answer.id, answer.s, answer.c)
    alarms = office.rows(select(Discrepancy).where(Discrepancy.code == "command_id_reused"))
    assert [alarm.op_id for alarm in alarms] == [first.id]
    assert "something else" in alarms[0].details["second"], "what came second is kept"


@pytest.mark.fault("J3", "P7")
def test_a_transfer_cut_off_at_any_statement_has_both_sides_or_none() -> None:
    rng, time = random.Random(1), Time()
    server = SimServer(images().server, time, rng)
    transfer = TransferStock(
        STORE, VANS[0], (StockLine(PARTS[0], Decimal(2)), StockLine(PARTS[1], Decimal(1)))
    )

    def levels() -> tuple[Decimal, ...]:
        with Session(server.disk.engine) as session:
            assert ledger_faults(session) == []
            return tuple(
                balance(session, place, part) for place in (STORE, VANS[0]) for part in (PARTS[0], PARTS[1])
            )

    before, cuts = levels(), 0
    after = (before[0] - 2, before[1] - 1, before[2] + 2, before[3] + 1)
    while levels() == before:
        server.disk.statements_left = cuts
        try:
            give_office(server.database, transfer)
        except PowerCut:
            cuts += 1
        server.disk.power_on()
        assert levels() in (before, after)
    assert cuts > 10
    assert levels() == after


@pytest.mark.fault("G3")
def test_fields_nobody_asked_for_are_refused_by_every_command(office: Office) -> None:
    around, tried = Around.of(office.new, office.clock.at), 0
    for kind, spec in sorted(REGISTRY.items()):
        args: dict[str, Any] = encode(EXAMPLES[spec.payload](around))
        assert payload_of(Op(office.new(), kind, 0, args)) is not None
        for name in NOT_ASKED.keys() - {field.name for field in fields(spec.payload)}:
            with pytest.raises(BadPayload, match="field_unknown"):
                payload_of(Op(office.new(), kind, 0, {**args, name: NOT_ASKED[name]}))
            tried += 1
    assert tried > 8 * len(REGISTRY)


@pytest.mark.fault("D8", "P5")
def test_numbers_of_the_history_before_let_nothing_go() -> None:
    """A token given just before the backup, its command just after: no fork tells the tablet before it reads anew."""
    rng, time = random.Random(3), Time()
    made = images()
    server = SimServer(made.server, time, rng)
    device = SimDevice("tablet", made.devices[0], server, time, Network(rng))

    def talk() -> None:
        for _ in range(6):
            device.engine.turn(asked=True)
            assert device.engine.last_error == ""

    talk()
    before = server.disk.image()
    lost = device.store.give(AddNote(TICKETS[0], "answered, and in no backup")).op_id
    talk()
    with Session(server.disk.engine) as session:
        lanes = session.execute(text("SELECT device_id, incarnation, token, prev_token FROM lane")).all()
    server.disk.put_back(before)
    with Session(server.disk.engine) as session:
        for device_id, incarnation, token, previous in lanes:
            session.execute(
                text("UPDATE lane SET token = :t, prev_token = :p WHERE device_id = :d AND incarnation = :i"),
                {"t": token, "p": previous, "d": device_id, "i": incarnation},
            )
        session.commit()
    for _ in range(20):
        give_office(server.database, transfer_of_one())
    with Session(server.disk.engine) as session:
        session.execute(text("UPDATE stream_head SET durable = seq"))
        session.commit()
    talk()
    with Session(server.disk.engine) as session:
        assert lost in set(session.scalars(text("SELECT op_id FROM receipt")))


def transfer_of_one() -> TransferStock:
    """Move one part to a van."""
    return TransferStock(STORE, VANS[0], (StockLine(PARTS[0], Decimal(1)),))


@pytest.mark.fault("A13", "B3", "P3")
def test_an_app_that_dies_at_any_statement_of_an_answer_has_all_of_it_or_nothing() -> None:
    """Rows and cursor are one: a cursor that moved alone would hide the page for good."""
    rng, time = random.Random(4), Time()
    made = images()
    server = SimServer(made.server, time, rng)
    device = SimDevice("tablet", made.devices[0], server, time, Network(rng))

    def seen() -> tuple[str, int]:
        with device.store.read() as session:
            cursor = session.execute(text("SELECT cursor FROM sync_state")).scalar_one()
            return cursor, sum(len(rows) for rows in dump(session).values())

    before, statements = seen(), 5
    while seen() == before:
        device.disk.statements_left = statements
        try:
            device.engine.turn(asked=True)
        except PowerCut:
            statements += 3
            device.crash()
        device.disk.statements_left = None
        cursor, rows = seen()
        assert (cursor == before[0]) == (rows == before[1]), statements
    assert statements > 20
    check_rebase_law(device)
