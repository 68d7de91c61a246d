"""A small company made by real commands on the clock of this machine, for the story told end to end.

Owns its people, customers, units, parts and the tickets that are there before the story begins.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text

from common.customers.customer_commands import RegisterCustomer
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.kernel.clock import instant
from common.kernel.codec import canonical
from common.kernel.command import Role
from common.kernel.ids import derive_id
from common.people.fitness_commands import AddQualification
from common.people.person_commands import AddPerson
from common.policy.policy_commands import AdoptPolicy
from common.stock.part_commands import RegisterPart, SetCharge
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine
from common.tickets.dispatching import AssignTicket
from common.tickets.intake import ReportFault
from sync_server.app import SystemClock, make_parts
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, office_actor, perform
from sync_server.demo.policy import demo_policy
from sync_server.imports.pinyin import spell
from sync_server.people.sessions import Sessions
from sync_server.settings import Settings

PASSWORD = "a quiet harbour at dawn"
STAFF = {
    "mei": ("林梅", (Role.SPECIALIST, Role.DISPATCHER)),
    "zhou": ("周主管", (Role.SUPERVISOR,)),
    "clerk": ("何文员", (Role.CLERK,)),
    "keeper": ("库管员", (Role.PARTS_KEEPER,)),
    "admin": ("管理员", (Role.ADMINISTRATOR,)),
}
ENGINEERS = {
    "li": ("E01", "李伟"), "chen": ("E02", "陈军"), "wang": ("E03", "王芳"),
    "gao": ("E04", "高敏"), "sun": ("E05", "孙浩"), "he": ("E06", "何涛"),
}  # fmt: skip
CUSTOMERS = (
    ("xiehe", "K001", "甬安协和医院", "甬安市东单北大街53号", "0574-6915 5564"),
    ("renmin", "K002", "城东人民医院", "甬安市朝阳路8号", "0574-5551 0200"),
    ("kouqiang", "K003", "西山口腔诊所", "甬安市香山路77号", "0574-5553 4400"),
)
UNITS = (
    ("pump", "m-pump", "xiehe", "SN-70031", 900),
    ("pump2", "m-pump", "renmin", "SN-70077", 60),
    ("monitor", "m-monitor", "renmin", "SN-90110", 90),
    ("old", "m-pump", "kouqiang", "SN-60001", 120),
)
# What waits for the engineer before the story begins: ticket, unit, hour of the visit, what is wrong.
EARLIER = (
    ("moved", "pump2", "renmin", 13, "电池充不满"),
    ("cancelled", "monitor", "renmin", 15, "屏幕不亮"),
    ("edited", "old", "kouqiang", 17, "开机报警"),
)
# What the others have to do that day: engineer ('' for nobody yet), unit, customer, hour, minutes.
OTHERS = (
    ("chen", "monitor", "renmin", 9, 90), ("chen", "old", "kouqiang", 15, 60), ("wang", "", "renmin", 10, 60),
    ("gao", "", "xiehe", 9, 120), ("gao", "pump2", "renmin", 14, 90), ("sun", "old", "kouqiang", 11, 60),
    ("", "", "kouqiang", 0, 0), ("", "monitor", "renmin", 0, 0),
)  # fmt: skip


def an_id(name: str) -> str:
    """Name a row of the company, the same in every run."""
    return derive_id("story", name)


def morning_zone(now: datetime) -> str:
    """Name the time zone where it is about ten in the morning now: the story never runs past midnight."""
    east = (10 - now.hour) % 24
    east = east if east <= 14 else east - 24
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


@dataclass
class StoryCompany:
    """The company's settings, database and zone; `numbers` are those of the tickets made before the story."""

    settings: Settings
    database: Database
    zone: str
    numbers: dict[str, str] = field(default_factory=dict)

    def give(self, payload: Any, who: str = "") -> None:
        """Give a command at the office; it must take effect."""
        actor = SYSTEM
        if who:
            with self.database.read() as session:
                actor = office_actor(session, an_id(who))
        outcome = perform(self.database, actor, payload)
        assert outcome.took_effect, (payload, outcome)

    def rows(self, query: str, **values: Any) -> list[Any]:
        """Read the database past the product."""
        with self.database.read() as session:
            return list(session.execute(text(query), values))

    def at(self, hour: int, minute: int = 0) -> datetime:
        """Return an instant of today by the office's clocks."""
        now = instant(self.database.clock.read().wall_ms).astimezone(ZoneInfo(self.zone))
        return now.replace(hour=hour, minute=minute, second=0, microsecond=0)


