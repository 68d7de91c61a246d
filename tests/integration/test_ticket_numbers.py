"""Ticket numbers on both databases: no gap and no double, however many desks save at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from sqlalchemy import select

from common.customers.customer_commands import RegisterCustomer
from common.kernel.ids import derive_id
from common.tickets.intake import ReportFault
from common.tickets.ticket import Ticket
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.tickets.registering import Registered, register_call
from tests.support.fake_clock import FakeClock

DAY = date(2026, 11, 23)


def test_numbers_have_neither_gap_nor_double(database_url: str) -> None:
    engine = make_engine(database_url)
    upgrade(engine, os.urandom)
    database = Database(engine, FakeClock(), os.urandom)
    customer_id = derive_id("customer")
    assert perform(database, SYSTEM, RegisterCustomer(customer_id, "K001", "北京协和医院")).took_effect

    def save(place: int) -> Registered:
        def plan(ticket_id: str, number: str) -> list[ReportFault]:
            fault = "" if place % 4 == 3 else "不能开机"  # every fourth call is refused and must leave no gap
            return [ReportFault(ticket_id, number, "phone", customer_id, fault, "minor")]

        return register_call(database, SYSTEM, derive_id("call", str(place // 2 * 2)), DAY, plan)

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(save, range(24)))
    with database.read() as session:
        numbers = sorted(session.scalars(select(Ticket.number)))
    engine.dispose()
    assert numbers == [f"T261123-{n:03d}" for n in range(1, len(numbers) + 1)]
    assert len(numbers) >= 9
    by_id = {one.ticket_id: one.number for one in done if one.refusal is None}
    assert sorted(by_id.values()) == numbers
