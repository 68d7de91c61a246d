"""The ledger on a real SQLite file and a real PostgreSQL: same sums, also when many post at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from common.customers.search import find_customers
from common.kernel.command import Place, Role
from common.kernel.op import Op
from common.kernel.work import Actor, Work
from common.stock.ledger import balance, ledger_faults, post_movement
from common.stock.part_usage import RecordPartUsage
from common.stock.search import find_parts
from common.stock.stock_commands import CountStock, StockLine, TransferStock
from tests.support.world import World

MOMENT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


def test_a_day_of_stock_is_the_same_on_both(database_url: str) -> None:
    world = World(database_url)
    engineer = world.a_person()
    store, van, part = (
        world.a_store(),
        world.a_van(engineer),
        world.a_part("PT-1", name_zh="密封圈", serialised=True),
    )
    world.stock_up(store, part, 2, "A1", "A2")
    world.must(TransferStock(store, van, (StockLine(part, Decimal(1), "A1"),)))
    ticket = world.a_ticket(engineer)
    used = RecordPartUsage(world.id(), ticket, part, Decimal(1), serial_in="A1")
    assert world.do(used, person=engineer).status == "ok"
    assert world.do(used, person=engineer).status == "noop"
    world.must(CountStock(store, part, Decimal("0.5")))
    assert balance(world.session, store, part) == Decimal("0.5")
    assert balance(world.session, van, part) == 0
    assert [hit.part.id for hit in find_parts(world.session, "密封圈", van)] == [part]
    assert len(find_customers(world.session, "协和")) == 1
    assert ledger_faults(world.session) == []
    world.close()


def test_two_who_post_at_once_lose_nothing(database_url: str) -> None:
    world = World(database_url)
    store, van, part = world.a_store(), world.a_van(world.a_person()), world.a_part()
    if world.engine.dialect.name != "postgresql":  # SQLite has one writer at a time: nothing to race
        world.close()
        return
    engine = create_engine(database_url)

    def post(number: int) -> None:
        ends = (store, van) if number % 2 else (van, store)
        with Session(engine) as session:
            actor = Actor(world.boss, frozenset({Role.PARTS_KEEPER}), Place.OFFICE)
            op = Op(f"00000000-0000-7000-8000-{number:012d}", "x", 0, {})
            work = Work(session, actor, op, MOMENT, MOMENT, live=True, authority=True)
            for step in range(5):
                post_movement(
                    work,
                    movement_id=work.derive(str(step)),
                    part_id=part,
                    from_location_id=ends[0],
                    to_location_id=ends[1],
                    qty=Decimal(number + 1),
                    reason="transferred",
                )
            session.commit()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(post, range(12)))
    assert ledger_faults(world.session) == []
    assert balance(world.session, van, part) == 5 * sum((n + 1) * (1 if n % 2 else -1) for n in range(12))
    assert balance(world.session, store, part) == -balance(world.session, van, part)
    engine.dispose()
    world.close()
