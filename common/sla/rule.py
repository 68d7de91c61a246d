"""One limit of the policy: which clock, how long, in which unit, for which tickets, between which events.

Owns choosing the rule for a ticket and turning its figure into a length of time. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from common.policy.titles import Title
from common.sla.calendar import WorkingCalendar, add_local_days

CLOCKS = ("response", "confirm", "dispatch", "arrival", "repair")
UNITS = ("wh", "wd", "h", "d", "week")
WORKING_UNITS = ("wh", "wd")
EVENTS = (
    "received",
    "first_response",
    "accepted",
    "dispatched",
    "acknowledged",
    "en_route",
    "arrived",
    "diagnosed",
    "repair_started",
    "fixed",
    "signed",
    "closed",
)


@dataclass(frozen=True, slots=True)
class ClockRule:
    """A limit with its source. `amount` or `start_event` None: blank in the source, fill before go-live.

    `unit`: wh working hours, wd working days, h hours, d calendar days, week seven calendar days (R009–R012).
    `warn_pct`: share of the limit after which people are warned, 1–99.
    `urgency`, `zone`, `level` None: the rule holds for any.
    """

    code: str
    clock: str
    title: Title
    source: str
    amount: int | None
    unit: str
    start_event: str | None
    stop_event: str
    warn_pct: int
    urgency: str | None = None
    zone: str | None = None
    level: str | None = None
    note: Title | None = None

    @property
    def is_working(self) -> bool:
        """Say whether only working time counts."""
        return self.unit in WORKING_UNITS

    @property
    def is_complete(self) -> bool:
        """Say whether the rule can be judged: amount and start event are filled."""
        return self.amount is not None and self.start_event is not None


def limit_of(rule: ClockRule, calendar: WorkingCalendar, started_at: datetime) -> timedelta:
    """Return the length of a limit; days and weeks run to the same local time of day.

    Raises ValueError for a rule whose amount is left blank.
    """
    if rule.amount is None:
        raise ValueError("clock_rule_incomplete")
    match rule.unit:
        case "wh" | "h":
            return timedelta(hours=rule.amount)
        case "wd":
            return timedelta(minutes=rule.amount * calendar.working_day_min)
        case "d" | "week":
            days = rule.amount * (7 if rule.unit == "week" else 1)
            return add_local_days(started_at, days, calendar.zone) - started_at
    raise ValueError("clock_unit_unknown")


def choose_rule(
    rules: Iterable[ClockRule], clock: str, *, urgency: str | None, zone: str | None, level: str | None
) -> ClockRule | None:
    """Return the most specific rule that fits a ticket, or None when the policy sets no such clock for it.

    More named conditions win; on a tie urgency beats zone beats level.
    """
    asked = (urgency, zone, level)
    fitting = [
        rule
        for rule in rules
        if rule.clock == clock
        and all(want is None or want == has for want, has in zip(conditions_of(rule), asked, strict=True))
    ]
    return max(fitting, key=_named, default=None)


def _named(rule: ClockRule) -> tuple[int, tuple[bool, ...]]:
    named = tuple(condition is not None for condition in conditions_of(rule))
    return sum(named), named


def conditions_of(rule: ClockRule) -> tuple[str | None, str | None, str | None]:
    """Return what a rule asks of a ticket: urgency, zone, level."""
    return rule.urgency, rule.zone, rule.level


def rule_data(rule: ClockRule) -> dict[str, object]:
    """Return a rule as plain JSON data, to be frozen with the clock it judges."""
    return asdict(rule)


def rule_from_data(data: Mapping[str, Any]) -> ClockRule:
    """Return the rule `rule_data` wrote. Raises KeyError for data that is none."""
    values = {field.name: data[field.name] for field in fields(ClockRule)}
    values["title"] = Title(**values["title"])
    values["note"] = None if values["note"] is None else Title(**values["note"])
    return ClockRule(**values)
