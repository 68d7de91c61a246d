"""Each kind of table: new rows registered, changed ones edited, the same ones left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from common.coverage.coverage import Coverage
from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.people.person import Person, Qualification
from common.stock.ledger import ledger_faults
from common.stock.movement import StockLevel, StockMovement, StockSerial
from common.stock.part import Part, PriceItem
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM
from sync_server.db.tables import AuditEntry
from sync_server.imports.importer import Preview, apply, preview
from tests.support.master import a_master

MODELS = "型号,品名,制造商,分类,法规管制,所需证书\nVM-8,监护仪,华安,patient_monitor,是,ECG\n"
CUSTOMERS = (
    "客户编号,客户名称,电话,重点客户\nC001,宁波市第一医院,0574-8700 1234,是\nC002,Harbour Clinic,,否\n"
)
EQUIPMENT = (
    "型号,序列号,客户编号,所在位置,销售日期,验收日期,保修月数,合同编号,合同起始日,合同截止日\n"
    "VM-8,S100,C001,ICU 3,2025/1/5,2025年2月1日,24,,,\n"
    "VM-8,S101,C002,Ward,20250301,2025-03-10,,HT-9,2026-01-01,2026-12-31\n"
)
PARTS = (
    "备件编号,名称,中文名称,按序列号管理,单价,币种\n"
    'P-1,Pump seal,泵密封圈,否,12.50,CNY\nP-2,Main board,主板,是,"1,880",CNY\n'
)
STOCK = (
    "库位,库位名称,库位类别,备件编号,数量,序列号\n"
    "A1,中心库,central,P-1,40,\nA1,中心库,central,P-2,1,B77\nA1,中心库,central,P-2,1,B78\n"
)
PEOPLE = (
    "员工编号,姓名,角色,电话,技能,资格证书,服务车\n"
    "E1,陈志明,工程师,13800000001,monitor;pump,ECG:Z-77:2027-05-31,V1\n"
    "D1,李文,调度员;主管,,,,\n"
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give an empty master database of each kind."""
    master = a_master(database_url)
    yield master
    master.engine.dispose()


def take(database: Database, kind: str, table: str) -> Preview:
    """Preview a table that must be good, and import it."""
    plan = preview(database, table.encode(), kind)
    assert plan.faults == ()
    assert apply(database, SYSTEM, plan).faults == ()
    return plan


def everything(database: Database) -> None:
    """Import one small company."""
    for kind, table in (
        ("models", MODELS),
        ("customers", CUSTOMERS),
        ("equipment", EQUIPMENT),
        ("parts", PARTS),
        ("people", PEOPLE),
        ("stock", STOCK),
    ):
        take(database, kind, table)


def test_customers_get_pinyin_and_are_edited_by_number(database: Database) -> None:
    assert take(database, "customers", CUSTOMERS).count("new") == 2
    plan = take(database, "customers", "Customer number,Name,Phone\nC001,宁波市第二医院,\n")
    assert (plan.count("changed"), plan.planned[0].changes[0][:2]) == (1, ("name", "宁波市第一医院"))
    with database.read() as session:
        customer = session.scalars(select(Customer).where(Customer.number == "C001")).one()
        assert customer.pinyin.startswith("ning bo shi di er")
        assert customer.phone == "0574-8700 1234"  # an empty cell changes nothing
        assert customer.key_customer


def test_a_table_that_says_otherwise_changes_a_model(database: Database) -> None:
    first = take(database, "models", MODELS).planned[0]
    with database.read() as session:
        name = session.scalars(select(EquipmentModel.name).where(EquipmentModel.code == first.key)).one()
    plan = take(database, "models", MODELS.replace(name, "Renamed model"))
    assert plan.planned[0].action == "changed"
    with database.read() as session:
        assert "Renamed model" in session.scalars(select(EquipmentModel.name)).all()
    assert {
        one.action for one in take(database, "models", MODELS.replace(name, "Renamed model")).planned
    } == {"same"}


