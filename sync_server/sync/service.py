"""One sync request from beginning to end, without HTTP: the same code under the product's routes and the simulator.

Owns the order of steps (sync-protocol 3.6): lane → commands in portions → numbering → one snapshot → page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import select

from common.kernel.clock import instant
from common.kernel.command import Place, Role
from common.kernel.work import Actor
from common.people.person import Person
from common.protocol.messages import (
    Fork,
    HaveAnswer,
    HaveRequest,
    NotTrusted,
    OpResult,
    ReconcileRequest,
    SyncAnswer,
    SyncRequest,
)
from common.protocol.orders import LOST, REVOKED, Lease
from sync_server.db.database import Database, DatabaseBusyError
from sync_server.db.sequencer import numbering
from sync_server.db.tables import Device, Receipt, StreamHead
from sync_server.db.unit_of_work import MustUndo, UnitOfWork
from sync_server.files.arrived import hashes_in, settle
from sync_server.files.wishes import wishes
from sync_server.people.orders import Orders
from sync_server.sync.cursor import Cursor, is_of_this_history, read_cursor
from sync_server.sync.drain import quarantine, without_rows
from sync_server.sync.lanes import enter_lane, fork_lane, hold_lane
from sync_server.sync.pull import Page, read_aggregates, read_page, scope_digest, settled_for
from sync_server.sync.push import ForkSeen, Numbered, portions, push_portion, read_ops, understood

NUMBERING_TRIES = 3


@dataclass(frozen=True, slots=True)
class SyncService:
    """Answers sync requests of authenticated devices. Satisfies the server side of `SyncExchange`."""

    database: Database
    orders: Orders | None = None  # None: nothing is signed, as in the simulator

    def sync(self, request: SyncRequest) -> SyncAnswer:
        """Push what came, bring what is new. Raises NotTrusted, DatabaseBusyError, ServerTooOldError, BadPayload."""
        taken = self._take(request)
        if isinstance(taken, SyncAnswer):
            return taken
        settle(self.database, hashes_in(request.ops))  # bytes may have been here before their record
        return self._pull(request, *taken)

    def drain(self, request: SyncRequest) -> SyncAnswer:
        """Push what came and bring nothing: the app is too old for what the rows look like now (T20)."""
        taken = self._take(request)
        return taken if isinstance(taken, SyncAnswer) else without_rows(self.database, request, *taken[1:3])

    def quarantine(self, request: SyncRequest, code: str) -> SyncAnswer:
        """Keep what came for the office to judge; nothing is done and nothing is shown (G5)."""
        return quarantine(self.database, request, code, self.orders)

    def have(self, request: HaveRequest) -> HaveAnswer:
        """Say which commands have no receipt here. Raises NotTrusted.

        A device that was sent away may ask as well: it must hand over what has not come in (G5).
        """
        known_device(self.database, request.dev)
        head = self.database.number()
        with self.database.read() as session:
            known = set(session.scalars(select(Receipt.op_id).where(Receipt.op_id.in_(request.ids))))
        return HaveAnswer(tuple(op_id for op_id in request.ids if op_id not in known), head)

    def reconcile(self, request: ReconcileRequest) -> SyncAnswer:
        """Send in full what the tablet holds at another revision. Raises NotTrusted."""
        person_id = person_of(self.database, request.dev)
        head = self.database.number()
        with self.database.read() as session:
            page = read_aggregates(session.connection(), person_id, dict(request.have))
        return SyncAnswer(
            put=page.put,
            drop=page.drop,
            cols=page.cols,
            cur=page.cursor.write(),
            head=head,
            now=self._now_ms(),
        )

    def _take(self, request: SyncRequest) -> SyncAnswer | tuple[str, str, list[OpResult], Lease | None]:
        """Enter the lane and take its commands: person, new token, results and lease, or the answer to a fork."""
        ops = understood(read_ops(request.ops), request.app)
        entered = self.database.transact(lambda unit: self._enter(unit, request, len(ops)))
        if isinstance(entered, Fork):
            return self._forked(entered)
        actor, token, lease = entered
        results: list[OpResult] = []
        for portion in portions(ops):
            taken = self._push(request, token, actor, portion)
            if isinstance(taken, Fork):
                return self._forked(taken)
            results.extend(taken)
        return actor.person_id, token, results, lease

    def _enter(
        self, unit: UnitOfWork, request: SyncRequest, ops: int
    ) -> Fork | tuple[Actor, str, Lease | None]:
        device = unit.session.get(Device, request.dev)
        actor = actor_of(unit, device)
        assert device is not None
        entered = enter_lane(unit, request, self.database.random_bytes)
        device.last_contact_at = unit.now
        device.unsent = request.left
        device.oldest_unsent_at = instant(request.old) if request.old else None
        device.clock_error_ms = request.clk.w - self._now_ms()
        device.app = request.app
        cursor = read_cursor(request.cur)
        device.position = cursor.base if cursor else 0
        if isinstance(entered, Fork):
            return entered
        lease = None
        if self.orders is not None:
            person = unit.session.get_one(Person, actor.person_id)
            lease = self.orders.lease(unit, device, person.roles)
        return actor, entered.token, lease

    def _push(
        self, request: SyncRequest, token: str, actor: Actor, portion: list[Numbered]
    ) -> list[OpResult] | Fork:
        def write(unit: UnitOfWork, *, undo: bool) -> list[OpResult]:
            lane = hold_lane(unit, request, token)
            if lane is None:
                raise DatabaseBusyError
            return push_portion(unit, lane, actor, portion, request.clk, undo=undo)

        try:
            try:
                return self.database.transact(partial(write, undo=False))
            except MustUndo:  # rare: refusals come before writes
                return self.database.transact(partial(write, undo=True))
        except ForkSeen:
            return self.database.transact(
                lambda unit: fork_lane(unit, request.dev, self.database.random_bytes)
            )

    def _pull(
        self,
        request: SyncRequest,
        person_id: str,
        token: str,
        results: list[OpResult],
        lease: Lease | None,
    ) -> SyncAnswer:
        cursor = read_cursor(request.cur)
        reset = False
        for _ in range(NUMBERING_TRIES):
            head = self.database.number()
            with self.database.read() as session:
                connection = session.connection()
                seen = numbering(connection)
                if not settled_for(connection, seen, person_id):
                    continue
                if cursor is None or not is_of_this_history(connection, cursor):
                    cursor, reset = Cursor(), True
                page = read_page(connection, person_id, cursor, seen.head, request.max)
                digest = self._compare(connection, request, person_id, page) if not reset else ""
                wanted = wishes(session, request.dev, person_id)
            results = [replace(result, q=page.head) for result in results]
            return SyncAnswer(
                tok=token,
                res=tuple(results),
                reset=reset,
                cols=page.cols,
                put=page.put,
                drop=page.drop,
                cur=page.cursor.write(),
                head=page.head,
                more=page.more,
                dig=digest,
                durable=seen.durable,
                epoch=seen.epoch,
                now=self._now_ms(),
                blob=wanted,
                lease=lease,
            )
        results = [replace(result, q=head) for result in results]
        return SyncAnswer(
            tok=token, res=tuple(results), cur=request.cur, more=True, now=self._now_ms(), lease=lease
        )

    def _compare(self, connection: object, request: SyncRequest, person_id: str, page: Page) -> str:
        """Compare digests when the tablet was complete and nothing has changed since (invariant 18)."""
        if request.dig is None or page.put or page.drop or page.more:
            return ""
        return "ok" if scope_digest(connection, person_id) == request.dig else "bad"  # type: ignore[arg-type]

    def _forked(self, fork: Fork) -> SyncAnswer:
        with self.database.read() as session:
            epoch = session.scalar(select(StreamHead.epoch)) or ""
        return SyncAnswer(fork=fork, epoch=epoch, now=self._now_ms())

    def _now_ms(self) -> int:
        return self.database.clock.read().wall_ms


def person_of(database: Database, device_id: str) -> str:
    """Say whose device it is. Raises NotTrusted where it may not come in (any more)."""
    with database.read() as session:
        device = session.get(Device, device_id)
        if device is None or device.state != "active":
            raise NotTrusted(sent_away(device))
        person = session.get(Person, device.person_id)
        if person is None or not person.active:
            raise NotTrusted("person_inactive")
        return device.person_id


def known_device(database: Database, device_id: str) -> None:
    """Let in any device that was ever enrolled, to hand over what it has. Raises NotTrusted `device_unknown`."""
    with database.read() as session:
        if session.get(Device, device_id) is None:
            raise NotTrusted("device_unknown")


def sent_away(device: Device | None) -> str:
    """Name why a device that is not in use is sent away."""
    if device is None:
        return "device_unknown"
    return LOST if device.state == "lost" else REVOKED


def actor_of(unit: UnitOfWork, device: Device | None) -> Actor:
    """Say on whose behalf a device speaks: always its own person, never what a command claims (G4)."""
    if device is None or device.state != "active":
        raise NotTrusted(sent_away(device))
    person = unit.session.get(Person, device.person_id)
    if person is None or not person.active:
        raise NotTrusted("person_inactive")
    roles = frozenset(Role(role) for role in person.roles) & {Role.ENGINEER}
    return Actor(person.id, roles, Place.TABLET, device.id)
