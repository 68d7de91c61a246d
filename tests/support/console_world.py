"""A whole server in the test's process: real database, real commands, signed-in browsers without a browser.

Owns the company the console's tests stand on. Everything in it is made by commands.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from common.coverage.coverage_commands import RegisterCoverage
from common.customers.customer_commands import RegisterCustomer
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.kernel.command import Place, Role
from common.kernel.ids import derive_id
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.people.fitness_commands import AddQualification
from common.people.person_commands import AddPerson, SetZones
from common.policy.policy_commands import AdoptPolicy, FillPolicyFacet
from common.stock.part_commands import RegisterPart
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine
from common.tickets.dispatching import AssignTicket
from common.tickets.intake import ReportFault
from sync_server.app import create_app, site_of
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, office_actor, perform
from sync_server.imports.pinyin import spell
from sync_server.keys import load_keys
from sync_server.notary import SessionNotary
from sync_server.people.sessions import Sessions
from sync_server.settings import Settings
from tests.support.fake_clock import FakeClock

NOW = datetime(2026, 11, 23, 2, 37, tzinfo=UTC)  # Monday 10:37 in Shanghai
_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the test process ends
PASSWORD = "a quiet harbour at dawn"
STAFF = {
    "mei": ("林梅", (Role.SPECIALIST, Role.DISPATCHER)),
    "zhou": ("周主管", (Role.SUPERVISOR,)),
    "clerk": ("何文员", (Role.CLERK,)),
    "admin": ("管理员", (Role.ADMINISTRATOR,)),
    "manager": ("高经理", (Role.MANAGER,)),
    "keeper": ("库管员", (Role.PARTS_KEEPER,)),
}
ENGINEERS = {"chen": "陈军", "gao": "高敏", "he": "何涛", "li": "李伟", "sun": "孙浩", "wang": "王芳"}
CUSTOMERS = {
    "xiehe": ("K001", "北京协和医院", "东单北大街53号", "010-6915 5564"),
    "renmin": ("K002", "城东人民医院", "朝阳路8号", "010-5551 0200"),
    "kouqiang": ("K003", "西山口腔诊所", "香山路77号", "010-5553 4400"),
}


def an_id(name: str) -> str:
    """Name a row of the company, the same in every test."""
    return derive_id("console-world", name)


@dataclass
class ConsoleWorld:
    """The company, its clock, and hands to give commands and open pages."""

    settings: Settings
    clock: FakeClock
    database: Database
    count: int = 0
    ids: dict[str, str] = field(default_factory=dict)

    def give(self, payload: Any, who: str = "", at: datetime | None = None) -> Outcome:
        """Give a command at the office, as the system unless a person is named; it must take effect."""
        actor = SYSTEM
        if who:
            with self.database.read() as session:
                actor = office_actor(session, an_id(who))
        outcome = perform(self.database, actor, payload)
        assert outcome.took_effect, (payload, outcome)
        return outcome

    def in_field(self, payload: Any, engineer: str) -> Outcome:
        """Give a command as an engineer's tablet does, in a replay at the server."""
        actor = Actor(an_id(engineer), frozenset({Role.ENGINEER}), Place.TABLET, an_id("tablet"))
        outcome = perform(self.database, actor, payload)
        assert outcome.took_effect, (payload, outcome)
        return outcome

    def new_id(self) -> str:
        """Make an id."""
        return self.database.new_id()

    def ticket(self, unit: str = "pump", customer: str = "xiehe", **more: Any) -> str:
        """Register a call."""
        self.count += 1
        ticket_id = an_id(f"ticket{self.count}")
        wanted: dict[str, Any] = {"number": f"T-{2040 + self.count}", "channel": "phone", "severity": "minor"}
        wanted |= {
            "fault_text": "流速偏低，报警",
            "caller": "张护士",
            "equipment_id": an_id(unit) if unit else None,
        }
        self.give(ReportFault(ticket_id=ticket_id, customer_id=an_id(customer), **(wanted | more)), "mei")
        return ticket_id

    def assign(self, ticket_id: str, engineer: str = "li", hour: int = 13, minutes: int = 90) -> str:
        """Send an engineer today at a local hour."""
        from_at = NOW.replace(hour=0, minute=0) + timedelta(hours=hour - 8)
        assignment = self.new_id()
        window = (from_at, from_at + timedelta(minutes=minutes))
        self.give(AssignTicket(ticket_id, assignment, an_id(engineer), *window, "测试安排"), "mei")
        return assignment

    def app(self) -> Any:
        """Build the application over the company."""
        return create_app(self.settings, clock=self.clock)

    def client(self, login: str = "mei", language: str = "en") -> Client:
        """Open a browser without a window, signed in."""
        app = self.app()
        site = site_of(app.app)
        client = Client(app, base_url="http://testserver")
        client.cookies.set("session", site.sessions.login(login, PASSWORD, "127.0.0.1"))
        client.cookies.set("language", language)
        return client


