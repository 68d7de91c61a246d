"""A company in the middle of a day, for tests that look at the office's pages: stock, people, records, an inbox.

Everything is made by commands and pushes of tablets; nothing here knows a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from common.coverage.coverage_commands import RegisterCoverage
from common.customers.customer_commands import AddContact, EditCustomer, RegisterCustomer
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.inbox.edits import Change
from common.kernel.command import Role
from common.people.fitness_commands import AddQualification, RecordAbsence
from common.people.person_commands import SetZones
from common.policy.policy_commands import AdoptPolicy
from common.stock.part_commands import RegisterPart, SetCharge, SetPrice
from common.stock.part_usage import RecordPartUsage
from common.stock.stock_commands import CountStock, ReceiveStock, RegisterLocation, StockLine, TransferStock
from common.tickets.appointment import AgreeAppointment, RescheduleTicket
from common.tickets.dispatching import AssignTicket
from common.tickets.field_work import AddNote, RequestHelp, StartTravel
from common.tickets.intake import ReportFault
from sync_server.db.tables import Device
from sync_server.imports.pinyin import spell
from tests.support.office import Office, Tablet

ENGINEERS = ("陈军", "高敏", "何涛", "李伟")
CUSTOMERS = (
    ("K001", "北京协和医院", "东单北大街53号", "010-6915 5564", "王主任"),
    ("K002", "城东人民医院", "朝阳路8号", "010-5551 0200", "赵科长"),
    ("K003", "西山口腔诊所", "香山路77号", "010-5553 4400", "李医生"),
    ("K004", "青松养老院", "西四环北路12号", "010-5557 1180", "孙院长"),
)
PARTS = (
    ("PS-100", "Pump seal", "泵密封圈", 12_000, False), ("PS-200", "Air filter", "空气过滤器", 8_800, False),
    ("PB-310", "Battery pack", "电池组", 68_000, False), ("DM-7", "Display module", "显示模块", 320_000, True),
    ("CB-21", "Power cable", "电源线", 4_500, False), ("SN-9", "SpO2 sensor", "血氧探头", 45_000, False),
)  # fmt: skip
CITY = "same_city"


@dataclass
class Day:
    """The ids of what was made, by the words people use."""

    office: Office
    engineers: list[str]
    customers: list[str]
    units: list[str]
    parts: list[str]
    store: str
    vans: list[str]
    tickets: list[str]
    tablets: list[Tablet]


def make_day(office: Office) -> Day:
    """Make the company."""
    office.do(AdoptPolicy(office.new(), "medical-device"))
    day = Day(office, [], [], [], [], office.new(), [], [], [])
    _people(day)
    _stock(day)
    _records(day)
    _field(day)
    _tablets(day)
    return day


def _people(day: Day) -> None:
    office = day.office
    for name in ENGINEERS:
        person = office.person(name=name, pinyin=spell(name)[0], phone="139 0001 000")
        office.do(SetZones(person, (CITY,)))
        office.do(AddQualification(office.new(), person, "skill", "infusion_pump"))
        day.engineers.append(person)
    first, second, third, _ = day.engineers
    today, now = office.clock.at.date(), office.clock.at
    for person, days in ((first, 400), (second, 20), (third, -5)):
        office.do(
            AddQualification(
                office.new(), person, "certificate", "xray", "京X-118", today + timedelta(days=days)
            )
        )
    office.do(RecordAbsence(office.new(), second, now + timedelta(days=3), now + timedelta(days=5), "培训"))
    office.do(RecordAbsence(office.new(), third, now - timedelta(hours=2), now + timedelta(days=1), "病假"))


def _stock(day: Day) -> None:
    office = day.office
    office.do(RegisterLocation(day.store, "CS-1", "中心库", "central"))
    for place, person in enumerate(day.engineers, 1):
        van = office.new()
        office.do(RegisterLocation(van, f"V{place}", f"{place}号备件车", "van", person))
        day.vans.append(van)
    for number, name, name_zh, price, serialised in PARTS:
        part = office.new()
        barcode = f"6901000{len(day.parts):06}"
        office.do(
            RegisterPart(
                part, number, name, price, "CNY", name_zh, spell(name_zh)[0], barcode, "pc", serialised
            )
        )
        day.parts.append(part)
    seal, air, battery, display, cable, sensor = day.parts
    lines = (
        StockLine(seal, Decimal(40)), StockLine(air, Decimal(25)), StockLine(battery, Decimal(6)),
        StockLine(display, Decimal(1), "DM7-0021"), StockLine(display, Decimal(1), "DM7-0022"),
        StockLine(sensor, Decimal(1)),
    )  # fmt: skip
    office.do(ReceiveStock(day.store, lines, "送货单 2026-118"))
    office.do(
        TransferStock(day.store, day.vans[0], (StockLine(seal, Decimal(5)), StockLine(battery, Decimal(2))))
    )
    office.do(TransferStock(day.vans[1], day.store, (StockLine(cable, Decimal(2)),)))
    office.do(CountStock(day.store, air, Decimal(23), "B架"))
    office.do(SetPrice(seal, 12_800, "CNY"))
    office.do(SetCharge(office.new(), "LAB-1", "labour", "人工，每小时", 30_000, "CNY"))
    office.do(SetCharge(office.new(), "TRV-1", "travel", "上门费，市内", 8_000, "CNY", CITY))


def _records(day: Day) -> None:
    office = day.office
    models = [office.new(), office.new()]
    office.do(
        RegisterModel(
            models[0], "IP-5", "输液泵", "Mindful", "infusion", True, "infusion_pump", "infusion_pump"
        )
    )
    office.do(
        RegisterModel(models[1], "PM-9", "监护仪", "Mindful", "monitor", True, "patient_monitor", "", "xray")
    )
    for place, (number, name, address, phone, contact) in enumerate(CUSTOMERS):
        customer = office.new()
        pinyin, initials = spell(name)
        office.do(
            RegisterCustomer(
                customer, number, name, pinyin, initials, phone, contact, address, CITY, key_customer=place == 0,
                site_notes="由南门进入，设备科在3楼" if place == 0 else "",
            )
        )  # fmt: skip
        day.customers.append(customer)
        for count in range(3):
            unit = office.new()
            accepted = date(2025, 6 + place, 1 + count * 7)
            office.do(
                RegisterEquipment(
                    unit, f"SN-{place}{count}41", models[count % 2], customer, location=f"{count + 2}病区",
                    accepted_on=accepted, warranty_months=12, software_version="3.1",
                )
            )  # fmt: skip
            day.units.append(unit)
    office.do(AddContact(office.new(), day.customers[0], "刘护士长", "重症监护室", "8801"))
    office.do(
        RegisterCoverage(
            office.new(), day.units[0], "contract", date(2026, 1, 1), date(2026, 12, 31), "HT-2026-07"
        )
    )
    office.do(EditCustomer(day.customers[1], (Change("phone", CUSTOMERS[1][3], "010-5551 0300"),)))
    office.do(EditCustomer(day.customers[1], (Change("phone", CUSTOMERS[1][3], "010-5551 0299"),)))


def _field(day: Day) -> None:
    office = day.office
    faults = ("开机无显示", "流速报警，无法清除", "电池不充电", "血氧读数偏低")
    for place, text in enumerate(faults):
        ticket = office.new()
        office.do(
            ReportFault(
                ticket_id=ticket, number=f"T-20{51 + place}", channel="phone", customer_id=day.customers[place],
                equipment_id=day.units[place * 3], fault_text=text, severity="complex" if place == 1 else "minor",
                urgent=place == 0, caller="张工", caller_phone="8802",
            )
        )  # fmt: skip
        day.tickets.append(ticket)
    day.tablets.extend(
        office.tablet(person, f"平板 {place}") for place, person in enumerate(day.engineers, 1)
    )
    start = office.clock.at + timedelta(hours=3)
    office.do(AgreeAppointment(day.tickets[0], start, start + timedelta(hours=2), "林梅"))
    for place in (0, 1):
        window = (start, start + timedelta(hours=2))
        office.do(AssignTicket(day.tickets[place], office.new(), day.engineers[place], *window, "已核实"))
    first, second, third, _ = day.tablets
    later = start + timedelta(days=1)
    first.push(
        first.op(StartTravel(day.tickets[0])),
        first.op(RequestHelp(day.tickets[0], "需要第二人搬运设备")),
        first.op(RecordPartUsage(office.new(), day.tickets[0], day.parts[0], Decimal(7))),
    )
    move = second.op(
        RescheduleTicket(
            day.tickets[1], later, later + timedelta(hours=2), "客户设备使用中，改约次日", True, later
        )
    )
    second.push(move, second.op(AddNote(day.tickets[1], "已与设备科确认"), after=(move,)))
    third.push(third.op(AddNote(day.tickets[2], "顺路检查，电池接触不良，已处理")))


def _tablets(day: Day) -> None:
    office, now = day.office, day.office.clock.at
    head = office.database.number()
    said: tuple[dict[str, Any], ...] = (
        {"last_contact_at": now - timedelta(minutes=2), "position": head},
        {
            "last_contact_at": now - timedelta(hours=5), "position": head - 40, "unsent": 6,
            "oldest_unsent_at": now - timedelta(hours=4),
        },
        {
            "last_contact_at": now - timedelta(days=4), "position": 10, "clock_error_ms": -1_380_000, "forks": 1,
            "unsent": 17, "oldest_unsent_at": now - timedelta(days=3),
        },
        {},
    )  # fmt: skip

    def write(unit: Any) -> None:
        for tablet, values in zip(day.tablets, said, strict=True):
            device = unit.session.get(Device, tablet.device_id)
            for name, value in values.items():
                setattr(device, name, value)

    office.database.transact(write)


def roles_of_the_office() -> tuple[Role, ...]:
    """Return the roles of somebody who may do all."""
    return (Role.ADMINISTRATOR, Role.SUPERVISOR, Role.DISPATCHER, Role.PARTS_KEEPER, Role.MANAGER)
