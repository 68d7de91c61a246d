"""What is measured on: a catalogue of parts, engineers with vans, tickets, and a day's commands on them.

Everything is made by the product's commands. Owns the data's shape; measures nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import common.nouns  # noqa: F401 - registers every command
from common.customers.customer_commands import RegisterCustomer
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.kernel.clock import instant
from common.kernel.ids import uuid7
from common.people.person_commands import AddPerson
from common.policy.policy_commands import AdoptPolicy
from common.policy.policy_set import find_policy
from common.stock.part_commands import RegisterPart
from common.stock.part_usage import RecordPartUsage
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine
from common.tickets.dispatching import AssignTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote, StartTravel
from common.tickets.intake import ReportFault
from common.tickets.ticket import Ticket
from common.visit.completeness import open_items
from common.visit.diagnosis import RecordDiagnosis
from common.visit.on_site import AnswerChecklist, ArriveOnSite, LeaveSite, RecordDemonstration
from common.visit.repair import RecordMeasure, RecordTest
from field_app.store.store import Store
from sync_server.app import Parts, make_parts
from sync_server.db.migrate import upgrade
from sync_server.db.office import SYSTEM, perform_many
from sync_server.settings import read_settings

PARTS = ("密封圈", "电源板", "流量传感器", "泵管", "显示屏", "主控板", "蓄电池", "按键面板")
FAULTS = (
    "开机无显示，电源灯不亮",
    "流量报警，输液不准",
    "屏幕花屏，重启后恢复",
    "电池充不进电，十分钟后关机",
)
MEASURES = ("更换密封圈，清洁泵体", "紧固接线端子并测试", "重新校准流量传感器", "更换电源板，测量各路电压")
NOTES = ("护士反映夜间偶发报警", "备用机已留给科室", "建议下次保养时更换泵管", "现场电压偏低，已告知设备科")


@dataclass(frozen=True, slots=True)
class Company:
    """The server's parts and who works for it; `tickets` in order, as many for each engineer."""

    parts: Parts
    engineers: tuple[str, ...]
    tickets: dict[str, tuple[str, ...]]
    part_ids: tuple[str, ...]


def make_company(data_dir: Path, rows: int, engineers: int, tickets_each: int) -> Company:
    """Make the database: a catalogue of `rows` parts, and for each engineer a van and tickets."""
    settings = read_settings({}, data_dir=data_dir, ticker_s="0", language="en", second_factor="optional")
    parts = make_parts(settings)
    upgrade(parts.database.engine, parts.database.random_bytes)
    new = parts.database.new_id
    rng = random.Random(3)
    part_ids = tuple(new() for _ in range(rows))
    catalogue = [_part(rng, i, part_id) for i, part_id in enumerate(part_ids)]
    people = tuple(new() for _ in range(engineers))
    tickets = {person_id: tuple(new() for _ in range(tickets_each)) for person_id in people}
    for start in range(0, rows, 2000):
        _give(parts, catalogue[start : start + 2000])
    _give(parts, [AdoptPolicy(new(), "medical-device")])
    _give(parts, list(_field(parts, tickets, part_ids)))
    return Company(parts, people, tickets, part_ids)


def _part(rng: random.Random, i: int, part_id: str) -> RegisterPart:
    name = rng.choice(PARTS)
    number = f"PT-{i:05d}"
    price = rng.randrange(500, 900_000)
    return RegisterPart(
        part_id, number, f"{name} {rng.randrange(10, 99)} mm", price, "CNY", name_zh=f"{name}{rng.randrange(1, 400)}型",
        pinyin=f"mifengquan {i}", barcode=str(6_900_000_000_000 + rng.randrange(10**9)), unit="件",
    )  # fmt: skip


def _field(parts: Parts, tickets: dict[str, tuple[str, ...]], part_ids: tuple[str, ...]) -> Iterator[Any]:
    new, now = parts.database.new_id, instant(parts.database.clock.read().wall_ms)
    model = new()
    yield RegisterModel(model, "IP-300", "输液泵", "安泰", checklist="infusion_pump")
    for p, (person_id, own) in enumerate(tickets.items()):
        van = new()
        yield AddPerson(person_id, f"E{p}", f"李工{p}", ("engineer",))
        yield RegisterLocation(van, f"VAN{p}", f"Van {p}", "van", person_id)
        yield ReceiveStock(van, tuple(StockLine(part_id, Decimal(40)) for part_id in part_ids[:40]))
        for i, ticket_id in enumerate(own):
            customer, unit = new(), new()
            yield RegisterCustomer(customer, f"C{p}-{i}", f"第{p * 100 + i}人民医院", address=f"中山路{i}号")
            yield RegisterEquipment(unit, f"SN-{p}-{i}", model, customer)
            yield ReportFault(ticket_id, f"T{p}-{i}", "phone", customer, FAULTS[i % 4], "minor", unit)
            start = now + timedelta(hours=1 + i)
            yield AssignTicket(ticket_id, new(), person_id, start, start + timedelta(hours=1), "measured")


def _give(parts: Parts, payloads: list[Any]) -> None:
    for outcome, payload in zip(perform_many(parts.database, SYSTEM, payloads), payloads, strict=True):
        if not outcome.took_effect:
            raise RuntimeError(f"{payload} was refused: {outcome}")


def a_day(store: Store, tickets: tuple[str, ...], part_ids: tuple[str, ...], commands: int) -> list[Any]:
    """Plan an engineer's day: visits from first to last step, filled up with notes to exactly `commands`."""
    share, planned = commands // len(tickets), []
    for number, ticket_id in enumerate(tickets):
        wanted = share + (commands % len(tickets) if number == 0 else 0)
        planned.extend(_a_visit(store, ticket_id, part_ids, wanted))
    return planned


def _a_visit(store: Store, ticket_id: str, part_ids: tuple[str, ...], wanted: int) -> list[Any]:
    new = _ids(store)
    visit = new()
    with store.read() as session:
        ticket, policy = session.get(Ticket, ticket_id), find_policy(session)
        items = open_items(session, ticket, policy) if ticket is not None and policy is not None else []
    begin = [
        AcknowledgeTicket(ticket_id),
        StartTravel(ticket_id),
        ArriveOnSite(visit, ticket_id, True, "李工"),
    ]
    work: list[Any] = [
        AnswerChecklist(ticket_id, template, item.code, "ok", "1" if item.kind == "value" else "")
        for template, item in items
    ]
    work.append(RecordDiagnosis(new(), ticket_id, visit, "漏液报警", "密封圈老化开裂", "material", "leak"))
    for i in range(4):
        work.append(RecordPartUsage(new(), ticket_id, part_ids[i], Decimal(1), visit))
        work.append(RecordMeasure(new(), ticket_id, visit, MEASURES[i % 4], 10 + i))
    for i in range(6):
        value = f"{5 + i / 10:.1f}"
        work.append(RecordTest(new(), ticket_id, visit, "流量", value, True, "mL/h", "4.5", "6.0"))
    work.append(RecordDemonstration(new(), ticket_id, visit, "张护士", "开机自检与日常清洁"))
    notes = [
        AddNote(ticket_id, f"{NOTES[i % 4]}（{i}）")
        for i in range(max(wanted - len(begin) - len(work) - 1, 0))
    ]
    return [*begin, *work, *notes][: wanted - 1] + [LeaveSite(visit, ticket_id)]


def _ids(store: Store) -> Callable[[], str]:
    return lambda: uuid7(store.clock.read().wall_ms, store.random_bytes)
