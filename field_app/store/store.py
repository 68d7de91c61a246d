"""The tablet's store: gives commands, reads for screens, and is the only place of the app that commits.

Owns one SQLite file of one person on one server. The sync half (what to send, what to do with an answer) is in
`outbox.py` and `apply.py`, which run inside this store's transactions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlalchemy import Engine, delete, func, insert, select, text
from sqlalchemy.orm import Session

from common.kernel.clock import Clock, Reading
from common.kernel.codec import encode
from common.kernel.command import spec_of
from common.kernel.ids import RandomBytes, uuid7
from common.kernel.op import Op, make_op
from common.kernel.outcome import Outcome
from field_app.store.lease import LeaseWatch
from field_app.store.memo import MEMO, Memo
from field_app.store.overlay import actor_for, builds_on, note_touches, run_op
from field_app.store.private import MARK, Private, lay_over, lift, seal_what_is_plain
from field_app.store.schema import Draft, OutboxOp, SyncState, clear_schema, open_schema
from field_app.store.settings import keep_setting, setting_of
from field_app.vault.cipher import Sealer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a command given on this tablet. Where `outcome.took_effect`, it is stored for good."""

    op_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this tablet is: '' everywhere before enrolment."""

    device_id: str
    person_id: str
    server_url: str


class OtherKeyError(Exception):
    """The file is sealed with another key than the vault's."""


class NotEnrolledError(Exception):
    """Nobody works on this tablet yet."""


