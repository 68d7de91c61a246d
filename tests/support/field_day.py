"""A day of one engineer: five tickets in different states, a unit with a history, a van with parts.

Owns the demo data of the app's tests and pictures, in Chinese or English, all made by the product's commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from common.customers.customer_commands import AddContact
from common.kernel.command import Role
from common.policy.policy_commands import FillPolicyFacet
from common.tickets.appointment import AgreeAppointment
from common.tickets.closing import CancelTicket
from common.tickets.dispatching import AssignTicket
from field_app.state.tablet import Tablet
from tests.support.fake_clock import FakeClock
from tests.support.tablet_world import image_with, tablet_from
from tests.support.visit_world import VisitWorld

DAY = datetime(2026, 3, 5, 0, 42, tzinfo=UTC)  # a Thursday, 08:42 in Shanghai

# What people wrote, [English, Chinese].
WORDS = {
    "clinic": ("Harbour Clinic", "海港诊所"),
    "hospital": ("Union Hospital, Intensive Care", "协和医院重症医学科"),
    "school": ("Riverside School", "河滨小学医务室"),
    "contact": ("Sister Zhang", "张护士长"),
    "technician": ("Mr Wang", "王主任"),
    "technician_role": ("Equipment office", "设备科"),
    "address": ("53 Dongdan North Street, building 2, floor 4", "东单北大街53号2号楼4层"),
    "address2": ("8 Quay Road", "码头路8号"),
    "site": ("Register at the gate. Lift B only.", "请先在门岗登记，只能用B号电梯。"),
    "pump": ("Infusion pump", "输液泵"),
    "monitor": ("Patient monitor", "监护仪"),
    "maker": ("Mindwell Medical", "明康医疗"),
    "alarm": ("Stops with an occlusion alarm after ten minutes", "运行十分钟后报阻塞并停机"),
    "dark": ("Screen stays dark, no sound", "黑屏，无声音"),
    "battery": ("Battery lasts only five minutes", "电池只能用五分钟"),
    "smoke": ("Smell of burning at the power inlet", "电源插口有焦糊味"),
    "reading": ("SpO2 reads too low", "血氧示值偏低"),
    "plan": ("Bring seal kit and flow analyser", "携带密封件和流量检测仪"),
    "ward": ("Ward 4, bed 12", "4病区12床"),
    "desk": ("Service desk", "客服"),
    "cancelled": ("The customer solved it: loose plug", "客户已自行解决：插头松动"),
}


@dataclass
class FieldDay:
    """The day. `tickets` by name: urgent, next, carried, tomorrow, cancelled, dangerous, past."""

    world: VisitWorld
    clock: FakeClock
    tablet: Tablet
    tickets: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """The day as it was made once, to be copied."""

    world: VisitWorld
    image: bytes
    tickets: dict[str, str]
    parts: dict[str, str]


def field_day(language: str = "en") -> FieldDay:
    """Give the day: a tablet of its own, the world behind it shared and not to be written."""
    made, clock = _made("en" if language == "en" else "zh"), FakeClock(DAY)
    tickets, parts = dict(made.tickets), dict(made.parts)
    return FieldDay(made.world, clock, tablet_from(made.image, clock), tickets, parts)


@cache
def _made(language: str) -> Made:
    say = {key: words[0 if language == "en" else 1] for key, words in WORDS.items()}
    world = VisitWorld()
    _fill_policy(world)
    world.finish()
    parts = _van(world)
    tickets = {"past": world.ticket} | _tickets(world, say)
    world.now = DAY
    return Made(world, image_with(world, world.engineer, FakeClock(DAY)), tickets, parts)


def _fill_policy(world: VisitWorld) -> None:
    for path, value in (
        ("clocks[arrival_same_city].amount", "4"),
        ("clocks[arrival_elsewhere].amount", "2"),
        ("warranty.start_event", '"acceptance"'),
        ("warranty.months", "12"),
        ("warranty.after_expiry", '"paid"'),
    ):
        made = FillPolicyFacet(world.id("policy"), path, value, "company rule 2026")
        world.must(made, roles=(Role.ADMINISTRATOR,))


def _van(world: VisitWorld) -> dict[str, str]:
    wanted: tuple[tuple[str, str, str, int, dict[str, Any]], ...] = (
        ("seal", "SK-220", "Seal kit", 3, {"name_zh": "密封件", "pinyin": "mi feng jian", "barcode": "6901234567892"}),
        ("motor", "PM-310", "Pump motor", 0, {"name_zh": "泵电机", "pinyin": "beng dian ji", "serialised": True}),
        ("battery", "BT-112", "Battery 12 V", 2, {"name_zh": "电池12V", "pinyin": "dian chi"}),
        ("sensor", "SP-450", "SpO2 sensor", 1, {"name_zh": "血氧探头", "pinyin": "xue yang tan tou"}),
        ("fuse", "FU-006", "Fuse 6.3 A", 20, {"name_zh": "保险丝6.3A", "pinyin": "bao xian si"}),
        ("board", "CB-900", "Control board", 0, {"name_zh": "控制板", "pinyin": "kong zhi ban"}),
    )  # fmt: skip
    parts = {"seal_old": world.part}
    for key, number, name, qty, more in wanted:
        parts[key] = world.a_part(number, name=name, **more)
        if qty:
            world.stock_up(world.van, parts[key], qty)
    world.stock_up(world.van, parts["motor"], 2, "MT-7781", "MT-7782")
    return parts


def _tickets(world: VisitWorld, say: dict[str, str]) -> dict[str, str]:
    hospital = world.a_customer(
        say["hospital"], contact=say["contact"], phone="010-6915 6114", address=say["address"],
        zone="same_city", site_notes=say["site"],
    )  # fmt: skip
    clinic = world.a_customer(
        say["clinic"], contact=say["contact"], phone="021-5888 0000", address=say["address2"]
    )
    school = world.a_customer(say["school"], phone="021-3344 5566", address=say["address2"])
    world.must(
        AddContact(world.id("contact"), hospital, say["technician"], say["technician_role"], "139 0000 1234")
    )
    pump = world.a_model(
        "IP-50", name=say["pump"], manufacturer=say["maker"], checklist="infusion_pump", regulated=True
    )
    monitor = world.a_model(
        "PM-9", name=say["monitor"], manufacturer=say["maker"], checklist="patient_monitor"
    )
    world.ticket = ""
    unit = world.a_unit(
        hospital, pump, serial="IP50-88213", udi="06901234567892", location=say["ward"],
        accepted_on=date(2025, 9, 12), warranty_months=12, software_version="4.2.1",
    )  # fmt: skip
    _history(world, say, hospital, unit)
    units = {
        "old": world.a_unit(
            clinic, monitor, serial="PM9-00417", accepted_on=date(2023, 4, 1), warranty_months=12
        ),
        "school": world.a_unit(
            school, monitor, serial="PM9-01166", accepted_on=date(2025, 11, 3), warranty_months=24
        ),
    }
    plan: tuple[tuple[str, str, str, str, float, dict[str, Any]], ...] = (
        (
            "urgent",
            hospital,
            unit,
            "alarm",
            1.3,
            {"urgent": True, "fault_code": "alarm", "plan": say["plan"]},
        ),
        ("next", clinic, units["old"], "dark", 5.3, {"severity": "complex"}),
        ("carried", school, units["school"], "battery", -16.2, {}),
        ("dangerous", clinic, units["old"], "smoke", 7.8, {"danger": True}),
        ("tomorrow", school, units["school"], "reading", 25.3, {}),
        ("cancelled", clinic, units["old"], "reading", 3.3, {}),
    )
    made = {}
    for place, (name, customer, equipment, fault, hours, more) in enumerate(plan):
        world.now = DAY - timedelta(hours=2 if name != "carried" else 22)
        made[name] = world.a_ticket(
            unit_id=equipment,
            customer_id=customer,
            fault_text=say[fault],
            number=f"W260305-{place + 1:02}",
            **more,
        )
        start = (DAY + timedelta(hours=hours)).replace(minute=0)
        window = (start, start + timedelta(hours=2))
        world.must(AssignTicket(made[name], world.id("assignment"), world.engineer, *window, "agreed"))
        if name in ("urgent", "tomorrow"):
            world.must(AgreeAppointment(made[name], *window, say["desk"]))
    world.now = DAY - timedelta(minutes=30)
    world.must(CancelTicket(made["cancelled"], say["cancelled"]))
    return made


def _history(world: VisitWorld, say: dict[str, str], customer: str, unit: str) -> None:
    """Let the unit have been repaired once before."""
    kept = world.part
    world.now = DAY - timedelta(days=2)
    world.customer, world.unit = customer, unit
    world.part = world.a_part("SK-100", name="Seal, old type", name_zh="旧式密封圈")
    world.stock_up(world.van, world.part, 4)
    world.ticket = world.a_ticket(
        unit_id=unit, customer_id=customer, fault_text=say["dark"], number="W260303-07"
    )
    world.finish()
    world.part = kept
