"""Checks that what the database holds still agrees with itself: `sync-server verify`.

Owns the checks, changes nothing. Audit chain, receipts, stock, sealed reports: the first bad entry is named (Q2, D9).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.kernel.clock import millis
from common.kernel.codec import decode
from common.kernel.op import Op
from common.kernel.outcome import BadPayload
from common.stock.ledger import ledger_faults
from common.visit.hashing import content_hash
from common.visit.records import ReportSeal, ServiceReport
from common.visit.seal import files_now, judge_seal
from sync_server.db.office import REFUSED
from sync_server.db.schema import FIRST_HASH
from sync_server.db.sequencer import link_hash
from sync_server.db.tables import AuditEntry, Batch, Change, Device, Receipt, StreamHead
from sync_server.db.unit_of_work import content_hash_of
from sync_server.notary import verify_signature
from sync_server.upkeep.anchors import Anchor, check_anchors
from sync_server.upkeep.signings import Signing

WAITING = ("parked", "blocked")
FAULTS_OF_A_KIND = 20
PROGRESS_EVERY = 2000


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not agree: which check, where, and what is the matter, in plain English for the log."""

    check: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Fate:
    """What the audit says became of a command: its content, its status, and whether a decision gave it that."""

    content: str
    status: str
    is_decided: bool

    @property
    def weight(self) -> tuple[bool, bool]:
        """Say which of two entries of one command holds: an effect is final, a decision comes after what waited."""
        return self.status not in WAITING, self.is_decided


@dataclass(slots=True)
class Told:
    """What the audit says: fate by command, the first signing that took effect by report."""

    commands: dict[str, Fate] = field(default_factory=dict)
    signings: dict[str, Signing] = field(default_factory=dict)
    entries: int = 0
    progress: Callable[[int], None] = lambda _seen: None


@dataclass(frozen=True, slots=True)
class Outside:
    """What is kept beside the database: anchors of the chain, and the keys the server signed with."""

    anchors: Sequence[Anchor]
    trusted: tuple[str, ...]


def verify(
    session: Session, outside: Outside | None = None, progress: Callable[[int], None] = lambda _seen: None
) -> list[Fault]:
    """Run every check over one snapshot; an empty list means all is well.

    With `outside` a cut tail and a chain that was computed anew are seen too. `progress` is told entries seen.
    """
    told = Told(progress=progress)
    faults = list(_first(check_chain(session, told)))
    if outside is not None:
        faults += _first(check_outside(session, outside))
    faults += _first(check_receipts(session, told))
    faults += _first(check_feed(session))
    faults += _first(check_stock(session))
    faults += _first(check_reports(session, told))
    faults += _first(check_seals(session, told, outside.trusted if outside else None))
    return faults


def check_outside(session: Session, outside: Outside) -> Iterator[Fault]:
    """Hold the chain against the anchors kept outside (D9)."""
    for one in check_anchors(session, outside.anchors, outside.trusted):
        yield (
            Fault("audit", f"entry {one.seq}", f"{one.what} ({one.file})")
            if one.seq
            else Fault("anchor", one.file, one.what)
        )


def check_chain(session: Session, told: Told) -> Iterator[Fault]:
    """Walk the audit chain from its first link to the head. Stops at the first bad entry: all behind it hang on it."""
    head = session.execute(select(StreamHead.audit_seq, StreamHead.audit_hash)).one()
    prev, seq = FIRST_HASH, 0
    query = select(AuditEntry).where(AuditEntry.seq.is_not(None)).order_by(AuditEntry.seq)
    for entry in session.scalars(query.execution_options(yield_per=1000)):
        seq += 1
        where = f"entry {seq}"
        if entry.seq != seq:
            yield Fault("audit", where, f"is missing; the next one is {entry.seq}")
            return
        if entry.prev_hash != prev:
            yield Fault("audit", where, f"{entry.kind} does not hang on the entry before it")
            return
        if link_hash(prev, seq, millis(entry.at), entry.entry) != entry.hash:
            yield Fault("audit", where, f"{entry.kind} of {entry.at.isoformat()} was changed")
            return
        if what := _read_entry(entry, told):
            yield Fault("audit", where, what)
            return
        prev = entry.hash
        session.expunge(entry)
        if seq % PROGRESS_EVERY == 0:
            told.progress(seq)
    told.entries = seq
    if (seq, prev) != (head.audit_seq, head.audit_hash):
        yield Fault("audit", f"entry {seq + 1}", f"the chain is cut off: its head was at {head.audit_seq}")


