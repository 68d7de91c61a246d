"""Today at the demo company: tickets in every state, clocks at risk and overdue, a tray, exceptions to look at.

Owns today's scene, reckoned back from now. The engineer whose app is started has work of every kind.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from common.sla.clock_commands import RaiseClockAlarms, tickets_with_due_alarms
from common.tickets.appointment import AgreeAppointment
from common.tickets.closing import CancelTicket, HoldTicket, SettleTicket, WriteOffTicket
from common.tickets.field_work import RequestHelp
from common.tickets.ticket import OPEN, Ticket
from sync_server.demo.calls import Call, Calls, resolve_old
from sync_server.demo.stage import Stage, Story, minutes
from sync_server.demo.tablets import leave_exceptions
from sync_server.demo.visits import (
    Job,
    acknowledge,
    agree,
    arrive,
    check,
    diagnose,
    fit_part,
    steps_of,
    travel,
)
from sync_server.keys import ServerKeys

SOON, LONG_AGO = 20, 120  # minutes
ENGINEER = "E01"  # whose app the demo starts
# How long ago each ticket of the tray was reported, in working minutes: the response limit is 240, urgent 120.
TRAY = (
    (12, False, "xray"),
    (45, False, "lab"),
    (200, False, "ultrasound"),
    (310, False, "pump"),
    (95, True, "ventilator"),
    (150, True, "dialysis"),
)
# category, engineer ('' the fittest), how far it is, minutes since the arrival or until it
SCENE = (
    ("ventilator", ENGINEER, "dispatched", -150),
    ("monitor", ENGINEER, "acknowledged", -300),
    ("pump", ENGINEER, "dispatched", -560),
    ("monitor", ENGINEER, "signed", 170),
    ("sterile", "", "en_route", -10),
    ("xray", "", "on_site", 12),
    ("lab", "", "diagnosed", 30),
    ("dialysis", "", "repairing", 55),
    ("ultrasound", "", "held", -240),
    ("endoscopy", "", "help", 40),
    ("pump", "", "tested", 75),
    ("lab", "", "checked_out", 200),
    ("monitor", "", "settled", 320),
    ("sterile", "", "written_off", 400),
    ("defibrillator", "", "acknowledged", -90),
    ("monitor", "", "dispatched", -200),
)  # fmt: skip


def bill_today(stage: Stage, now: datetime) -> None:
    """Put today's calls on the bill; they are played together with the past, in the order of time."""
    calls = Calls(stage)
    for ago, urgent, category in TRAY:
        stage.add(_wait(calls, stage.policy.calendar.subtract_working(now, minutes(ago)), category, urgent))
    for category, who, state, since in SCENE:
        stage.add(_reach(calls, now, category, who, state, since))


def end_today(stage: Stage, keys: ServerKeys, now: datetime) -> None:
    """Bring alarms up to now, enrol the tablets, and leave what the office must look at."""
    stage.clock.at = now
    stage.do(lambda: raise_due_alarms(stage), now)
    leave_exceptions(stage, keys, Calls(stage), now)


def clear_scene(stage: Stage) -> None:
    """Close the tickets an earlier day left open, and what lies in the inbox of the office."""
    left = select(Ticket).where(Ticket.state.in_(OPEN)).order_by(Ticket.number)
    for ticket in stage.session.scalars(left).all():
        stage.office("L01", CancelTicket(ticket.id, "演示：新的一天", "演示"))
    resolve_old(stage)


def raise_due_alarms(stage: Stage) -> None:
    """Warn of clocks that are at risk or overdue now."""
    for ticket_id in tickets_with_due_alarms(stage.session, stage.now):
        stage.system(RaiseClockAlarms(ticket_id))


def _wait(calls: Calls, at: datetime, category: str, urgent: bool) -> Story:
    """Leave a call in the tray."""
    yield at
    calls.report(calls.call(at, category=category, urgent=urgent))


def _arrival(stage: Stage, now: datetime, since: int) -> datetime:
    """Reckon an arrival `since` minutes ago, or in `-since`: within opening hours unless it is close to now."""
    calendar = stage.policy.calendar
    if since < -SOON:
        return calendar.add_working(now, minutes(-since))
    plain = now - minutes(since)
    if since > LONG_AGO and not calendar.is_open(plain):
        return calendar.subtract_working(now, minutes(since))
    return plain


def _reach(calls: Calls, now: datetime, category: str, who: str, state: str, since: int) -> Story:
    """Bring a ticket to a state: its engineer arrived `since` minutes ago, or will in `-since` minutes."""
    stage = calls.stage
    arrives_at = _arrival(stage, now, since)
    reported_at = min(arrives_at - minutes(100), now - minutes(70))
    yield reported_at
    zone = "same_city" if who else ""
    call = calls.call(reported_at, category=category, zone=zone, urgent=category == "ventilator")
    ticket_id = calls.report(call)
    yield stage.now + minutes(9)
    from_at = _round(arrives_at)
    who = calls.assign(call, ticket_id, from_at, who)
    job = calls.job(call, ticket_id, who)
    if state == "dispatched":
        return
    stage.office(
        "S01",
        AgreeAppointment(ticket_id, from_at, from_at + timedelta(hours=2), call.customer.contact or "设备科"),
    )
    yield stage.now + minutes(12)
    acknowledge(job, stage.now)
    yield from _work(job, call, state, arrives_at, now)


def _work(job: Job, call: Call, state: str, arrives_at: datetime, now: datetime) -> Story:
    stage = job.stage
    if state == "acknowledged":
        return
    if state == "held":
        stage.office("D01", HoldTicket(job.ticket_id, "awaiting_parts", "探头在途，预计明日到库"))
        return
    if state in ("signed", "checked_out", "settled", "written_off"):
        yield from _finish(job, state, arrives_at, now)
        return
    yield arrives_at - minutes(25)
    travel(job, stage.now)
    if state == "en_route":
        return
    yield arrives_at
    arrive(job, stage.now)
    yield arrives_at + minutes(6)
    check(job, stage.now)
    if state == "on_site":
        return
    for step, offset in ((diagnose, 15), (agree, 18)):
        yield arrives_at + minutes(offset)
        step(job, stage.now)
    if state == "diagnosed":
        return
    yield arrives_at + minutes(24)
    if state == "help":
        stage.field(
            job.engineer, RequestHelp(job.ticket_id, "内镜漏水点不明，需要二线工程师到场", "王工或厂家支援")
        )
        return
    fit_part(job, stage.now)
    rest = [step for step in steps_of(job, arrives_at - minutes(30)) if step[0] > stage.now][:-4]
    for at, next_step in rest[: 2 if state == "tested" else 1]:
        yield min(at, now - minutes(2))
        next_step(stage.now)


def _finish(job: Job, state: str, arrives_at: datetime, now: datetime) -> Story:
    stage = job.stage
    steps = list(steps_of(job, arrives_at))
    for at, step in steps[:-1] if state == "signed" else steps:
        yield min(at, now - minutes(3))
        step(stage.now)
    if state in ("settled", "written_off"):
        yield min(stage.now + minutes(15), now - minutes(2))
        stage.office("K01", SettleTicket(job.ticket_id, "FP0031187"))
    if state == "written_off":
        stage.office("K01", WriteOffTicket(job.ticket_id))


def _round(at: datetime) -> datetime:
    """Return the half hour before."""
    return at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)
