"""A server's clock that was ahead and was set right: jobs, backups, checks and alarms go on at once (E4, M8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from common.kernel.command import Role
from sync_server.jobs.due import SLACK, is_due
from sync_server.jobs.ticker import Job, Ticker
from sync_server.upkeep import schedule
from sync_server.upkeep.backup import BackupError, back_up
from sync_server.upkeep.evidence import begin_check, evidence_jobs
from sync_server.upkeep.restore import newer_backups
from sync_server.upkeep.schedule import upkeep_jobs
from tests.integration.test_upkeep import postgresql_programs  # noqa: F401 - where the system has none
from tests.support.served import Server, a_server

AHEAD = timedelta(days=400)
HALF_A_DAY = timedelta(hours=12)


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with a_server(database_url, tmp_path, backup_keep="2") as made:
        made.person(Role.ENGINEER)
        yield made


def kept(server: Server) -> list[str]:
    return sorted(path.name for path in server.parts.settings.backups_dir.glob("fieldwright-*"))


@pytest.mark.fault("E4", "M8")
def test_jobs_and_backups_go_on_after_the_clock_was_set_right(server: Server) -> None:
    parts, ran = server.parts, []

    def work(_database: object) -> int:
        ran.append(server.clock.at)
        return 1

    probe = Job("probe", timedelta(seconds=20), work)
    keeper = Ticker(
        parts.database, 1, (probe, *upkeep_jobs(parts.settings), *evidence_jobs(parts.settings, parts.keys))
    )
    server.clock.advance(timedelta(hours=30))
    right = server.clock.at
    keeper.tick()
    server.person(Role.ENGINEER)
    server.clock.at += AHEAD
    keeper.tick()
    server.clock.at -= AHEAD
    wrong = [(right + AHEAD).strftime("fieldwright-%Y%m%dT%H%M%SZ")]
    server.person(Role.ENGINEER)
    for _ in range(4):
        server.clock.advance(HALF_A_DAY)
        assert {"probe", "backup", "backup_alarm"} <= set(keeper.tick())
    assert len(ran) == 6
    at = [right + n * HALF_A_DAY for n in (1, 3)]
    assert kept(server) == [f"fieldwright-{moment:%Y%m%dT%H%M%SZ}" for moment in at]
    assert kept(server) != wrong, "the one of the wrong day went, it is the oldest"
    checks = server.rows("SELECT count(*) FROM chain_check")
    assert checks[0][0] >= 3
    assert server.rows("SELECT code FROM discrepancy WHERE code = 'backup_too_old'") == []


@pytest.mark.fault("M8")
def test_the_office_is_told_though_the_last_good_backup_is_of_a_day_to_come(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, database = server.parts.settings, server.parts.database
    server.clock.at += AHEAD
    assert schedule.make_backup_if_due(settings, database) == 1
    server.clock.at -= AHEAD

    def broken(*_: object, **__: object) -> None:
        raise BackupError("no program")

    monkeypatch.setattr(schedule, "make_backup", broken)
    assert schedule.make_backup_if_due(settings, database) == 0
    assert schedule.alarm_if_too_old(settings, database) == 1


def test_an_idle_server_makes_no_backup_after_the_other(server: Server) -> None:
    """Nothing new was numbered: the one of the wrong day and the next end at the same number."""
    settings, database = server.parts.settings, server.parts.database
    server.clock.at += AHEAD
    assert schedule.make_backup_if_due(settings, database) == 1
    server.clock.at -= AHEAD
    made = []
    for _ in range(10):
        made.append(schedule.make_backup_if_due(settings, database))
        server.clock.advance(timedelta(minutes=10))
    assert made == [1, *[0] * 9]


def test_the_newest_backup_is_the_one_that_ends_last(server: Server) -> None:
    settings, folders = server.parts.settings, []
    for ahead in (AHEAD, timedelta()):
        server.person(Role.ENGINEER)
        server.clock.at += ahead
        made = back_up(server.parts.database, settings.database, settings.keys_dir, settings.backups_dir)
        folders.append(made.folder)
        server.clock.at -= ahead
    wrong, last = folders
    assert (newer_backups(last), newer_backups(wrong)) == ([], [last])


def test_a_check_of_a_day_to_come_is_not_the_one_that_runs(server: Server) -> None:
    server.clock.at += AHEAD
    wrong = begin_check(server.parts.database, "system")
    server.clock.at -= AHEAD
    assert begin_check(server.parts.database, "somebody") != wrong


def test_clocks_a_little_apart_are_waited_for(server: Server) -> None:
    now, every = server.clock.at, timedelta(seconds=20)
    assert not is_due(now + SLACK, now, every)
    assert is_due(now + SLACK + timedelta(seconds=1), now, every)
    assert (is_due(now - every, now, every), is_due(now - every / 2, now, every)) == (True, False)