def check_receipts(session: Session, told: Told) -> Iterator[Fault]:
    """Every command of the audit has its receipt, every receipt its command, with the same content and status."""
    unchained = select(AuditEntry.entry).where(AuditEntry.seq.is_(None))
    for text in session.scalars(unchained.order_by(AuditEntry.at, AuditEntry.tx, AuditEntry.ordinal)):
        _note(json.loads(text), told)
    seen = set()
    query = select(Receipt.op_id, Receipt.content_hash, Receipt.status)
    for op_id, content, status in session.execute(query.execution_options(yield_per=5000)):
        seen.add(op_id)
        known = told.commands.get(op_id)
        if known is None:
            yield Fault("receipt", op_id, "stands in no audit entry")
        elif known.content and (known.content, known.status) != (content, status):
            yield Fault("receipt", op_id, "differs from its audit entry")
    for op_id in told.commands.keys() - seen:
        yield Fault("receipt", op_id, "is missing, though the audit has the command")


def check_feed(session: Session) -> Iterator[Fault]:
    """The feed's numbers end at its head."""
    head = session.execute(select(StreamHead.seq)).scalar_one()
    newest = session.scalar(select(func.max(Change.seq))) or 0
    last = session.scalar(select(func.max(Batch.last_seq))) or 0
    if max(newest, last) > head:
        yield Fault("feed", f"head {head}", f"numbers were given up to {max(newest, last)}")


def check_stock(session: Session) -> Iterator[Fault]:
    """Every level is the sum of its movements (P7)."""
    for one in ledger_faults(session):
        yield Fault("stock", "level", str(one))


def check_reports(session: Session, told: Told) -> Iterator[Fault]:
    """Every report stands in the audit as it was signed, and still has the content that was signed (P8)."""
    for report in session.scalars(select(ServiceReport).order_by(ServiceReport.id)):
        signing = told.signings.get(report.id)
        if content_hash(report.content) != report.content_hash:
            yield Fault("report", report.number, "its content was changed after it was signed")
        elif signing is None:
            yield Fault("report", report.number, "its signing stands in no audit entry")
        elif what := signing.differs(report):
            yield Fault("report", report.number, what)


def check_seals(session: Session, told: Told, trusted: Sequence[str] | None) -> Iterator[Fault]:
    """Every report's seal is the one that came with it, holds, and is counter-signed (I6).

    One that did not fit when it arrived was shown to the office and has no counter-signature; only the chain says so.
    """
    keys = {row.id: row.public_key for row in session.execute(select(Device.id, Device.public_key))}
    rows = {row.id: row for row in session.scalars(select(ReportSeal))}
    for report in session.scalars(select(ServiceReport).order_by(ServiceReport.id)):
        row, signing = rows.get(report.id), told.signings.get(report.id)
        if signing is None:  # named by check_reports
            continue
        if what := signing.lacks(row):
            yield Fault("seal", report.number, what)
        elif row is not None and row.counter_signature:
            device = keys.get(str(row.seal.get("device_id", ""))) if isinstance(row.seal, dict) else None
            files = files_now(session, row)
            verdict = judge_seal(
                report, row, verify_signature, device_key=device, server_keys=trusted, files=files
            )
            if verdict.state != "countersigned":
                what = (
                    f"is broken: {verdict.fault}"
                    if verdict.fault
                    else "is counter-signed by a key not trusted"
                )
                yield Fault("seal", report.number, what)


def _first(faults: Iterator[Fault]) -> Iterator[Fault]:
    for _, fault in zip(range(FAULTS_OF_A_KIND), faults, strict=False):
        yield fault


def _read_entry(entry: AuditEntry, told: Told) -> str:
    read = json.loads(entry.entry)
    kind = read["op"]["k"] if "op" in read else read.get("event", "")
    if (kind, read.get("actor", ""), read.get("device", "")) != (entry.kind, entry.actor_id, entry.device_id):
        return f"its columns say {entry.kind}, the entry itself {kind}"
    _note(read, told)
    return ""


def _note(read: dict[str, Any], told: Told) -> None:
    if (
        "op" not in read or read["status"] == REFUSED
    ):  # refused to somebody at his desk: nothing was kept of it
        return
    op = read["op"]
    try:
        content = content_hash_of(decode(Op, op))
    except BadPayload:  # an envelope an older program took and this one would not
        content = ""
    fate, earlier = Fate(content, read["status"], "decision" in read), told.commands.get(op["id"])
    if earlier is None or fate.weight >= earlier.weight:
        told.commands[op["id"]] = fate
    signing = Signing.of(read)
    if signing is not None:  # one sent again leaves the report as it was first signed
        told.signings.setdefault(signing.report_id, signing)
