"""Who may do a ticket when: the rules an assignment can break, with reasons, and a ranking (R046–R051).

Owns the judgement only. Nothing is forbidden here except taking work under way from its engineer: any other
break is shown, and whoever assigns gives a reason. Reads no tables and no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from common.policy.titles import Values
from common.sla.calendar import ONE_DAY, WorkingCalendar, show_wall, whole_minutes

LATE = timedelta(minutes=15)  # a visit that is just beginning is not yet in the past
BLOCKING = frozenset({"work_under_way"})
# What a broken rule costs in the ranking: what must not be weighs more than what is inconvenient.
WEIGHT = {
    "work_under_way": 1000,
    "certificate_missing": 100,
    "certificate_expired": 100,
    "engineer_absent": 100,
    "skill_missing": 80,
    "assignment_overlaps": 60,
    "customer_window_missed": 40,
    "zone_not_served": 20,
    "daily_load_exceeded": 20,
    "outside_working_hours": 10,
    "in_the_past": 10,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """A qualification with its last valid day; None: without end."""

    code: str
    valid_until_on: date | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """A time an engineer is away."""

    from_at: datetime
    until_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EngineerFacts:
    """What the rules need of an engineer. No `zones`: serves all; no `daily_load_max_min`: no limit."""

    engineer_id: str
    skills: frozenset[str] = frozenset()
    certificates: tuple[Certificate, ...] = ()
    zones: frozenset[str] = frozenset()
    absences: tuple[Absence, ...] = ()
    daily_load_max_min: int | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of an engineer's time on a ticket; travel lies before `from_at`."""

    ticket_id: str
    from_at: datetime
    until_at: datetime
    travel_min: int = 0

    @property
    def leaves_at(self) -> datetime:
        """Return when the engineer sets out."""
        return self.from_at - timedelta(minutes=self.travel_min)


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What the rules need of a ticket. The window is what was agreed with the customer (R049).

    `under_way_with`: the engineer who is travelling to it or working on it.
    """

    ticket_id: str
    skills: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()
    zone: str | None = None
    window_from_at: datetime | None = None
    window_until_at: datetime | None = None
    under_way_with: str | None = None


@dataclass(frozen=True, slots=True)
class RuleBreak:
    """A broken rule: `code` has a sentence `reason.<code>`, `values` fill it."""

    code: str
    values: Values = field(default_factory=dict)

    @property
    def is_blocking(self) -> bool:
        """Say whether no reason given can override it."""
        return self.code in BLOCKING


@dataclass(frozen=True, slots=True)
class RankedEngineer:
    """An engineer and what giving the slot would break. `load_min`: planned that day without it."""

    engineer_id: str
    breaks: tuple[RuleBreak, ...]
    load_min: int
    gap_min: int | None


def judge_start(from_at: datetime, now: datetime) -> tuple[RuleBreak, ...]:
    """Say that a slot begins in the past: then it records what was done, and wants a reason."""
    return (RuleBreak("in_the_past"),) if from_at < now - LATE else ()


def judge_assignment(
    engineer: EngineerFacts,
    ticket: TicketFacts,
    slot: Slot,
    others: Sequence[Slot],
    calendar: WorkingCalendar,
) -> tuple[RuleBreak, ...]:
    """Return the rules that giving this slot to this engineer would break, gravest first.

    `others`: the engineer's other slots; one of the same ticket is being moved and does not count.
    """
    rest = [other for other in others if other.ticket_id != ticket.ticket_id]
    found = [
        *_under_way(engineer, ticket),
        *_qualification(engineer, ticket, slot, calendar),
        *_time(engineer, ticket, slot, rest, calendar),
    ]
    return tuple(sorted(found, key=lambda one: -WEIGHT[one.code]))


def _under_way(engineer: EngineerFacts, ticket: TicketFacts) -> Iterator[RuleBreak]:
    if ticket.under_way_with is not None and ticket.under_way_with != engineer.engineer_id:
        yield RuleBreak("work_under_way", {"engineer_id": ticket.under_way_with})


def _qualification(
    engineer: EngineerFacts, ticket: TicketFacts, slot: Slot, calendar: WorkingCalendar
) -> Iterator[RuleBreak]:
    for skill in sorted(ticket.skills - engineer.skills):
        yield RuleBreak("skill_missing", {"skill": skill})
    last_day = calendar.local(slot.until_at).date()
    for code in sorted(ticket.certificates):
        held = [one.valid_until_on for one in engineer.certificates if one.code == code]
        ends = [day for day in held if day is not None]
        if not held:
            yield RuleBreak("certificate_missing", {"certificate": code})
        elif len(ends) == len(held) and max(ends) < last_day:
            values = {"certificate": code, "until": max(ends).isoformat(), "day": last_day.isoformat()}
            yield RuleBreak("certificate_expired", values)
    if ticket.zone is not None and engineer.zones and ticket.zone not in engineer.zones:
        yield RuleBreak("zone_not_served", {"zone": ticket.zone})


def _time(
    engineer: EngineerFacts, ticket: TicketFacts, slot: Slot, rest: Sequence[Slot], calendar: WorkingCalendar
) -> Iterator[RuleBreak]:
    zone = calendar.zone
    for absence in engineer.absences:
        if absence.from_at < slot.until_at and slot.leaves_at < absence.until_at:
            values = {"start": show_wall(absence.from_at, zone), "end": show_wall(absence.until_at, zone)}
            yield RuleBreak("engineer_absent", {**values, "reason": absence.reason})
    for other in sorted(rest, key=lambda one: one.from_at):
        if other.leaves_at < slot.until_at and slot.leaves_at < other.until_at:
            values = {"start": show_wall(other.from_at, zone), "end": show_wall(other.until_at, zone)}
            yield RuleBreak("assignment_overlaps", {**values, "ticket_id": other.ticket_id})
    yield from _load(engineer, slot, rest, calendar)
    if not _is_within_hours(slot, calendar):
        values = {"start": show_wall(slot.from_at, zone), "end": show_wall(slot.until_at, zone)}
        yield RuleBreak("outside_working_hours", values)
    starts, ends = ticket.window_from_at, ticket.window_until_at
    if (starts is not None and slot.from_at < starts) or (ends is not None and slot.from_at > ends):
        yield RuleBreak(
            "customer_window_missed",
            {
                "start": show_wall(starts, zone) if starts else "–",
                "end": show_wall(ends, zone) if ends else "–",
                "arrival": show_wall(slot.from_at, zone),
            },
        )


def _load(
    engineer: EngineerFacts, slot: Slot, rest: Sequence[Slot], calendar: WorkingCalendar
) -> Iterator[RuleBreak]:
    limit = engineer.daily_load_max_min
    if limit is None:
        return
    day, last = calendar.local(slot.leaves_at).date(), calendar.local(slot.until_at).date()
    while day <= last:
        own = load_on(day, [slot], calendar)
        load = own + load_on(day, rest, calendar)
        if own and load > limit:
            values: Values = {"day": day.isoformat(), "load_min": load, "limit_min": limit}
            yield RuleBreak("daily_load_exceeded", values)
        day += ONE_DAY


def load_on(day: date, slots: Sequence[Slot], calendar: WorkingCalendar) -> int:
    """Return the minutes planned on a local day, travel included, slots over midnight cut."""
    total = timedelta()
    for slot in slots:
        begins, ends = calendar.local(slot.leaves_at), calendar.local(slot.until_at)
        if begins.date() <= day <= ends.date():
            starts_at = slot.leaves_at if begins.date() == day else calendar.day_start(day)
            ends_at = slot.until_at if ends.date() == day else calendar.day_start(day + ONE_DAY)
            total += max(ends_at - starts_at, timedelta())
    return whole_minutes(total)


def _is_within_hours(slot: Slot, calendar: WorkingCalendar) -> bool:
    """Say whether arrival and leaving lie in opening hours, no closed day between; lunch may be worked."""
    if slot.until_at <= slot.from_at or not calendar.is_open(slot.from_at):
        return False
    if not calendar.is_open(slot.until_at - timedelta(microseconds=1)):
        return False
    day, last = calendar.local(slot.from_at).date(), calendar.local(slot.until_at).date()
    return all(calendar.stretches_on(day + offset * ONE_DAY) for offset in range((last - day).days + 1))


def rank_engineers(
    engineers: Sequence[EngineerFacts],
    ticket: TicketFacts,
    slot: Slot,
    others: Mapping[str, Sequence[Slot]],
    calendar: WorkingCalendar,
) -> tuple[RankedEngineer, ...]:
    """Rank engineers for a slot, best first: lightest breaks, least load that day, shortest idle gap.

    `others`: slots by engineer id. `gap_min`: minutes since the engineer's last work that day, None for none.
    """
    ranked = []
    day = calendar.local(slot.from_at).date()
    for engineer in engineers:
        rest = [one for one in others.get(engineer.engineer_id, ()) if one.ticket_id != ticket.ticket_id]
        breaks = judge_assignment(engineer, ticket, slot, rest, calendar)
        earlier = [
            one.until_at
            for one in rest
            if one.until_at <= slot.from_at and calendar.local(one.until_at).date() == day
        ]
        gap_min = whole_minutes(slot.from_at - max(earlier)) if earlier else None
        ranked.append(RankedEngineer(engineer.engineer_id, breaks, load_on(day, rest, calendar), gap_min))
    return tuple(sorted(ranked, key=_rank))


def _rank(one: RankedEngineer) -> tuple[int, int, int, str]:
    gap = one.gap_min if one.gap_min is not None else 24 * 60
    return sum(WEIGHT[broken.code] for broken in one.breaks), one.load_min, gap, one.engineer_id
