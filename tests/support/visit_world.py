"""One engineer, one unit, one ticket: hands for tests of tickets and visits, on top of `World`.

Every step goes through the product's commands; `field` gives them as the engineer's tablet does.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from common.kernel.codec import canonical
from common.kernel.command import Place, Role
from common.kernel.outcome import Outcome
from common.kernel.record import synced_entities
from common.policy.policy_commands import AdoptPolicy
from common.policy.policy_set import find_policy
from common.stock.part import price_list_version
from common.stock.part_usage import RecordPartUsage
from common.tickets.dispatching import AssignTicket
from common.tickets.events import timeline
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Ticket
from common.visit.completeness import open_items
from common.visit.diagnosis import AgreementLine, RecordDiagnosis, SignAgreement, agreement_content
from common.visit.hashing import content_hash
from common.visit.on_site import AnswerChecklist, ArriveOnSite, LeaveSite, RecordDemonstration
from common.visit.repair import RecordMeasure, RecordTest
from common.visit.report import compose_report
from common.visit.sign_off import RecordRating, SignReport
from tests.support.world import World

STROKES = "[[[0,0,0],[10,10,16]]]"
DESK = (Role.SPECIALIST,)
LEAD = (Role.DISPATCHER,)


class VisitWorld(World):
    """A company with the `medical-device` policy, an engineer with a van, a unit in warranty and a ticket on it."""

    def __init__(self, *, preset: str = "medical-device", authority: bool = True) -> None:
        super().__init__(authority=authority)
        self.must(AdoptPolicy(self.id("policy"), preset), roles=(Role.ADMINISTRATOR,))
        self.engineer = self.a_person(name="李伟")
        self.van = self.a_van(self.engineer)
        self.part = self.a_part("PS-100")
        self.stock_up(self.van, self.part, 5)
        self.customer = self.a_customer(zone="same_city", address="东单北大街53号")
        self.model = self.a_model(checklist="infusion_pump")
        self.unit = self.a_unit(
            self.customer, self.model, serial="SN-7", accepted_on=date(2026, 1, 10), warranty_months=12
        )
        self.ticket = self.a_ticket(unit_id=self.unit, customer_id=self.customer)

    def field(self, payload: Any, *, person: str = "", **given: Any) -> Outcome:
        """Give a command as an engineer's tablet does; the ticket's own engineer unless another is named."""
        given.setdefault("live", False)
        return self.do(
            payload, person=person or self.engineer, roles=(Role.ENGINEER,), place=Place.TABLET, **given
        )

    def office(self, payload: Any, *roles: Role, **given: Any) -> Outcome:
        """Give a command at the office."""
        return self.do(payload, roles=roles or LEAD, place=Place.OFFICE, **given)

    @property
    def row(self) -> Ticket:
        """Read the ticket."""
        found: Ticket = self.get(Ticket, self.ticket)
        return found

    def assign(self, engineer: str = "", hours: int = 1) -> str:
        """Send an engineer; rules of hours and skills are overridden."""
        assignment = self.id("assignment")
        start = self.now + timedelta(hours=hours)
        window = (start, start + timedelta(hours=2))
        self.must(AssignTicket(self.ticket, assignment, engineer or self.engineer, *window, "测试"))
        return assignment

    def events(self) -> list[str]:
        """List the kinds of the ticket's events in order of time."""
        return [event.kind for event in timeline(self.session, self.ticket)]

    def go(self, **given: Any) -> str:
        """Acknowledge, travel, arrive; returns the visit's id."""
        self.tick()
        self.field(AcknowledgeTicket(self.ticket), **given)
        self.tick(30)
        self.field(StartTravel(self.ticket), **given)
        self.tick(40)
        visit = self.id("visit")
        self.field(ArriveOnSite(visit, self.ticket, True, "李伟"), **given)
        return visit

    def checklists(self) -> list[AnswerChecklist]:
        """List the answers that complete the checklists."""
        policy = find_policy(self.session)
        assert policy is not None
        return [
            AnswerChecklist(self.ticket, template, item.code, "ok", "1" if item.kind == "value" else "")
            for template, item in open_items(self.session, self.row, policy)
        ]

    def repair(self, visit: str, cause: str = "material") -> None:
        """Fill in everything a report needs: checklist, diagnosis, part, measure, test, demonstration."""
        for answer in self.checklists():
            self.field(answer)
        self.tick(10)
        self.field(RecordDiagnosis(self.id("d"), self.ticket, visit, "漏液", "密封圈老化", cause, "leak"))
        if cause == "man_made":
            self.field(self.agreement())
        self.field(
            RecordPartUsage(
                self.id("u"), self.ticket, self.part, Decimal(1), visit, charged=cause == "man_made"
            )
        )
        self.tick(25)
        self.field(RecordMeasure(self.id("m"), self.ticket, visit, "更换密封圈", 25))
        self.tick(5)
        self.field(
            RecordTest(self.id("t"), self.ticket, visit, "flow_rate", "5.0", True, "mL/h", "4.9", "5.1")
        )
        self.field(RecordDemonstration(self.id("s"), self.ticket, visit, "张护士", "开机自检"))

    def agreement(self, plan: str = "更换密封圈", labour: int = 30_000, part: int = 12_000) -> SignAgreement:
        """Write an agreement over labour and one part."""
        lines = (
            AgreementLine("labour", "labour", "人工费", Decimal(1), labour, labour),
            AgreementLine("part", "PS-100", "密封圈", Decimal(1), part, part),
        )
        total = labour + part
        shown = agreement_content(self.row.number, plan, lines, total, "CNY")
        return SignAgreement(
            self.id("a"),
            self.ticket,
            plan,
            lines,
            total,
            "CNY",
            price_list_version(self.session),
            "王主任",
            "设备科",
            STROKES,
            content_hash(shown),
        )

    def report(self, **over: Any) -> SignReport:
        """Compose the report as the tablet shows it, signed and accepted unless told otherwise."""
        service_type = over.pop("service_type", self.row.service_type or "C")
        content = over.pop("shown", None) or compose_report(
            self.session, self.ticket, service_type=service_type
        )
        values: dict[str, Any] = {
            "report_id": self.id("report"),
            "ticket_id": self.ticket,
            "number": f"A-{self.row.number}",
            "language": "zh-Hans",
            "accepted": True,
            "content": canonical(content),
            "content_hash": content_hash(content),
            "service_type": service_type,
            "engineer_name": "李伟",
            "signer_name": "王主任",
            "signer_role": "设备科",
            "strokes": STROKES,
            "opinion": "满意",
        }
        return SignReport(**(values | over))

    def finish(self) -> str:
        """Send the engineer and do the whole visit; returns the visit's id."""
        self.assign()
        return self.finish_from_here()

    def finish_from_here(self) -> str:
        """Do the whole visit of an assigned ticket, up to leaving; returns the visit's id."""
        visit = self.go()
        self.repair(visit)
        self.tick(5)
        outcome = self.field(self.report())
        assert outcome.status == "ok", outcome
        self.field(RecordRating(self.id("rating"), self.ticket, "c2VhbGVk"))
        self.tick(5)
        self.field(LeaveSite(visit, self.ticket))
        return visit

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Read every synced table whole, so that two states can be compared."""
        self.session.expire_all()
        connection = self.session.connection()
        return {
            name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name} ORDER BY id"))]
            for name in synced_entities()
        }
