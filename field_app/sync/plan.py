"""What to do next, as a pure function of the facts. No I/O, no clock: the loop gives both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from common.protocol.messages import OPS_AT_MOST, OPS_BYTES_AT_MOST, PAGE_BYTES
from field_app.store.outbox import Limits

FEWEST = Limits(1, 1500, 4096)
FEW = Limits(8, 4096, 64 * 1024)  # what a line that may be down is tried with
MOST = Limits(
    OPS_AT_MOST, OPS_BYTES_AT_MOST, 4 * PAGE_BYTES
)  # a catalogue of ten thousand rows in one answer
FEW_PAGE_BYTES = 16 * 1024
SMALL_BYTES = 6 * 1024  # commands of about 2 kB compressed: their size breaks no line
IDLE_MS = 30_000
FIRST_PAUSE_MS = 2_000
BREAKS_OF_SIZE = 2  # so many in a row after a success tell of sizes, more of a line that is down
BROKEN_PAUSE_MS = 500  # somebody answered: the line is there
LONGEST_BROKEN_PAUSE_MS = 4_000
BREAKS_AT_ONCE = 12
LONGEST_PAUSE_MS = 120_000


class Step(StrEnum):
    """One turn of the loop."""

    WAIT = "wait"
    ASK_WHAT_IS_LOST = "have"
    RECONCILE = "reconcile"
    SYNC = "sync"
    UPLOAD = "upload"  # a portion of a file, in the pauses of the conversation


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows that matters for the next step."""

    enrolled: bool
    reoffer: bool
    reconcile: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class Line:
    """How the line has been: failures in a row, when to try next, how much to send, whether a page is open.

    `ceiling` is the most that is tried; `worked` says whether anything has ever got through.
    """

    failures: int = 0
    next_try_ms: int = 0
    limits: Limits = MOST
    more: bool = False
    ceiling: Limits = MOST
    worked: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What was in the request that failed: how many commands, and their bytes before compression."""

    ops: int = 0
    ops_bytes: int = 0


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
    """Send as much as is known to get through, a little more each time; come back at once while there is more."""
    limits = line.ceiling
    if line.limits.page_bytes < limits.page_bytes:  # an answer of this size got through, a larger one did not
        limits = replace(limits, page_bytes=line.limits.page_bytes * 2)
    ceiling = Limits(
        min(limits.ops * 3 // 2 + 1, MOST.ops),
        min(limits.ops_bytes * 3 // 2, MOST.ops_bytes),
        min(limits.page_bytes * 2, MOST.page_bytes),
    )
    return Line(0, now_ms if more else now_ms + IDLE_MS, limits, more, ceiling, worked=True)


def after_failure(
    line: Line,
    now_ms: int,
    jitter: float,
    retry_after_s: int = 0,
    *,
    partway: bool = False,
    sent: Sent = Sent(),  # noqa: B008 - frozen
) -> Line:
    """Wait longer each time, with jitter in 0..1 so that tablets do not march in step.

    Less is sent at once only after a line that broke `partway`: where nobody answered, size was not the reason, and
    back in signal one request is to carry all.
    """
    pause = pause_ms(line.failures, jitter, retry_after_s, partway=partway)
    if partway:
        line = _with_less(line, sent)
    return replace(line, failures=line.failures + 1, next_try_ms=now_ms + pause)


def pause_ms(failures: int, jitter: float, retry_after_s: int = 0, *, partway: bool = False) -> int:
    """Say how long to wait after so many failures in a row, in milliseconds; never less than the server asked for."""
    if partway and failures < BREAKS_AT_ONCE:
        pause = min(BROKEN_PAUSE_MS << failures, LONGEST_BROKEN_PAUSE_MS)
    else:
        pause = min(FIRST_PAUSE_MS << min(failures, 10), LONGEST_PAUSE_MS)
    return max(round(pause * (0.5 + jitter / 2)), round(retry_after_s * 1000 * (1 + jitter)))


def _with_less(line: Line, sent: Sent) -> Line:
    """Judge a break: soon after a success it was the size, and stays a ceiling; else the line may be down: few try it.

    What was small cannot have been the reason: then it was the answer, or no size at all.
    """
    heavy, limits = sent.ops_bytes > SMALL_BYTES, line.limits
    if line.worked and line.failures < BREAKS_OF_SIZE:
        page_bytes = max(limits.page_bytes // 4, FEWEST.page_bytes)
        less = (
            replace(limits, ops=max(sent.ops // 2, 1), ops_bytes=max(sent.ops_bytes // 2, FEWEST.ops_bytes))
            if heavy
            else replace(limits, page_bytes=min(page_bytes, FEW.page_bytes))
        )
        return replace(line, limits=less, ceiling=less if heavy else line.ceiling)
    if heavy:
        return replace(line, limits=replace(FEW, page_bytes=limits.page_bytes))
    page_bytes = min(limits.page_bytes, max(min(limits.page_bytes // 4, FEW.page_bytes), FEW_PAGE_BYTES))
    return replace(line, limits=replace(limits, page_bytes=page_bytes))
