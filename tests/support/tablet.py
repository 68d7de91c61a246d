"""A tablet whose store holds what its engineer's scope would bring: for tests of the app without a server.

Owns packing a store from a `World` that stands for the office. Work on the tablet is given through the store.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import flet as ft
from sqlalchemy import insert, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from common.inbox.edits import Change
from common.inbox.records import FieldConflict, InboxItem
from common.kernel.ids import derive_id
from common.kernel.record import Synced, columns_of, synced_entities
from common.kernel.scope import EVERYONE, grants_of, user
from common.people.person import Person
from common.protocol.messages import OpResult, Put, SyncAnswer
from common.stock.part_usage import RecordPartUsage
from common.tickets.appointment import RescheduleTicket
from common.tickets.field_work import AcknowledgeTicket, AddNote, StartTravel
from common.tickets.intake import EditTicket
from common.tickets.ticket import Ticket
from common.visit.diagnosis import RecordDiagnosis
from common.visit.on_site import ArriveOnSite, RecordDemonstration
from common.visit.repair import RecordMeasure, RecordTest
from field_app.data import PageApp, attach
from field_app.session import open_session
from field_app.state.drafts import Drafts
from field_app.state.prefs import SavedPrefs
from field_app.state.tablet import Tablet
from field_app.store.apply import apply_answer
from field_app.store.engine import make_store_engine
from field_app.store.outbox import Limits, build_request
from field_app.store.overlay import write_rows
from field_app.store.schema import HeldAgg, OutboxOp
from field_app.store.settings import SIGN_KEY_SETTING
from field_app.store.store import Store, state_of
from field_app.sync.keystore import FileKeystore
from field_app.ui import UiSession
from tests.support.fake_clock import FakeClock
from tests.support.visit_world import VisitWorld

CHINA = timezone(timedelta(hours=8))
DEVICE = "0197c0de-0000-7000-8000-000000000001"


@dataclass(eq=False)
class TabletStand:
    """An enrolled tablet beside its office. `forget()` is a killed app: only the store's file remains."""

    office: VisitWorld
    store: Store
    clock: FakeClock
    folder: Path
    tablet: Tablet = field(init=False)

    def __post_init__(self) -> None:
        self.tablet = Tablet(
            self.store,
            FileKeystore(self.folder / "keys"),
            self.clock,
            self.store.random_bytes,
            version="0.1.0",
        )

    @property
    def ticket(self) -> str:
        """Return the id of the ticket the engineer was sent to."""
        return self.office.ticket

    def drafts(self) -> Drafts:
        """Return the drafts of a new session, kept in the store."""
        return Drafts(self.store.draft, lambda form, fields: self.store.keep_draft(form, dict(fields)))

    def session(self, **over: Any) -> UiSession:
        """Open a new session value, as for a new page."""
        return UiSession(clock=self.clock, zone=CHINA, drafts=self.drafts(), version="0.1.0", **over)

    def main(
        self, table: Any, saved: SavedPrefs | None = None, sessions: list[UiSession] | None = None
    ) -> Callable[[ft.Page], None]:
        """Return what Flet calls for each page: every page has a session of its own."""

        def opened(page: ft.Page) -> None:
            session = self.session()
            if sessions is not None:
                sessions.append(session)
            attach(page, session, self.tablet)
            open_session(page, session, table, saved or SavedPrefs("en", "light"))

        return opened

    def do(self, payload: Any) -> None:
        """Give a command on the tablet that has to take effect."""
        given = self.store.give(payload)
        assert given.outcome.took_effect, (payload, given.outcome)

    def reach(self) -> PageApp:
        """Return what screens and their view-models reach."""
        return PageApp(self.tablet)

    @property
    def staff_number(self) -> str:
        """Return the engineer's staff number, which opens the customer's lock."""
        person = self.office.get(Person, self.office.engineer)
        return str(person.number)

    def arrive(self) -> str:
        """Acknowledge, travel, arrive; returns the visit's id."""
        visit = self.office.id("visit")
        self.do(AcknowledgeTicket(self.ticket))
        self.clock.advance(timedelta(minutes=30))
        self.do(StartTravel(self.ticket))
        self.clock.advance(timedelta(minutes=40))
        self.do(ArriveOnSite(visit, self.ticket, True, "李伟"))
        return visit

    def repair(self, cause: str = "material") -> str:
        """Do the whole visit up to the signature; returns the visit's id. `man_made` makes it paid work."""
        office, ticket, visit = self.office, self.ticket, self.arrive()
        for answer in office.checklists():
            self.do(answer)
        self.clock.advance(timedelta(minutes=10))
        self.do(RecordDiagnosis(office.id("d"), ticket, visit, "漏液报警", "密封圈老化", cause, "leak"))
        self.do(
            RecordPartUsage(
                office.id("u"), ticket, office.part, Decimal(1), visit, charged=cause == "man_made"
            )
        )
        self.clock.advance(timedelta(minutes=25))
        self.do(RecordMeasure(office.id("m"), ticket, visit, "更换密封圈，清洁泵体", 25))
        self.retest(visit)
        self.do(RecordDemonstration(office.id("s"), ticket, visit, "张护士", "开机自检与日常清洁"))
        return visit

    def retest(self, visit: str = "") -> None:
        """Record a passed test."""
        self.clock.advance(timedelta(minutes=5))
        visit = visit or self.office.id("visit")
        self.do(
            RecordTest(
                self.office.id("t"), self.ticket, visit, "流量 5 mL/h", "5.0", True, "mL/h", "4.9", "5.1"
            )
        )

    def hear(self, *results: OpResult, rows: Sequence[Synced] = ()) -> None:
        """Take in an answer of the server: what became of commands, and new rows of an aggregate each."""
        reading = self.clock.read()
        with self.store.read() as session:
            position = state_of(session).position
        request = self.store.write(lambda session: build_request(session, reading, "test", Limits()))
        cols: dict[str, list[str]] = {}
        puts: dict[str, dict[str, list[list[Any]]]] = {}
        for row in rows:
            entity = row.__tablename__  # type: ignore[attr-defined]
            cols[entity] = list(columns_of(entity))
            values = [wire_value(row, name) for name in cols[entity]]
            puts.setdefault(row.agg, {}).setdefault(entity, []).append(values)
        answer = SyncAnswer(
            tok="token",
            res=results,
            cols=cols,
            put=tuple(Put(agg, position + 1, False, by_entity) for agg, by_entity in puts.items()),
            cur=f"c{position + 1}",
            head=position + 1,
            now=reading.wall_ms,
        )
        self.store.write(lambda session: apply_answer(session, request, answer, reading))

    def park(self) -> str:
        """Move an appointment here that the office has moved too: it is not accepted. Returns the command's id."""
        self.do(AcknowledgeTicket(self.ticket))
        self.hear(OpResult(self.last_op(), "ok", 1))
        ticket = self.tablet.read(lambda session: session.get(Ticket, self.ticket))
        assert ticket is not None
        later = self.clock.at + timedelta(hours=5)
        window = (later, later + timedelta(hours=2))
        self.do(RescheduleTicket(self.ticket, *window, "客户要求", True, ticket.window_from_at))
        op_id = self.last_op()
        refused = OpResult(op_id, "parked", 0, "window_changed", {"number": ticket.number})
        self.hear(refused, rows=[self.item(op_id, "parked", "window_changed")])
        return op_id

    def item(self, op_id: str | None, kind: str, code: str) -> InboxItem:
        """Make an entry of the engineer's inbox."""
        person = self.office.engineer
        return InboxItem(
            id=derive_id("item", op_id or code),
            agg=f"inbox:{person}",
            person_id=person,
            kind=kind,
            code=code,
            details={"number": self.office.row.number, "reason": "customer asked", "fields": "address"},
            ticket_id=self.ticket,
            op_id=op_id,
            command=None,
            raised_at=self.clock.at,
            state="open",
        )

    def meet(self) -> FieldConflict:
        """Change a field here that the office has changed too; returns what was written of it."""
        row = self.office.row
        self.do(EditTicket(self.ticket, (Change("contact", row.contact, "张护士"),)))
        op_id = self.last_op()
        met = FieldConflict(
            id=derive_id("conflict", op_id),
            agg=row.agg,
            entity="ticket",
            row_id=row.id,
            field="contact",
            kept="刘主任",
            lost="张护士",
            kept_by=self.office.boss,
            lost_by=self.office.engineer,
            op_id=op_id,
            raised_at=self.clock.at,
            state="open",
        )
        self.hear(OpResult(op_id, "merged", 1, "edit_met_another", {"n": 1}), rows=[met])
        return met

    def trouble(self) -> None:
        """Have one of everything that needs the engineer, and two notes on their way."""
        self.park()
        self.meet()
        self.do(AddNote(self.ticket, "钥匙在护士站，夜间找值班护士"))
        self.hear()
        self.do(AddNote(self.ticket, "Bring the long ladder"))

    def last_op(self) -> str:
        """Return the id of the newest command."""
        with self.store.read() as session:
            return str(session.scalar(select(OutboxOp.id).order_by(OutboxOp.ord.desc()).limit(1)))

    def fetch(self) -> None:
        """Bring what the office has now, as a pull does. Only for a tablet without unsent work."""
        self.store.write(lambda session: pack(session, self.office, self.office.engineer))


