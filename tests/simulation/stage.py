"""The stage: a small company as it stands when a history begins, made once per process by the real commands."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any

from sqlalchemy.orm import Session

from common.customers.customer_commands import RegisterCustomer
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.kernel.clock import instant
from common.kernel.command import Place, Role
from common.kernel.ids import derive_id
from common.kernel.op import make_op
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.people.person import Person
from common.people.person_commands import AddPerson
from common.policy.policy_commands import AdoptPolicy
from common.stock.part_commands import RegisterPart
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine, TransferStock
from common.tickets.dispatching import AssignTicket
from common.tickets.intake import ReportFault
from field_app.store.settings import SIGN_KEY_SETTING
from field_app.store.store import Store
from sync_server.db.database import Database
from sync_server.db.schema import create_tables, plant_stream
from sync_server.db.tables import Device, PrincipalOf
from sync_server.db.unit_of_work import Arrival, UnitOfWork
from sync_server.sync.lanes import open_lane
from tests.simulation.cluster import SimClock, Time, server_disk, tablet_disk, unseal

ENGINEERS = tuple(derive_id("sim", "engineer", str(i)) for i in range(4))
DISPATCHER = derive_id("sim", "dispatcher")
OFFICE = Actor(DISPATCHER, frozenset(set(Role) - {Role.ENGINEER, Role.SYSTEM}), Place.OFFICE)
CUSTOMERS = tuple(derive_id("sim", "customer", str(i)) for i in range(3))
UNITS = tuple(derive_id("sim", "unit", str(i)) for i in range(6))
TICKETS = tuple(derive_id("sim", "ticket", str(i)) for i in range(6))
PARTS = tuple(derive_id("sim", "part", str(i)) for i in range(4))
VANS = tuple(derive_id("sim", "van", str(i)) for i in range(4))
STORE = derive_id("sim", "store")
DEVICES = tuple(derive_id("sim", "device", str(i)) for i in range(4))


@dataclass(frozen=True, slots=True)
class Images:
    """Where every history begins: the master's disk and each tablet's, before and after it got its PIN."""

    server: bytes
    devices: tuple[bytes, ...]
    sealed: tuple[bytes, ...]


def give_office(database: Database, payload: Any) -> Outcome:
    """Give an office command, as the console does."""

    def write(unit: UnitOfWork) -> Outcome:
        op = make_op(payload, database.new_id(), database.clock.read())
        return unit.run(OFFICE, op, Arrival(unit.now), live=True)

    return database.transact(write)


@cache
def images() -> Images:
    """Build the stage."""
    rng = random.Random(7)
    time = Time()
    master = server_disk()
    engine = master.engine
    create_tables(engine)
    with engine.connect() as connection:
        plant_stream(connection, rng.randbytes)
        connection.commit()
    database = Database(engine, SimClock(time), rng.randbytes, pause=lambda _s: None)
    with Session(engine) as session:
        session.add(_first_dispatcher())
        session.commit()
    for payload in _company():
        outcome = give_office(database, payload)
        assert outcome.took_effect, (payload, outcome)
        time.pass_by(1)
    tokens = [database.transact(partial(_enrol, i=i, rng=rng)) for i in range(len(DEVICES))]
    devices, sealed = [], []
    for i, token in enumerate(tokens):
        disk = tablet_disk()
        store = Store(disk.engine, SimClock(time), rng.randbytes)
        store.enrol(DEVICES[i], ENGINEERS[i], "sim", token, settings={SIGN_KEY_SETTING: "sim"})
        devices.append(disk.image())
        unseal(store, random.Random(i).randbytes)
        sealed.append(disk.image())
    return Images(master.image(), tuple(devices), tuple(sealed))


def _first_dispatcher() -> Person:
    return Person(
        id=DISPATCHER,
        agg=f"person:{DISPATCHER}",
        number="D1",
        name="Office",
        pinyin="",
        folded="",
        phone="",
        email="",
        language="en",
        roles=["dispatcher", "administrator"],
        active=True,
        zones=[],
        van_location_id=None,
        edited_by=None,
    )


def _enrol(unit: UnitOfWork, i: int, rng: random.Random) -> str:
    unit.session.add(
        Device(
            id=DEVICES[i],
            person_id=ENGINEERS[i],
            name=f"tablet {i}",
            public_key="",
            state="active",
            enrolled_at=unit.now,
            last_contact_at=None,
            clock_error_ms=0,
            unsent=0,
            oldest_unsent_at=None,
            app="",
            position=0,
            forks=0,
        )
    )
    for principal in (f"user:{ENGINEERS[i]}", "all"):
        unit.session.add(PrincipalOf(person_id=ENGINEERS[i], principal=principal, granted_seq=0))
    return open_lane(unit, DEVICES[i], 1, rng.randbytes).token


def _company() -> list[Any]:
    model = derive_id("sim", "model")
    at = instant(Time().now_ms)
    made: list[Any] = [AdoptPolicy(derive_id("sim", "policy"), "medical-device")]
    for i, person_id in enumerate(ENGINEERS):
        made.append(AddPerson(person_id, f"E{i}", f"Engineer {i}", ("engineer",)))
    made.append(RegisterModel(model, "M1", "Monitor"))
    for i, customer_id in enumerate(CUSTOMERS):
        made.append(RegisterCustomer(customer_id, f"C{i}", f"Hospital {i}", address=f"{i} Road"))
    for i, unit_id in enumerate(UNITS):
        made.append(RegisterEquipment(unit_id, f"SN{i}", model, CUSTOMERS[i // 2]))
    made.append(RegisterLocation(STORE, "STORE", "Store", "central"))
    for i, van in enumerate(VANS):
        made.append(RegisterLocation(van, f"VAN{i}", f"Van {i}", "van", ENGINEERS[i]))
    for i, part_id in enumerate(PARTS):
        made.append(RegisterPart(part_id, f"P-{i}", f"Part {i}", 1000, "CNY"))
    made.append(ReceiveStock(STORE, tuple(StockLine(part_id, Decimal(50)) for part_id in PARTS)))
    for van in VANS:
        made.append(TransferStock(STORE, van, tuple(StockLine(part_id, Decimal(5)) for part_id in PARTS)))
    for i, ticket_id in enumerate(TICKETS):
        made.append(
            ReportFault(ticket_id, f"T{i}", "phone", CUSTOMERS[i // 2], "No picture", "minor", UNITS[i])
        )
        made.append(
            AssignTicket(
                ticket_id,
                derive_id("sim", "assignment", str(i)),
                ENGINEERS[i % 3],
                at + timedelta(hours=1),
                at + timedelta(hours=2),
                "the stage",
            )
        )
    return made
