"""One transaction of the server: runs commands through `execute`, keeps their receipts and audit entries.

Commits nothing itself (`Database.transact` does); holds what was touched until the changes are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from common.inbox.opening import open_discrepancy
from common.inbox.records import Discrepancy
from common.kernel.clock import millis
from common.kernel.codec import canonical, encode
from common.kernel.execute import execute, left_something
from common.kernel.op import Op
from common.kernel.outcome import BadPayload, Flag, Outcome
from common.kernel.record import Synced
from common.kernel.work import Actor, Notary, Settled, Work
from sync_server.db.tables import AuditEntry, Receipt


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a command came: the lane and its number, when it happened, and how wrong the giver's clock was."""

    happened_at: datetime
    device_id: str = ""
    incarnation: int = 0
    n: int = 0
    clock_error_ms: int = 0


class MustUndo(Exception):  # noqa: N818 - ends the transaction, is no error
    """A command was refused after it had written, and there is no savepoint: begin the transaction again with them."""


@dataclass(slots=True)
class UnitOfWork:
    """What a transaction may do. `touched` maps (entity, row id) to the aggregate, for the feed.

    Receipts and audit entries wait here and are written together at the end of the transaction.
    """

    session: Session
    now: datetime
    tx: str
    new_id: Callable[[], str]
    touched: dict[tuple[str, str], str] = field(default_factory=dict)
    noted: int = 0
    notary: Notary | None = None
    receipts: dict[str, Receipt] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, Receipt | None] = field(default_factory=dict)

    def run(
        self, actor: Actor, op: Op, arrival: Arrival, *, live: bool, override: bool = False, undo: bool = True
    ) -> Outcome:
        """Execute one command for the first time. Keeps receipt and audit entry; parks what was refused.

        A command no correct program sends is parked as `command_malformed`, so that it never blocks its lane (T17).
        With `undo` False there is no savepoint: raises MustUndo for a refusal that left something behind.
        """
        work = self.work_for(actor, op, arrival, live=live, override=override)
        try:
            outcome = execute(work, undo=undo)
        except BadPayload as fault:
            outcome = Outcome("parked", fault.code, {"where": fault.where})
        if not undo and not outcome.took_effect and left_something(work):
            raise MustUndo
        if outcome.took_effect:
            self.touched.update(work.touched)
            for flag in outcome.flags:
                self.add(discrepancy_of(op, flag, work))
        self.note(actor, op, arrival, outcome)
        if outcome.took_effect:
            for one in work.settled:
                self._tell_settled(one, op.id)
        return outcome

    def work_for(self, actor: Actor, op: Op, arrival: Arrival, *, live: bool, override: bool = False) -> Work:
        """Build what the command's function is given."""
        return Work(
            self.session,
            actor,
            op,
            arrival.happened_at,
            self.now,
            live,
            authority=True,
            override=override,
            clock_error_ms=arrival.clock_error_ms,
            notary=self.notary,
        )

    def add(self, row: Synced) -> None:
        """Add a row the server itself writes beside a command (discrepancy, notice), unless it is there."""
        if self.session.get(type(row), row.id) is None:
            self.session.add(row)
            self.session.flush()
            self.touched[row.__tablename__, row.id] = row.agg  # type: ignore[attr-defined]

    def note(self, actor: Actor, op: Op, arrival: Arrival, outcome: Outcome) -> None:
        """Note receipt and audit entry of a command, for the same transaction as its effect."""
        self.receipts[op.id] = Receipt(
            op_id=op.id,
            device_id=arrival.device_id,
            incarnation=arrival.incarnation,
            n=arrival.n,
            status=outcome.status,
            code=outcome.code,
            details={str(k): v for k, v in outcome.values.items()},
            content_hash=content_hash_of(op),
            at=self.now,
        )
        self.audit(actor, op, arrival, outcome)

    def _tell_settled(self, one: Settled, decision: str) -> None:
        """Add a second entry for a command that had waited: the chain alone must tell what took effect."""
        came = self.receipt_of(one.op.id)
        lane = (came.incarnation, came.n) if came is not None else (0, 0)
        arrival = Arrival(one.at, one.actor.device_id, *lane, one.clock_error_ms)
        self.audit(one.actor, one.op, arrival, one.outcome, decision=decision)

    def audit(
        self, actor: Actor, op: Op, arrival: Arrival, outcome: Outcome, **more: str | list[str]
    ) -> None:
        """Add an entry to the audit chain; `more` says what only some entries do, or says it otherwise."""
        self.noted += 1
        if outcome.flags:
            more["flags"] = [flag.code for flag in outcome.flags]
        entry = {
            "op": encode(op),
            "actor": actor.person_id,
            "device": arrival.device_id,
            "lane": arrival.incarnation,
            "n": arrival.n,
            "place": actor.place.value,
            "happened_at": millis(arrival.happened_at),
            "clock_error_ms": arrival.clock_error_ms,
            "status": outcome.status,
            "code": outcome.code,
            **more,
        }
        self.entries.append(
            {
                "id": self.new_id(),
                "seq": None,
                "at": self.now,
                "tx": self.tx,
                "ordinal": self.noted,
                "actor_id": actor.person_id,
                "device_id": arrival.device_id,
                "kind": op.k,
                "entry": canonical(entry),
                "prev_hash": "",
                "hash": "",
            }
        )

    def look_up(self, op_ids: list[str]) -> None:
        """Read the receipts of these commands at once; `receipt_of` then asks no more for them."""
        self.known = dict.fromkeys(op_ids)
        found = self.session.scalars(select(Receipt).where(Receipt.op_id.in_(op_ids)))
        self.known.update({receipt.op_id: receipt for receipt in found})

    def receipt_of(self, op_id: str) -> Receipt | None:
        """Find the receipt of a command, one of this transaction too."""
        if op_id in self.receipts:
            return self.receipts[op_id]
        return self.known[op_id] if op_id in self.known else self.session.get(Receipt, op_id)

    def write_notes(self) -> None:
        """Write receipts and audit entries into the transaction."""
        rows = [{name: getattr(receipt, name) for name in _RECEIPT} for receipt in self.receipts.values()]
        for table, waiting in ((Receipt, rows), (AuditEntry, self.entries)):
            if waiting:
                self.session.execute(insert(table), waiting)
        self.receipts, self.entries = {}, []


_RECEIPT = tuple(column.name for column in Receipt.__table__.columns)


def content_hash_of(op: Op) -> str:
    """Hash a command's meaning, so that the same id with other content is seen (K2)."""
    meaning: dict[str, Any] = {"k": op.k, "v": op.v, "a": op.a, "w": op.w}
    return hashlib.sha256(canonical(meaning).encode()).hexdigest()[:32]


def discrepancy_of(op: Op, flag: Flag, work: Work) -> Discrepancy:
    """Turn a flag into what the office must look at."""
    ticket_id = op.a.get("ticket_id")
    return open_discrepancy(
        op.id,
        flag.code,
        {"command": op.k, **flag.values},
        work.received_at,
        person_id=work.actor.person_id,
        ticket_id=ticket_id if isinstance(ticket_id, str) else None,
    )
