"""A server and its tablets in one process and one thread: real code, faked time, network and disks.

Owns the fakes. What happens to them is decided in `history.py`, what must hold in `checks.py`.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event

from common.kernel.clock import Reading
from common.kernel.codec import compact, decode, encode, read_json
from common.protocol.messages import (
    Busy,
    HaveAnswer,
    HaveRequest,
    ReconcileRequest,
    SyncAnswer,
    SyncRequest,
    Unreachable,
)
from field_app.store.engine import make_store_engine
from field_app.store.store import Store
from field_app.sync.engine import SyncEngine
from field_app.vault.cipher import Cipher
from sync_server.db.database import Database, DatabaseBusyError
from sync_server.db.engine import make_engine
from sync_server.sync.service import SyncService

START_MS = 1_795_000_000_000


class SharedStatements(dict[Any, Any]):
    """What was compiled for one disk of a kind serves the next: every engine has a dialect of its own, all alike."""

    def get(self, key: Any, default: Any = None) -> Any:
        """Find it whatever the dialect, the key's first part."""
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


_SERVERS, _TABLETS = SharedStatements(), SharedStatements()


class PowerCut(BaseException):  # noqa: N818 - a catastrophe, not an error anyone may catch
    """The process dies between two statements."""


@dataclass(slots=True)
class Time:
    """The true time of the simulated world, in milliseconds."""

    now_ms: int = START_MS

    def pass_by(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms


@dataclass(slots=True)
class SimClock:
    """A clock that may be wrong: `offset_ms` is its error, `boot` changes when the machine starts anew."""

    time: Time
    offset_ms: int = 0
    started_ms: int = START_MS - 1000
    boot: str = "boot-0"

    def read(self) -> Reading:
        """Read it."""
        wall_ms = max(self.time.now_ms + self.offset_ms, 0)
        return Reading(wall_ms, self.time.now_ms - self.started_ms, self.boot)

    def restart(self, name: str) -> None:
        """Start the machine anew."""
        self.started_ms, self.boot = self.time.now_ms - 1, name


class Platter(sqlite3.Connection):
    """A connection whose content outlives the process that held it: closing only gives up what was not committed."""

    count: Callable[[], None]

    def __init__(self, *told: Any, **more: Any) -> None:
        super().__init__(*told, **more)
        self.needles: WeakSet[Needle] = WeakSet()

    def cursor(self, *_: Any) -> sqlite3.Cursor:  # type: ignore[override]
        """Open a cursor whose every statement is counted, whoever runs it."""
        needle = super().cursor(Needle)
        self.needles.add(needle)
        return needle

    def lift(self) -> None:
        """End every statement that was under way: a dead process reads no further."""
        for needle in list(self.needles):
            needle.close()

    def close(self) -> None:
        """End the transaction that was open."""
        self.rollback()


class Needle(sqlite3.Cursor):
    """A cursor that may find the power gone before a statement."""

    def execute(self, *told: Any) -> Any:
        """Run a statement, if there is power."""
        self.connection.count()  # type: ignore[attr-defined]
        return super().execute(*told)

    def executemany(self, *told: Any) -> Any:
        """Run a statement many times, if there is power."""
        self.connection.count()  # type: ignore[attr-defined]
        return super().executemany(*told)


class Disk:
    """A SQLite database in memory whose content can be copied and put back, and whose machine can lose power."""

    def __init__(
        self, open_engine: Callable[[Callable[[], sqlite3.Connection]], Engine], compiled: SharedStatements
    ) -> None:
        """Open an engine on a new, empty disk."""
        self.platter = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False, factory=Platter, cached_statements=1000
        )
        self.platter.count = self._count
        self.statements_left: int | None = None
        self.engine = open_engine(lambda: self.platter)
        self.engine.update_execution_options(compiled_cache=compiled)
        event.listen(self.engine, "commit", self._count)

    def _count(self, *_: Any) -> None:
        if self.statements_left is not None:
            self.statements_left -= 1
            if self.statements_left < 0:
                raise PowerCut

    def power_on(self) -> None:
        """Start on what was committed; every connection of before is gone."""
        self.statements_left = None
        self.engine.dispose()
        self.platter.lift()
        self.platter.rollback()

    def image(self) -> bytes:
        """Copy what is durable."""
        return self.platter.serialize()

    def put_back(self, image: bytes) -> None:
        """Replace the content by a copy."""
        self.platter.rollback()
        self.platter.deserialize(image)

    def scrap(self) -> None:
        """Give the memory back; nothing can be read any more."""
        self.engine.dispose()
        sqlite3.Connection.close(self.platter)


