"""A tablet away for half a year, past what the feed remembers; rows deleted by hand; ids used again (F6, D6, T8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from common.customers.customer_commands import EditCustomer, RegisterCustomer
from common.inbox.edits import Change
from common.kernel.command import Role
from common.protocol.messages import SyncAnswer, SyncRequest
from common.tickets.dispatching import MoveAssignment
from common.tickets.field_work import AddNote
from field_app.store.schema import HeldAgg
from field_app.sync.http import HttpExchange
from sync_server.db.office import SYSTEM, perform
from sync_server.jobs.compaction import HORIZON, thin_out_feed
from sync_server.upkeep.verify import verify
from tests.integration.test_restore import a_ticket, notes_of, synced
from tests.support.served import Server, Tablet, a_server, a_tablet, listening


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path) as made:
        yield made


@dataclass(slots=True)
class Listener:
    """Passes on what tablet and server say, and keeps it."""

    inner: HttpExchange
    said: list[tuple[SyncRequest, SyncAnswer]] = field(default_factory=list)

    def sync(self, request: SyncRequest) -> SyncAnswer:
        answer = self.inner.sync(request)
        self.said.append((request, answer))
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def overheard(tablet: Tablet) -> Listener:
    listener = Listener(tablet.exchange)
    tablet.engine.exchange = listener
    return listener


def held(tablet: Tablet) -> set[str]:
    with tablet.store.read() as session:
        return set(session.scalars(select(HeldAgg.agg).where(HeldAgg.detached == 0)))


def times(server: Server, note: str) -> int:
    counted: int = server.rows("SELECT count(*) FROM ticket_event WHERE note = :note", note=note)[0][0]
    return counted


def hand_over(server: Server, ticket: str, engineer: str) -> None:
    start = server.clock.at + timedelta(hours=1)
    assignment = server.rows(
        "SELECT id FROM assignment WHERE ticket_id = :id AND state = 'active'", id=ticket
    )[0][0]
    payload = MoveAssignment(ticket, assignment, engineer, start, start + timedelta(hours=2), "换人", "测试")
    outcome = perform(server.parts.database, SYSTEM, payload)
    assert outcome.took_effect, outcome


def days_pass(server: Server, days: int) -> None:
    """Let time pass at an office that works, and thins out its feed."""
    server.clock.advance(timedelta(days=days))
    database = server.parts.database
    customer = RegisterCustomer(database.new_id(), f"D-{next(server.numbers)}", "每日一客")
    assert perform(database, SYSTEM, customer).took_effect
    thin_out_feed(database)


@pytest.mark.fault("F6", "P5")
def test_a_tablet_away_past_the_horizon_pushes_first_and_reads_all_anew(
    server: Server, tmp_path: Path
) -> None:
    with listening(server) as url:
        away, home = (server.person(Role.ENGINEER, name=name) for name in ("李强", "王敏"))
        stays, goes = a_ticket(server, away), a_ticket(server, away)
        tablet = a_tablet(server, url, tmp_path / "away", away)
        quarter = a_tablet(server, url, tmp_path / "quarter", home)
        assert synced(tablet) == synced(quarter) == ""
        tablet.store.give(AddNote(stays, "sent before"))
        assert synced(tablet) == ""
        for ticket in (stays, goes):
            tablet.store.give(AddNote(ticket, f"unsent {ticket}"))
        hand_over(server, goes, home)
        days_pass(server, (HORIZON - timedelta(days=90)).days)
        assert synced(quarter) == ""
        quarter.store.give(AddNote(goes, "after a quarter"))
        days_pass(server, 91)
        comes = a_ticket(server, away)
        revoked = "SELECT count(*) FROM member WHERE state = 'revoked'"
        assert server.rows(revoked)[0][0] == 0, "the tombstone is forgotten"

        heard = overheard(tablet)
        assert synced(tablet) == ""
        first, answer = heard.said[0]
        assert len(first.ops) == len(answer.res) == 2, "what was unsent goes first"
        assert answer.reset
        assert not any(said.reset for _, said in heard.said[1:])
        assert {f"ticket:{stays}", f"ticket:{comes}"} <= held(tablet)
        assert f"ticket:{goes}" not in held(tablet)
        assert [result.s for result in answer.res] == ["ok", "flagged"], "the office hears of late work"
        for note in ("sent before", f"unsent {stays}", f"unsent {goes}"):
            assert times(server, note) == 1

        heard = overheard(quarter)
        assert synced(quarter) == ""
        assert not any(said.reset for _, said in heard.said), "ninety days are within the horizon"
        assert times(server, "after a quarter") == 1
        assert f"ticket:{goes}" in held(quarter)
        hand_over(server, goes, away)  # what was forgotten can be granted again
        assert synced(tablet) == synced(quarter) == ""
        assert f"ticket:{goes}" in held(tablet)
        assert f"ticket:{goes}" not in held(quarter)
    with server.parts.database.read() as session:
        assert verify(session) == []


def test_a_quiet_server_forgets_nobody(server: Server, tmp_path: Path) -> None:
    """Nothing happened for years: the cursor is of the newest batch, and that one stays."""
    with listening(server) as url:
        person = server.person(Role.ENGINEER)
        ticket = a_ticket(server, person)
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        assert synced(tablet) == ""
        server.clock.advance(HORIZON * 4)
        thin_out_feed(server.parts.database)
        assert server.rows("SELECT count(*) FROM batch")[0][0] == 1
        heard = overheard(tablet)
        tablet.store.give(AddNote(ticket, "good morning"))
        assert synced(tablet) == ""
        assert not any(said.reset for _, said in heard.said)


@pytest.mark.fault("D6")
def test_deleting_the_newest_rows_and_using_ids_again_leaves_the_feed_alone(
    server: Server, tmp_path: Path
) -> None:
    """By hand: the newest rows go from business and feed, then one comes back under its old id (no rowid counts)."""
    database = server.parts.database
    with listening(server) as url:
        person = server.person(Role.ENGINEER)
        ticket = a_ticket(server, person)
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        assert synced(tablet) == ""
        customer = server.rows("SELECT customer_id FROM ticket WHERE id = :id", id=ticket)[0][0]
        edit = EditCustomer(customer, (Change("phone", "", "010-1"),))
        assert perform(database, SYSTEM, edit).took_effect
        late = database.new_id()
        assert perform(database, SYSTEM, RegisterCustomer(late, "L-1", "最后一家")).took_effect
        assert synced(tablet) == ""
        head = server.rows("SELECT seq FROM stream_head")[0][0]
        with database.engine.connect() as connection:
            newest = (
                connection.execute(text("SELECT seq FROM change ORDER BY seq DESC LIMIT 3")).scalars().all()
            )
            for seq in newest:
                connection.execute(text("DELETE FROM change WHERE seq = :seq"), {"seq": seq})
            connection.execute(text("DELETE FROM customer WHERE id = :id"), {"id": late})
            connection.commit()
        assert newest[0] == head

        again = perform(database, SYSTEM, RegisterCustomer(late, "L-2", "同号再来"))
        assert again.took_effect
        edit = EditCustomer(customer, (Change("phone", "010-1", "010-2"),))
        assert perform(database, SYSTEM, edit).took_effect
        numbers = [
            row[0] for row in server.rows("SELECT seq FROM change WHERE seq > :head ORDER BY seq", head=head)
        ]
        assert numbers == list(range(head + 1, head + 1 + len(numbers))), "no number is given twice"
        heard = overheard(tablet)
        tablet.store.give(AddNote(ticket, "goes on"))
        assert synced(tablet) == ""
        assert not any(said.reset for _, said in heard.said)
        assert notes_of(server) == {"goes on"}
        with tablet.store.read() as session:
            found = session.execute(text("SELECT phone FROM customer WHERE id = :id"), {"id": customer})
            assert found.scalar_one() == "010-2"
    with database.read() as session:
        assert (
            session.execute(text("SELECT name FROM customer WHERE id = :id"), {"id": late}).scalar_one()
            == "同号再来"
        )
        assert verify(session) == []
