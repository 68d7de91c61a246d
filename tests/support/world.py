"""A small world to try commands in: one database, one gate, people and things made by the product's commands.

Every write goes through `execute`, as in the programs. Ids and times are counted, so every run is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

import common.nouns  # noqa: F401 - registers tables and commands
from common.customers.customer_commands import RegisterCustomer
from common.equipment.equipment import Equipment
from common.equipment.equipment_commands import RegisterEquipment, RegisterModel
from common.inbox.edits import Change
from common.kernel.clock import Reading, millis
from common.kernel.command import Place, Role, kind_of, spec_of
from common.kernel.execute import execute
from common.kernel.ids import derive_id
from common.kernel.op import Op, make_op
from common.kernel.outcome import Outcome
from common.kernel.record import Base
from common.kernel.work import Actor, Notary, Work
from common.people.person_commands import AddPerson
from common.stock.part_commands import RegisterPart
from common.stock.stock_commands import ReceiveStock, RegisterLocation, StockLine
from common.tickets.dispatching import AssignTicket
from common.tickets.intake import ReportFault

MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai


class World:
    """One database and the hands that give commands. `authority` False: it stands for a tablet's own copy."""

    def __init__(self, url: str = "sqlite://", *, authority: bool = True, name: str = "world") -> None:
        self.engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _plain_sqlite if url != "sqlite://" else _made_sqlite)
            event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        if url != "sqlite://":
            Base.metadata.create_all(self.engine)
        self.session = Session(self.engine)
        self.authority, self.name = authority, name
        self.now = MORNING
        self.work: Work | None = None
        self.notary: Notary | None = None
        self._count = 0
        self.boss = self.id("boss")

    def close(self) -> None:
        """Let go of the database."""
        self.session.close()
        self.engine.dispose()

    def id(self, word: str = "") -> str:
        """Make the next id; the same in every run."""
        self._count += 1
        return derive_id(self.name, word, str(self._count))

    def tick(self, minutes: int = 1) -> datetime:
        """Let time pass."""
        self.now += timedelta(minutes=minutes)
        return self.now

    def do(
        self,
        payload: Any,
        *,
        roles: Iterable[Role] | None = None,
        place: Place | None = None,
        person: str | None = None,
        at: datetime | None = None,
        live: bool | None = None,
        override: bool = False,
        op: Op | None = None,
    ) -> Outcome:
        """Give a command and commit. Without more it is given by someone who may, where it may be given.

        A tablet's command is replayed as the server does it unless `live` is said.
        """
        spec = spec_of(kind_of(payload))
        if place is None:
            place = Place.OFFICE if Place.OFFICE in spec.places else Place.TABLET
        if roles is None:
            roles = spec.roles - {Role.SYSTEM} - ({Role.ENGINEER} if person is None else set())
        if live is None:
            live = place is not Place.TABLET or not self.authority
        at = at or self.now
        op = op or make_op(payload, self.id("op"), Reading(millis(at), 0, ""))
        actor = Actor(
            person or self.boss, frozenset(roles), place, "" if place is not Place.TABLET else "tablet"
        )
        self.work = Work(
            self.session, actor, op, at, self.now, live=live, authority=self.authority, override=override,
            notary=self.notary,
        )  # fmt: skip
        outcome = execute(self.work)
        self.session.commit()
        return outcome

    def must(self, payload: Any, **given: Any) -> Outcome:
        """Give a command that has to take effect."""
        outcome = self.do(payload, **given)
        assert outcome.took_effect, (payload, outcome)
        return outcome

    def get(self, record: type[Any], row_id: str) -> Any:
        """Read a row that must be there."""
        row = self.session.get(record, row_id, populate_existing=True)
        assert row is not None, (record, row_id)
        return row

    @contextmanager
    def counting(self) -> Any:
        """Count the statements sent to the database."""
        sent: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            sent.append(statement)

        event.listen(self.engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(self.engine, "before_cursor_execute", note)

    def a_person(self, *roles: Role, name: str = "陈志明", **fields: Any) -> str:
        """Take a person on, an engineer unless said otherwise."""
        person_id = self.id("person")
        wanted = tuple(role.value for role in roles) or (Role.ENGINEER.value,)
        self.must(
            AddPerson(person_id, f"P{self._count}", name, wanted, **fields), roles=(Role.ADMINISTRATOR,)
        )
        return person_id

    def a_customer(self, name: str = "北京协和医院", **fields: Any) -> str:
        """Open a customer's file."""
        customer_id = self.id("customer")
        fields.setdefault("number", f"C{self._count}")
        self.must(RegisterCustomer(customer_id=customer_id, name=name, **fields))
        return customer_id

    def a_model(self, code: str = "", **fields: Any) -> str:
        """Add a product model."""
        model_id = self.id("model")
        self.must(RegisterModel(model_id, code or f"M{self._count}", fields.pop("name", "监护仪"), **fields))
        return model_id

    def a_unit(self, customer_id: str | None = None, model_id: str | None = None, **fields: Any) -> str:
        """Add a unit at a customer's."""
        unit_id = self.id("unit")
        serial = fields.pop("serial", f"SN{self._count}")
        customer_id = customer_id or self.a_customer()
        self.must(RegisterEquipment(unit_id, serial, model_id or self.a_model(), customer_id, **fields))
        return unit_id

    def a_part(self, number: str = "", price_minor: int = 12_000, **fields: Any) -> str:
        """Add a part to the catalogue."""
        part_id = self.id("part")
        name = fields.pop("name", "Pump seal")
        self.must(RegisterPart(part_id, number or f"PT-{self._count}", name, price_minor, "CNY", **fields))
        return part_id

    def a_store(self, kind: str = "central", person_id: str | None = None) -> str:
        """Open a place for stock."""
        place_id = self.id("place")
        self.must(RegisterLocation(place_id, f"L{self._count}", f"{kind} {self._count}", kind, person_id))  # type: ignore[arg-type]
        return place_id

    def a_van(self, person_id: str, **stock: int) -> str:
        """Give a person a van."""
        return self.a_store("van", person_id)

    def stock_up(self, place_id: str, part_id: str, qty: int = 1, *serials: str) -> None:
        """Receive parts onto a shelf, one line for each serial."""
        lines = [StockLine(part_id, Decimal(1), serial) for serial in serials] or [
            StockLine(part_id, Decimal(qty))
        ]
        self.must(ReceiveStock(place_id, tuple(lines)))

    def a_ticket(self, engineer_id: str | None = None, unit_id: str | None = None, **fields: Any) -> str:
        """Register a call, and send an engineer if one is named."""
        ticket_id = self.id("ticket")
        customer_id = fields.pop("customer_id", None)
        if customer_id is None:
            customer_id = self.get(Equipment, unit_id).customer_id if unit_id else self.a_customer()
        wanted = {
            "number": f"T{self._count}",
            "channel": "phone",
            "fault_text": "不能开机",
            "severity": "minor",
        }
        self.must(
            ReportFault(
                ticket_id=ticket_id, customer_id=customer_id, equipment_id=unit_id, **(wanted | fields)
            )
        )
        if engineer_id is not None:
            start = self.now + timedelta(hours=1)
            window = (start, start + timedelta(hours=2))
            self.must(AssignTicket(ticket_id, self.id("assignment"), engineer_id, *window, "测试"))
        return ticket_id


def change(field: str, old: str, new: str) -> Change:
    """Write one field's change."""
    return Change(field, old, new)


def _plain_sqlite(connection: Any, _record: Any) -> None:
    """Let SQLAlchemy, not the driver, begin transactions, so that savepoints hold."""
    connection.isolation_level = None


def _made_sqlite(connection: Any, record: Any) -> None:
    """Lay the empty tables in as bytes: a world is made in a moment."""
    connection.deserialize(_empty_tables())
    _plain_sqlite(connection, record)


@cache
def _empty_tables() -> bytes:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        tables: bytes = driver.serialize()
    engine.dispose()
    return tables