def test_equipment_brings_acceptance_warranty_and_contract(database: Database) -> None:
    take(database, "models", MODELS)
    take(database, "customers", CUSTOMERS)
    take(database, "equipment", EQUIPMENT)
    with database.read() as session:
        units = {unit.serial: unit for unit in session.scalars(select(Equipment))}
        cover = {c.kind: c for c in session.scalars(select(Coverage))}
        assert units["S100"].accepted_on == date(2025, 2, 1)
        assert cover["warranty"].until_on == date(2027, 2, 1)
        assert (cover["contract"].number, cover["contract"].equipment_id) == ("HT-9", units["S101"].id)
    plan = take(database, "equipment", EQUIPMENT.replace(",24,", ",36,").replace("ICU 3", "ICU 4"))
    assert [one.action for one in plan.planned] == ["changed", "same"]
    with database.read() as session:
        unit = session.scalars(select(Equipment).where(Equipment.serial == "S100")).one()
        running = select(Coverage.until_on).where(Coverage.kind == "warranty", Coverage.cancelled.is_(False))
        assert (unit.location, unit.warranty_months) == ("ICU 4", 36)
        assert session.scalars(running).all() == [date(2028, 2, 1)]


def test_a_unit_never_changes_hands_by_a_table(database: Database) -> None:
    take(database, "models", MODELS)
    take(database, "customers", CUSTOMERS)
    take(database, "equipment", EQUIPMENT)
    plan = preview(database, EQUIPMENT.replace("S100,C001", "S100,C002").encode(), "equipment")
    assert [(f.code, f.line) for f in plan.faults] == [("unit_elsewhere", 2)]


def test_a_table_of_numbers_and_prices_is_a_price_list(database: Database) -> None:
    take(database, "parts", PARTS)
    plan = take(database, "parts", "Part number;Price\nP-1;13,00\n".replace("13,00", "13.00"))
    assert plan.count("changed") == 1
    with database.read() as session:
        part = session.scalars(select(Part).where(Part.number == "P-1")).one()
        board = session.scalars(select(Part).where(Part.number == "P-2")).one()
        assert (part.price_minor, board.price_minor, part.price_version) == (1300, 188_000, 2)


def test_charges_are_known_by_code_and_zone(database: Database) -> None:
    table = "收费项目,类别,名称,服务区,金额\nlabour,人工费,人工,,300\ntravel,差旅费,差旅,city,80\n"
    take(database, "prices", table)
    assert preview(database, table.encode(), "prices").changes_nothing
    take(database, "prices", table.replace("300", "320"))
    with database.read() as session:
        amounts = dict(session.execute(select(PriceItem.code, PriceItem.amount_minor)).all())
    assert amounts == {"labour": 32_000, "travel": 8_000}


def test_stock_is_a_count_and_its_sums_hold(database: Database) -> None:
    take(database, "parts", PARTS)
    assert len(take(database, "stock", STOCK).planned) == 3
    take(database, "stock", "库位,备件编号,数量\nA1,P-1,37\n")
    with database.read() as session:
        seals = select(StockLevel.qty).join(Part, Part.id == StockLevel.part_id).where(Part.number == "P-1")
        assert session.scalars(seals).one() == Decimal(37)
        assert session.scalar(select(func.count()).select_from(StockSerial)) == 2
        assert session.scalars(select(StockMovement.reason).distinct()).all() == ["received", "counted"]
        assert ledger_faults(session) == []


def test_people_bring_roles_certificates_and_van(database: Database) -> None:
    take(database, "people", PEOPLE)
    with database.read() as session:
        engineer = session.scalars(select(Person).where(Person.number == "E1")).one()
        dispatcher = session.scalars(select(Person).where(Person.number == "D1")).one()
        held = {q.code: q.valid_until_on for q in session.scalars(select(Qualification))}
        assert (engineer.roles, engineer.van_location_id is None) == (["engineer"], False)
        assert dispatcher.roles == ["dispatcher", "supervisor"]
        assert held == {"monitor": None, "pump": None, "ECG": date(2027, 5, 31)}


def test_importing_twice_changes_nothing(database: Database) -> None:
    everything(database)
    with database.read() as session:
        before = session.scalar(select(func.count()).select_from(AuditEntry))
    for kind, table in (
        ("models", MODELS),
        ("customers", CUSTOMERS),
        ("equipment", EQUIPMENT),
        ("parts", PARTS),
        ("people", PEOPLE),
        ("stock", STOCK),
    ):
        plan = preview(database, table.encode("gb18030"), kind)
        assert plan.changes_nothing, (kind, plan)
        assert apply(database, SYSTEM, plan).commands == 0
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == before
