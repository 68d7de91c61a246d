"""Histories on disks that lose power: a tablet and a server work on recorded disks; then each cut is looked at.

Owns the workload and what must hold after a cut. The disk itself is in `crash_disk.py`.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from common.protocol.messages import HaveAnswer, HaveRequest, ReconcileRequest, SyncAnswer, SyncRequest
from field_app.store.engine import make_store_engine
from field_app.store.schema import OutboxOp
from field_app.store.store import Store
from field_app.sync.engine import SyncEngine
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.sync.service import SyncService
from sync_server.upkeep.verify import verify
from tests.simulation import business
from tests.simulation.checks import check, check_rebase_law_of
from tests.simulation.cluster import SimClock, Time
from tests.simulation.crash_disk import Recording, images, lay_out, recorded
from tests.simulation.stage import give_office
from tests.simulation.stage import images as stage_images

DRAFT = "note/half"


@dataclass(slots=True)
class _Line:
    """A good line to the server that notes what the server has confirmed."""

    service: SyncService
    promises: Recording

    def sync(self, request: SyncRequest) -> SyncAnswer:
        """Exchange; every result is a promise of the server."""
        answer = self.service.sync(request)
        for result in answer.res:
            self.promises.confirm(result.id)
        return answer

    def have(self, request: HaveRequest) -> HaveAnswer:
        """Ask what is unknown."""
        return self.service.have(request)

    def reconcile(self, request: ReconcileRequest) -> SyncAnswer:
        """Ask what differs."""
        return self.service.reconcile(request)


@dataclass(frozen=True, slots=True)
class Recordings:
    """What the two disks were told in one history."""

    tablet: Recording
    server: Recording


def live(seed: int, steps: int, folder: Path) -> Recordings:
    """Let an engineer and an office work for some steps on recorded disks."""
    rng, time = random.Random(seed), Time()
    clock = SimClock(time)
    begin = stage_images()
    (folder / "tablet").mkdir(parents=True)
    (folder / "server").mkdir()
    with ExitStack() as stack:
        tablet, open_tablet = stack.enter_context(recorded(folder / "tablet", begin.devices[0]))
        master, open_master = stack.enter_context(recorded(folder / "server", begin.server))
        database = Database(make_engine("sqlite://", creator=open_master), clock, rng.randbytes)
        store = Store(make_store_engine(None, creator=open_tablet), clock, rng.randbytes)
        engine = SyncEngine(store, _Line(SyncService(database), master), clock, rng.random, "cut")
        for step in range(steps):
            time.pass_by(rng.choice((500, 20_000, 3_600_000)))
            roll = rng.random()
            if roll < 0.6:
                _work(store, tablet, rng, step)
            elif roll < 0.85:
                _office(database, master, rng, time)
            else:
                engine.turn(asked=True)
                check(engine.last_error == "", "the line is good", engine.last_error)
        store.engine.dispose()
        database.engine.dispose()
    return Recordings(tablet, master)


def _work(store: Store, tablet: Recording, rng: random.Random, step: int) -> None:
    with store.read() as session:
        payload = business.field_command(rng, session, store.clock.read().wall_ms)
    if payload:
        given = store.give(payload)
        if given.outcome.took_effect:
            tablet.confirm(given.op_id)
    else:
        store.keep_draft(DRAFT, {"step": step})
        tablet.confirm(f"draft {step}")


def _office(database: Database, master: Recording, rng: random.Random, time: Time) -> None:
    with database.read() as session:
        payload = business.office_command(rng, session, time.now_ms)
    if payload and give_office(database, payload).took_effect:
        with database.read() as session:
            newest = "SELECT op_id FROM receipt ORDER BY op_id DESC LIMIT 1"
            master.confirm(str(session.execute(text(newest)).scalar_one()))


def cut_tablet(recording: Recording, cuts: int, rng: random.Random, folder: Path) -> int:
    """Cut the power of the tablet; returns how many confirmed saves there were to lose. Raises Violation."""
    guarded = 0
    points = [rng.randrange(len(recording.events) + 1) for _ in range(cuts)]
    for cut, files in images(recording, points, rng):
        engine = make_store_engine(lay_out(files, folder))
        store = Store(engine, SimClock(Time()), rng.randbytes)
        promised = recording.promised(cut)
        check(store.check() == "ok", "the file is whole", cut, store.check())
        with Session(engine) as session:
            there = {row_id for (row_id,) in session.query(OutboxOp.id)}
        drafts = [int(name[6:]) for name in promised if name.startswith("draft ")]
        check(
            not drafts or store.draft(DRAFT).get("step", -1) >= max(drafts),
            "P1 draft",
            cut,
            store.draft(DRAFT),
        )
        lost = {name for name in promised if not name.startswith("draft ")} - there
        check(not lost, "P1 confirmed saves are gone", cut, sorted(lost)[:3])
        check_rebase_law_of(engine, f"cut at {cut}")
        guarded += len(promised)
        engine.dispose()
    return guarded


def cut_server(recording: Recording, cuts: int, rng: random.Random, folder: Path) -> int:
    """Cut the power of the server; returns how many confirmed changes there were to lose. Raises Violation."""
    guarded = 0
    points = [rng.randrange(len(recording.events) + 1) for _ in range(cuts)]
    for cut, files in images(recording, points, rng):
        path = lay_out(files, folder)
        engine = make_engine(f"sqlite:///{path}")
        database = Database(engine, SimClock(Time()), rng.randbytes)
        with database.read() as session:
            whole = str(session.execute(text("PRAGMA quick_check(1)")).scalar())
            check(whole == "ok", "the file is whole", cut, whole)
            there = set(session.execute(text("SELECT op_id FROM receipt")).scalars())
            faults = [str(fault) for fault in verify(session)]
        lost = recording.promised(cut) - there
        check(not lost, "P2 confirmed changes are gone", cut, sorted(lost)[:3])
        check(not faults, "chain, receipts, ledger and feed hold", cut, faults[:3])
        guarded += len(recording.promised(cut))
        engine.dispose()
    return guarded
