"""What to do next, as a pure function of the facts. No I/O, no clock: the loop gives both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from common.protocol.messages import OPS_AT_MOST, OPS_BYTES_AT_MOST, PAGE_BYTES
from field_app.store.outbox import Limits

FEWEST = Limits(1, 1500, 4096)
MOST = Limits(OPS_AT_MOST, OPS_BYTES_AT_MOST, PAGE_BYTES)
IDLE_MS = 30_000
FIRST_PAUSE_MS = 2_000
LONGEST_PAUSE_MS = 120_000


class Step(StrEnum):
    """One turn of the loop."""

    WAIT = "wait"
    ASK_WHAT_IS_LOST = "have"
    RECONCILE = "reconcile"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows that matters for the next step."""

    enrolled: bool
    reoffer: bool
    reconcile: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class Line:
    """How the line has been: failures in a row, when to try next, how much to send, whether a page is open."""

    failures: int = 0
    next_try_ms: int = 0
    limits: Limits = MOST
    more: bool = False


def next_step(facts: Facts, line: Line, now_ms: int, *, asked: bool) -> Step:
    """Choose the step. `asked`: a person pressed the button, or something was just saved."""
    if not facts.enrolled:
        return Step.WAIT
    if now_ms < line.next_try_ms and not asked:
        return Step.WAIT
    if facts.reoffer:
        return Step.ASK_WHAT_IS_LOST
    if facts.reconcile and not facts.waiting:
        return Step.RECONCILE
    return Step.SYNC


def after_success(line: Line, now_ms: int, *, more: bool) -> Line:
    """Grow what is sent at once, and come back at once while there is more."""
    limits = line.limits
    grown = Limits(
        min(limits.ops * 2, MOST.ops),
        min(limits.ops_bytes * 2, MOST.ops_bytes),
        min(limits.page_bytes * 2, MOST.page_bytes),
    )
    return Line(0, now_ms if more else now_ms + IDLE_MS, grown, more)


def after_failure(
    line: Line, now_ms: int, jitter: float, retry_after_s: int = 0, *, partway: bool = False
) -> Line:
    """Wait longer each time, with jitter in 0..1 so that tablets do not march in step.

    Less is sent at once only after a line that broke `partway`: where nobody answered, size was not the reason, and
    back in signal one request is to carry all.
    """
    limits = line.limits
    smaller = Limits(
        max(limits.ops // 2, FEWEST.ops),
        max(limits.ops_bytes // 2, FEWEST.ops_bytes),
        max(limits.page_bytes // 2, FEWEST.page_bytes),
    )
    pause = min(FIRST_PAUSE_MS << min(line.failures, 10), LONGEST_PAUSE_MS)
    pause = round(pause * (0.5 + jitter / 2))
    pause = max(pause, round(retry_after_s * 1000 * (1 + jitter)))
    limits = smaller if partway else limits
    return replace(line, failures=line.failures + 1, next_try_ms=now_ms + pause, limits=limits)
