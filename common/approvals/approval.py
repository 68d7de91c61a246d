"""What takes two people: one asks with a reason, another of the same roles approves, and it is used once (ASVS 2.3.5).

Owns the request and its decision. What is done with it is the command that uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.command import OFFICE, Nature, Role, command
from common.kernel.fields import Id, Line, Needed, Note
from common.kernel.outcome import NOOP, OK, Outcome, Refused
from common.kernel.record import Base, Key, Long, Short, Synced
from common.kernel.work import Work

APPROVALS = "office:approvals"  # no tablet has it in its scope
TWO_PEOPLE = (Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR)
WAITS = timedelta(days=3)  # for a decision
HOLDS = timedelta(days=1)  # once approved
What = Literal["void_report", "export_evidence", "restore"]


class Approval(Synced, Base):
    """A request for something that takes two people, and what became of it. `subject`: id of what it is about, or ''."""

    __tablename__ = "approval"
    what: Mapped[Short]
    subject: Mapped[Short] = mapped_column(index=True)
    label: Mapped[Short]  # what it is about, in words a person knows: a number
    reason: Mapped[Long]
    asked_by: Mapped[Key]
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[Short]  # open | approved | declined | used
    decided_by: Mapped[Key | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[Long]


@dataclass(frozen=True, slots=True)
class RequestApproval:
    """Ask that something may be done which takes two people (R175)."""

    approval_id: Id
    what: What
    subject: Line
    label: Line
    reason: Needed


@dataclass(frozen=True, slots=True)
class UseApproval:
    """Do what an approval was given for, where that is no command: hand evidence out, restore a server (R175)."""

    approval_id: Id
    what: Literal["export_evidence", "restore"]
    subject: Line


def _renamed(args: dict[str, Any]) -> dict[str, Any]:
    """Bring up a request of the days when the export had another name."""
    return args | {"what": "export_evidence"} if args.get("what") == "export_all" else args


@dataclass(frozen=True, slots=True)
class DecideApproval:
    """Approve or decline what another has asked for (R175)."""

    approval_id: Id
    choice: Literal["approve", "decline"]
    note: Note = ""


@command(
    RequestApproval,
    nature=Nature.INTENT,
    roles=TWO_PEOPLE,
    places=OFFICE,
    about=lambda c: APPROVALS,
    version=2,
    upcasters={1: _renamed},
)
def request_approval(work: Work, c: RequestApproval) -> Outcome:
    """Ask for it. Refuses `approval_needs_person`: scheduled work asks for nothing."""
    require_person(work)
    if work.get(Approval, c.approval_id) is not None:
        return NOOP
    work.add(
        Approval(
            id=c.approval_id,
            agg=APPROVALS,
            what=c.what,
            subject=c.subject,
            label=c.label,
            reason=c.reason,
            asked_by=work.actor.person_id,
            asked_at=work.at,
            expires_at=work.at + WAITS,
            state="open",
            decided_by=None,
            decided_at=None,
            note="",
        )
    )
    return OK


@command(DecideApproval, nature=Nature.INTENT, roles=TWO_PEOPLE, places=OFFICE, about=lambda c: APPROVALS)
def decide_approval(work: Work, c: DecideApproval) -> Outcome:
    """Decide. Refuses `approval_needs_person`, `approval_own`, `approval_decided`, `approval_ran_out`."""
    require_person(work)
    row = work.need(Approval, c.approval_id)
    wanted = "approved" if c.choice == "approve" else "declined"
    if row.state == wanted and row.decided_by == work.actor.person_id:
        return NOOP
    if row.state != "open":
        raise Refused("approval_decided")
    if row.asked_by == work.actor.person_id and c.choice == "approve":
        raise Refused("approval_own")
    if work.at > row.expires_at:
        raise Refused("approval_ran_out")
    row.state, row.note = wanted, c.note
    row.decided_by, row.decided_at = work.actor.person_id, work.at
    if c.choice == "approve":
        row.expires_at = work.at + HOLDS
    return OK


@command(UseApproval, nature=Nature.INTENT, roles=TWO_PEOPLE, places=OFFICE, about=lambda c: APPROVALS)
def use_approval(work: Work, c: UseApproval) -> Outcome:
    """Use it up. Refuses `approval_missing`, `approval_ran_out`, `approval_not_yours` to a third person.

    Whoever holds the machine acts as the system; that two people agreed is then all that is asked.
    """
    row = take_approval(work, c.approval_id, c.what, c.subject)
    if Role.SYSTEM not in work.actor.roles and work.actor.person_id not in (row.asked_by, row.decided_by):
        raise Refused("approval_not_yours")
    return OK


def decision_number(approval_id: str) -> str:
    """Return the number by which people name a decision, on papers and screens."""
    return f"V-{approval_id.replace('-', '')[-8:].upper()}"


def take_approval(work: Work, approval_id: str, what: What, subject: str) -> Approval:
    """Take an approval for what it was given for, once. Refuses `approval_missing`, `approval_ran_out`."""
    row = work.get(Approval, approval_id)
    if row is None or row.state != "approved" or (row.what, row.subject) != (what, subject):
        raise Refused("approval_missing")
    if work.at > row.expires_at:
        raise Refused("approval_ran_out")
    row.state = "used"
    return row


def require_person(work: Work) -> None:
    """Refuse `approval_needs_person` to scheduled work and whoever acts as the system."""
    if Role.SYSTEM in work.actor.roles:
        raise Refused("approval_needs_person")
