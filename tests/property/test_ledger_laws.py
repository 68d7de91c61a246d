"""Laws of the stock ledger: a balance is the sum of movements, in whatever order they came, however often."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, func, select, type_coerce

from common.kernel.clock import Reading
from common.kernel.op import Op, make_op
from common.stock.ledger import balance, ledger_faults
from common.stock.location import OUTSIDE
from common.stock.movement import StockLevel, StockMovement, StockSerial
from common.stock.part_usage import PartUsage, RecordPartUsage, WithdrawPartUsage
from common.stock.stock_commands import ReceiveStock, StockLine, TransferStock
from tests.support.world import World

QUANTITIES = st.integers(1, 9_000).map(lambda milli: Decimal(milli) / 1000)
STEPS = st.lists(
    st.tuples(st.sampled_from(["receive", "issue", "use", "use_other", "return"]), QUANTITIES), max_size=12
)


class Shop:
    """A store, two vans, two parts, a ticket with two engineers on it; and the commands of a day."""

    def __init__(self) -> None:
        self.world = World(name="shop")
        self.engineers = [self.world.a_person(), self.world.a_person()]
        self.vans = [self.world.a_van(engineer) for engineer in self.engineers]
        self.store = self.world.a_store()
        self.parts = [self.world.a_part(), self.world.a_part()]
        self.tickets = [self.world.a_ticket(engineer) for engineer in self.engineers]

    def day(self, steps: list[tuple[str, Decimal]]) -> list[tuple[Op, dict[str, object]]]:
        """Write the commands; ids depend on nothing but the steps."""
        commands: list[tuple[object, int]] = []
        for place, (kind, qty) in enumerate(steps):
            part, who = self.parts[place % 2], place % 2
            line = (StockLine(part, qty),)
            if kind == "receive":
                commands.append((ReceiveStock(self.store, line), -1))
            elif kind == "issue":
                commands.append((TransferStock(self.store, self.vans[who], line), -1))
            elif kind == "return":
                commands.append((TransferStock(self.vans[who], self.store, line), -1))
            else:
                van = self.vans[who if kind == "use" else 1 - who]
                usage = self.world.id("usage")
                used = RecordPartUsage(usage, self.tickets[who], part, qty, location_id=van)
                commands.append((used, who))
        return [
            (make_op(payload, self.world.id("op"), Reading(0, 0, "")), {"payload": payload, "who": who})
            for payload, who in commands
        ]

    def give(self, op: Op, how: dict[str, object]) -> None:
        """Give one command as the server does."""
        who = how["who"]
        person = self.engineers[who] if isinstance(who, int) and who >= 0 else None
        assert self.world.do(how["payload"], op=op, person=person).took_effect

    def books(self) -> dict[tuple[str, str], Decimal]:
        """Read every level."""
        rows = self.world.session.execute(select(StockLevel.location_id, StockLevel.part_id, StockLevel.qty))
        return {(place, part): qty for place, part, qty in rows}

    def state(self) -> tuple[object, ...]:
        """Read all that the ledger holds, for comparing."""
        records = (StockMovement, StockLevel, StockSerial, PartUsage)
        return tuple(
            sorted(tuple(row) for row in self.world.session.execute(select(record.__table__)))
            for record in records
        )


@pytest.mark.fault("J5", "P7")
@given(STEPS)
@settings(max_examples=15)
def test_a_balance_is_the_sum_of_its_movements(steps: list[tuple[str, Decimal]]) -> None:
    shop = Shop()
    for op, how in shop.day(steps):
        shop.give(op, how)
    assert ledger_faults(shop.world.session) == []
    expected: dict[tuple[str, str], Decimal] = {}
    for movement in shop.world.session.scalars(select(StockMovement)):
        for place, change in (
            (movement.from_location_id, -movement.qty),
            (movement.to_location_id, movement.qty),
        ):
            if place not in OUTSIDE:
                key = (place, movement.part_id)
                expected[key] = expected.get(key, Decimal(0)) + change
    assert shop.books() == expected
    shop.world.close()


@given(STEPS)
@settings(max_examples=15)
def test_nothing_is_made_and_nothing_lost(steps: list[tuple[str, Decimal]]) -> None:
    shop = Shop()
    for op, how in shop.day(steps):
        shop.give(op, how)
    for part in shop.parts:
        places = [shop.store, *shop.vans, *OUTSIDE]
        assert sum(balance(shop.world.session, place, part) for place in places) == 0
    shop.world.close()


@pytest.mark.fault("J5")
@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_the_order_of_arrival_is_irrelevant(steps: list[tuple[str, Decimal]], shuffle: object) -> None:
    one, other = Shop(), Shop()
    for op, how in one.day(steps):
        one.give(op, how)
    mixed = other.day(steps)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined]
    for op, how in mixed:
        other.give(op, how)
    assert one.state() == other.state()
    one.world.close()
    other.world.close()


@pytest.mark.fault("J2", "P3")
@given(STEPS, st.data())
@settings(max_examples=15)
def test_a_replay_changes_nothing(steps: list[tuple[str, Decimal]], data: st.DataObject) -> None:
    shop = Shop()
    commands = shop.day(steps)
    for op, how in commands:
        shop.give(op, how)
    before = shop.state()
    for place in data.draw(st.lists(st.integers(0, max(len(commands) - 1, 0)), max_size=8)):
        if commands:
            shop.give(*commands[place])
    assert shop.state() == before
    shop.world.close()


@given(QUANTITIES, st.integers(1, 3))
@settings(max_examples=10)
def test_withdrawing_undoes_the_use(qty: Decimal, times: int) -> None:
    shop = Shop()
    shop.world.stock_up(shop.vans[0], shop.parts[0], 10)
    usage = RecordPartUsage(shop.world.id(), shop.tickets[0], shop.parts[0], qty)
    shop.world.must(usage, person=shop.engineers[0])
    assert shop.books()[shop.vans[0], shop.parts[0]] == 10 - qty
    for _ in range(times):
        shop.world.must(WithdrawPartUsage(usage.usage_id, usage.ticket_id, "x"), person=shop.engineers[0])
    assert shop.books()[shop.vans[0], shop.parts[0]] == 10
    milli = type_coerce(StockMovement.qty, BigInteger)
    moved = shop.world.session.scalar(select(func.sum(milli)).where(StockMovement.ticket_id.is_not(None)))
    assert moved == 2 * int(qty * 1000)
    assert shop.world.do(replace(usage), person=shop.engineers[0]).status == "noop"
    shop.world.close()
