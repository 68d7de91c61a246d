"""PostgreSQL fails over to a streaming replica that had not yet heard the last minutes: the field heals it (P11, D8).

Two real servers, asynchronous replication. Nobody declares anything: tablets meet a history whose marks they do not
know, open a new lane and offer again what they kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from common.customers.customer_commands import RegisterCustomer
from common.kernel.command import Role
from common.kernel.record import columns_of, synced_entities
from common.stock.part_commands import RegisterPart
from common.stock.part_usage import RecordPartUsage
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine
from common.tickets.field_work import AcknowledgeTicket, AddNote, StartTravel
from common.visit.on_site import ArriveOnSite
from field_app.store.store import state_of
from sync_server.app import create_app
from sync_server.db.office import SYSTEM, perform
from sync_server.settings import read_settings
from sync_server.upkeep.behind import backup_ahead
from sync_server.upkeep.verify import verify
from tests.integration.test_long_away import overheard
from tests.integration.test_restore import a_ticket, backed_up, moved_to, synced
from tests.integration.test_upkeep import postgresql_programs  # noqa: F401 - where the system has none
from tests.support.postgres import primary_and_replica
from tests.support.served import Server, Tablet, a_server, a_tablet, listening

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Engineer:
    """An engineer with a ticket, a van with parts, and a tablet."""

    ticket: str
    part: str
    visit: str
    tablet: Tablet


def told(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@contextmanager
def taken_over(old: Server, folder: Path, url: str) -> Iterator[Server]:
    """Start the server on the promoted database, with the keys it always had."""
    settings = read_settings(
        {},
        data_dir=folder / "server",
        database_url=url,
        ticker_s="0",
        language="en",
        second_factor="optional",
    )
    fresh = Server(create_app(settings, clock=old.clock), old.clock, numbers=old.numbers)
    try:
        yield fresh
    finally:
        fresh.parts.database.engine.dispose()


def an_engineer(server: Server, url: str, folder: Path, name: str) -> Engineer:
    new, office = server.parts.database.new_id, server.parts.database
    person = server.person(Role.ENGINEER, name=name)
    part, van = new(), new()
    for payload in (
        RegisterPart(part, f"PT-{name}", "密封圈", 12_000, "CNY"),
        RegisterLocation(van, f"VAN-{name}", f"Van {name}", "van", person),
        ReceiveStock(van, (StockLine(part, Decimal(10)),)),
    ):
        assert perform(office, SYSTEM, payload).took_effect
    ticket = a_ticket(server, person)
    tablet = a_tablet(server, url, folder / name, person)
    assert synced(tablet) == ""
    return Engineer(ticket, part, new(), tablet)


def give(engineer: Engineer, *payloads: Any) -> None:
    for payload in payloads:
        outcome = engineer.tablet.store.give(payload).outcome
        assert outcome.took_effect, (payload, outcome)


def work_in_the_tail(engineer: Engineer, new_id: Any) -> None:
    ticket, visit = engineer.ticket, engineer.visit
    give(
        engineer,
        ArriveOnSite(visit, ticket, True, "李强"),
        RecordPartUsage(new_id(), ticket, engineer.part, Decimal(2), visit),
        AddNote(ticket, "done in the tail"),
    )


def business(server: Server) -> Rows:
    """Read every row tablets can see, as it is stored."""
    found: Rows = {}
    for entity in sorted(synced_entities()):
        names = ", ".join(f'"{name}"' for name in columns_of(entity))
        found[entity] = sorted(tuple(row) for row in server.rows(f'SELECT {names} FROM "{entity}"'))
    return found


def lane_of(tablet: Tablet) -> int:
    with tablet.store.read() as session:
        return state_of(session).incarnation


@pytest.mark.postgres
@pytest.mark.fault("D8", "P2", "P3", "P11")
def test_a_replica_that_lost_the_tail_is_healed_by_the_tablets(tmp_path: Path) -> None:
    with primary_and_replica() as (primary, replica):
        with a_server(told(primary.url), tmp_path) as server:
            with listening(server) as url:
                new = server.parts.database.new_id
                ahead, behind, reader = (an_engineer(server, url, tmp_path, name) for name in ("A", "B", "C"))
                for one in (ahead, behind):
                    give(one, AcknowledgeTicket(one.ticket), StartTravel(one.ticket))
                    assert synced(one.tablet) == ""
                assert synced(reader.tablet) == ""
                replica.catch_up()
                replica.cut_off()
                server.clock.advance(timedelta(minutes=20))
                for one in (ahead, behind):
                    work_in_the_tail(one, new)
                assert synced(ahead.tablet) == ""  # this is what the replica never hears of
                assert synced(reader.tablet) == ""
                lost = server.rows("SELECT seq, epoch FROM stream_head")[0]
                wanted = business(server)
                elsewhere = backed_up(server, tmp_path / "elsewhere")
            primary.kill()
        replica.promote()

        with taken_over(server, tmp_path, told(replica.url)) as fresh, listening(fresh) as url:
            head, epoch = fresh.rows("SELECT seq, epoch FROM stream_head")[0]
            assert head < lost[0]
            assert epoch == lost[1], "nobody has declared anything"
            assert backup_ahead(fresh.parts.database, elsewhere.parent) == elsewhere, (
                "there it would be refused"
            )
            assert fresh.rows("SELECT count(*) FROM visit")[0][0] == 0
            office = fresh.parts.database
            while office.number() <= lost[0]:  # the same numbers are given again, for other things
                customer = RegisterCustomer(office.new_id(), f"N-{next(fresh.numbers)}", "新客户")
                assert perform(office, SYSTEM, customer).took_effect

            lanes = {one.ticket: lane_of(one.tablet) for one in (ahead, behind, reader)}
            heard = {}
            for one in (reader, ahead):
                moved = moved_to(one.tablet, fresh, url)
                heard[one.ticket] = overheard(moved)
                assert synced(moved) == ""
            for ticket, listener in heard.items():
                answers = [answer for _, answer in listener.said]
                assert answers[0].fork is not None, "its token is not known: a new lane"
                assert sum(answer.reset for answer in answers) == 1, "its mark is another's: all is read anew"
                assert lanes[ticket] < answers[0].fork.inc
            healed = business(fresh)
            for entity in (
                "visit",
                "part_usage",
                "stock_movement",
                "stock_level",
                "ticket",
                "ticket_event",
                "sla_clock",
            ):
                assert healed[entity] == wanted[entity], entity
            assert len(healed["visit"]) == 1

            moved = moved_to(behind.tablet, fresh, url)
            assert synced(moved) == ""
            assert fresh.rows("SELECT count(*) FROM visit")[0][0] == 2
            assert_once(fresh)


def assert_once(server: Server) -> None:
    """Every command of the field has one receipt and one audit entry, and the shelves agree with what was used."""
    entries = server.rows("SELECT kind, entry FROM audit WHERE device_id <> '' AND kind <> 'enrol_device'")
    assert Counter(kind for kind, _ in entries) == {
        "acknowledge_ticket": 2, "start_travel": 2, "arrive_on_site": 2, "record_part_usage": 2, "add_note": 2,
    }  # fmt: skip
    assert server.rows("SELECT count(*) FROM receipt WHERE device_id <> ''")[0][0] == len(entries)
    used = server.rows("SELECT count(*) FROM part_usage")[0][0]
    assert used == 2
    with server.parts.database.read() as session:
        assert verify(session) == []
