"""128 kbit/s with every fifth packet lost: a first pull and 200 commands come through, each once (B5)."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from bench.catalogue import fill_catalogue
from common.kernel.command import Role
from common.tickets.field_work import AddNote
from field_app.store.outbox import counts
from sync_server.upkeep.verify import verify
from tests.support.served import a_server, a_tablet, listening
from tests.support.shaped_line import shaped_line
from tests.support.tickets import a_ticket_for

KBITS, LOSS, TRIP_S = 128, 0.2, 0.3
FASTER = 20  # the line's own time: a test need not wait as long as a person would
COMMANDS, PARTS = 200, 400
TURNS_AT_MOST = 300


@pytest.mark.fault("P3")  # and B5, once photos travel over it too
def test_a_narrow_line_that_loses_packets_carries_a_day_of_commands(tmp_path: Path) -> None:
    with a_server("", tmp_path) as server, listening(server) as url:
        person = server.person(Role.ENGINEER)
        ticket = a_ticket_for(server, person)
        fill_catalogue(server.parts.database, PARTS)
        with shaped_line(url, KBITS * 1000, trip_s=TRIP_S, loss=LOSS, faster=FASTER, seed=7) as (slow, line):
            tablet = a_tablet(server, slow, tmp_path / "tablet", person)
            errors: Counter[str] = Counter()

            def talk(until_rows: int) -> None:
                for _ in range(TURNS_AT_MOST):
                    tablet.engine.turn(asked=True)
                    errors[tablet.engine.last_error] += 1
                    with tablet.store.read() as session:
                        here = session.execute(text("SELECT count(*) FROM part")).scalar_one()
                        waiting = counts(session).waiting
                    if here >= until_rows and not waiting and not tablet.engine.line.more:
                        return
                raise AssertionError(f"it does not come to an end: {errors}")

            talk(PARTS)
            for number in range(COMMANDS):
                # words that do not compress away: what a day really weighs
                assert tablet.store.give(
                    AddNote(ticket, f"{number} {os.urandom(60).hex()}")
                ).outcome.took_effect
            talk(PARTS)
            assert line.up.lost > 5
            assert line.up.passed > COMMANDS * 60
            assert set(errors) <= {"", "unreachable"}
        notes = server.rows("SELECT note FROM ticket_event WHERE kind = 'note'")
        assert len(notes) == len(set(notes)) == COMMANDS
        taken = server.rows("SELECT count(*) FROM audit WHERE kind = 'add_note'")
        assert taken == [(COMMANDS,)]
        with tablet.store.read() as session:
            assert counts(session).needs_a_look == 0
        with server.parts.database.read() as session:
            assert verify(session) == []
