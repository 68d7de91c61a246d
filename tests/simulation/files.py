"""Seeded histories of photos: tablets attach, lines cut at any byte, machines die, the server loses and rots files.

Real code on both sides: the tablet's store, box and uploads over a shelf in memory, the server's uploads over a folder.
It heals at the end, and every photo of a tablet that still is must be there, once, with the right hash.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from common.files.attach import WithdrawFile
from common.files.attachment import Attachment
from common.kernel.clock import instant
from common.protocol.messages import Unreachable
from common.tickets.field_work import AddNote
from common.tickets.ticket import Ticket
from field_app.store.files import FileBox, NewFile
from field_app.store.pictures import Prepared
from field_app.store.schema import Blob
from field_app.sync.plan import Line
from field_app.sync.tus import BytesDamaged, meaning_of
from field_app.sync.upload import Chunks, Uploads
from field_app.sync.wire import Denied
from sync_server.db.database import DatabaseBusyError
from sync_server.files.arrived import settle_all
from sync_server.files.keeping import Keeping
from sync_server.files.pictures import Pictures
from sync_server.files.store import FolderStore
from sync_server.files.uploads import Uploads as Taking
from sync_server.problems import Problem
from sync_server.security import read_security
from tests.simulation.checks import check
from tests.simulation.cluster import Network, PowerCut, SimDevice, SimServer, Time
from tests.simulation.stage import DEVICES, images

T = TypeVar("T")
STEPS = 18
TURNS_TO_REST = 60
FAULTS = ("cut", "lost", "spoiled", "crash", "power", "lose", "rot", "server_restore", "device_restore")
SMALL = Chunks(size=1024, ceiling=4096)


class MemoryShelf:
    """A shelf whose bytes are on the disk at once. What the power takes is tried in `test_files.py`."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep bytes."""
        sha = hashlib.sha256(data).hexdigest()
        self.kept[sha] = data
        return sha

    def has(self, sha: str) -> bool:
        """Say whether they are here."""
        return sha in self.kept

    def read(self, sha: str, at: int = 0, size: int = -1) -> bytes:
        """Read a part."""
        if sha not in self.kept:
            raise FileNotFoundError(sha)
        return self.kept[sha][at : None if size < 0 else at + size]

    def sealed(self, sha: str) -> bytes:
        """Give them as they lie; here nothing is sealed."""
        return self.read(sha)

    def remove(self, sha: str) -> None:
        """Forget them."""
        self.kept.pop(sha, None)

    def listed(self) -> dict[str, int]:
        """List what is here, as of now."""
        return dict.fromkeys(self.kept, 2**52)

    def clear(self) -> None:
        """Forget all."""
        self.kept.clear()


@dataclass
class FileServer:
    """The server's half: real uploads and jobs over a folder that is gone at the end."""

    server: SimServer
    folder: Path

    def __post_init__(self) -> None:
        rules = replace(read_security().upload, keep_free_mb=0)
        self.store = FolderStore(self.folder / "store")
        self.taking = Taking(self.server.database, self.store, self.folder / "incoming", rules)
        pictures = Pictures(self.server.database, self.store, self.folder / "pictures")
        self.keeping = Keeping(self.taking, pictures)

    def look(self) -> None:
        """Do what the server does by itself over a month, but for pictures."""
        settle_all(self.server.database)
        for _ in self.store.names():
            self.keeping.scrub(self.server.database)
        self.keeping.look_all(self.server.database)
        self.keeping.sweep(self.server.database)


@dataclass
class SimFiles:
    """Bytes over a bad line. `network` says how bad it is."""

    there: FileServer
    device_id: str
    network: Network
    spoiled: float = 0.0

    def open(self, sha: str, size: int, media_type: str) -> int:
        """Announce a file."""
        return self._over(lambda: self.there.taking.announce(self.device_id, sha, size).offset)

    def send(self, sha: str, offset: int, chunk: bytes) -> int:
        """Send bytes; a cut is at any byte."""
        rng = self.network.rng
        arrived = chunk
        if rng.random() < self.network.garbled:
            arrived = chunk[: rng.randrange(len(chunk) + 1)]
        elif chunk and rng.random() < self.spoiled:
            arrived = bytes([chunk[0] ^ 1]) + chunk[1:]
        return self._over(lambda: self._take(sha, offset, chunk, arrived))

    def _take(self, sha: str, offset: int, chunk: bytes, arrived: bytes) -> int:
        """Take a piece as the route does: one that breaks off under its checksum is cut back."""
        incoming = self.there.taking.append(sha, offset)
        if incoming is None:
            return offset
        try:
            incoming.write(arrived)
            if len(arrived) < len(chunk):
                incoming.cut(incoming.start)
                raise Unreachable("cut", partway=True)
            if not self.is_right(chunk, arrived):
                incoming.cut(incoming.start)
                raise BytesDamaged(whole=False)
            return self.there.taking.advance(sha, incoming).offset
        finally:
            incoming.close()

    def is_right(self, chunk: bytes, arrived: bytes) -> bool:
        """Compare a piece with its checksum."""
        return arrived == chunk

    def fetch(self, sha: str, *, preview: bool = False) -> bytes:
        """Fetch a file."""
        return b"".join(self.there.store.read(sha))

    def _over(self, call: Callable[[], T]) -> T:
        network, disk = self.network, self.there.server.disk
        if network.rng.random() < network.lost_request:
            raise Unreachable
        if network.rng.random() < network.cut_server:
            disk.statements_left = network.rng.randrange(1, 60)
        try:
            answer = call()
        except Problem as no:
            raise meaning_of(Denied(no.status, no.code, {}, 1)) from no
        except (PowerCut, DatabaseBusyError):
            disk.power_on()
            raise Unreachable(partway=True) from None
        finally:
            disk.statements_left = None
        if network.rng.random() < network.lost_answer:
            raise Unreachable(partway=True)
        return answer


