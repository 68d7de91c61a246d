"""Warnings and breaches put before the office, and taken back when a late fact proves them wrong (R015).

Owns `warned_at`, `breached_at`, `known_late` of a clock and the discrepancies that tell of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from common.inbox.opening import open_discrepancy
from common.inbox.records import Discrepancy
from common.kernel.clock import millis
from common.kernel.ids import derive_id
from common.kernel.work import Work
from common.sla.alarms import Alarm, alarms_between
from common.sla.clock import ClockState
from common.sla.clock_record import SlaClock

NEWS_DELAY = timedelta(minutes=10)  # what is told within it counts as told in time
CODES = {"warn": "clock_warning", "breach": "clock_breached"}


def raise_alarms(work: Work, number: str, clock: SlaClock, state: ClockState, now: datetime) -> int:
    """Raise or take back a clock's alarms as of `now`; returns how many changed. Safe to repeat."""
    raised = [
        kind for kind, at in (("warn", clock.warned_at), ("breach", clock.breached_at)) if at is not None
    ]
    alarms = alarms_between(state, clock.known_at, now, raised)
    for alarm in alarms:
        kind, _, withdrawn = alarm.kind.partition("_")
        if withdrawn:
            _take_back(work, clock, kind)
        else:
            is_late = alarm.is_known_late or now - alarm.at >= NEWS_DELAY
            _raise(work, number, clock, kind, alarm, is_late)
    if alarms:
        _settle_warning(work, clock, still_counts=state.status in ("running", "paused"))
    return len(alarms)


def _raise(work: Work, number: str, clock: SlaClock, kind: str, alarm: Alarm, is_late: bool) -> None:
    setattr(clock, "warned_at" if kind == "warn" else "breached_at", alarm.at)
    clock.known_late = clock.known_late or is_late
    details = {
        "ticket": number,
        "kind": clock.kind,
        "due_ms": millis(clock.due_at or alarm.at),
        "known_late": int(is_late),
    }
    row = work.add(
        open_discrepancy(
            work.op.id,
            CODES[kind],
            details,
            work.received_at,
            ticket_id=clock.ticket_id,
            row_id=_alarm_id(clock, kind, alarm.at),
        )
    )
    if row.resolution == "withdrawn":  # a fact proved it wrong, another one proves it right again
        row.state, row.resolution, row.resolved_at = "open", "", None


def _take_back(work: Work, clock: SlaClock, kind: str) -> None:
    name = "warned_at" if kind == "warn" else "breached_at"
    row = work.session.get(Discrepancy, _alarm_id(clock, kind, getattr(clock, name)))
    setattr(clock, name, None)
    if row is not None and row.state == "open":
        row.state, row.resolution, row.resolved_at = "resolved", "withdrawn", work.received_at


def _settle_warning(work: Work, clock: SlaClock, *, still_counts: bool) -> None:
    """Let the breach speak for the warning before it: the office deals with one entry, not with two."""
    row = (
        work.session.get(Discrepancy, _alarm_id(clock, "warn", clock.warned_at)) if clock.warned_at else None
    )
    if row is None:
        return
    if clock.breached_at is not None and row.state == "open":
        row.state, row.resolution, row.resolved_at = "resolved", "overtaken", work.received_at
    elif clock.breached_at is None and row.resolution == "overtaken" and still_counts:
        row.state, row.resolution, row.resolved_at = "open", "", None


def _alarm_id(clock: SlaClock, kind: str, at: datetime) -> str:
    return derive_id("alarm", clock.id, kind, str(millis(at)))
