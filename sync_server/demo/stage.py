"""Where the demo's past is played: a clock that is set, people who give commands, many of them in one transaction.

Owns time and identity. Every write is a command given through the server's unit of work, as of when it happened.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.clock import EPOCH, Reading, millis
from common.kernel.command import Place, Role
from common.kernel.ids import derive_id
from common.kernel.op import make_op
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.people.person import Person
from common.policy.model import Policy
from common.policy.policy_set import active_policy
from sync_server.db.database import Database
from sync_server.db.office import SYSTEM
from sync_server.db.unit_of_work import Arrival, UnitOfWork

LOCAL = ZoneInfo("Asia/Shanghai")
A_TRANSACTION = 200
Story = Iterator[datetime]


class DemoError(RuntimeError):
    """A command of the demo was refused: its story does not fit the product's rules."""


@dataclass(slots=True)
class DemoClock:
    """A clock that shows what it was set to."""

    at: datetime = EPOCH

    def read(self) -> Reading:
        """Read the clocks."""
        return Reading(millis(self.at), millis(self.at), "demo")


@dataclass(slots=True)
class Stage:
    """Plays stories: each is a generator that yields when it goes on. `now` is the time of the step being played."""

    database: Database
    clock: DemoClock
    chance: Random
    box_key: str = ""
    salt: str = ""  # names the day a scene was added, so that its ids are its own
    people: dict[str, Person] = field(default_factory=dict)
    free_at: dict[str, datetime] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    given: int = 0
    _unit: UnitOfWork | None = None
    _waiting: list[tuple[datetime, int, Story]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _policy: Policy | None = None

    def meet(self) -> None:
        """Get to know the people and the policy of the database."""
        with self.database.read() as session:
            self.people = {person.number: person for person in session.scalars(select(Person))}
            session.expunge_all()
            self._policy = active_policy(session)

    @property
    def now(self) -> datetime:
        """Return the time of the step being played."""
        return self.clock.at

    @property
    def session(self) -> Session:
        """Return the session of the transaction being played."""
        assert self._unit is not None
        return self._unit.session

    @property
    def policy(self) -> Policy:
        """Return the policy in force."""
        assert self._policy is not None
        return self._policy

    def id(self, *words: str) -> str:
        """Make the next id: the same in every making of the demo."""
        return derive_id("demo", self.salt, *words, str(self.given), str(next(self._order)))

    def add(self, story: Story) -> None:
        """Put a story on the bill; its first `yield` says when it begins."""
        first_at = next(story, None)
        if first_at is not None:
            heapq.heappush(self._waiting, (first_at, next(self._order), story))

    def play(self, until: datetime, progress: Callable[[datetime], None] = lambda _at: None) -> None:
        """Play what happens until a time, in the order of time."""
        while self._waiting and self._waiting[0][0] <= until:
            self.clock.at = max(self.clock.at, self._waiting[0][0])
            self.database.transact(lambda unit: self._play_some(unit, until))
            progress(self.clock.at)

    def do(self, step: Callable[[], None], at: datetime) -> None:
        """Play one step in its own transaction."""

        def story() -> Story:
            yield at
            step()

        self.add(story())
        self.play(at)

    def _play_some(self, unit: UnitOfWork, until: datetime) -> None:
        self._unit = unit
        end = self.given + A_TRANSACTION
        while self._waiting and self._waiting[0][0] <= until and self.given < end:
            at, _, story = heapq.heappop(self._waiting)
            self.clock.at = unit.now = max(self.clock.at, at)
            next_at = next(story, None)
            if next_at is not None:
                heapq.heappush(self._waiting, (next_at, next(self._order), story))
        self._unit = None

    def office(self, who: str, payload: Any, *, may_refuse: bool = False) -> Outcome:
        """Give a command at the console."""
        person = self.people[who]
        actor = Actor(person.id, frozenset(Role(role) for role in person.roles), Place.OFFICE)
        return self._give(actor, payload, self.now, live=True, may_refuse=may_refuse)

    def field(self, who: str, payload: Any, at: datetime | None = None) -> Outcome:
        """Give a command on an engineer's tablet at a time before now: it reaches the server now."""
        person = self.people[who]
        actor = Actor(person.id, frozenset({Role.ENGINEER}), Place.TABLET)
        return self._give(actor, payload, at or self.now, live=False, may_refuse=False)

    def system(self, payload: Any) -> Outcome:
        """Give a command of scheduled work."""
        return self._give(SYSTEM, payload, self.now, live=True, may_refuse=False)

    def _give(self, actor: Actor, payload: Any, at: datetime, *, live: bool, may_refuse: bool) -> Outcome:
        assert self._unit is not None
        self.given += 1
        op = make_op(
            payload,
            derive_id("demo", self.salt, "op", str(self.given), str(millis(at))),
            Reading(millis(at), 0, "demo"),
        )
        outcome = self._unit.run(actor, op, Arrival(at), live=live)
        if not outcome.took_effect and not may_refuse:
            raise DemoError(f"{op.k} at {at}: {outcome.code} {dict(outcome.values)}")
        for flag in outcome.flags:
            self.flagged[flag.code] = self.flagged.get(flag.code, 0) + 1
        return outcome

    def local(self, at: datetime) -> datetime:
        """Return the wall time of the company."""
        return at.astimezone(LOCAL)

    def strokes(self) -> str:
        """Write a signature: three strokes of points (x, y, milliseconds)."""
        lines = []
        at = 0
        for stroke in range(3):
            x, y = 40 + 70 * stroke + self.chance.randrange(20), 60 + self.chance.randrange(30)
            line = []
            for _ in range(10):
                x, y = x + self.chance.randrange(-4, 13), y + self.chance.randrange(-12, 13)
                at += 12 + self.chance.randrange(9)
                line.append([x, max(4, min(156, y)), at])
            lines.append(line)
            at += 180
        return json.dumps(lines, separators=(",", ":"))


def minutes(n: int) -> timedelta:
    """Return so many minutes."""
    return timedelta(minutes=n)


def at_local(day: datetime, hour: int, minute: int = 0) -> datetime:
    """Return an hour of a local day as an instant."""
    return day.astimezone(LOCAL).replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(UTC)
