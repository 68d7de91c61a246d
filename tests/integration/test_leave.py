"""A restore takes two people, at the console or at the terminal; one alone is let through, and seen (R175, ADR-0029)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import text

from common.approvals.approval import Approval, DecideApproval, RequestApproval
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.keys import load_keys
from sync_server.people.factors import Factors
from sync_server.security import read_security
from sync_server.settings import Settings
from sync_server.upkeep.backup import back_up
from sync_server.upkeep.leave import AskLeave, LeaveError, alone, by_approval, by_people, keys_folder
from sync_server.upkeep.restore import restore
from tests.support.console_world import PASSWORD, ConsoleWorld, an_id, make_world


@pytest.fixture
def company(tmp_path: Path) -> Iterator[ConsoleWorld]:
    made = make_world(tmp_path)
    yield made
    made.database.engine.dispose()


def saved(company: ConsoleWorld) -> Path:
    settings = company.settings
    return back_up(
        company.database, settings.database, settings.keys_dir, settings.data_dir.parent / "kept"
    ).folder


def burnt(company: ConsoleWorld) -> Settings:
    """Give an installation on another machine: no database, no keys."""
    return replace(company.settings, data_dir=company.settings.data_dir.parent / "elsewhere")


def restored(
    company: ConsoleWorld, folder: Path, settings: Settings, leave: AskLeave, **how: bool
) -> Database:
    restore(folder, settings, company.clock, os.urandom, ask_leave=leave, **how)
    return Database(make_engine(settings.database), company.clock, os.urandom)


def told(database: Database) -> dict[str, str]:
    """Read what the audit chain says of the restore, and whether the office was alarmed."""
    with database.read() as session:
        event = session.execute(text("SELECT entry FROM audit WHERE kind = 'database_restored'")).scalar_one()
        alarm = "SELECT details FROM discrepancy WHERE code = 'restored_alone' AND state = 'open'"
        alarms = [json.loads(row) for row in session.execute(text(alarm)).scalars()]
        row = session.execute(text("SELECT leave, reason FROM restoration")).one()
    values: dict[str, str] = json.loads(event)["values"]
    assert (row.leave, row.reason) == (values["leave"], values["reason"])
    assert [alarm["reason"] for alarm in alarms] == ([row.reason] if row.leave == "alone" else [])
    return values


def answers(*given: str) -> Callable[[str], str]:
    """Answer one question after the other."""
    left = list(given)
    return lambda _question: left.pop(0)


def test_who_is_alone_in_the_night_is_let_through_and_seen(company: ConsoleWorld) -> None:
    with pytest.raises(LeaveError, match="in words"):
        alone("because")
    server = restored(company, saved(company), burnt(company), alone("disk gone, nobody answers the phone"))
    assert (told(server)["leave"], told(server)["people"]) == ("alone", "")


def test_what_two_agreed_on_at_the_console_is_used_once(company: ConsoleWorld) -> None:
    folder = saved(company)
    asked = RequestApproval(company.new_id(), "restore", folder.name, folder.name, "wrong prices were loaded")
    company.give(asked, "admin")
    leave = by_approval(asked.approval_id, folder.name, company.database)
    with pytest.raises(LeaveError, match="approval_missing"):
        restored(company, folder, company.settings, leave, replace=True)
    company.give(DecideApproval(asked.approval_id, "approve"), "manager")
    other = by_approval(asked.approval_id, "another", company.database)
    with pytest.raises(LeaveError, match="not for another"):
        restored(company, folder, company.settings, other, replace=True)
    nothing = by_approval(company.new_id(), folder.name, company.database)
    with pytest.raises(LeaveError, match="no such approval"):
        restored(company, folder, company.settings, nothing, replace=True)
    with company.database.read() as session:
        assert session.get_one(Approval, asked.approval_id).state == "approved"
    server = restored(company, folder, company.settings, leave, replace=True)
    values = told(server)
    assert (values["leave"], values["approval"]) == ("approval", asked.approval_id)
    assert values["people"].split() == [an_id("admin"), an_id("manager")]
    with pytest.raises(LeaveError, match="approval_missing|no such"):
        restored(company, folder, company.settings, leave, replace=True)


@pytest.mark.parametrize("late", [False, True])
def test_an_approval_in_the_backup_itself_counts_until_it_runs_out(company: ConsoleWorld, late: bool) -> None:
    asked = RequestApproval(company.new_id(), "restore", "", "any", "the machine is being changed")
    company.give(asked, "admin")
    company.give(DecideApproval(asked.approval_id, "approve"), "manager")
    folder = saved(company)
    leave = by_approval(asked.approval_id, folder.name, None)
    if late:
        company.clock.advance(timedelta(hours=24, seconds=1))
        with pytest.raises(LeaveError, match="approval_ran_out"):
            restored(company, folder, burnt(company), leave)
        return
    server = restored(company, folder, burnt(company), leave)
    assert told(server)["leave"] == "approval"
    with server.read() as session:
        assert session.get_one(Approval, asked.approval_id).state == "used"


def test_after_a_fire_two_people_prove_themselves_to_the_backup(company: ConsoleWorld) -> None:
    settings, security = company.settings, read_security()
    keys = load_keys(settings.keys_dir, os.urandom)
    factors = Factors(company.database, keys, security)
    secret = factors.set_up(an_id("admin"), "admin").secret
    totp = pyotp.TOTP(secret)
    now_s = company.clock.read().wall_ms // 1000
    factors.confirm(an_id("admin"), totp.at(now_s))
    folder = saved(company)
    company.clock.advance(timedelta(minutes=1))
    code = totp.at(now_s + 60)
    own = load_keys(keys_folder(folder, settings.keys_dir), os.urandom)

    def leave(logins: tuple[str, ...], *given: str) -> AskLeave:
        return by_people(logins, "the server burnt", own, security, answers(*given))

    for logins in (("admin", "admin"), ("admin",)):
        with pytest.raises(LeaveError, match="different"):
            restored(company, folder, burnt(company), leave(logins))
    with pytest.raises(LeaveError, match="nobody in this backup"):
        restored(company, folder, burnt(company), leave(("admin", "mei")))
    wrong = leave(("admin", "zhou"), *[PASSWORD, "000000"] * 3)
    with pytest.raises(LeaveError, match="factor_code_wrong"):
        restored(company, folder, burnt(company), wrong)
    half = leave(("admin", "zhou"), PASSWORD, code, *["no idea at all"] * 3)
    with pytest.raises(LeaveError, match="password_wrong"):
        restored(company, folder, burnt(company), half)
    assert not (burnt(company).data_dir / "fieldwright.db").exists()
    server = restored(company, folder, burnt(company), leave(("admin", "zhou"), PASSWORD, code, PASSWORD))
    assert told(server)["people"].split() == [an_id("admin"), an_id("zhou")]