def stand(folder: Path, office: VisitWorld | None = None, *, box_key: str = "") -> TabletStand:
    """Enrol a tablet for the office's engineer and pack it; the ticket is assigned to him."""
    office = office or VisitWorld()
    if office.row.assignee_id is None:
        office.assign()
    clock = FakeClock(office.now)
    store = Store(make_store_engine(folder / "tablet.db"), clock, random.Random(11).randbytes)
    store.enrol(DEVICE, office.engineer, "http://127.0.0.1:1", "token", settings={SIGN_KEY_SETTING: "key"})
    if box_key:
        store.choose("server.box_key", box_key)
    made = TabletStand(office, store, clock, folder)
    made.fetch()
    return made


def bare(folder: Path) -> TabletStand:
    """Make a tablet that is nobody's yet, beside an office."""
    office = VisitWorld()
    clock = FakeClock(office.now)
    store = Store(make_store_engine(folder / "tablet.db"), clock, random.Random(11).randbytes)
    return TabletStand(office, store, clock, folder)


def pack(session: Session, office: VisitWorld, person_id: str) -> None:
    """Write what a person's scope grants into the store's tables."""
    connection = session.connection()
    wanted = {EVERYONE, user(person_id)}
    aggs: dict[str, bool] = {}
    with Session(office.engine) as there:
        for entity in synced_entities():
            for agg in there.execute(text(f'SELECT DISTINCT agg FROM "{entity}"')).scalars():  # noqa: S608
                aggs.setdefault(agg, False)
        granted = {seen for agg in aggs for who, seen in grants_of(there, agg) if who in wanted}
        for entity in synced_entities():
            names = columns_of(entity)
            quoted = ", ".join(f'"{name}"' for name in names)
            rows = [
                list(row)
                for row in there.execute(text(f'SELECT {quoted} FROM "{entity}"'))  # noqa: S608
                if row[list(names).index("agg")] in granted
            ]
            if rows:
                write_rows(connection, entity, names, rows)
    known = {agg for (agg,) in connection.execute(text("SELECT agg FROM agg"))}
    for agg in sorted(granted - known):
        connection.execute(insert(HeldAgg).values(agg=agg, rev=1, generation=1, detached=0))
    connection.execute(text("UPDATE sync_state SET position = 1, last_contact_ms = :ms"), {"ms": _ms(office)})


def wire_value(row: Synced, name: str) -> Any:
    """Return a column's value as it travels."""
    column = row.__table__.columns[name]  # type: ignore[attr-defined]
    process = column.type.bind_processor(sqlite.dialect())
    value = getattr(row, name)
    return value if process is None or value is None else process(value)


def _ms(office: VisitWorld) -> int:
    return int(office.now.timestamp() * 1000)
