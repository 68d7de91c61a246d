"""Which warnings and breaches must be raised or taken back, also when offline work arrives late (R015).

Owns the decision only; who is told, and how, belongs to the server's job.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from common.sla.clock import ClockState

AlarmKind = Literal["warn", "breach", "warn_withdrawn", "breach_withdrawn"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to tell. `at`: when it became true; `is_known_late`: an earlier check passed that unaware."""

    kind: AlarmKind
    at: datetime
    is_known_late: bool


def alarms_between(
    state: ClockState, checked_until: datetime | None, now: datetime, raised: Collection[str] = ()
) -> tuple[Alarm, ...]:
    """Return the alarms that became due since the last check; `raised`: which of `warn`, `breach` stand.

    A stop learned late that was in time, a longer limit or an approved exception takes alarms back.
    A met clock raises nothing afterwards; a breach makes its own warning pointless.
    """
    wanted: list[Alarm] = []
    is_breach = state.status in ("breached", "met_late")
    is_warn = state.status in ("running", "paused") and state.warn_at is not None and state.warn_at <= now
    if is_breach and "breach" not in raised and state.due_at is not None:
        wanted.append(Alarm("breach", state.due_at, _passed(state.due_at, checked_until)))
    if is_warn and "warn" not in raised and state.warn_at is not None:
        wanted.append(Alarm("warn", state.warn_at, _passed(state.warn_at, checked_until)))
    if "breach" in raised and not is_breach:
        wanted.append(Alarm("breach_withdrawn", now, True))
    if "warn" in raised and state.status in ("running", "paused") and not is_warn:
        wanted.append(Alarm("warn_withdrawn", now, True))
    return tuple(wanted)


def _passed(at: datetime, checked_until: datetime | None) -> bool:
    return checked_until is not None and at <= checked_until