class FileHistory:
    """One history of photos. `faults` None chooses them by the seed."""

    def __init__(self, seed: int, *, steps: int = STEPS, faults: frozenset[str] | None = None) -> None:
        self.rng = random.Random(seed)
        self.steps = steps
        self.faults = frozenset(f for f in FAULTS if self.rng.random() < 0.4) if faults is None else faults
        self.time = Time()

    def run(self) -> None:
        """Live through it. Raises Violation."""
        with _folder() as folder:
            self._begin(folder)
            for _ in range(self.steps):
                self.time.pass_by(self.rng.choice((500, 20_000, 3_600_000)))
                self._step()
            self._heal()
            self._check()

    def _begin(self, folder: Path) -> None:
        rng, stage = self.rng, images()
        self.network = Network(rng)
        for fault, name in (("cut", "garbled"), ("lost", "lost_request"), ("lost", "lost_answer")):
            if fault in self.faults:
                setattr(self.network, name, rng.choice((0.1, 0.3)))
        self.server = SimServer(stage.server, self.time, rng)
        self.there = FileServer(self.server, folder)
        self.devices = [
            SimDevice(f"tablet-{i}", stage.sealed[i], self.server, self.time, self.network) for i in range(2)
        ]
        self.shelves = [MemoryShelf() for _ in self.devices]
        self.kept_devices = [device.disk.image() for device in self.devices]
        self.backup = self.server.disk.image()
        self.put_back: set[int] = set()
        for place in range(len(self.devices)):
            self._start(place)
            self.devices[place].engine.turn(asked=True)

    def _start(self, place: int) -> None:
        """Start the app on what is on the disk and on the shelf."""
        device = self.devices[place]
        box = FileBox(device.store, self.shelves[place])
        box.look_after()
        spoiled = 0.2 if "spoiled" in self.faults else 0.0
        line = SimFiles(self.there, DEVICES[place], self.network, spoiled)
        device.engine.uploads = Uploads(box, line, device.clock, self.rng.random, chunks=SMALL)

    def _step(self) -> None:
        rng, place, roll = self.rng, self.rng.randrange(len(self.devices)), self.rng.random()
        if roll < 0.3:
            self._attach(place)
        elif roll < 0.8:
            self._turns(place)
        else:
            self._fault(place, rng.choice(FAULTS))

    def _attach(self, place: int) -> None:
        rng, device = self.rng, self.devices[place]
        with device.store.read() as session:
            tickets = session.scalars(select(Ticket.id).order_by(Ticket.id)).all()
            mine = session.scalars(
                select(Attachment).where(Attachment.withdrawn.is_(False)).order_by(Attachment.id)
            ).all()
            session.expunge_all()
        if not tickets:
            return
        if mine and rng.random() < 0.1:
            row = rng.choice(mine)
            device.store.give(WithdrawFile(row.id, row.ticket_id, "wrong one"))
            return
        data = b"\xff\xd8\xff" + random.Random(rng.randrange(40)).randbytes(rng.randrange(100, 6_000))
        preview = b"\xff\xd8\xff" + data[-60:]
        box = device.engine.uploads.box if device.engine.uploads else None
        assert box is not None
        new = NewFile(rng.choice(tickets), None, "photo", "", "a.jpg", instant(self.time.now_ms))
        self._under_power(place, lambda: box.attach(new, Prepared(data, "image/jpeg", preview)))

    def _turns(self, place: int) -> None:
        device = self.devices[place]
        if self.rng.random() < 0.3:
            ticket = _ticket(device)
            if ticket:
                device.store.give(AddNote(ticket, "on the way"))
        if "power" in self.faults:
            self.network.cut_server = self.rng.choice((0.0, 0.2))

        def talk() -> None:
            device.engine.turn(asked=True)
            for _ in range(self.rng.randrange(1, 9)):
                device.engine.turn()

        self._under_power(place, talk)

    def _under_power(self, place: int, work: Callable[[], Any]) -> None:
        device = self.devices[place]
        if "crash" in self.faults and self.rng.random() < 0.15:
            device.disk.statements_left = self.rng.randrange(1, 60)
        try:
            work()
        except PowerCut:
            device.crash()
            self._start(place)
        finally:
            device.disk.statements_left = None

    def _fault(self, place: int, kind: str) -> None:
        if kind not in self.faults:
            return
        rng, device = self.rng, self.devices[place]
        names = sorted(self.there.store.names())
        if kind == "crash":
            device.crash()
            self._start(place)
        elif kind in ("lose", "rot") and names:
            path = self.there.store.path(rng.choice(names))
            path.unlink() if kind == "lose" else path.write_bytes(b"\xff\xd8\xff rotten")
        elif kind == "server_restore":
            if rng.random() < 0.5:
                self.backup = self.server.disk.image()
            else:
                self.server.disk.put_back(self.backup)
        elif kind == "device_restore":
            if rng.random() < 0.5:
                self.kept_devices[place] = device.disk.image()
            else:
                device.disk.put_back(self.kept_devices[place])
                self.put_back.add(place)
                device.crash()
                self._start(place)

    def _heal(self) -> None:
        self.network.heal()
        for device in self.devices:
            uploads = device.engine.uploads
            if uploads is not None and isinstance(uploads.exchange, SimFiles):
                uploads.exchange.spoiled = 0.0
        quiet = 0
        for turn in range(TURNS_TO_REST):
            if turn % 40 == 0 or quiet:
                self.there.look()
                quiet = 0
            self.time.pass_by(60_000)
            asked = [self._talk(device) for device in self.devices]
            if not any(asked):
                if turn and not self._waits():
                    return
                quiet = 1
        check(False, "20 progress: files not at rest", self._waits())

    def _talk(self, device: SimDevice) -> bool:
        """Take turns until a tablet has nothing to say; says whether it had."""
        said = False
        device.engine.line = Line(worked=True)
        for _ in range(30):
            if device.engine.uploads is not None:
                device.engine.uploads.chunks = replace(device.engine.uploads.chunks, next_try_ms=0)
            step = device.engine.turn(asked=not said)
            check(device.engine.last_error == "", "20 progress", device.name, device.engine.last_error)
            said = True
            if step.value == "wait":
                break
        facts = device.engine.facts()
        return bool(facts.waiting or facts.reoffer or facts.reconcile or device.engine.has_files_to_send)

    def _waits(self) -> list[Any]:
        """List what is not where it belongs: of tablets, and of the server."""
        found: list[Any] = []
        for device in self.devices:
            with device.store.read() as session:
                found += session.execute(
                    select(Blob.sha, Blob.state, Blob.error).where(Blob.state == "waiting")
                ).all()
        with Session(self.server.disk.engine) as session:
            found += session.execute(
                select(Attachment.sha256, Attachment.state).where(
                    Attachment.state != "stored", Attachment.withdrawn.is_(False)
                )
            ).all()
        return found

    def _check(self) -> None:
        there = {name: b"".join(self.there.store.read(name)) for name in self.there.store.names()}
        for name, data in there.items():
            check(hashlib.sha256(data).hexdigest() == name, "I1 right bytes", name)
        with Session(self.server.disk.engine) as session:
            rows = session.scalars(select(Attachment)).all()
            named = {row.sha256 for row in rows} | {row.preview_sha256 for row in rows}
            receipts = set(session.scalars(text("SELECT op_id FROM receipt")))
            for row in rows:
                if not row.withdrawn:
                    check(row.state == "stored", "every photo arrives", row.id, row.state)
                    check(row.sha256 in there, "and is there", row.id)
                if row.state == "stored":
                    check(row.sha256 in there, "no record without bytes", row.id)
        check(set(there) <= named, "no orphan", sorted(set(there) - named)[:3])
        for place, device in enumerate(self.devices):
            with device.store.read() as session:
                ops = set(session.scalars(text("SELECT id FROM op")))
                lost = session.scalars(select(Blob.sha).where(Blob.state == "lost")).all()
                states = set(session.scalars(select(Attachment.state).where(Attachment.withdrawn.is_(False))))
            check(ops <= receipts, "records never wait", device.name)
            check(not lost, "nothing is lost on a tablet", device.name, lost)
            check(states <= {"stored"} or place in self.put_back, "the tablet knows", device.name, states)


def _ticket(device: SimDevice) -> str:
    with device.store.read() as session:
        return session.scalar(select(Ticket.id).order_by(Ticket.id).limit(1)) or ""


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder in memory where the machine has one: what a disk does to files is tried elsewhere."""
    memory = Path("/dev/shm")  # noqa: S108
    made = tempfile.mkdtemp(prefix="fieldwright-sim-", dir=memory if memory.is_dir() else None)
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)
