"""Readings of the feed by themselves: real feed, sequencer, compaction and pages; rights and restores come by chance.

A whole history meets a narrow line, two reasons for the same aggregate and an unlucky moment between two pages once in
thousands; here nothing else happens, so a second holds dozens of such meetings. Made after seed 566204324.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache, partial
from unittest.mock import patch

from sqlalchemy import insert
from sqlalchemy.orm import Session

from common.customers.customer import Customer
from common.kernel.clock import instant
from common.kernel.ids import derive_id
from sync_server.db import feed
from sync_server.db.database import Database
from sync_server.db.feed import refresh_scope, write_changes
from sync_server.db.schema import create_tables, plant_stream
from sync_server.db.sequencer import numbering
from sync_server.db.tables import Change, PrincipalOf
from sync_server.db.unit_of_work import UnitOfWork
from sync_server.jobs.compaction import thin_out_feed
from sync_server.sync.cursor import Cursor, is_of_this_history, read_cursor
from sync_server.sync.pull import Page, read_page, settled_for
from tests.simulation.cluster import Disk, SimClock, Time, server_disk

PERSON = derive_id("readings", "person")
PRINCIPALS = ("user:one", "team:two")
REASONS = ("ticket:a", "ticket:b", "ticket:c")
AGGS = tuple(f"customer:{i}" for i in range(4))
# Two rows each: what comes as a change alone must not pass for the whole.
CUSTOMERS = {derive_id("readings", agg, str(i)): agg for agg in AGGS for i in range(2)}
DAY_MS = 86_400_000
STEPS = 100
ONE_AGGREGATE = 1
WHOLE = 4_000_000


@cache
def _empty() -> bytes:
    disk = server_disk()
    create_tables(disk.engine)
    with disk.engine.connect() as connection:
        plant_stream(connection, random.Random(5).randbytes)
        connection.commit()
    with Session(disk.engine) as session:
        for principal in PRINCIPALS:
            session.add(PrincipalOf(person_id=PERSON, principal=principal, granted_seq=0))
        session.commit()
    return disk.image()


@dataclass(slots=True)
class Reader:
    """A tablet as far as pages go: what it holds, and how far it has come."""

    cursor: str = ""
    held: dict[str, dict[str, str]] = field(default_factory=dict)
    mentioned: set[str] | None = None

    def begin_anew(self) -> None:
        """Take a reset: what is not mentioned until the end goes."""
        self.mentioned = set()

    def take(self, page: Page) -> None:
        """Take a page as the store does: whole aggregates are replaced, the others changed."""
        for put in page.put:
            before = {} if put.full else self.held.get(put.agg, {})
            columns = page.cols.get("customer", ())
            rows = (dict(zip(columns, row, strict=True)) for row in put.rows.get("customer", ()))
            self.held[put.agg] = before | {row["id"]: row["name"] for row in rows}
        for agg in page.drop:
            self.held.pop(agg, None)
        if self.mentioned is not None:
            self.mentioned |= {put.agg for put in page.put}
            if not page.more:
                self.held = {agg: rows for agg, rows in self.held.items() if agg in self.mentioned}
                self.mentioned = None
        self.cursor = page.cursor.write()


class Reading:
    """One run: grants come and go, rows change, numbers lag behind, and two readers turn pages meanwhile."""

    def __init__(self, seed: int) -> None:
        """Begin with nobody seeing anything."""
        self.rng = random.Random(seed)
        self.time = Time()
        self.disk: Disk = server_disk()
        self.disk.put_back(_empty())
        clock = SimClock(self.time)
        self.database = Database(self.disk.engine, clock, self.rng.randbytes, pause=lambda _s: None)
        self.granted: dict[str, set[tuple[str, str]]] = {reason: set() for reason in REASONS}
        self.names: dict[str, str] = {}
        self.readers = [Reader(), Reader()]
        self._back_up()

    def run(self) -> None:
        """Live through it: whenever a reader has come to the end, it holds exactly what the person may see."""
        with self.rules():
            steps = (self._regrant, self._edit, self._turn, self._wait, self._back_up, self._restore)
            often = [self.rng.choice((1, 3, 9)) for _ in steps[:4]] + [0.5, 0.3]
            for _ in range(STEPS):
                self.rng.choices(steps, often)[0]()
        for reader in self.readers:
            while self.page_for(reader, WHOLE).more:
                pass

    def rules(self) -> AbstractContextManager[object]:
        """Put this run's grants in the place of the business rules."""
        return patch.object(
            feed, "grants_of", lambda _session, reason: frozenset(self.granted.get(reason, ()))
        )

    def scrap(self) -> None:
        """Give the memory back."""
        self.disk.scrap()

    def _regrant(self) -> None:
        """Let a reason begin or end, or do so three times before anything is numbered."""
        given = [(reason, *pair) for reason, pairs in self.granted.items() for pair in sorted(pairs)]
        if given and self.rng.random() < 0.5:
            reason, principal, agg = self.rng.choice(given)
        else:
            reason, principal, agg = map(self.rng.choice, (REASONS, PRINCIPALS, AGGS))
        for _ in range(self.rng.choice((1, 1, 1, 3))):
            self.toggle(reason, principal, agg)
        self._number_perhaps()

    def toggle(self, reason: str, principal: str, agg: str) -> None:
        """Let a reason grant an aggregate, or end it."""
        self.granted[reason] ^= {(principal, agg)}
        self._commit(partial(self._refresh, reason=reason))

    def _refresh(self, unit: UnitOfWork, reason: str) -> None:
        if marks := refresh_scope(unit, reason):
            unit.session.execute(insert(Change), marks)

    def _edit(self) -> None:
        self.edit(self.rng.choice(list(CUSTOMERS)))
        self._number_perhaps()

    def edit(self, customer_id: str) -> None:
        """Change one customer's name, or register him."""
        self.names[customer_id] = f"name {self.rng.randrange(10**6)}"
        self._commit(partial(self._write, customer_id=customer_id))

    def _write(self, unit: UnitOfWork, customer_id: str) -> None:
        row = unit.session.get(Customer, customer_id)
        if row is None:
            unit.session.add(_a_customer(customer_id, self.names[customer_id]))
        else:
            row.name = self.names[customer_id]
        unit.session.flush()
        unit.touched["customer", customer_id] = CUSTOMERS[customer_id]
        write_changes(unit)

    def _commit(self, write: Callable[[UnitOfWork], None]) -> None:
        """Commit without numbering, as a rival whose transaction ends a moment before the sequencer looks."""
        self.time.pass_by(self.rng.choice((1, 1000)))
        with Session(self.disk.engine) as session:
            unit = UnitOfWork(
                session, instant(self.time.now_ms), self.database.new_id(), self.database.new_id
            )
            write(unit)
            session.commit()

    def _number_perhaps(self) -> None:
        if self.rng.random() < 0.7:
            self.database.number()

    def _turn(self) -> None:
        """Give one reader a page: mostly a single aggregate."""
        self.page_for(
            self.rng.choice(self.readers), self.rng.choice((ONE_AGGREGATE, ONE_AGGREGATE, 600, WHOLE))
        )

    def _wait(self) -> None:
        """Let days or half years pass, and the feed be thinned out."""
        if self.rng.random() < 0.2:
            self.time.pass_by(self.rng.choice((DAY_MS, 2 * DAY_MS, 200 * DAY_MS)))
            thin_out_feed(self.database)

    def _back_up(self) -> None:
        """Keep a copy of the database, with or without its numbers."""
        self._number_perhaps()
        granted = {reason: set(pairs) for reason, pairs in self.granted.items()}
        self.backup = (self.disk.image(), granted, dict(self.names))

    def _restore(self) -> None:
        """Put the last copy back, without a word to anybody: its numbers come a second time, with other content."""
        image, granted, names = self.backup
        self.disk.put_back(image)
        self.granted, self.names = {reason: set(pairs) for reason, pairs in granted.items()}, dict(names)

    def page_for(self, reader: Reader, max_bytes: int) -> Page:
        """Read a page as the sync service does."""
        self.database.number()
        with self.database.read() as session:
            connection = session.connection()
            seen = numbering(connection)
            assert settled_for(connection, seen, PERSON)
            cursor = read_cursor(reader.cursor)
            if cursor is None or not is_of_this_history(connection, cursor):
                cursor = Cursor()
                reader.begin_anew()
            page = read_page(connection, PERSON, cursor, seen.head, max_bytes)
        reader.take(page)
        assert page.more or reader.held == self._visible(), (reader.held, self._visible())
        return page

    def _visible(self) -> dict[str, dict[str, str]]:
        seen: dict[str, dict[str, str]] = {}
        granted = {agg for pairs in self.granted.values() for _, agg in pairs}
        for customer_id, name in self.names.items():
            if CUSTOMERS[customer_id] in granted:
                seen.setdefault(CUSTOMERS[customer_id], {})[customer_id] = name
        return seen


def _a_customer(customer_id: str, name: str) -> Customer:
    empty = dict.fromkeys(
        (
            "number",
            "pinyin",
            "initials",
            "folded",
            "phone",
            "contact",
            "address",
            "zone",
            "language",
            "site_notes",
        ),
        "",
    )
    return Customer(
        id=customer_id,
        agg=CUSTOMERS[customer_id],
        name=name,
        key_customer=False,
        active=True,
        edited_by=None,
        **empty,
    )


def try_reading(seed: int) -> str:
    """Run one; the text says what was wrong, or nothing."""
    reading = Reading(seed)
    try:
        reading.run()
    except AssertionError as error:
        return f"seed {seed}: {error}"
    finally:
        reading.scrap()
    return ""


def try_many(first: int, readings: int, workers: int = 2) -> list[str]:
    """Run readings in parallel; returns what was wrong with those that failed."""
    with ProcessPoolExecutor(workers) as pool:
        return [why for why in pool.map(try_reading, range(first, first + readings), chunksize=10) if why]
