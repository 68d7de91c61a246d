"""The demo's past calls: from the telephone to the archive, with what goes wrong on the way.

Owns which ends there are and how often. Steps on site are `visits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.inbox.inbox_commands import ResolveDiscrepancy
from common.inbox.records import Discrepancy
from common.kernel.command import Role
from common.people.person import Person, Qualification
from common.sla.clock_commands import RaiseClockAlarms, tickets_with_due_alarms
from common.tickets.appointment import AgreeAppointment
from common.tickets.closing import (
    ArchiveTicket,
    CancelTicket,
    HoldTicket,
    ReopenTicket,
    ResumeTicket,
    SettleTicket,
    WriteOffTicket,
)
from common.tickets.dispatching import AssignTicket
from common.tickets.field_work import AnswerHelp, RequestHelp
from common.tickets.intake import RefuseTicket, ReportFault, SolveByPhone
from common.tickets.ticket import Ticket
from sync_server.demo.company import read_words
from sync_server.demo.stage import Stage, Story, at_local, minutes
from sync_server.demo.visits import Job, Step, acknowledge, read_notices, steps_of
from sync_server.tickets.numbers import PREFIX

ENDS = (
    ("visit", 62), ("late", 9), ("phone", 10), ("refused", 3), ("cancelled", 3), ("report_refused", 4),
    ("reopened", 4), ("held", 3), ("help", 2),
)  # fmt: skip
CHANNELS = ("phone", "phone", "phone", "wechat", "web", "email")
DAY = timedelta(days=1)
MORNING_MAX, AFTERNOON_MAX = (
    600,
    915,
)  # minutes of the day: two hours fit before the noon break, before closing


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody calls about: the unit, its customer and model, and the story that fits."""

    number: str
    unit: Equipment
    customer: Customer
    model: EquipmentModel
    story: dict[str, Any]
    urgent: bool


