"""One visit as an engineer's tablet records it, from setting out to leaving, as steps with their times.

Owns the steps and what is written in them. Which visit, when and by whom is the calls' choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from common.coverage.entitlement import ConfirmEntitlement, current_entitlement
from common.customers.customer import Customer
from common.inbox.inbox_commands import MarkNoticeSeen
from common.inbox.records import InboxItem
from common.kernel.codec import canonical
from common.stock.movement import StockSerial
from common.stock.part import Part, price_items, price_list_version
from common.stock.part_usage import RecordPartUsage
from common.tickets.field_work import AcknowledgeTicket, StartTravel
from common.tickets.ticket import Ticket
from common.visit.completeness import open_items
from common.visit.diagnosis import AgreementLine, RecordDiagnosis, SignAgreement, agreement_content
from common.visit.hashing import content_hash
from common.visit.on_site import AnswerChecklist, ArriveOnSite, LeaveSite, RecordDemonstration
from common.visit.opinion_card import OpinionCard
from common.visit.repair import RecordMeasure, RecordTest
from common.visit.report import compose_report
from common.visit.sign_off import RecordRating, SignReport
from sync_server.demo.company import part_number, read_words
from sync_server.demo.photos import AFTER, BEFORE, is_photographed, photograph
from sync_server.demo.ratings import seal_rating
from sync_server.demo.stage import Stage, minutes

MEASURED = {
    "ecg_rate": "60", "spo2": "97", "nibp_leak": "2", "earth_resistance": "82", "leakage_current": "41",
    "flow_rate": "99.8",
}  # fmt: skip
ROLES = {"zh-Hans": "设备科", "zh-Hant": "工務組", "en": "Biomedical engineer"}
Step = tuple[datetime, Callable[[datetime], None]]


@dataclass(slots=True)
class Job:
    """One ticket being worked on by one engineer."""

    stage: Stage
    ticket_id: str
    engineer: str
    story: dict[str, Any]
    model: str
    language: str
    visit_id: str = ""

    @property
    def ticket(self) -> Ticket:
        """Return the ticket's row."""
        row = self.stage.session.get(Ticket, self.ticket_id)
        assert row is not None
        return row

    def give(self, payload: Any, at: datetime) -> None:
        """Give a command on the engineer's tablet."""
        self.stage.field(self.engineer, payload, at)


def acknowledge(job: Job, at: datetime) -> None:
    """Read the notices and confirm the ticket."""
    read_notices(job, at)
    job.give(AcknowledgeTicket(job.ticket_id), at)


def read_notices(job: Job, at: datetime) -> None:
    """Read what the office told the engineer about the ticket."""
    person_id = job.stage.people[job.engineer].id
    notices = select(InboxItem.id).where(
        InboxItem.person_id == person_id,
        InboxItem.ticket_id == job.ticket_id,
        InboxItem.kind == "notice",
        InboxItem.state == "open",
    )
    for item_id in job.stage.session.scalars(notices).all():
        job.give(MarkNoticeSeen(item_id), at)


def travel(job: Job, at: datetime) -> None:
    """Set out."""
    job.give(StartTravel(job.ticket_id), at)


def arrive(job: Job, at: datetime) -> None:
    """Arrive with the badge shown."""
    job.visit_id = job.stage.id("visit")
    name = job.stage.people[job.engineer].name
    job.give(ArriveOnSite(job.visit_id, job.ticket_id, True, name), at)


def check(job: Job, at: datetime) -> None:
    """Answer the checklists."""
    for template, item in open_items(job.stage.session, job.ticket, job.stage.policy):
        value = MEASURED.get(item.code, "1") if item.kind == "value" else ""
        job.give(AnswerChecklist(job.ticket_id, template, item.code, "ok", value), at)


def diagnose(job: Job, at: datetime) -> None:
    """Find the cause; where the rules leave it open the supervisor decides by telephone."""
    stage, story = job.stage, job.story
    job.give(
        RecordDiagnosis(
            stage.id("diagnosis"),
            job.ticket_id,
            job.visit_id,
            story["fault"],
            story["finding"],
            story["cause"],
            story["fault_code"],
        ),
        at,
    )
    if job.ticket.service_type:
        return
    open_ = current_entitlement(stage.session, job.ticket_id)
    assert open_ is not None
    covered = stage.chance.random() < 0.5
    stage.office(
        "L01",
        ConfirmEntitlement(
            job.ticket_id, open_.id, "covered" if covered else "paid", "C" if covered else "A", "电话确认"
        ),
    )


def agree(job: Job, at: datetime) -> None:
    """Have plan and price signed where the work is paid for."""
    stage, ticket = job.stage, job.ticket
    if ticket.service_type != "A":
        return
    lines = [_charge(job, "labour", "labour", max(1, round(job.story["minutes"] / 60)))]
    lines.append(_charge(job, "travel", f"travel_{ticket.zone}", 1))
    part = _part(job)
    if part is not None:
        price = part.price_minor
        lines.append(AgreementLine("part", part.number, part.name_zh, Decimal(1), price, price))
    total = sum(line.amount_minor for line in lines)
    shown = agreement_content(ticket.number, job.story["measure"], tuple(lines), total, "CNY")
    job.give(
        SignAgreement(
            stage.id("agreement"),
            job.ticket_id,
            job.story["measure"],
            tuple(lines),
            total,
            "CNY",
            price_list_version(stage.session),
            signer_of(job),
            ROLES[job.language],
            stage.strokes(),
            content_hash(shown),
        ),
        at,
    )


def _charge(job: Job, kind: str, code: str, qty: int) -> AgreementLine:
    item = next(i for i in price_items(job.stage.session, kind) if i.code == code)
    amount = item.amount_minor
    return AgreementLine(kind, code, item.title, Decimal(qty), amount, amount * qty)  # type: ignore[arg-type]