def make_story_company(folder: Path, database_url: str) -> StoryCompany:
    """Make the company in an empty database."""
    clock = SystemClock()
    zone = morning_zone(instant(clock.read().wall_ms))
    settings = Settings(
        folder / "server", database_url, time_zone=zone, language="en", second_factor="optional"
    )
    settings.data_dir.mkdir(parents=True)
    engine = make_engine(settings.database)
    upgrade(engine, os.urandom)
    engine.dispose()
    company = StoryCompany(settings, make_parts(settings, clock=clock).database, zone)
    policy = json.loads(demo_policy())
    policy["calendar"]["zone"] = zone
    company.give(AdoptPolicy(an_id("policy"), "medical-device", canonical(policy)))
    _people(company)
    _customers(company)
    _stock(company)
    for key, unit, customer, hour, fault in EARLIER:
        number = f"T-20{hour}"
        company.numbers[key] = number
        company.give(
            ReportFault(an_id(key), number, "phone", an_id(customer), fault, "minor", an_id(unit), caller="张护士"),
            "mei",
        )  # fmt: skip
        window = (company.at(hour), company.at(hour) + timedelta(minutes=60))
        company.give(AssignTicket(an_id(key), an_id(f"a-{key}"), an_id("li"), *window, "照计划"), "mei")
    for place, (engineer, unit, customer, hour, minutes) in enumerate(OTHERS):
        key = f"other{place}"
        fault = ("按键失灵", "读数偏高", "有异响", "漏液")[place % 4]
        call = ReportFault(an_id(key), f"T-30{place:02}", "phone", an_id(customer), fault, "minor",
                           an_id(unit) if unit else None, urgent=place == 7)  # fmt: skip
        company.give(call, "mei")
        if engineer:
            slot = (company.at(hour), company.at(hour) + timedelta(minutes=minutes))
            company.give(AssignTicket(an_id(key), an_id(f"a-{key}"), an_id(engineer), *slot, "照计划"), "mei")
    return company


def _people(company: StoryCompany) -> None:
    sessions = Sessions(company.database)
    for login, (name, roles) in STAFF.items():
        pinyin, _ = spell(name)
        words = tuple(role.value for role in roles)
        company.give(AddPerson(an_id(login), login.upper(), name, words, pinyin, language="en"))
        sessions.set_password(an_id(login), login, PASSWORD, "")
    for login, (number, name) in ENGINEERS.items():
        pinyin, _ = spell(name)
        company.give(AddPerson(an_id(login), number, name, (Role.ENGINEER.value,), pinyin))
        company.give(
            RegisterLocation(an_id(f"van-{login}"), f"VAN-{number}", f"{name}的备件车", "van", an_id(login))
        )
        if login != "wang":
            for skill in ("infusion", "monitor"):
                company.give(AddQualification(an_id(f"q-{skill}-{login}"), an_id(login), "skill", skill))


def _customers(company: StoryCompany) -> None:
    for key, number, name, address, phone in CUSTOMERS:
        pinyin, initials = spell(name)
        company.give(RegisterCustomer(an_id(key), number, name, pinyin, initials, phone, "张护士", address))
    models = (("m-pump", "IP-300", "输液泵", "infusion_pump", "infusion"),
              ("m-monitor", "PM-9", "监护仪", "patient_monitor", "monitor"))  # fmt: skip
    for key, code, name, checklist, skill in models:
        company.give(RegisterModel(an_id(key), code, name, "安泰", checklist=checklist, skill=skill))
    today = company.at(10).date()
    for key, model, customer, serial, age in UNITS:
        accepted = today - timedelta(days=age)
        company.give(
            RegisterEquipment(
                an_id(key),
                serial,
                an_id(model),
                an_id(customer),
                location="三病区",
                accepted_on=accepted,
                warranty_months=12,
            )  # fmt: skip
        )


def _stock(company: StoryCompany) -> None:
    parts = (("seal", "PS-100", "Pump seal", "泵密封圈", "6970000001001", 12_000),
             ("fuse", "FU-006", "Fuse 6.3 A", "保险丝6.3A", "6970000001002", 800))  # fmt: skip
    for key, number, name, chinese, barcode, price in parts:
        pinyin, _ = spell(chinese)
        company.give(RegisterPart(an_id(key), number, name, price, "CNY", chinese, pinyin, barcode, "pcs"))
    for code, kind, title, amount in (
        ("labour", "labour", "人工费", 30_000),
        ("travel", "travel", "差旅费", 10_000),
    ):
        company.give(SetCharge(an_id(f"charge-{code}"), code, kind, title, amount, "CNY"))  # type: ignore[arg-type]
    lines = tuple(StockLine(an_id(key), Decimal(5)) for key in ("seal", "fuse"))
    company.give(ReceiveStock(an_id("van-li"), lines))
