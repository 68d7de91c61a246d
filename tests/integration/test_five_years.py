"""Five years of data on a tablet: it starts, shows today without walking through the past, and sheds what is old (L5)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from bench.five_years import age
from common.kernel.command import Role
from common.tickets.closing import CancelTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote
from field_app.state.today import EARLIER_AT_MOST, TodayView, load_today
from field_app.store.opening import open_store
from field_app.store.outbox import counts
from field_app.store.store import Store
from sync_server.db.office import SYSTEM, perform
from sync_server.jobs.compaction import thin_out_feed
from sync_server.jobs.ticket_scope import end_old_scopes
from tests.integration.test_long_away import times
from tests.integration.test_restore import a_ticket
from tests.support.served import Server, Tablet, a_server, a_tablet, listening

QUARTERS = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server("", tmp_path) as made:
        yield made


def worked(server: Server, tablet: Tablet, person: str) -> str:
    """Take a new ticket in hand, all of it sent."""
    ticket = a_ticket(server, person)
    sync(tablet)
    for payload in (AcknowledgeTicket(ticket), AddNote(ticket, "电话指导")):
        assert tablet.store.give(payload).outcome.took_effect
    sync(tablet)
    return ticket


def sync(tablet: Tablet) -> None:
    """Turn until there is no more to send or fetch."""
    for _ in range(12):
        tablet.engine.turn(asked=True)
        assert tablet.engine.last_error == ""
        if not tablet.engine.line.more:
            return
    raise AssertionError("the sync does not come to an end")


def count(tablet: Tablet, table: str) -> int:
    with tablet.store.read() as session:
        return int(session.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    yield sent
    event.remove(store.engine, "before_cursor_execute", note)


def today(store: Store, server: Server, person: str) -> tuple[TodayView, int]:
    """Load the screen as the app does; returns it and how many statements that took."""
    with counted(store) as sent, store.read() as session:
        view = load_today(person, server.clock.at, UTC)(session)
    return view, len(sent)


@pytest.mark.fault("L5")
def test_old_tickets_leave_the_tablet_and_unsent_work_stays(server: Server, tmp_path: Path) -> None:
    """Twenty quarters: what closed long ago drops out of scope at the server, and the feed takes it off the tablet."""
    with listening(server) as url:
        person = server.person(Role.ENGINEER)
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        late = worked(server, tablet, person)
        held = []
        for quarter in range(QUARTERS):
            ticket = worked(server, tablet, person)
            if quarter == 1:
                tablet.store.give(AddNote(late, "never sent until now"))  # the line is cut for this one
                cancelled = perform(server.parts.database, SYSTEM, CancelTicket(late, "设备报废"))
                assert cancelled.took_effect
            assert perform(server.parts.database, SYSTEM, CancelTicket(ticket, "已解决")).took_effect
            server.clock.advance(timedelta(days=91))
            end_old_scopes(server.parts.database)
            thin_out_feed(server.parts.database)
            held.append(count(tablet, "ticket"))
        sync(tablet)
        assert held[2:] == [held[2]] * (QUARTERS - 2), "twenty quarters weigh no more than three"
        assert times(server, "never sent until now") == 1
        assert server.rows("SELECT count(*) FROM ticket")[0][0] == QUARTERS + 1
        with tablet.store.read() as session:
            assert counts(session).waiting == 0
        assert count(tablet, "ticket") == 0
        assert count(tablet, "ticket_event") == 0


@pytest.mark.fault("L5", "P5")
def test_a_tablet_that_never_shed_anything_starts_shows_today_and_is_purged(
    server: Server, tmp_path: Path
) -> None:
    with listening(server) as url:
        person = server.person(Role.ENGINEER)
        folder = tmp_path / "tablet"
        tablet = a_tablet(server, url, folder, person)
        worked(server, tablet, person)
        due = a_ticket(server, person)
        sync(tablet)
        tablet.store.engine.dispose()
        statements = []
        for more in (60, 1_100):  # more than a thousand leave at once
            assert age(folder / "app.db", more) > 4 * more
            store = open_store(folder / "app.db", server.clock, os.urandom)
            view, sent = today(store, server, person)
            statements.append(sent)
            sections = dict(view.sections)
            assert due in {card.ticket_id for card in sections["today"]}
            assert len(sections["earlier"]) == EARLIER_AT_MOST
            store.engine.dispose()
        assert statements[0] == statements[1], "the past costs no more for being long"

        tablet.store = tablet.engine.store = store = open_store(folder / "app.db", server.clock, os.urandom)
        assert count(tablet, "ticket") == 1_162
        old = view.sections[-1][1][0].ticket_id
        note = store.give(AddNote(old, "about an old ticket"))
        assert note.outcome.took_effect
        store.give(AddNote(due, "about today"))
        sync(tablet)  # sends
        sync(tablet)  # compares, and is repaired: 660 tickets are not this tablet's
        assert times(server, "about today") == 1
        with store.read() as session:
            parked = session.execute(
                text("SELECT state FROM op WHERE id = :id"), {"id": note.op_id}
            ).scalar_one()
            left = session.execute(text("SELECT id FROM ticket")).scalars().all()
        assert parked == "parked", "the server never had that ticket: the work waits for a person, whole"
        assert set(left) == {due, old} | {row[0] for row in server.rows("SELECT id FROM ticket")}
        assert count(tablet, "ticket_event") > 0
        store.engine.dispose()
