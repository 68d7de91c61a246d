"""One seeded history: people work, lines fail, machines die, copies are put back; then it heals and is checked.

Each run turns on a random subset of the faults (swarm), so that rare pairs of faults meet often.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from common.inbox.inbox_commands import HandToOffice, WithdrawCommand
from common.kernel.outcome import BadPayload
from common.protocol.messages import ExchangeError
from field_app.store.outbox import Limits
from sync_server.db.database import DatabaseBusyError
from tests.simulation import business
from tests.simulation.checks import Violation, check, check_at_rest, check_rebase_law
from tests.simulation.cluster import Network, PowerCut, SimDevice, SimServer, Time
from tests.simulation.stage import give_office, images

STEPS = 36
ROUNDS_TO_REST = 40
OLDER = 0.3  # of the histories with a restored server, those that may take an older backup than the newest
FAULTS = (
    "lost_request",
    "lost_answer",
    "doubled",
    "garbled",
    "busy",
    "cut_server",
    "narrow",
    "late",
    "crash",
    "clock",
    "device_restore",
    "clone",
    "server_restore",
)


class History:
    """One history. `faults` None chooses them by the seed."""

    def __init__(self, seed: int, *, steps: int = STEPS, faults: frozenset[str] | None = None) -> None:
        """Prepare it; nothing happens yet."""
        self.seed = seed
        self.steps = steps
        self.rng = random.Random(seed)
        self.faults = frozenset(f for f in FAULTS if self.rng.random() < 0.4) if faults is None else faults
        self.log: list[str] = []
        self.time = Time()
        # Of its own chance, so that a seed stays the history it was.
        self.older = random.Random(f"an older backup {seed}")
        self.goes_back = self.older.random() < OLDER and "server_restore" in self.faults

    def run(self) -> None:
        """Live through it. Raises Violation."""
        rng = self.rng
        self.network = Network(rng)
        for name in ("lost_request", "lost_answer", "doubled", "garbled", "busy", "cut_server"):
            if name in self.faults:
                setattr(self.network, name, rng.choice((0.05, 0.2, 0.5)))
        stage = images()
        self.server = SimServer(stage.server, self.time, rng)
        wanted = rng.randrange(2, 5)
        self.devices = [self._device(f"tablet-{i}", stage.sealed[i]) for i in range(wanted)]
        self.kept_devices: dict[str, bytes] = {}
        self.backups = [(self.server.disk.image(), frozenset[str]())]  # each with the commands it has
        self.given: dict[str, set[str]] = {}
        self.there: dict[str, set[str]] = {}
        for _ in range(self.steps):
            self.time.pass_by(rng.choice((10, 500, 20_000, 3_600_000)))
            self._step()
            self._remember()
        self._heal()
        check_at_rest(self.server, self.devices, self._expected())

    def scrap(self) -> None:
        """Give the memory of its machines back; a run of thousands would fill the computer's."""
        for disk in (self.server.disk, *(device.disk for device in self.devices)):
            disk.scrap()

    def _device(self, name: str, image: bytes) -> SimDevice:
        device = SimDevice(name, image, self.server, self.time, self.network)
        device.clock.boot = f"{name}-0"
        if "clock" in self.faults:
            device.clock.offset_ms = self.rng.choice(
                (0, -3_000, 7_200_000, -86_400_000 * 3650, 86_400_000 * 400)
            )
        return device

    def _step(self) -> None:
        rng, roll = self.rng, self.rng.random()
        device = rng.choice(self.devices)
        if roll < 0.42:
            self._work(device)
        elif roll < 0.72:
            self._sync(device)
        elif roll < 0.87:
            self._office()
        else:
            self._fault(
                device, rng.choice(("late", "crash", "clock", "device_restore", "clone", "server_restore"))
            )
        if rng.random() < 0.07:
            check_rebase_law(device)

    def _work(self, device: SimDevice) -> None:
        rng = self.rng
        with device.store.read() as session:
            payload = business.field_command(rng, session, device.clock.read().wall_ms)
            parked = business.parked_item(rng, session)
        if parked and rng.random() < 0.5:
            payload = rng.choice((WithdrawCommand, HandToOffice))(parked)
        if not payload:
            return
        group = f"g{rng.randrange(10**9)}" if rng.random() < 0.1 else ""
        if "crash" in self.faults and rng.random() < 0.15:
            device.disk.statements_left = rng.randrange(1, 40)
        try:
            given = device.store.give(payload, group=group)
            if group and given.outcome.took_effect and hasattr(payload, "ticket_id"):
                device.store.give(business._note(rng, None, _About(payload), 0), group=group)  # type: ignore[arg-type]
            self._say(device, type(payload).__name__, given.outcome.status, given.outcome.code)
        except PowerCut:
            device.crash()
            self._say(device, "power cut while saving", type(payload).__name__)
        finally:
            device.disk.statements_left = None

    def _sync(self, device: SimDevice) -> None:
        if "crash" in self.faults and self.rng.random() < 0.15:
            device.disk.statements_left = self.rng.randrange(1, 200)
        if "narrow" in self.faults:
            limits = Limits(self.rng.randrange(1, 6), 2000, self.rng.choice((1024, 2048, 8192)))
            device.engine.line = replace(device.engine.line, limits=limits)
        try:
            for _ in range(self.rng.randrange(1, 4)):
                device.engine.turn(asked=True)
        except PowerCut:
            device.crash()
            self._say(device, "power cut while syncing")
        finally:
            device.disk.statements_left = None
        self._say(device, "synced", device.engine.last_error)

    def _office(self) -> None:
        with Session(self.server.disk.engine) as session:
            payload = business.office_command(self.rng, session, self.time.now_ms)
            session.rollback()
        if payload:
            outcome = give_office(self.server.database, payload)
            self._say(None, type(payload).__name__, outcome.status, outcome.code)

    def _fault(self, device: SimDevice, kind: str) -> None:
        if kind not in self.faults:
            return
        rng = self.rng
        if kind == "late" and self.network.late:
            request = self.network.late.pop(rng.randrange(len(self.network.late)))
            with suppress(ExchangeError, DatabaseBusyError, BadPayload):
                self.server.service.sync(request)
        elif kind == "crash":
            device.crash()
        elif kind == "clock":
            device.clock.offset_ms += rng.choice((-86_400_000, 60_000, 3_600_000, -7_000, 86_400_000 * 365))
        elif kind == "device_restore":
            self._copy_device(device)
        elif kind == "clone" and len(self.devices) < 5:
            self.devices.append(self._device(f"clone-{len(self.devices)}", device.disk.image()))
        elif kind == "server_restore":
            self._copy_server()
        self._say(device, "fault", kind)

    def _copy_device(self, device: SimDevice) -> None:
        """Take a copy of a tablet's disk, or put the copy back: what was given since and never sent is gone."""
        if device.name not in self.kept_devices or self.rng.random() < 0.5:
            self.kept_devices[device.name] = device.disk.image()
        else:
            device.disk.put_back(self.kept_devices[device.name])
            device.crash()
            self.given[device.name] = set()
            self.there.pop(device.name, None)

    @property
    def promised(self) -> frozenset[str]:
        """Return the commands that a proven backup of this history has."""
        return self.backups[-1][1]

    def _copy_server(self) -> None:
        """Take a proven backup, or restore one: what tablets sent since must come back from the field."""
        with Session(self.server.disk.engine) as session:
            if self.rng.random() < 0.5:
                session.execute(text("UPDATE stream_head SET durable = seq"))
                session.commit()
                has = session.scalars(text("SELECT op_id FROM receipt WHERE device_id <> ''"))
                self.backups.append((self.server.disk.image(), frozenset(has)))
                return
        if self.goes_back and len(self.backups) > 1 and self.older.random() < 0.5:
            # What only the newer ones had is lost with them, but for what lies on a tablet.
            del self.backups[self.older.randrange(1, len(self.backups)) :]
            self.given = {name: set(there) for name, there in self.there.items()}
        self.server.disk.put_back(self.backups[-1][0])

    def _heal(self) -> None:
        """Make everything good and let all come to rest; it must take few rounds (20)."""
        self.network.heal()
        for round_no in range(ROUNDS_TO_REST):
            busy = False
            for device in self.devices:
                for _ in range(30):
                    device.engine.line = type(device.engine.line)()
                    device.engine.turn(asked=True)
                    facts = device.engine.facts()
                    if not (facts.reoffer or facts.reconcile or facts.waiting or device.engine.line.more):
                        break
                check(device.engine.last_error == "", "20 progress", device.name, device.engine.last_error)
                busy = busy or not self._at_rest(device)
            if not busy and round_no:
                return
        raise Violation(f"20 progress: not at rest after {ROUNDS_TO_REST} rounds")

    def _at_rest(self, device: SimDevice) -> bool:
        head = self.server.database.number()
        with device.store.read() as session:
            waiting, position = session.execute(
                text(
                    "SELECT (SELECT count(*) FROM op WHERE state IN ('new', 'acked')), position + reoffer + reconcile "
                    "FROM sync_state"
                )
            ).one()
        return waiting == 0 and position == head

    def _remember(self) -> None:
        """Note what is durable on each tablet: unless its disk is put back, none of it may ever be lost (1)."""
        for device in self.devices:
            there = {op_id for (op_id,) in device.disk.platter.execute("SELECT id FROM op").fetchall()}
            gone = self.there.get(device.name, there) - there - self.promised
            check(not gone, "1 let go of, and in no backup of this history", device.name, sorted(gone)[:5])
            self.there[device.name] = there
            self.given.setdefault(device.name, set()).update(there)

    def _expected(self) -> set[str]:
        """List the commands that must have a receipt: all tablets' own, and all a backup was promised for."""
        return set(self.promised.union(*self.given.values()))

    def _say(self, device: SimDevice | None, *words: Any) -> None:
        who = device.name if device else "office"
        self.log.append(
            f"{self.time.now_ms - 1_795_000_000_000:>9} {who:<10} {' '.join(str(w) for w in words)}"
        )


@dataclass(frozen=True, slots=True)
class _About:
    """The ticket a grouped note is about."""

    payload: Any

    @property
    def id(self) -> str:
        return str(getattr(self.payload, "ticket_id", ""))
