"""SLA clocks of a ticket: started and stopped by what happens, always at the time it happened (R009–R015).

Owns the clock rows. Which event starts or stops which clock is the policy's; the verdict is the pure rules'.
Called inside the handlers of tickets and visits, so a clock moves in the same transaction as its event.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.kernel.ids import derive_id
from common.kernel.work import Work
from common.policy.model import Policy
from common.policy.policy_set import find_policy
from common.sla.alarm_record import NEWS_DELAY, raise_alarms
from common.sla.clock import ClockState, Pause, judge_clock
from common.sla.clock_record import SlaClock
from common.sla.explain import ExplainLine, RuleChange, explain_clock
from common.sla.rule import ClockRule, choose_rule
from common.sla.stored import (
    change_document,
    pause_documents,
    read_changes,
    read_exception,
    read_pauses,
    read_rule,
    rule_document,
)
from common.tickets.ticket import Ticket, ticket_agg

KINDS = ("response", "confirm", "dispatch", "arrival", "repair")


def clock_event(work: Work, ticket: Ticket, event: str, at: datetime | None = None) -> None:
    """Tell the clocks of a ticket what happened: those that begin with it start, those that end with it stop.

    `event` is one of `common.sla.rule.EVENTS`; `at` defaults to the time of the command.
    """
    policy = find_policy(work.session)
    if policy is None:
        return
    at = at or work.at
    for kind in KINDS:
        rule = _rule_for(policy, ticket, kind)
        if rule is not None and rule.start_event == event:
            start_clock(work, ticket, kind, at)
    for clock in clocks_of(work.session, ticket):
        if clock.rule["stop_event"] == event:
            stop_clock(work, ticket, clock.kind, at)
    _look_for_alarms(work, policy, ticket)


def start_clock(work: Work, ticket: Ticket, kind: str, at: datetime | None = None) -> SlaClock | None:
    """Start a clock unless it runs already; None where the policy sets no complete rule for this ticket."""
    policy = find_policy(work.session)
    rule = _rule_for(policy, ticket, kind) if policy else None
    if policy is None or rule is None or not rule.is_complete:
        return None
    clock_id = derive_id("clock", ticket.id, kind, str(ticket.round))
    known = work.session.get(SlaClock, clock_id)
    if known is not None:
        return known
    clock = SlaClock(
        id=clock_id,
        agg=ticket_agg(ticket.id),
        ticket_id=ticket.id,
        kind=kind,
        round=ticket.round,
        rule=rule_document(rule),
        policy_version=policy.version,
        started_at=at or work.at,
        due_at=None,
        warn_at=None,
        stopped_at=None,
        state="running",
        pauses=[],
        changes=[],
        exception=None,
        warned_at=None,
        breached_at=None,
        known_at=None,
        known_late=False,
    )
    _settle(work, policy, clock)
    return work.add(clock)


def stop_clock(work: Work, ticket: Ticket, kind: str, at: datetime | None = None) -> None:
    """Stop a clock at an event's time; of two events that both stop it the earlier one counts."""
    at = at or work.at
    clock = clock_of(work, ticket, kind)
    policy = find_policy(work.session)
    if clock is None or policy is None or (clock.stopped_at is not None and clock.stopped_at <= at):
        return
    clock.stopped_at = max(at, clock.started_at)
    _settle(work, policy, clock)


def unstop_clock(work: Work, ticket: Ticket, event: str) -> None:
    """Let the clocks that `event` stopped run on: it was not so (a failed test, a refused report)."""
    policy = find_policy(work.session)
    for clock in clocks_of(work.session, ticket):
        if policy is not None and clock.rule["stop_event"] == event and clock.stopped_at is not None:
            clock.stopped_at = None
            _settle(work, policy, clock)


def drop_clocks(work: Work, ticket: Ticket) -> None:
    """End the open clocks of a ticket that came to another end: what never happened is not measured."""
    for clock in _open_clocks(work, ticket):
        clock.state, clock.due_at, clock.warn_at = "dropped", None, None


def pause_clocks(work: Work, ticket: Ticket, reason: str) -> None:
    """Hold all running clocks of a ticket from the command's time on."""
    policy = find_policy(work.session)
    for clock in _open_clocks(work, ticket):
        pauses = read_pauses(clock.pauses)
        if policy is None or any(p.ended_at is None for p in pauses):
            continue
        clock.pauses = pause_documents([*pauses, Pause(work.at, None, reason)])
        _settle(work, policy, clock)


def resume_clocks(work: Work, ticket: Ticket) -> None:
    """Let held clocks run on from the command's time."""
    policy = find_policy(work.session)
    for clock in _open_clocks(work, ticket):
        pauses = read_pauses(clock.pauses)
        if policy is None or all(p.ended_at is not None for p in pauses):
            continue
        ended = [
            p if p.ended_at else Pause(p.started_at, max(work.at, p.started_at), p.reason) for p in pauses
        ]
        clock.pauses = pause_documents(ended)
        _settle(work, policy, clock)


