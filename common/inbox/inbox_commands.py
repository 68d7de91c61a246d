"""What people do with what was put before them: read a notice, settle a conflict, close a discrepancy (P6).

Owns these commands and who sees an inbox. A parked command itself is kept and run again by the server's push.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.inbox.edits import edited, read_value
from common.inbox.opening import open_discrepancy
from common.inbox.records import OFFICE_INBOX, Discrepancy, FieldConflict, InboxItem
from common.kernel.command import ANYWHERE, OFFICE, TABLET, Nature, Role, command
from common.kernel.fields import Id, Needed
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.record import synced_entities
from common.kernel.scope import Grant, scope_rule, user
from common.kernel.work import Work

HANDED = "handed_to_office"  # code of the entry that tells the office
OWN_INBOX = "inbox:"  # whose it is, the actor says
EVERYONE_BUT_SYSTEM = tuple(role for role in Role if role is not Role.SYSTEM)
OFFICE_ROLES = (
    Role.DISPATCHER,
    Role.SPECIALIST,
    Role.CLERK,
    Role.SUPERVISOR,
    Role.PARTS_KEEPER,
    Role.MANAGER,
    Role.ADMINISTRATOR,
)


@dataclass(frozen=True, slots=True)
class MarkNoticeSeen:
    """Note that a person has read a notice (R018)."""

    item_id: Id


@dataclass(frozen=True, slots=True)
class ResolveDiscrepancy:
    """Close a discrepancy with what was done about it (R175)."""

    discrepancy_id: Id
    resolution: Needed


@dataclass(frozen=True, slots=True)
class SettleConflict:
    """Decide between two edits of one field (R175): keep what stands, or take what lost."""

    conflict_id: Id
    choice: Literal["keep", "swap"]
    ticket_id: Id | None = None


@dataclass(frozen=True, slots=True)
class WithdrawCommand:
    """Give up a refused command of one's own (R175)."""

    op_id: Id


@dataclass(frozen=True, slots=True)
class HandToOffice:
    """Leave a refused command of one's own to the office (R052, R175)."""

    op_id: Id


@scope_rule("inbox")
def inbox_scope(session: Session, agg: str) -> Iterable[Grant]:
    """Show an inbox to its person."""
    return ((user(agg.partition(":")[2]), agg),)


@command(
    MarkNoticeSeen,
    nature=Nature.FACT,
    roles=EVERYONE_BUT_SYSTEM,
    places=ANYWHERE,
    about=lambda c: OWN_INBOX,
)
def mark_notice_seen(work: Work, c: MarkNoticeSeen) -> Outcome:
    """Mark a notice as seen. Refuses `inbox_item_unknown`, for another's too."""
    item = work.need(InboxItem, c.item_id)
    if item.person_id != work.actor.person_id or item.kind != "notice":
        raise Refused("inbox_item_unknown")
    if item.state != "open":
        return NOOP
    item.state = "seen"
    return OK


@command(
    ResolveDiscrepancy, nature=Nature.INTENT, roles=OFFICE_ROLES, places=OFFICE, about=lambda c: OFFICE_INBOX
)
def resolve_discrepancy(work: Work, c: ResolveDiscrepancy) -> Outcome:
    """Resolve a discrepancy. Refuses `discrepancy_unknown`, `already_resolved`."""
    found = work.need(Discrepancy, c.discrepancy_id)
    if found.state == "resolved":
        if found.resolution == c.resolution and found.resolved_by == work.actor.person_id:
            return NOOP
        raise Refused("already_resolved")
    found.state = "resolved"
    found.resolution = c.resolution
    found.resolved_by = work.actor.person_id
    found.resolved_at = work.at
    return OK


@command(
    SettleConflict,
    nature=Nature.INTENT,
    roles=EVERYONE_BUT_SYSTEM,
    places=ANYWHERE,
    about=lambda c: f"ticket:{c.ticket_id}" if c.ticket_id else OFFICE_INBOX,
    own_ticket=lambda c: c.ticket_id or "",
)
def settle_conflict(work: Work, c: SettleConflict) -> Outcome:
    """Settle a conflict. Refuses `field_conflict_unknown`, `already_settled`, `edited_since`.

    `edited_since`: the field has moved on, so neither value is the one to choose any more.
    """
    conflict = work.need(FieldConflict, c.conflict_id)
    if c.ticket_id is not None and conflict.agg != f"ticket:{c.ticket_id}":
        raise Refused("field_conflict_unknown")
    wanted = "swapped" if c.choice == "swap" else "confirmed"
    if conflict.state == wanted:
        return NOOP
    if conflict.state != "open":
        raise Refused("already_settled")
    if c.choice == "swap":
        swap_value(work, conflict)
    conflict.state = wanted
    return OK


def swap_value(work: Work, conflict: FieldConflict) -> None:
    """Put the lost value in place of the kept one."""
    record: type[Any] = synced_entities()[conflict.entity]
    row = work.need(record, conflict.row_id)
    if getattr(row, conflict.field) != read_value(row, conflict.field, conflict.kept):
        raise Refused("edited_since", field=conflict.field)
    setattr(row, conflict.field, read_value(row, conflict.field, conflict.lost))
    edited(work, row)


@command(
    WithdrawCommand,
    nature=Nature.INTENT,
    roles=EVERYONE_BUT_SYSTEM,
    places=TABLET,
    about=lambda c: OWN_INBOX,
)
def withdraw_command(work: Work, c: WithdrawCommand) -> Outcome:
    """Withdraw a refused command. Refuses `inbox_item_unknown`, `already_decided`."""
    return decide_parked(work, c.op_id, "withdrawn")


@command(
    HandToOffice,
    nature=Nature.INTENT,
    roles=EVERYONE_BUT_SYSTEM,
    places=TABLET,
    about=lambda c: OWN_INBOX,
)
def hand_to_office(work: Work, c: HandToOffice) -> Outcome:
    """Hand a refused command to the office, and say so there. Refuses `inbox_item_unknown`, `already_decided`."""
    outcome = decide_parked(work, c.op_id, "office")
    if work.authority and outcome is OK:
        item = items_of_parked(work, c.op_id)[0]
        told = open_discrepancy(
            c.op_id,
            HANDED,
            {"command": str((item.command or {}).get("k", ""))},
            work.received_at,
            person_id=work.actor.person_id,
            ticket_id=item.ticket_id,
        )
        work.add(told)
    return outcome


def items_of_parked(work: Work, op_id: str) -> list[InboxItem]:
    """Read one's own notices of a parked command."""
    mine = select(InboxItem).where(
        InboxItem.op_id == op_id,
        InboxItem.person_id == work.actor.person_id,
        InboxItem.kind.in_(("parked", "blocked")),
    )
    return work.rows(mine.order_by(InboxItem.id))


def decide_parked(work: Work, op_id: str, state: str) -> Outcome:
    """Set what becomes of one's own parked command; the office may have decided first."""
    items = items_of_parked(work, op_id)
    if not items:
        raise Refused("inbox_item_unknown")
    if all(item.state == state for item in items):
        return NOOP
    if any(item.state not in ("open", "seen", "office", state) for item in items):
        raise Refused("already_decided")
    for item in items:
        item.state = state
    return OK
