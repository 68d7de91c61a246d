"""Clocks that are wrong: the tablet's in the middle of a job, the engineer's on purpose, the server's own (E1–E5, M2)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from common.kernel.clock import millis
from common.kernel.command import Role
from common.tickets.field_work import AddNote
from common.visit.on_site import ArriveOnSite
from field_app.main import SystemClock
from field_app.sync.plan import Line
from sync_server.app import create_app
from sync_server.upkeep.clock_watch import ALARM, ClockWatch
from sync_server.upkeep.verify import verify
from tests.support.fake_clock import FakeClock
from tests.support.served import Server, Tablet, a_server, a_tablet, listening
from tests.support.tickets import a_ticket_for


class Site:
    """A server, an engineer's tablet with a clock of its own, and his ticket."""

    def __init__(self, server: Server, url: str, folder: Path) -> None:
        self.server = server
        engineer = server.person(Role.ENGINEER)
        self.clock = FakeClock(at=server.clock.at)
        self.tablet: Tablet = a_tablet(server, url, folder / "tablet", engineer, clock=self.clock)
        self.ticket = a_ticket_for(server, engineer)
        self.talk()

    def talk(self) -> None:
        """Let the tablet sync."""
        for _ in range(2):
            self.tablet.engine.line = Line()
            self.tablet.engine.turn(asked=True)
            assert self.tablet.engine.last_error == ""

    def pass_by(self, by: timedelta) -> None:
        """Let true time pass on both."""
        self.server.clock.advance(by)
        self.clock.advance(by)

    def entry(self, kind: str) -> dict[str, Any]:
        """Read the newest audit entry of a kind."""
        rows = self.server.rows("SELECT entry FROM audit WHERE kind = :kind ORDER BY seq DESC", kind=kind)
        found: dict[str, Any] = json.loads(rows[0][0])
        return found

    def alarms(self) -> int:
        """Count the open alarms of the server's clock."""
        found = self.server.rows("SELECT count(*) FROM discrepancy WHERE code = :code", code=ALARM)
        return int(found[0][0])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with a_server("", tmp_path) as server, listening(server) as url:
        made = Site(server, url, tmp_path)
        yield made
        made.tablet.exchange.close()
        made.tablet.store.engine.dispose()


@pytest.mark.fault("E5", "E1")
def test_an_arrival_with_a_clock_set_on_purpose_keeps_the_true_time_and_the_skew(site: Site) -> None:
    site.clock.at -= timedelta(hours=2)
    arrive = ArriveOnSite(site.server.parts.database.new_id(), site.ticket, True, "李强")
    given = site.tablet.store.give(arrive)
    assert given.outcome.took_effect
    site.clock.at += timedelta(hours=2)  # put right again before the line comes back
    site.pass_by(timedelta(minutes=10))
    site.talk()
    told = site.entry("arrive_on_site")
    true_ms = millis(site.server.clock.at - timedelta(minutes=10))
    assert abs(told["happened_at"] - true_ms) < 2_000
    assert told["clock_error_ms"] == pytest.approx(-7_200_000, abs=2_000)
    assert told["op"]["w"] == true_ms - 7_200_000, "what the tablet said stays in the record"


@pytest.mark.fault("E2")
def test_a_clock_that_jumps_back_in_a_job_keeps_order_and_lengths(site: Site) -> None:
    first = site.tablet.store.give(AddNote(site.ticket, "before")).op_id
    site.pass_by(timedelta(minutes=30))
    site.clock.at -= timedelta(days=1)
    second = site.tablet.store.give(AddNote(site.ticket, "after")).op_id
    site.pass_by(timedelta(minutes=5))
    site.talk()
    rows = site.server.rows("SELECT entry FROM audit WHERE kind = 'add_note' ORDER BY seq")
    notes = [json.loads(row[0]) for row in rows]
    assert [note["op"]["id"] for note in notes] == [first, second]
    length_ms = notes[1]["happened_at"] - notes[0]["happened_at"]
    assert abs(length_ms - 30 * 60_000) < 2_000, "measured by the clock that only counts"


@pytest.mark.fault("E2")
def test_hours_asleep_in_a_bag_count(monkeypatch: pytest.MonkeyPatch) -> None:
    awake_ns, asleep_ns = 60 * 10**9, 4 * 3600 * 10**9
    told = {time.CLOCK_MONOTONIC: awake_ns, time.CLOCK_BOOTTIME: awake_ns + asleep_ns}
    clock = SystemClock()
    monkeypatch.setattr("time.monotonic_ns", lambda: awake_ns)
    monkeypatch.setattr("time.clock_gettime_ns", told.__getitem__)
    reading = clock.read()
    monkeypatch.undo()
    assert reading.mono_ms == (awake_ns + asleep_ns) // 10**6
    assert reading.boot == clock.read().boot


@pytest.mark.fault("E4")
@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=400)])
def test_a_servers_clock_that_jumps_harms_no_order_and_is_told(site: Site, jump: timedelta) -> None:
    watch, database = ClockWatch(site.server.clock), site.server.parts.database
    assert watch.look(database) == 0
    site.tablet.store.give(AddNote(site.ticket, "one"))
    site.talk()
    site.server.clock.at += jump
    site.tablet.store.give(AddNote(site.ticket, "two"))
    site.talk()
    site.server.clock.at -= jump
    site.tablet.store.give(AddNote(site.ticket, "three"))
    site.talk()
    numbers = [row[0] for row in site.server.rows("SELECT seq FROM change ORDER BY seq")]
    assert numbers == sorted(set(numbers))
    with database.read() as session:
        assert verify(session) == []
    site.server.clock.at += jump
    assert watch.look(database) == 1
    assert watch.look(database) == 0
    assert site.alarms() == 1


@pytest.mark.fault("M2")
def test_a_server_that_starts_with_a_wrong_clock_says_so_loudly(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    settings = site.server.parts.settings
    with caplog.at_level(logging.CRITICAL, "sync_server"):
        create_app(settings, clock=FakeClock(at=site.server.clock.at + timedelta(hours=1)))
    assert caplog.text == ""
    assert site.alarms() == 0
    with caplog.at_level(logging.CRITICAL, "sync_server"):
        create_app(settings, clock=FakeClock(at=site.server.clock.at - timedelta(days=30)))
    assert "clock of this machine is wrong" in caplog.text
    assert site.alarms() == 1
