"""A command its own tablet can no longer read: the office is told what it was, so that it is asked for again (P5).

Owns this one message and the entry it makes. Finding such a command is its tablet's; what was in it nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.inbox.inbox_commands import EVERYONE_BUT_SYSTEM, OWN_INBOX
from common.inbox.opening import discrepancy_id, open_discrepancy
from common.inbox.records import Discrepancy
from common.kernel.clock import millis
from common.kernel.command import TABLET, Nature, command
from common.kernel.fields import Code, Id, Instant
from common.kernel.outcome import NOOP, OK, Outcome
from common.kernel.work import Work

UNREADABLE = "command_spoiled"  # code of the entry


@dataclass(frozen=True, slots=True)
class ReportSpoiled:
    """Tell the office of a command that no longer opens on its tablet: which one, of what kind, given when (R175)."""

    op_id: Id
    kind: Code
    given_at: Instant
    ticket_id: Id | None = None


@command(
    ReportSpoiled,
    nature=Nature.FACT,
    roles=EVERYONE_BUT_SYSTEM,
    places=TABLET,
    about=lambda c: OWN_INBOX,
)
def report_spoiled(work: Work, c: ReportSpoiled) -> Outcome:
    """Put it before the office, once."""
    if not work.authority:
        return OK
    if work.get(Discrepancy, discrepancy_id(c.op_id, UNREADABLE)) is not None:
        return NOOP
    told = open_discrepancy(
        c.op_id,
        UNREADABLE,
        {"command": c.kind, "given_ms": millis(c.given_at)},
        work.received_at,
        person_id=work.actor.person_id,
        ticket_id=c.ticket_id,
    )
    work.add(told)
    return OK
