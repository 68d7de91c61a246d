"""What the office decides about a parked command: run it after all, or decline it (sync-protocol 3.8).

Owns the command `decide_parked`. Running goes through `execute` as for every command, on behalf of the engineer and
as of the time it happened; only rules that ask a person to decide are set aside (`override`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from common.inbox.inbox_commands import HANDED
from common.inbox.opening import discrepancy_id, open_discrepancy
from common.inbox.records import OFFICE_INBOX, Discrepancy, InboxItem
from common.kernel.clock import millis
from common.kernel.codec import decode
from common.kernel.command import OFFICE, Nature, Place, Role, command
from common.kernel.execute import execute
from common.kernel.fields import Id, Note
from common.kernel.op import Op
from common.kernel.outcome import NOOP, OK, BadPayload, Outcome, Refused
from common.kernel.work import Actor, Settled, Work
from sync_server.db.tables import ParkedOp, Receipt
from sync_server.db.unit_of_work import discrepancy_of

DECIDERS = (Role.DISPATCHER, Role.SUPERVISOR, Role.ADMINISTRATOR)
TAKEN_BACK = ("withdrawn", "resent")
AFTERWARDS = {"accept": "accepted", "decline": "declined"}


@dataclass(frozen=True, slots=True)
class DecideParked:
    """Accept a command that was refused in the field, or decline it with a note (R175)."""

    op_id: Id
    choice: Literal["accept", "decline"]
    note: Note = ""


@command(DecideParked, nature=Nature.INTENT, roles=DECIDERS, places=OFFICE, about=lambda c: OFFICE_INBOX)
def decide_parked(work: Work, c: DecideParked) -> Outcome:
    """Decide about a parked command and those of its group, and run what waited for it.

    Refuses `parked_unknown`, `already_decided`, `parked_taken_back`, `decision_note_missing`, and with the
    command's own code what cannot be run even so.
    """
    parked = _hold(work, c.op_id)
    if parked is None:
        raise Refused("parked_unknown")
    if parked.state != "open":
        if parked.state == AFTERWARDS[c.choice]:
            return NOOP
        raise Refused("already_decided")
    if c.choice == "decline" and not c.note:
        raise Refused("decision_note_missing")
    members = group_of(work, parked)
    if c.choice == "decline":
        for member in members:
            _close(work, member, "declined", c.note)
        return OK
    if any(item.state in TAKEN_BACK for member in members for item in _items(work, member.op_id)):
        raise Refused("parked_taken_back")
    codes = {member.op_id: member.code for member in members}
    for member in members:
        outcome = run_again(work, member, override=True)
        if not outcome.took_effect:
            raise Refused(outcome.code, **outcome.values)
        _accept(work, member, outcome, c.note)
    release(work, {member.op_id: codes[member.op_id] for member in members}, c.note)
    return OK


def group_of(work: Work, parked: ParkedOp) -> list[ParkedOp]:
    """List the parked commands of the same fate, in the lane's order: all of a group or none (invariant 4)."""
    group = envelope_of(parked).g
    if not group:
        return [parked]
    same = select(ParkedOp).where(ParkedOp.device_id == parked.device_id, ParkedOp.state == "open")
    rows = work.session.scalars(same.with_for_update()).all()
    return in_lane_order(work, [row for row in rows if envelope_of(row).g == group])


def run_again(work: Work, parked: ParkedOp, *, override: bool) -> Outcome:
    """Run a parked command inside this one, as of when it happened. Refused, it leaves nothing behind."""
    op = envelope_of(parked)
    nested = Work(
        work.session, _giver(parked), op, parked.happened_at, work.received_at, live=False, authority=True,
        override=override, clock_error_ms=_clock_error(parked, op), notary=work.notary,
    )  # fmt: skip
    work.session.flush()  # what is written so far is this command's own, not the one's that is run inside it
    before = dict(work.touched)
    try:
        outcome = execute(nested)
    except BadPayload as fault:
        return Outcome("parked", fault.code, {"where": fault.where})
    if not outcome.took_effect:
        work.touched.clear()
        work.touched.update(before)
        return outcome
    work.touched.update(nested.touched)
    for flag in outcome.flags:
        work.add(discrepancy_of(op, flag, nested))
    return outcome