class Calls:
    """Makes calls about the company's units and sends engineers to them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        stories = read_words("stories.toml")
        self.stories: list[dict[str, Any]] = stories["story"]
        self.words: dict[str, list[str]] = stories["words"]
        with stage.database.read() as session:
            self.units = list(session.scalars(select(Equipment).order_by(Equipment.serial)))
            self.customers = {c.id: c for c in session.scalars(select(Customer))}
            self.models = {m.id: m for m in session.scalars(select(EquipmentModel))}
            self.held = list(session.scalars(select(Qualification)))
            numbers = session.scalars(select(Ticket.number).order_by(Ticket.number)).all()
            session.expunge_all()
        self._counts = {
            day.removeprefix(PREFIX): int(count)
            for day, _, count in (n.partition("-") for n in numbers)
            if count.isdecimal()
        }
        self._sent: dict[str, int] = {}

    def number_for(self, at: datetime) -> str:
        """Give the next ticket number of a local day."""
        day = self.stage.local(at).strftime("%y%m%d")
        self._counts[day] = self._counts.get(day, 0) + 1
        return f"{PREFIX}{day}-{self._counts[day]:03d}"

    def call(self, at: datetime, *, category: str = "", zone: str = "", urgent: bool | None = None) -> Call:
        """Choose what the next call is about."""
        chance = self.stage.chance
        fitting = [
            unit
            for unit in self.units
            if (not category or self.models[unit.model_id].category == category)
            and (not zone or self.customers[unit.customer_id].zone == zone)
        ]
        unit = chance.choice(fitting or self.units)
        model, owner = self.models[unit.model_id], self.customers[unit.customer_id]
        own = [s for s in self.stories if s["category"] == model.category]
        spoken = [s for s in own if s["language"] == owner.language] or own
        is_urgent = chance.random() < 0.15 if urgent is None else urgent
        return Call(self.number_for(at), unit, owner, model, chance.choice(spoken), is_urgent)

    def report(self, call: Call) -> str:
        """Take the call; returns the ticket's id."""
        stage = self.stage
        ticket_id = stage.id("ticket")
        stage.office(
            "S01",
            ReportFault(
                ticket_id,
                call.number,
                stage.chance.choice(CHANNELS),  # type: ignore[arg-type]
                call.customer.id,
                call.story["fault"],
                call.story["severity"],
                call.unit.id,
                caller=call.customer.contact,
                caller_phone=call.customer.phone,
                fault_code=call.story["fault_code"],
                fault_since_on=(stage.local(stage.now) - DAY).date() if stage.chance.random() < 0.3 else None,
                urgent=call.urgent,
            ),
        )
        return ticket_id

    def assign(self, call: Call, ticket_id: str, from_at: datetime, who: str = "", hours: int = 2) -> str:
        """Send the fittest engineer; a broken rule gets its reason. Returns the engineer's number."""
        who = who or self.fittest(call, from_at)
        until_at = from_at + timedelta(hours=hours)
        wanted = (ticket_id, self.stage.id("assignment"), self.stage.people[who].id, from_at, until_at)
        outcome = self.stage.office("D01", AssignTicket(*wanted), may_refuse=True)
        if not outcome.took_effect:
            reason = "客户急用，已与工程师电话确认"
            again = (ticket_id, self.stage.id("assignment"), *wanted[2:])
            self.stage.office("D01", AssignTicket(*again, override_reason=reason))
        self.stage.free_at[who] = until_at
        self._sent[who] = self._sent.get(who, 0) + 1
        return who

    def fittest(self, call: Call, from_at: datetime) -> str:
        """Choose among those with skill, certificate and zone who was free first; whoever comes nearest otherwise."""
        day = self.stage.local(from_at).date()

        def faults(person: Person) -> tuple[int, datetime, int, str]:
            codes = {
                q.code
                for q in self.held
                if q.person_id == person.id and (q.valid_until_on is None or q.valid_until_on >= day)
            }
            missing = sum(
                bool(want) and want not in codes for want in (call.model.skill, call.model.certificate)
            )
            away = bool(person.zones) and call.customer.zone not in person.zones
            busy = self.stage.free_at.get(person.number, from_at)
            return missing * 2 + away, max(busy, from_at), self._sent.get(person.number, 0), person.number

        engineers = [p for p in self.stage.people.values() if Role.ENGINEER.value in p.roles]
        return min(engineers, key=faults).number

    def job(self, call: Call, ticket_id: str, who: str) -> Job:
        """Make the engineer's side of a call."""
        return Job(self.stage, ticket_id, who, call.story, call.model.code, call.customer.language)

    def slot(self, at: datetime) -> datetime:
        """Find when an engineer can be there for two hours of opening time: today, or the next morning."""
        chance, soon = self.stage.chance, at + minutes(50 + self.stage.chance.randrange(60))
        local = self.stage.local(soon)
        minute = local.hour * 60 + local.minute
        if minute <= MORNING_MAX:
            return at_local(soon, max(9, local.hour), 30 if minute > 540 and local.minute >= 30 else 0)
        if minute <= AFTERNOON_MAX:
            return at_local(soon, max(14, local.hour), 30 if minute > 840 and local.minute >= 30 else 0)
        return at_local(soon + DAY, chance.choice((9, 9, 10, 14)))

    # ------------------------------------------------------------------------------------- stories

    def past(self, at: datetime) -> Story:
        """Play one call of the past from beginning to end; what lies after now is not played."""
        yield at
        call = self.call(at)
        end = self._choose_end()
        ticket_id = self.report(call)
        yield self.stage.now + minutes(4 + self.stage.chance.randrange(12))
        if end == "phone":
            self.stage.office("S01", SolveByPhone(ticket_id, self.stage.chance.choice(self.words["advice"])))
            yield from self._archive(call, ticket_id, signed=False)
            return
        if end == "refused":
            self.stage.office("L01", RefuseTicket(ticket_id, "设备已转由原厂签约维保，已告知客户联系电话"))
            return
        yield from self._visit(call, ticket_id, end)
        if end == "cancelled":
            return
        yield from self._settle(ticket_id)
        if end == "reopened":
            yield self.stage.now + DAY
            reason = self.stage.chance.choice(self.words["reopenings"])
            self.stage.office("S01", ReopenTicket(ticket_id, reason))
            yield self.stage.now + minutes(20)
            yield from self._visit(call, ticket_id, "visit")
            yield from self._settle(ticket_id)
        yield from self._archive(call, ticket_id, signed=True)

    def _choose_end(self) -> str:
        names, weights = zip(*ENDS, strict=True)
        return str(self.stage.chance.choices(names, weights)[0])

    def _visit(self, call: Call, ticket_id: str, end: str) -> Iterator[datetime]:
        stage = self.stage
        from_at = self.slot(max(stage.now, stage.free_at.get(self.fittest(call, stage.now), stage.now)))
        who = self.assign(call, ticket_id, from_at)
        job = self.job(call, ticket_id, who)
        if end == "cancelled":
            yield stage.now + minutes(25)
            stage.office("D01", CancelTicket(ticket_id, "客户来电：院内工程师已自行处理"))
            yield stage.now + minutes(30)
            read_notices(job, stage.now)
            return
        if stage.chance.random() < 0.7:
            yield stage.now + minutes(3)
            until_at = from_at + timedelta(hours=2)
            stage.office(
                "S01", AgreeAppointment(ticket_id, from_at, until_at, call.customer.contact or "设备科")
            )
        yield stage.now + minutes(6 + stage.chance.randrange(25))
        acknowledge(job, stage.now)
        arrives_at = from_at + minutes(stage.chance.randrange(-8, 20))
        if end == "late":
            arrives_at = from_at + minutes(150 + stage.chance.randrange(1500))
        if end == "held":
            yield max(stage.now, from_at - minutes(60))
            stage.office("D01", HoldTicket(ticket_id, "awaiting_parts", "备件在途"))
            yield stage.now + 2 * DAY
            stage.office("D01", ResumeTicket(ticket_id, "备件已到"))
            yield stage.now + minutes(10)
            arrives_at = self.slot(stage.now)
            if end == "held":
                acknowledge(job, stage.now)
        arrives_at = max(arrives_at, stage.now + minutes(30))
        refusal = stage.chance.choice(self.words["refusals"]) if end == "report_refused" else ""
        steps = list(steps_of(job, arrives_at, refusal=refusal))
        if end == "help":
            wanted = RequestHelp(ticket_id, "需要专用校准工具", "二线支援")
            steps.insert(4, (steps[4][0], lambda at: job.give(wanted, at)))
        offline = stage.chance.random() < 0.18
        yield from self._play(steps, offline=offline)
        if end == "help":
            stage.office("L01", AnswerHelp(ticket_id, "二线已远程协助，工具明早送到"))
            read_notices(job, stage.now)
        stage.free_at[who] = max(stage.free_at[who], stage.now)

    def _play(self, steps: list[Step], *, offline: bool) -> Iterator[datetime]:
        """Play a visit step by step; in a dead spot all of it reaches the server later, at once."""
        if not offline:
            for at, step in steps:
                yield at
                step(self.stage.now)
            return
        yield steps[-1][0] + minutes(20 + self.stage.chance.randrange(200))
        for at, step in steps:
            step(at)

    def _settle(self, ticket_id: str) -> Iterator[datetime]:
        stage = self.stage
        yield at_local(stage.now + DAY, 10, stage.chance.randrange(60))
        if stage.chance.random() < 0.8:
            stage.office("K01", SettleTicket(ticket_id, f"FP{stage.chance.randrange(10**7):07d}"))
            yield stage.now + minutes(30)
        stage.office("K01", WriteOffTicket(ticket_id))

    def _archive(self, call: Call, ticket_id: str, *, signed: bool) -> Iterator[datetime]:
        yield at_local(self.stage.now + 3 * DAY, 16, self.stage.chance.randrange(60))
        shelf = "WX" if signed else "DH"
        self.stage.office(
            "K01", ArchiveTicket(ticket_id, f"{self.stage.local(self.stage.now):%Y}-{shelf}-{call.number}")
        )


def watch_clocks(stage: Stage, until: datetime) -> Story:
    """Raise alarms as the server's job does, and have the supervisor deal with those of the days before."""
    at = stage.now + minutes(30)
    while at <= until:
        yield at
        for ticket_id in tickets_with_due_alarms(stage.session, stage.now):
            stage.system(RaiseClockAlarms(ticket_id))
        if stage.local(stage.now).hour == 17:
            resolve_old(stage)
        at = stage.now + minutes(60)


def resolve_old(stage: Stage) -> None:
    """Close what has stood open since the day before yesterday."""
    old = select(Discrepancy).where(Discrepancy.state == "open", Discrepancy.raised_at < stage.now - DAY)
    for row in stage.session.scalars(old).all():
        stage.office("L01", ResolveDiscrepancy(row.id, "已核实并与客户沟通"))