class Client(TestClient):
    """A test client that fills the hidden fields of forms as a browser does."""

    def token(self, path: str) -> str:
        """Read the session's token off a page."""
        found = re.search(r'name="csrf-token" content="([^"]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def fill(self, path: str, values: dict[str, str], **more: Any) -> Any:
        """Post a form; the redirect is not followed."""
        token = self.token("/console/password")
        headers = {"sec-fetch-site": "same-origin"} | more.pop("headers", {})
        return self.post(
            path, data={"csrf_token": token} | values, headers=headers, follow_redirects=False, **more
        )


def make_world(folder: Path, security: str = "") -> ConsoleWorld:
    """Copy the company into a folder of the test's own; `security` are figures over the shipped ones."""
    shutil.copytree(_company(), folder / "server")
    figures = folder / "figures.toml"
    figures.write_text(security, "utf-8")
    settings = Settings(folder / "server", ticker_s=0, second_factor="optional", security=str(figures))
    clock, keys = FakeClock(NOW), load_keys(settings.keys_dir, os.urandom)
    database = Database(
        make_engine(settings.database), clock, os.urandom, notary=lambda session: SessionNotary(keys, session)
    )
    return ConsoleWorld(settings, clock, database)


@cache
def _company() -> Path:
    """Make the company once a test process."""
    _kept.append(tempfile.TemporaryDirectory(prefix="fieldwright-company-"))
    folder = Path(_kept[-1].name) / "server"
    settings, clock = Settings(folder, second_factor="optional"), FakeClock(NOW - timedelta(days=90))
    folder.mkdir()
    engine = make_engine(settings.database)
    upgrade(engine, os.urandom)
    world = ConsoleWorld(settings, clock, Database(engine, clock, os.urandom))
    _policy(world)
    _people(world)
    _customers(world)
    create_app(settings, clock=clock)  # lays the keys
    engine.dispose()
    return folder


def _policy(world: ConsoleWorld) -> None:
    world.give(AdoptPolicy(an_id("policy"), "medical-device"))
    for place, (path, value) in enumerate(
        {
            "zones[same_city].match": '["*东单*", "*朝阳*"]',
            "zones[elsewhere].match": '["*香山*"]',
            "clocks[arrival_same_city].amount": "4",
            "clocks[arrival_elsewhere].amount": "2",
            "warranty.start_event": '"acceptance"',
            "warranty.months": "12",
        }.items()
    ):
        world.give(FillPolicyFacet(an_id(f"policy{place}"), path, value, "公司标准"))


def _people(world: ConsoleWorld) -> None:
    sessions = Sessions(world.database)
    for login, (name, roles) in STAFF.items():
        pinyin, _ = spell(name)
        world.give(
            AddPerson(
                an_id(login), login.upper(), name, tuple(role.value for role in roles), pinyin, language="en"
            )
        )
        sessions.set_password(an_id(login), login, PASSWORD, "system")
    for place, (login, name) in enumerate(ENGINEERS.items()):
        pinyin, _ = spell(name)
        world.give(AddPerson(an_id(login), f"E{place + 1:02d}", name, (Role.ENGINEER.value,), pinyin))
        van = an_id(f"van-{login}")
        world.give(RegisterLocation(van, f"VAN-{place + 1}", f"{name}的备件车", "van", an_id(login)))
        if login != "wang":
            world.give(AddQualification(an_id(f"q-{login}"), an_id(login), "skill", "infusion"))
    world.give(SetZones(an_id("sun"), ("elsewhere",)))


def _customers(world: ConsoleWorld) -> None:
    for key, (number, name, address, phone) in CUSTOMERS.items():
        pinyin, initials = spell(name)
        world.give(RegisterCustomer(an_id(key), number, name, pinyin, initials, phone, "设备科", address))
    world.give(
        RegisterModel(
            an_id("m-pump"), "IP-300", "输液泵", "安泰", checklist="infusion_pump", skill="infusion"
        )
    )
    world.give(RegisterModel(an_id("m-monitor"), "PM-9", "监护仪", "安泰", checklist="patient_monitor"))
    units = (("pump", "m-pump", "xiehe", "SN-70031"), ("monitor", "m-monitor", "xiehe", "SN-90110"),
             ("pump2", "m-pump", "renmin", "SN-70077"), ("old", "m-pump", "kouqiang", "SN-60001"))  # fmt: skip
    for key, model, customer, serial in units:
        accepted = date(2024, 1, 8) if key == "old" else date(2026, 3, 2)
        world.give(
            RegisterEquipment(
                an_id(key), serial, an_id(model), an_id(customer), location="三病区", accepted_on=accepted
            )
        )
    contract = RegisterCoverage(
        an_id("contract"), an_id("old"), "contract", date(2026, 1, 1), date(2026, 12, 31), "HT-2026-18"
    )
    world.give(contract)
    world.give(RegisterPart(an_id("seal"), "PS-100", "Pump seal", 12_000, "CNY", name_zh="泵密封圈"))
    world.give(ReceiveStock(an_id("van-li"), (StockLine(an_id("seal"), Decimal(5)),)))