def release(work: Work, accepted: Mapping[str, str], note: str) -> None:
    """Run what was blocked by these, in the lane's order, and what waited for those in turn.

    `accepted` maps a command to the reason it was refused for: who set that reason aside has set it aside for what
    builds on the command too. Any other reason parks it anew.
    """
    waiting = list(accepted.items())
    while waiting:
        done, settled = waiting.pop(0)
        blocked = select(ParkedOp).where(ParkedOp.blocked_by == done, ParkedOp.state == "open")
        for parked in in_lane_order(work, list(work.session.scalars(blocked.with_for_update()))):
            other = _still_blocked_by(work, parked)
            if other is not None:
                parked.blocked_by = other
                continue
            outcome = run_again(work, parked, override=False)
            if outcome.code == settled and not outcome.took_effect:
                outcome = run_again(work, parked, override=True)
            if outcome.took_effect:
                _accept(work, parked, outcome, note)
                waiting.append((parked.op_id, settled))
            else:
                _park_anew(work, parked, outcome)


def envelope_of(parked: ParkedOp) -> Op:
    """Read the command as it was sent."""
    return decode(Op, parked.envelope, where="op", strict=False)


def in_lane_order(work: Work, rows: list[ParkedOp]) -> list[ParkedOp]:
    """Sort parked commands as they stood in their lane."""
    receipts = {row.op_id: work.session.get(Receipt, row.op_id) for row in rows}

    def place(row: ParkedOp) -> tuple[int, int, str]:
        receipt = receipts[row.op_id]
        return (receipt.incarnation, receipt.n, row.op_id) if receipt else (0, 0, row.op_id)

    return sorted(rows, key=place)


def _giver(parked: ParkedOp) -> Actor:
    return Actor(parked.person_id, frozenset({Role.ENGINEER}), Place.TABLET, parked.device_id)


def _clock_error(parked: ParkedOp, op: Op) -> int:
    return op.w - millis(parked.happened_at)


def _hold(work: Work, op_id: str) -> ParkedOp | None:
    return work.session.get(ParkedOp, op_id, with_for_update=True)


def _items(work: Work, op_id: str) -> list[InboxItem]:
    mine = select(InboxItem).where(InboxItem.op_id == op_id, InboxItem.kind.in_(("parked", "blocked")))
    return work.rows(mine.order_by(InboxItem.id))


def _still_blocked_by(work: Work, parked: ParkedOp) -> str | None:
    needed = envelope_of(parked).d
    if not needed:
        return None
    waits = select(ParkedOp.op_id).where(ParkedOp.op_id.in_(needed), ParkedOp.state != "accepted")
    return work.session.scalar(waits.order_by(ParkedOp.op_id).limit(1))


def _accept(work: Work, parked: ParkedOp, outcome: Outcome, note: str) -> None:
    _answer(work, parked, outcome)
    _close(work, parked, "accepted", note)


def _answer(work: Work, parked: ParkedOp, outcome: Outcome) -> None:
    """Let every repetition of the command hear how it ended, and the audit tell it: its first entry says it waits."""
    op = envelope_of(parked)
    work.settled.append(Settled(op, _giver(parked), parked.happened_at, _clock_error(parked, op), outcome))
    receipt = work.session.get(Receipt, parked.op_id, with_for_update=True)
    if receipt is not None:
        receipt.status, receipt.code = outcome.status, outcome.code
        receipt.details = {str(name): value for name, value in outcome.values.items()}


def _close(work: Work, parked: ParkedOp, state: str, note: str) -> None:
    parked.state = state
    for item in _items(work, parked.op_id):
        if item.state not in TAKEN_BACK:
            item.state = state
            item.details = {**item.details, "note": note} if note else item.details
    for code in (parked.code, HANDED):
        _resolve(work, parked.op_id, code, note or state, work.at)


def _resolve(work: Work, op_id: str, code: str, resolution: str, at: datetime) -> None:
    row = work.get(Discrepancy, discrepancy_id(op_id, code))
    if row is not None and row.state == "open":
        row.state, row.resolution = "resolved", resolution
        row.resolved_by, row.resolved_at = work.actor.person_id, at


def _park_anew(work: Work, parked: ParkedOp, outcome: Outcome) -> None:
    """Keep a released command that its own rules refuse: from now on it waits for its own decision."""
    op = envelope_of(parked)
    _resolve(work, parked.op_id, parked.code, "released", work.at)
    _answer(work, parked, Outcome("parked", outcome.code, outcome.values))
    parked.code, parked.blocked_by = outcome.code, None
    details = {"command": op.k, **outcome.values}
    ticket_id = None
    for item in _items(work, parked.op_id):
        item.kind, item.code, item.details = "parked", outcome.code, details
        ticket_id = item.ticket_id
    work.add(
        open_discrepancy(
            op.id, outcome.code, details, work.received_at, person_id=parked.person_id, ticket_id=ticket_id
        )
    )
