"""Makes the demo company's database: tables, policy, import, three months of calls, today.

Owns the order. All of it goes through migrations, import and commands; nothing is written past them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from common.kernel.clock import Clock, instant
from common.kernel.ids import RandomBytes
from common.kernel.outcome import Outcome
from common.policy.policy_commands import AdoptPolicy
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform
from sync_server.demo.calls import Calls, watch_clocks
from sync_server.demo.company import Company, Size, make_company
from sync_server.demo.photos import lay_photos, tell_photos
from sync_server.demo.policy import PRESET, demo_policy
from sync_server.demo.stage import LOCAL, DemoClock, DemoError, Stage, at_local
from sync_server.demo.store import keep_vans
from sync_server.demo.today import bill_today, clear_scene, end_today, raise_due_alarms
from sync_server.imports.importer import apply, preview
from sync_server.imports.plan_people import person_id_for
from sync_server.keys import ServerKeys, load_keys
from sync_server.people.sessions import Sessions
from sync_server.settings import Settings

ORDER = ("models", "customers", "people", "equipment", "prices", "parts", "stock")
PASSWORD = "demo-hengxin"  # noqa: S105 - printed at every start, exists in the demo's database only
LOGINS = {
    "dispatcher": "D01",
    "specialist": "S01",
    "clerk": "K01",
    "supervisor": "L01",
    "keeper": "P01",
    "manager": "M01",
    "admin": "A01",
}
Say = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class Made:
    """A demo database that is ready: its stage, and how often which flag was raised."""

    stage: Stage
    company: Company
    keys: ServerKeys


def create(
    settings: Settings, clock: Clock, random_bytes: RandomBytes, say: Say, size: Size | None = None
) -> Made:
    """Make the demo's database in an empty folder. Raises DemoError where a story does not fit the rules."""
    size = size or Size()
    now = instant(clock.read().wall_ms)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    began_at = at_local(now - timedelta(days=size.days), 8)
    stage_clock = DemoClock(began_at - timedelta(days=2))
    database = demo_database(settings, stage_clock, random_bytes)
    upgrade(database.engine, random_bytes)
    keys = load_keys(settings.keys_dir, random_bytes)
    company = make_company(now.astimezone(LOCAL).date(), size)
    _adopt(database)
    for kind in ORDER:
        say(f"demo.making.{kind}", {})
        _import(database, company, kind)
    stage = Stage(database, stage_clock, Random(size.tickets), keys.box_public)
    stage.meet()
    lay_photos(database, settings)
    say("demo.making.history", {"n": size.tickets})
    _play(stage, size, began_at, now, say)
    say("demo.making.today", {})
    end_today(stage, keys, now)
    tell_photos(database)
    _let_in(database)
    database.number()
    database.engine.dispose()
    return Made(stage, company, keys)


def add_day(settings: Settings, clock: Clock, random_bytes: RandomBytes) -> None:
    """Bring a demo made on an earlier day to today: close what was left open, set today's scene."""
    now = instant(clock.read().wall_ms)
    database = demo_database(settings, DemoClock(now - timedelta(days=1)), random_bytes)
    salt = now.astimezone(LOCAL).date().isoformat()
    stage_clock = database.clock
    assert isinstance(stage_clock, DemoClock)
    keys = load_keys(settings.keys_dir, random_bytes)
    stage = Stage(database, stage_clock, Random(salt), keys.box_public, salt)
    stage.meet()
    stage.do(lambda: clear_scene(stage), stage.now)
    bill_today(stage, now)
    stage.play(now)
    stage.clock.at = now
    stage.do(lambda: raise_due_alarms(stage), now)
    tell_photos(database)
    database.number()
    database.engine.dispose()


def demo_database(settings: Settings, clock: Clock, random_bytes: RandomBytes) -> Database:
    """Open the demo's database."""
    return Database(make_engine(settings.database), clock, random_bytes)


def _adopt(database: Database) -> None:
    _must(perform(database, SYSTEM, AdoptPolicy(database.new_id(), PRESET, demo_policy())))


def _must(outcome: Outcome) -> None:
    if not outcome.took_effect:
        raise DemoError(f"{outcome.code} {dict(outcome.values)}")


def _import(database: Database, company: Company, kind: str) -> None:
    plan = preview(database, company.tables[kind], kind)
    if not plan.can_apply:
        raise DemoError(f"{kind}: {plan.faults[:3]}")
    done = apply(database, SYSTEM, plan)
    if done.faults:
        raise DemoError(f"{kind}: {done.faults[:3]}")


def _play(stage: Stage, size: Size, began_at: datetime, now: datetime, say: Say) -> None:
    """Spread the calls over the days up to the day before yesterday; then comes today."""
    calls = Calls(stage)
    for _ in range(size.tickets):
        day = began_at + timedelta(days=stage.chance.randrange(size.days - 2))
        hour = stage.chance.choice((8, 9, 9, 10, 10, 11, 13, 14, 15, 16))
        stage.add(calls.past(at_local(day, hour, stage.chance.randrange(60))))
    stage.clock.at = began_at
    stage.add(watch_clocks(stage, now))
    stage.add(keep_vans(stage, now))
    bill_today(stage, now)
    shown: list[str] = []

    def progress(at: datetime) -> None:
        month = stage.local(at).strftime("%Y-%m")
        if month not in shown:
            shown.append(month)
            say("demo.making.month", {"month": month})

    stage.play(now, progress)


def _let_in(database: Database) -> None:
    """Give the office people their demo names and passwords."""
    sessions = Sessions(database)

    for login, number in LOGINS.items():
        sessions.set_password(person_id_for(number), login, PASSWORD, "")


def demo_settings(folder: Path, port: int) -> Settings:
    """Return the server's settings for a demo in a folder."""
    return Settings(data_dir=folder / "server", port=port, second_factor="optional")