def fit_part(job: Job, at: datetime) -> None:
    """Take the part from the van; serial numbers in and out where it has them."""
    stage, part = job.stage, _part(job)
    if part is None:
        return
    serial_in = _serial_on_board(job, part) if part.serialised else ""
    if part.serialised and not serial_in:
        return
    used = RecordPartUsage(
        stage.id("usage"),
        job.ticket_id,
        part.id,
        Decimal(1),
        job.visit_id,
        serial_in,
        f"OLD{stage.chance.randrange(10**6):06d}" if serial_in else "",
        job.ticket.service_type == "A",
    )
    job.give(used, at)


def _part(job: Job) -> Part | None:
    if not job.story["component"]:
        return None
    number = part_number(job.model, job.story["component"])
    return job.stage.session.scalars(select(Part).where(Part.number == number)).first()


def _serial_on_board(job: Job, part: Part) -> str:
    van_id = job.stage.people[job.engineer].van_location_id
    here = select(StockSerial.serial).where(
        StockSerial.location_id == van_id, StockSerial.part_id == part.id, StockSerial.state == "in_stock"
    )
    return job.stage.session.scalar(here.order_by(StockSerial.serial).limit(1)) or ""


def repair(job: Job, at: datetime) -> None:
    """Record what was done."""
    measure = RecordMeasure(
        job.stage.id("measure"), job.ticket_id, job.visit_id, job.story["measure"], job.story["minutes"]
    )
    job.give(measure, at)


def test(job: Job, at: datetime) -> None:
    """Record the test value."""
    name, value, unit, low, high = job.story["test"]
    instrument = "" if value == "pass" else "HX-校-07"
    job.give(
        RecordTest(
            job.stage.id("test"), job.ticket_id, job.visit_id, name, value, True, unit, low, high, instrument
        ),
        at,
    )


def demonstrate(job: Job, at: datetime) -> None:
    """Show correct use."""
    points = job.stage.chance.choice(read_words("stories.toml")["words"]["demonstrated"])
    job.give(
        RecordDemonstration(job.stage.id("demo"), job.ticket_id, job.visit_id, signer_of(job), points), at
    )


def sign(job: Job, at: datetime, *, refusal: str = "") -> None:
    """Hand the tablet over: the customer reads, accepts or refuses, signs."""
    stage, ticket = job.stage, job.ticket
    content = compose_report(stage.session, job.ticket_id, service_type=ticket.service_type)
    words = read_words("stories.toml")["words"]
    suffix = f"-{ticket.round}" if ticket.round > 1 else ""
    job.give(
        SignReport(
            stage.id("report"),
            job.ticket_id,
            f"FW-{ticket.number}{suffix}{'-R' if refusal else ''}",
            job.language,  # type: ignore[arg-type]
            not refusal,
            canonical(content),
            content_hash(content),
            ticket.service_type,  # type: ignore[arg-type]
            stage.people[job.engineer].name,
            signer_of(job),
            stage.strokes(),
            ROLES[job.language],
            "" if refusal else stage.chance.choice(words["opinions"]),
            refusal,
        ),
        at,
    )


def rate(job: Job, at: datetime) -> None:
    """Rate the visit on a sealed card."""
    grades = {
        item.code: stage_grade(job.stage.chance.random()) for item in job.stage.policy.satisfaction.items
    }
    card = OpinionCard(grades, language=job.language)
    sealed = seal_rating(card, job.stage.box_key, job.ticket_id, job.stage.chance.randbytes)
    job.give(RecordRating(job.stage.id("rating"), job.ticket_id, sealed), at)


def stage_grade(draw: float) -> int:
    """Turn a draw into a grade: most people are very satisfied, few are not."""
    return 4 if draw < 0.62 else 3 if draw < 0.9 else 2 if draw < 0.97 else 1


def leave(job: Job, at: datetime) -> None:
    """Leave the customer's."""
    job.give(LeaveSite(job.visit_id, job.ticket_id), at)


def signer_of(job: Job) -> str:
    """Name who signs: the customer's contact."""
    customer = job.stage.session.get(Customer, job.ticket.customer_id)
    return customer.contact if customer and customer.contact else "值班人员"


def steps_of(job: Job, arrives_at: datetime, *, refusal: str = "") -> Iterator[Step]:
    """List the steps of a whole visit with their times; with `refusal` the first report is refused."""
    work_min = job.story["minutes"]

    def bound(step: Callable[..., None], **more: Any) -> Callable[[datetime], None]:
        return lambda at: step(job, at, **more)

    plan = [(-25, travel), (0, arrive), (8, check), (18, diagnose), (22, agree), (30, fit_part)]
    for offset, step in plan:
        yield arrives_at + minutes(offset), bound(step)
        if step is diagnose and is_photographed(job):
            yield arrives_at + minutes(offset + 1), bound(photograph, names=BEFORE)
    end = 20 + work_min
    for offset, step in ((0, repair), (8, test), (12, demonstrate)):
        yield arrives_at + minutes(end + offset), bound(step)
        if step is test and is_photographed(job):
            yield arrives_at + minutes(end + offset + 1), bound(photograph, names=AFTER)
    if refusal:
        yield arrives_at + minutes(end + 18), bound(sign, refusal=refusal)
        end += 45
        yield arrives_at + minutes(end), bound(repair)
        yield arrives_at + minutes(end + 8), bound(test)
    yield arrives_at + minutes(end + 20), bound(sign)
    yield arrives_at + minutes(end + 22), bound(rate)
    yield arrives_at + minutes(end + 28), bound(leave)
