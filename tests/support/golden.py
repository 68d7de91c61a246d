"""The golden corpus: every command as it was first released, with histories in which it takes effect.

Owns reading the files of `tests/golden` and living through a history on the server's own unit of work. Lines that are
there are never changed: `tools/golden.py` only adds what is missing.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from common.kernel.clock import Reading, instant
from common.kernel.codec import decode
from common.kernel.command import REGISTRY, Place, Role
from common.kernel.op import Op
from common.kernel.outcome import Outcome
from common.kernel.record import synced_entities
from common.kernel.work import Actor
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.schema import create_tables, plant_stream
from sync_server.db.unit_of_work import Arrival, UnitOfWork
from sync_server.sync.push import park
from tools.protocol_page import fields

FOLDER = Path(__file__).resolve().parents[1] / "golden"
SHAPES = FOLDER / "commands.jsonl"
HISTORIES = FOLDER / "histories"


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a history: who gave it, when it happened and was taken in, and what became of it."""

    op: dict[str, Any]
    person: str
    roles: tuple[str, ...]
    place: str
    device: str
    at: int
    received: int
    live: bool
    override: bool
    status: str
    code: str


def shapes() -> dict[tuple[str, int], dict[str, Any]]:
    """Read what is written down of every command and version: its fields, an example, the least it may carry."""
    lines = SHAPES.read_text("utf-8").splitlines() if SHAPES.exists() else []
    read = [json.loads(line) for line in lines]
    return {(item["k"], item["v"]): item for item in read}


def shape_of(kind: str) -> list[list[Any]]:
    """Describe a command's fields as they are in the code today."""
    return fields(REGISTRY[kind].payload)


def histories() -> dict[str, list[Step]]:
    """Read every history that was written down."""
    return {path.stem: read_history(path) for path in sorted(HISTORIES.glob("*.jsonl"))}


def read_history(path: Path) -> list[Step]:
    """Read one history."""
    read = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [Step(**item | {"roles": tuple(item["roles"])}) for item in read]


class Clock:
    """A clock that says what a history says."""

    def __init__(self) -> None:
        self.now_ms = 0

    def read(self) -> Reading:
        """Read it."""
        return Reading(self.now_ms, self.now_ms, "golden")


class Master:
    """An empty master database, for one history."""

    def __init__(self) -> None:
        self.clock = Clock()
        engine = make_engine("sqlite://")
        create_tables(engine)
        self.database = Database(engine, self.clock, random.Random(7).randbytes)
        with engine.connect() as connection:
            plant_stream(connection, self.database.random_bytes)
            connection.commit()

    def give(self, step: Step) -> Outcome:
        """Take one command of a history in, as the server takes commands in."""
        self.clock.now_ms = max(step.received, step.at)
        actor = Actor(step.person, frozenset(map(Role, step.roles)), Place(step.place), step.device)
        op = decode(Op, step.op)
        arrival = Arrival(instant(step.at), step.device)

        def write(unit: UnitOfWork) -> Outcome:
            outcome = unit.run(actor, op, arrival, live=step.live, override=step.override)
            if outcome.status == "parked" and actor.is_field:
                park(unit, actor, op, arrival, outcome, None)
            return outcome

        return self.database.transact(write)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Read every synced table whole."""
        with self.database.read() as session:
            connection = session.connection()
            return {
                name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name} ORDER BY id"))]
                for name in synced_entities()
            }

    def close(self) -> None:
        """Let go of it."""
        self.database.engine.dispose()
