"""SLA clocks as one line each: how much time is left, how bad it is, and why.

Owns which clock presses most. The verdict itself is `common.sla`'s; words are made by the screens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from common.kernel.clock import LATEST_MS, instant
from common.policy.policy_set import find_policy
from common.sla.clocks import clocks_of, explain_stored, judge_stored
from common.sla.explain import ExplainLine
from common.tickets.ticket import Ticket

PRESSING = ("breached", "running", "paused")
LATEST = instant(LATEST_MS)


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One clock now. `status` as `sla.status.<status>`; `tone` names a State; `minutes` left, or over when late."""

    kind: str
    status: str
    tone: str
    due_at: datetime | None
    minutes: int
    why: tuple[ExplainLine, ...] = ()


def clock_lines(session: Session, ticket: Ticket, now: datetime, *, explain: bool) -> list[ClockLine]:
    """Judge the clocks of a ticket's round, in the order in which they end."""
    policy = find_policy(session)
    if policy is None:
        return []
    lines = []
    for clock in clocks_of(session, ticket):
        if clock.state == "dropped":
            continue
        judged = judge_stored(policy, clock, now)
        left = judged.due_at - now if judged.due_at else None
        minutes = abs(int(left.total_seconds() // 60)) if left is not None else judged.remaining_min
        why = tuple(explain_stored(policy, clock, now)) if explain else ()
        warned = judged.warn_at is not None and now >= judged.warn_at
        lines.append(
            ClockLine(
                clock.kind, judged.status, _tone(judged.status, warned=warned), judged.due_at, minutes, why
            )
        )
    return lines


def most_pressing(lines: list[ClockLine]) -> ClockLine | None:
    """Pick what a card shows: what is overdue, else what ends first, else None."""
    open_lines = [line for line in lines if line.status in PRESSING]
    return min(
        open_lines,
        key=lambda line: (PRESSING.index(line.status), line.due_at is None, line.due_at or LATEST),
        default=None,
    )


def _tone(status: str, *, warned: bool) -> str:
    if status == "running":
        return "warn" if warned else "scheduled"
    return {"breached": "late", "met_late": "late", "paused": "paused", "met": "done"}.get(status, "info")
