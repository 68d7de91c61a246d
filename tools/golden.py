"""Write into tests/golden what is not there yet: new commands, new versions. What is there is never touched.

Usage: python -m tools.golden [TESTS…]. Histories are taken from the tests of the rooms: what they do to an empty world is
written down if living through it again gives the same answers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

import pytest

import common.nouns  # noqa: F401 - registers every command
import sync_server.sync.parked  # noqa: F401 - the command only the server has
from common.kernel.clock import millis
from common.kernel.codec import compact, encode
from common.kernel.command import REGISTRY
from common.kernel.op import Op
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from sync_server.db.unit_of_work import Arrival, UnitOfWork
from tests.support.examples import EXAMPLES, Around
from tests.support.fake_clock import START_AT
from tests.support.golden import HISTORIES, SHAPES, Master, Step, histories, shape_of, shapes
from tests.support.visit_world import VisitWorld
from tests.support.world import World
from tools.golden_story import told as story

ROOMS = (
    "visit",
    "tickets",
    "stock",
    "equipment",
    "coverage",
    "customers",
    "people",
    "policy",
    "sla",
    "inbox",
    "files",
    "sync",
)
LONGEST = 120
TOOK_EFFECT = frozenset({"ok", "merged", "flagged"})
Key = tuple[str, int]


def main(paths: Sequence[str] = ()) -> int:
    """Add what is missing; say what could not be found. `paths` are tests to listen to instead of all rooms'."""
    HISTORIES.mkdir(parents=True, exist_ok=True)
    shapes_written = write_shapes()
    added = 0
    if missing() & keys_of(told := by_hand()):
        added += write_histories([told])
    if missing():
        added += write_histories(recorded(paths or [f"tests/unit/{room}" for room in ROOMS]))
    print(f"{shapes_written} shapes and {added} histories written")
    for kind, version in sorted(missing()):
        print(f"no test of a room gives {kind} version {version} with effect in a history of its own")
    return 1 if missing() else 0


def missing() -> set[Key]:
    """List the commands, at their newest version, that take effect in no history yet."""
    there = {key for steps in histories().values() for key in keys_of(steps)}
    return {(kind, spec.version) for kind, spec in REGISTRY.items()} - there


def write_shapes() -> int:
    """Write down the shape of every command that is not written down at its version."""
    known, around = shapes(), Around.of(World(name="golden").id, START_AT)
    fresh = []
    for kind, spec in sorted(REGISTRY.items()):
        if (kind, spec.version) in known or spec.payload not in EXAMPLES:
            continue
        example = encode(EXAMPLES[spec.payload](around))
        fresh.append({"k": kind, "v": spec.version, "fields": shape_of(kind), "example": example})
    with SHAPES.open("a", encoding="utf-8") as file:
        file.writelines(compact(item) + "\n" for item in fresh)
    return len(fresh)


def keys_of(steps: list[Step]) -> set[Key]:
    """List what takes effect in one history."""
    return {(step.op["k"], step.op.get("v", 1)) for step in steps if step.status in TOOK_EFFECT}


def write_histories(candidates: list[list[Step]]) -> int:
    """Choose the fewest recorded histories that hold what is missing, and write them."""
    wanted, added = missing(), 0
    candidates = [steps for steps in candidates if keys_of(steps) & wanted]
    while wanted and candidates:
        candidates.sort(key=lambda steps: (-len(keys_of(steps) & wanted), len(steps)))
        steps = candidates.pop(0)
        if not keys_of(steps) & wanted:
            break
        steps = cut(steps, wanted)
        if not lives_again(steps):
            continue
        number = len(list(HISTORIES.glob("*.jsonl"))) + 1
        path = HISTORIES / f"{number:03d}.jsonl"
        path.write_text("".join(compact(asdict(step)) + "\n" for step in steps), "utf-8")
        wanted -= keys_of(steps)
        added += 1
    return added


def cut(steps: list[Step], wanted: set[Key]) -> list[Step]:
    """Leave out what comes after the last command that is wanted."""
    last = max(i for i, step in enumerate(steps) if keys_of([step]) & wanted)
    return steps[: last + 1]


def lives_again(steps: list[Step]) -> bool:
    """Say whether a history gives the same answers on a database of its own."""
    master = Master()
    try:
        return all(master.give(step).status == step.status for step in steps)
    except Exception as error:  # noqa: BLE001 - a history that leans on more than its commands is not taken
        print(f"left out: {type(error).__name__}", file=sys.stderr)
        return False
    finally:
        master.close()


def by_hand() -> list[Step]:
    """Live through the history that is written by hand."""
    worlds: dict[int, list[Step]] = {}
    with listening(worlds):
        world = VisitWorld()
        world.assign()
    master, steps = Master(), list(worlds[id(world)])
    for step in steps:
        master.give(step)
    for step in story(world, master):
        outcome = master.give(step)
        steps.append(replace(step, status=outcome.status, code=outcome.code))
    master.close()
    return steps


def recorded(paths: Sequence[str]) -> list[list[Step]]:
    """Run tests and write down what each world was given."""
    worlds: dict[int, list[Step]] = {}
    with listening(worlds):
        pytest.main(["-q", "-x", "-p", "no:cacheprovider", *paths])
    return [steps for steps in worlds.values() if len(steps) <= LONGEST]


@contextmanager
def listening(worlds: dict[int, list[Step]]) -> Iterator[None]:
    """Write down every command that is given, by the world or database it is given in."""
    keep: list[Any] = []  # an id is not used twice while its owner lives
    real_do, real_run = World.do, UnitOfWork.run

    def do(self: World, payload: Any, **given: Any) -> Outcome:
        outcome = real_do(self, payload, **given)
        keep.append(self)
        if self.authority and self.work is not None:
            work = self.work
            at, received = millis(work.at), millis(work.received_at)
            step = step_of(work.actor, work.op, at, received, work.live, work.override)
            worlds.setdefault(id(self), []).append(step(outcome))
        return outcome

    def run(
        self: UnitOfWork,
        actor: Actor,
        op: Op,
        arrival: Arrival,
        *,
        live: bool,
        override: bool = False,
        undo: bool = True,
    ) -> Outcome:
        outcome = real_run(self, actor, op, arrival, live=live, override=override, undo=undo)
        engine = self.session.get_bind()
        keep.append(engine)
        step = step_of(actor, op, millis(arrival.happened_at), millis(self.now), live, override)
        worlds.setdefault(id(engine), []).append(step(outcome))
        return outcome

    World.do, UnitOfWork.run = do, run  # type: ignore[method-assign]
    try:
        yield
    finally:
        World.do, UnitOfWork.run = real_do, real_run  # type: ignore[method-assign]


def step_of(
    actor: Actor, op: Op, at: int, received: int, live: bool, override: bool
) -> Callable[[Outcome], Step]:
    """Write down a command; what became of it is filled in."""
    roles = tuple(sorted(role.value for role in actor.roles))

    def done(outcome: Outcome) -> Step:
        return Step(
            encode(op) | {"v": op.v}, actor.person_id, roles, actor.place.value, actor.device_id, at, received, live,
            override, outcome.status, outcome.code,
        )  # fmt: skip

    return done


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