class Store:
    """One store over one engine. Safe to use from several threads: one transaction at a time."""

    trouble = ""  # why nothing, or nothing more, can be saved on this device: see `roomy.py`

    def __init__(self, engine: Engine, clock: Clock, random_bytes: RandomBytes) -> None:
        """Open or create the file. Raises StoreTooNewError."""
        self.engine = engine
        self.clock = clock
        self.random_bytes = random_bytes
        self._lock = threading.RLock()
        self._memo = Memo()
        self.listeners: set[Callable[[], None]] = set()
        open_schema(engine)
        self._private = Private()
        self.lease = LeaseWatch(clock)
        with self.read() as session:
            self.lease.read(session)
        if self.setting(MARK):
            lay_over(engine, self._private)

    @property
    def sealed_with(self) -> str:
        """Return the id of the key this file is sealed with; '' while it is plain."""
        return self.setting(MARK)

    @property
    def sealer(self) -> Sealer | None:
        """Return the key that is in memory; None before there is one and while it is closed."""
        return self._private.sealer

    def unseal(self, sealer: Sealer, key_id: str) -> None:
        """Use the key from now on; a file that is still plain is sealed first. Raises OtherKeyError.

        Killed while it seals, the file is read as before and the next call goes on.
        """
        with self._lock:
            mark = self.sealed_with
            if mark not in ("", key_id):
                raise OtherKeyError(mark)
            self._private.sealer = sealer
            if not mark:
                seal_what_is_plain(self.engine, self._private)
                self.choose(MARK, key_id)
                lay_over(self.engine, self._private)
        for listener in list(self.listeners):
            listener()

    def shut(self) -> None:
        """Forget the key: what is private cannot be read until `unseal`."""
        self._private.sealer = None

    def erase(self, note: tuple[str, str]) -> None:
        """Remove everything this file holds and leave one setting: why. It is then as new, and nobody's."""
        with self._lock:
            lift(self.engine)
            self._private.sealer = None
            self._memo = Memo()
            self.lease = LeaseWatch(self.clock)
            clear_schema(self.engine)
            self.choose(*note)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session to read from; nothing written in it is kept."""
        with self._lock, Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session
            session.rollback()

    def write(self, work: Callable[[Session], T]) -> T:
        """Run `work` in one durable transaction."""
        with self._lock, Session(self.engine, expire_on_commit=False, info={MEMO: self._memo}) as session:
            result = work(session)
            session.commit()
        for listener in list(self.listeners):
            listener()
        return result

    def identity(self) -> Identity:
        """Read who this tablet is."""
        with self.read() as session:
            state = state_of(session)
            return Identity(state.device_id, state.person_id, state.server_url)

    def enrol(
        self,
        device_id: str,
        person_id: str,
        server_url: str,
        token: str,
        incarnation: int = 1,
        *,
        settings: Mapping[str, str],
    ) -> None:
        """Make this store a person's, with what the server said beside. One with work of somebody else is left (T31).

        Raises ValueError `store_of_another_person`.
        """

        def take(session: Session) -> None:
            state = state_of(session)
            if state.person_id not in ("", person_id):
                raise ValueError("store_of_another_person")
            state.device_id, state.person_id, state.server_url = device_id, person_id, server_url
            state.token, state.incarnation, state.next_n = token, incarnation, 1
            state.reoffer = 1 if session.scalar(select(func.count()).select_from(OutboxOp)) else 0
            for key, value in settings.items():
                keep_setting(session, key, value)

        self.write(take)

    def give(
        self,
        payload: Any,
        *,
        group: str = "",
        reading: Reading | None = None,
        beside: Callable[[Session, str], None] | None = None,
    ) -> Given:
        """Execute a command here and keep it for the server, in one transaction (idea 2).

        `reading`: the clocks as of the moment it was given, where that was noted before; `beside` writes, in the same
        transaction, what belongs to the command with this id. Refused: nothing is kept and the outcome says why.
        Otherwise it is durable when this returns. Raises NotEnrolledError, BadPayload.
        """
        return self.give_together((payload,), group=group, reading=reading, beside=beside)[-1]

    def give_together(
        self,
        payloads: Sequence[Any],
        *,
        group: str,
        reading: Reading | None = None,
        beside: Callable[[Session, str], None] | None = None,
    ) -> list[Given]:
        """Execute commands that share one fate, in one transaction: all are kept or none (T27).

        As `give`; what is returned ends with the first that was refused.
        """
        given: list[Given] = []
        with self._lock, Session(self.engine, expire_on_commit=False, info={MEMO: self._memo}) as session:
            if not state_of(session).person_id:
                raise NotEnrolledError
            reading = reading or self.clock.read()
            for payload in payloads:
                given.append(self._give(session, payload, group, reading, beside))
                if not given[-1].outcome.took_effect:
                    session.rollback()
                    self._memo.forget([one.op_id for one in given])
                    break
            self.lease.keep(session, state_of(session).clock_error_ms)
            session.commit()
        if given[-1].outcome.took_effect:
            for listener in list(self.listeners):
                listener()
        return given

    def _give(
        self,
        session: Session,
        payload: Any,
        group: str,
        reading: Reading,
        beside: Callable[[Session, str], None] | None,
    ) -> Given:
        """Execute one command and put it into the outbox; the transaction is the caller's."""
        session.flush()
        session.expunge_all()  # so that every read of this command is seen as one
        state = state_of(session)
        op_id = uuid7(reading.wall_ms, self.random_bytes)
        if over := self.lease.refusal(session, payload, state.clock_error_ms):
            return Given(op_id, Outcome("parked", over))
        op = make_op(payload, op_id, reading, clock_error_ms=state.clock_error_ms, group=group)
        actor = actor_for(state.person_id, state.device_id)
        outcome, work = run_op(session, op, actor, live=True)
        if outcome.took_effect:
            op = replace(op, d=builds_on(session, work))
            aggs = {spec_of(op.k).about(payload), *work.touched.values(), *work.loaded}
            if beside is not None:
                beside(session, op_id)
            self._keep(session, state, op, payload, aggs)
        return Given(op_id, outcome)

    def _keep(self, session: Session, state: SyncState, op: Op, payload: Any, aggs: set[str]) -> None:
        row = OutboxOp(
            ord=next_ord(session),
            id=op.id,
            n=state.next_n,
            kind=op.k,
            envelope=encode(op),
            agg=spec_of(op.k).about(payload),
            ticket_id=getattr(payload, "ticket_id", None),
            given_ms=op.w,
            state="new",
            tries=0,
            result_seq=0,
            status="",
            code="",
            details={},
            local_code="",
        )
        session.add(row)
        session.flush()
        note_touches(session, row.ord, aggs)
        state.next_n += 1

    def lease_trouble(self) -> str:
        """Name why nothing new is begun here, '' while it is, and write down now and then how far time has come."""
        with self.read() as session:
            state = state_of(session)
            error_ms, is_enrolled = state.clock_error_ms, bool(state.person_id)
            code = self.lease.trouble(session, error_ms)
        if self.lease.is_due(error_ms):
            self.write(lambda session: self.lease.keep(session, error_ms))
        return code if is_enrolled else ""

    def keep_draft(self, key: str, body: dict[str, Any]) -> None:
        """Keep a half-typed form; an empty one is forgotten."""
        now_ms = self.clock.read().wall_ms

        def keep(session: Session) -> None:
            session.execute(delete(Draft).where(Draft.key == key))
            if body:
                session.execute(insert(Draft).values(key=key, body=body, saved_ms=now_ms))

        with self._lock, Session(self.engine) as session:
            keep(session)
            session.commit()

    def draft(self, key: str) -> dict[str, Any]:
        """Bring a half-typed form back; empty if there is none."""
        with self.read() as session:
            return session.scalar(select(Draft.body).where(Draft.key == key)) or {}

    def setting(self, key: str, default: str = "") -> str:
        """Read a setting."""
        with self.read() as session:
            return setting_of(session, key) or default

    def choose(self, key: str, value: str) -> None:
        """Keep a setting."""
        self.write(lambda session: keep_setting(session, key, value))

    def check(self) -> str:
        """Run SQLite's quick check; 'ok' or what is wrong."""
        with self.read() as session:
            return str(session.execute(text("PRAGMA quick_check(1)")).scalar())


def next_ord(session: Session) -> int:
    """Return the next place in the outbox; one that was used is never given again."""
    return int(session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'op'")) or 0) + 1


def state_of(session: Session) -> SyncState:
    """Read the one row of sync state."""
    state = session.get(SyncState, 1)
    assert state is not None
    return state