def rechoose_rules(work: Work, ticket: Ticket, reason: str) -> None:
    """Judge open clocks by the rule that fits now (severity, urgency, zone). Starts and pauses stay."""
    policy = find_policy(work.session)
    if policy is None:
        return
    for clock in _open_clocks(work, ticket):
        rule, old = _rule_for(policy, ticket, clock.kind), read_rule(clock.rule)
        if rule is None or not rule.is_complete or rule == old:
            continue
        change = change_document(RuleChange(work.at, old.title, rule.title, reason))
        clock.rule, clock.policy_version = rule_document(rule), policy.version
        clock.changes = [*clock.changes, change]
        _settle(work, policy, clock)
    _look_for_alarms(work, policy, ticket)


def except_clock(work: Work, number: str, clock: SlaClock, document: dict[str, object]) -> None:
    """Take a clock of ticket `number` out of the measure, and its alarms back (R014)."""
    policy = find_policy(work.session)
    clock.exception = document
    if policy is not None and work.authority:
        state = judge_stored(policy, clock, work.received_at)
        raise_alarms(work, number, clock, state, work.received_at)


def clocks_of(session: Session, ticket: Ticket) -> list[SlaClock]:
    """List the clocks of a ticket's current round, in the order of `KINDS`."""
    found = session.scalars(
        select(SlaClock).where(SlaClock.ticket_id == ticket.id, SlaClock.round == ticket.round)
    )
    return sorted(found, key=lambda clock: KINDS.index(clock.kind))


def clock_of(work: Work, ticket: Ticket, kind: str) -> SlaClock | None:
    """Find one clock of the current round."""
    return work.session.get(SlaClock, derive_id("clock", ticket.id, kind, str(ticket.round)))


def judge_stored(policy: Policy, clock: SlaClock, now: datetime) -> ClockState:
    """Judge a stored clock."""
    return judge_clock(
        read_rule(clock.rule),
        policy.calendar,
        clock.started_at,
        read_pauses(clock.pauses),
        clock.stopped_at,
        read_exception(clock.exception),
        now,
    )


def explain_stored(policy: Policy, clock: SlaClock, now: datetime) -> list[ExplainLine]:
    """Explain a stored clock line by line."""
    stopped_at, known_at = clock.stopped_at, clock.known_at
    is_late_news = stopped_at is not None and known_at is not None and known_at - stopped_at >= NEWS_DELAY
    return explain_clock(
        read_rule(clock.rule),
        policy.calendar,
        clock.started_at,
        read_pauses(clock.pauses),
        clock.stopped_at,
        read_exception(clock.exception),
        now,
        changes=read_changes(clock.changes),
        stop_known_at=known_at if is_late_news else None,
    )


def expected_at(session: Session, ticket: Ticket) -> datetime | None:
    """Say by when something happens at the customer's, for the caller to hear (R006)."""
    due = {clock.kind: clock.due_at for clock in clocks_of(session, ticket) if clock.stopped_at is None}
    return next((due[kind] for kind in ("arrival", "repair", "dispatch", "response") if due.get(kind)), None)


def _open_clocks(work: Work, ticket: Ticket) -> list[SlaClock]:
    return [c for c in clocks_of(work.session, ticket) if c.state in ("running", "paused")]


def _rule_for(policy: Policy, ticket: Ticket, kind: str) -> ClockRule | None:
    urgency = "urgent" if ticket.urgent else "normal"
    return choose_rule(
        policy.clocks, kind, urgency=urgency, zone=ticket.zone or None, level=ticket.severity or None
    )


def _settle(work: Work, policy: Policy, clock: SlaClock) -> None:
    """Bring due, warning and state in line with the facts; on the server note when they became known."""
    state = judge_stored(policy, clock, work.at)
    paused = any(p.ended_at is None for p in read_pauses(clock.pauses))
    clock.due_at, clock.warn_at = state.due_at, state.warn_at
    clock.state = "stopped" if clock.stopped_at is not None else "paused" if paused else "running"
    if work.authority:
        clock.known_at = work.received_at


def _look_for_alarms(work: Work, policy: Policy, ticket: Ticket) -> None:
    """On the server say at once what a late fact has turned out to mean (R015)."""
    if not work.authority:
        return
    for clock in clocks_of(work.session, ticket):
        alarm_clock(work, policy, ticket.number, clock, work.received_at)


def alarm_clock(work: Work, policy: Policy, number: str, clock: SlaClock, now: datetime) -> int:
    """Raise or take back the alarms of one clock as of `now`; returns how many changed."""
    if clock.state == "dropped":
        return 0
    return raise_alarms(work, number, clock, judge_stored(policy, clock, now), now)
