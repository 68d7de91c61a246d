"""From SQLite to PostgreSQL: counts, hashes, chain and cursors are equal, and tablets notice nothing (D7)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text

from common.kernel.command import Role
from common.tickets.field_work import AddNote
from field_app.store.store import state_of
from sync_server import cli
from sync_server.app import create_app
from sync_server.db.engine import make_engine
from sync_server.db.migrate import METADATA
from sync_server.db.move import MoveError, fingerprint, move
from sync_server.settings import read_settings
from sync_server.upkeep.verify import verify
from tests.integration.test_restore import a_ticket, moved_to, notes_of, synced
from tests.support.served import Server, a_server, a_tablet, listening

pytestmark = pytest.mark.postgres


@pytest.mark.fault("D7")
def test_a_move_changes_nothing_and_tablets_go_on(postgres_database: str, tmp_path: Path) -> None:
    with a_server("", tmp_path) as server, listening(server) as url:
        person = server.person(Role.ENGINEER, name="李强 ß 😀")
        ticket = a_ticket(server, person)
        tablet = a_tablet(server, url, tmp_path / "tablet", person)
        assert synced(tablet) == ""
        tablet.store.give(AddNote(ticket, "before"))
        assert synced(tablet) == ""
        database = server.parts.database
        told = move(database.engine, postgres_database, os.urandom)
        with database.read() as session:
            here = {table.name: fingerprint(session.connection(), table) for table in METADATA.sorted_tables}
        assert told == here
        assert told["audit"].rows > 5
        assert told["device"].rows == 1
    settings = read_settings(
        {},
        data_dir=server.parts.settings.data_dir,
        database_url=postgres_database,
        ticker_s="0",
        language="en",
    )
    there = Server(create_app(settings, clock=server.clock), server.clock)
    heads = "SELECT seq, audit_seq, audit_hash, epoch, durable FROM stream_head"
    assert [tuple(row) for row in there.rows(heads)] == [tuple(row) for row in server.rows(heads)]
    with there.parts.database.read() as session:
        assert verify(session) == []
    with listening(there) as url:
        tablet.store.give(AddNote(ticket, "after"))
        with tablet.store.read() as session:
            lane = (state_of(session).incarnation, state_of(session).generation)
        assert synced(moved_to(tablet, there, url)) == ""
        with tablet.store.read() as session:  # no fork, no reset: the same lane, the same pull
            assert (state_of(session).incarnation, state_of(session).generation) == lane
        assert notes_of(there) == {"before", "after"}
    there.parts.database.engine.dispose()


def test_a_target_that_is_not_empty_or_differs_is_refused(postgres_database: str, tmp_path: Path) -> None:
    with a_server("", tmp_path) as server:
        server.person(Role.ENGINEER)
        engine = server.parts.database.engine
        with pytest.raises(MoveError, match="must be a PostgreSQL"):
            move(engine, f"sqlite:///{tmp_path / 'other.db'}", os.urandom)
        common = ["--data", str(server.parts.settings.data_dir)]
        assert cli.main([*common, "move", postgres_database]) == 0
        with pytest.raises(MoveError, match="not empty"):
            move(engine, postgres_database, os.urandom)
        target = make_engine(postgres_database, pool_size=1)
        with target.connect() as connection, server.parts.database.read() as session:
            person = METADATA.tables["person"]
            assert fingerprint(connection, person) == fingerprint(session.connection(), person)
            connection.execute(text("UPDATE person SET name = 'another'"))
            assert fingerprint(connection, person) != fingerprint(session.connection(), person)
            connection.rollback()
        target.dispose()