def server_disk() -> Disk:
    """Make an empty disk for a master database."""
    return Disk(lambda creator: make_engine("sqlite://", creator=creator), _SERVERS)


def tablet_disk() -> Disk:
    """Make an empty disk for a tablet's store."""
    return Disk(lambda creator: make_store_engine(None, creator=creator), _TABLETS)


class SimServer:
    """The master: real database code and sync service over an in-memory SQLite."""

    def __init__(self, image: bytes, time: Time, rng: random.Random) -> None:
        """Start from an image."""
        self.clock = SimClock(time)
        self.disk = server_disk()
        self.disk.put_back(image)
        self.database = Database(self.disk.engine, self.clock, rng.randbytes, pause=lambda _s: None)
        self.service = SyncService(self.database)


@dataclass(slots=True)
class Network:
    """What may go wrong between a tablet and the server, each a probability per request."""

    rng: random.Random
    lost_request: float = 0.0
    lost_answer: float = 0.0
    doubled: float = 0.0
    garbled: float = 0.0
    busy: float = 0.0
    cut_server: float = 0.0
    late: list[SyncRequest] = field(default_factory=list)

    def heal(self) -> None:
        """Make the line good."""
        self.lost_request = self.lost_answer = self.doubled = self.garbled = self.busy = self.cut_server = 0.0


class FaultyExchange:
    """The exchange over a bad line. Messages really pass through their wire form."""

    def __init__(self, server: SimServer, network: Network) -> None:
        """Connect."""
        self.server = server
        self.network = network

    def sync(self, request: SyncRequest) -> SyncAnswer:
        """Send a request over the line."""
        wire = compact(encode(request))
        answer = self._send(lambda: self.server.service.sync(decode(SyncRequest, read_json(wire))))
        if self.network.rng.random() < self.network.doubled:
            if self.network.rng.random() < 0.5:
                self.network.late.append(request)
            else:
                answer = self._send(lambda: self.server.service.sync(decode(SyncRequest, read_json(wire))))
        return decode(SyncAnswer, read_json(compact(encode(answer))), strict=False)

    def have(self, request: HaveRequest) -> HaveAnswer:
        """Ask what is unknown."""
        return self._send(lambda: self.server.service.have(request))

    def reconcile(self, request: ReconcileRequest) -> SyncAnswer:
        """Ask what differs."""
        answer = self._send(lambda: self.server.service.reconcile(request))
        return decode(SyncAnswer, read_json(compact(encode(answer))), strict=False)

    def _send(self, call: Callable[[], Any]) -> Any:
        network, roll = self.network, self.network.rng.random
        if roll() < network.lost_request or roll() < network.garbled:
            raise Unreachable
        if roll() < network.busy:
            raise Busy(1)
        if roll() < network.cut_server:
            self.server.disk.statements_left = network.rng.randrange(1, 120)
        try:
            answer = call()
        except PowerCut:
            self.server.disk.power_on()
            raise Unreachable(partway=True) from None
        except DatabaseBusyError:
            raise Busy(1) from None
        finally:
            self.server.disk.statements_left = None
        if roll() < network.lost_answer:
            raise Unreachable(partway=True)
        return answer


def unseal(store: Store, token_bytes: Callable[[int], bytes]) -> None:
    """Open a simulated tablet's private columns, as its engineer's PIN would."""
    store.unseal(Cipher(b"k" * 32, 1, token_bytes), "sim")


class SimDevice:
    """A tablet: real store and engine over an in-memory SQLite."""

    def __init__(self, name: str, image: bytes, server: SimServer, time: Time, network: Network) -> None:
        """Switch it on."""
        self.name = name
        self.time = time
        self.network = network
        self.clock = SimClock(time)
        self.disk = tablet_disk()
        self.disk.put_back(image)
        self.server = server
        self.boots = 0
        self.start()

    def start(self) -> None:
        """Start the app on what is on the disk."""
        self.disk.power_on()
        self.store = Store(self.disk.engine, self.clock, self.network.rng.randbytes)
        # Sealed as in the product; of its own chance, so that a seed stays the history it was.
        unseal(self.store, random.Random(self.boots).randbytes)
        exchange = FaultyExchange(self.server, self.network)
        self.engine = SyncEngine(self.store, exchange, self.clock, self.network.rng.random, "sim")

    def crash(self) -> None:
        """Kill the app; the machine starts anew."""
        self.boots += 1
        self.clock.restart(f"{self.name}-{self.boots}")
        self.start()
