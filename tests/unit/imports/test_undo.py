"""An import is taken back as a whole; what was touched or used since stays and is named (M4)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import select

from common.customers.customer import Customer
from common.customers.customer_commands import EditCustomer
from common.equipment.equipment import Equipment, EquipmentModel
from common.inbox.edits import Change
from common.kernel.command import Place, Role
from common.kernel.outcome import Refused
from common.kernel.work import Actor
from common.people.person import Person
from common.stock.ledger import ledger_faults
from common.stock.movement import StockLevel
from common.stock.part import Part
from common.tickets.intake import ReportFault
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM, perform
from sync_server.db.tables import AuditEntry
from sync_server.imports.importer import apply, preview
from sync_server.imports.undo import undo_import
from tests.support.master import a_master
from tests.unit.imports.test_import_kinds import CUSTOMERS, EQUIPMENT, MODELS, PARTS, PEOPLE, STOCK


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give an empty master database of each kind."""
    master = a_master(database_url)
    yield master
    master.engine.dispose()


def taken_in(database: Database, kind: str, table: str) -> int:
    """Import a table; returns the import's number."""
    plan = preview(database, table.encode(), kind)
    assert plan.faults == ()
    done = apply(database, SYSTEM, plan)
    assert done.faults == ()
    database.number()
    return done.number


@pytest.mark.fault("M4")
def test_all_of_an_import_is_taken_back_and_the_right_one_is_taken_in(database: Database) -> None:
    tables = (("models", MODELS), ("customers", CUSTOMERS), ("equipment", EQUIPMENT), ("parts", PARTS),
              ("people", PEOPLE), ("stock", STOCK.rsplit("A1,中心库,central,P-2", 2)[0]))  # fmt: skip
    numbers = [taken_in(database, kind, table) for kind, table in tables]
    assert numbers == [1, 2, 3, 4, 5, 6]
    left = {}
    for number in reversed(numbers):
        done = undo_import(database, SYSTEM, number)
        database.number()
        left |= {(done.kind, one.key): one.code for one in done.left}
    assert left == {("stock", "A1 P-1"): "import_stays", ("people", "E1"): "import_stays"}  # the places
    with database.read() as session:
        assert not any(customer.active for customer in session.scalars(select(Customer)))
        assert not any(model.active for model in session.scalars(select(EquipmentModel)))
        assert not any(part.active for part in session.scalars(select(Part)))
        assert not any(person.active for person in session.scalars(select(Person)))
        assert {unit.state for unit in session.scalars(select(Equipment))} == {"retired"}
        assert {level.qty for level in session.scalars(select(StockLevel))} == {Decimal(0)}
        assert ledger_faults(session) == []
    for kind, table in tables:
        taken_in(database, kind, table)
        assert preview(database, table.encode(), kind).changes_nothing
    with database.read() as session:
        units = session.scalars(select(Equipment).where(Equipment.state != "retired")).all()
        assert {unit.serial for unit in units} == {"S100", "S101"}
        assert all(customer.active for customer in session.scalars(select(Customer)))
        assert all(person.active for person in session.scalars(select(Person)))


@pytest.mark.fault("M4")
def test_what_was_changed_or_used_since_stays_and_is_named(database: Database) -> None:
    number = taken_in(database, "customers", CUSTOMERS + "C003,Kirin Hospital,,\n")
    with database.read() as session:
        ids = dict(session.execute(select(Customer.number, Customer.id)).all())
    perform(
        database, SYSTEM, EditCustomer(ids["C001"], (Change("phone", "0574-8700 1234", "0574-8700 9999"),))
    )
    fault = ReportFault(
        ticket_id=database.new_id(), customer_id=ids["C002"], number="T-1", channel="phone", severity="minor",
        fault_text="不能开机",
    )  # fmt: skip
    assert perform(database, SYSTEM, fault).took_effect
    done = undo_import(database, SYSTEM, number)
    assert (done.taken_back, {one.key: one.code for one in done.left}) == (
        1,
        {"C001": "import_changed_since", "C002": "import_in_use"},
    )
    with database.read() as session:
        states = dict(session.execute(select(Customer.number, Customer.active)).all())
        kept = session.get_one(Customer, ids["C001"]).phone
        entries = session.scalars(select(AuditEntry.id)).all()
    assert (states, kept) == ({"C001": True, "C002": True, "C003": False}, "0574-8700 9999")
    assert undo_import(database, SYSTEM, number) == done
    with database.read() as session:
        assert len(session.scalars(select(AuditEntry.id)).all()) == len(entries)


def test_what_an_import_changed_is_put_back_where_nobody_changed_it_since(database: Database) -> None:
    taken_in(database, "customers", CUSTOMERS)
    changed = CUSTOMERS.replace("宁波市第一医院", "宁波第一医院").replace("Harbour", "Harbor")
    number = taken_in(database, "customers", changed)
    with database.read() as session:
        first = session.scalars(select(Customer).where(Customer.number == "C001")).one()
    perform(database, SYSTEM, EditCustomer(first.id, (Change("name", first.name, "宁波一院"),)))
    done = undo_import(database, SYSTEM, number)
    assert [(one.key, one.code) for one in done.left] == [("C001", "import_changed_since")]
    with database.read() as session:
        names = set(session.scalars(select(Customer.name)))
    assert names == {"宁波一院", "Harbour Clinic"}


def test_who_may_not_takes_nothing_back(database: Database) -> None:
    number = taken_in(database, "customers", CUSTOMERS)
    engineer = Actor(database.new_id(), frozenset({Role.ENGINEER}), Place.OFFICE)
    with pytest.raises(Refused, match="not_permitted"):
        undo_import(database, engineer, number)
    with pytest.raises(Refused, match="import_unknown"):
        undo_import(database, SYSTEM, 99)
    assert undo_import(database, SYSTEM, number).left == ()
