"""What the caller can be told before anything is saved: who pays, and by when somebody comes (R006 R031).

Owns the look ahead. Judged by the same rules as the ticket afterwards; writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from common.coverage.entitlement import judge_now
from common.coverage.judge import EntitlementJudgement
from common.customers.customer import Customer
from common.policy.policy_set import find_policy, zone_for
from common.policy.titles import Title
from common.sla.clock import due_at
from common.sla.clocks import KINDS
from common.sla.rule import choose_rule
from common.tickets.ticket import Ticket

STARTED_BY_A_CALL = ("received", "accepted")
TOLD_FIRST = ("arrival", "repair", "dispatch", "response")


@dataclass(frozen=True, slots=True)
class ForecastClock:
    """A limit that a call would start: kind, the rule's title and its deadline."""

    kind: str
    title: Title
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """Verdict and limits as of now. `promised_at` None: the policy names no limit for such a ticket."""

    judgement: EntitlementJudgement
    clocks: tuple[ForecastClock, ...]
    promised_at: datetime | None
    zone: str


def forecast(
    session: Session,
    now: datetime,
    *,
    customer: Customer | None,
    equipment_id: str | None,
    address: str = "",
    severity: str = "minor",
    urgent: bool = False,
) -> Forecast:
    """Judge a call that is not registered yet."""
    place = address or (customer.address if customer else "")
    zone = (customer.zone if customer else "") or zone_for(session, place)
    asked = Ticket(equipment_id=equipment_id, received_at=now)
    clocks = _clocks(session, now, zone, severity, urgent=urgent)
    due = {clock.kind: clock.due_at for clock in clocks if clock.kind != "confirm"}
    promised = next((due[kind] for kind in TOLD_FIRST if kind in due), None)
    return Forecast(judge_now(session, asked, None), clocks, promised, zone)


def _clocks(
    session: Session, now: datetime, zone: str, severity: str, *, urgent: bool
) -> tuple[ForecastClock, ...]:
    policy = find_policy(session)
    found: list[ForecastClock] = []
    for kind in KINDS if policy else ():
        assert policy is not None
        rule = choose_rule(
            policy.clocks,
            kind,
            urgency="urgent" if urgent else "normal",
            zone=zone or None,
            level=severity or None,
        )
        if rule is None or not rule.is_complete or rule.start_event not in STARTED_BY_A_CALL:
            continue
        ends = due_at(rule, policy.calendar, now)
        if ends is not None:
            found.append(ForecastClock(kind, rule.title, ends))
    return tuple(found)
