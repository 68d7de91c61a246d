"""What stands on a paper: voucher, repair agreement, stop-use notice, as sections that page and PDF draw alike.

Owns gathering. A voucher's lines are those the customer read (`common.visit.voucher`), its hash is the sealed one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.approvals.approval import decision_number
from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.i18n import LANGUAGES, translate
from common.kernel.quantity import from_milli
from common.policy.policy_set import find_policy
from common.sla.calendar import show_wall
from common.tickets.ticket import Ticket
from common.visit.hashing import content_hash
from common.visit.records import RepairAgreement, ReportAddendum, ServiceReport, StopUseNotice
from common.visit.seal import Verdict, short_fingerprint
from common.visit.sealed import voids_of
from common.visit.stop_use import notice_content
from common.visit.voucher import Row, Section, SignedOff, money, sign_off_lines, void_mark, voucher_lines

PaperKind = Literal["report", "agreement", "stop-use"]
RECORDS: dict[str, Any] = {"report": ServiceReport, "agreement": RepairAgreement, "stop-use": StopUseNotice}
TITLES = {"report": "papers.voucher", "agreement": "papers.agreement", "stop-use": "papers.stop_use"}


@dataclass(frozen=True, slots=True)
class Void:
    """That a voucher does not count any more: the number of the decision, when it fell, and why."""

    number: str
    on: str
    reason: str

    @property
    def mark(self) -> str:
        """Return what stands across the paper."""
        return void_mark()


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo that stands in a report, with what was written under it."""

    file_id: str
    sha256: str
    caption: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One paper in one language. `is_intact`: what is printed gives the hash that was signed."""

    kind: PaperKind | Literal["life"]
    title: str
    number: str
    ticket_id: str
    language: str
    sections: Sequence[Section]
    strokes: str
    signer: str
    signed_at: datetime
    signed: str
    content_hash: str
    is_intact: bool
    seal: Verdict | None = None
    verify_url: str = ""
    void: Void | None = None
    photos: tuple[Photo, ...] = ()


Judge = Callable[[Session, ServiceReport], Verdict]


def read_sheet(
    session: Session,
    kind: PaperKind,
    paper_id: str,
    language: str = "",
    zone: str = "UTC",
    *,
    judge: Judge | None = None,
    verify_url: str = "",
) -> Sheet | None:
    """Read a paper; None where there is none. Without a language a voucher comes in the one it was signed in.

    `judge` checks a report's seal; `verify_url` is where whoever holds the paper can have that done again.
    """
    row = session.get(RECORDS[kind], paper_id)
    if row is None:
        return None
    own = getattr(row, "language", "")
    spoken = language if language in LANGUAGES else own if own in LANGUAGES else LANGUAGES[0]
    policy = find_policy(session)
    page = _Page(session, spoken, policy.calendar.zone if policy else zone)
    if kind == "report":
        sheet = page.report(row)
        if judge is None:
            return sheet
        seal = judge(session, row)
        is_intact = sheet.is_intact and seal.state != "broken"
        printed = short_fingerprint(seal.fingerprint).replace(" ", "-")
        link = f"{verify_url}?f={printed}" if seal.fingerprint and verify_url else ""
        return replace(sheet, seal=seal, verify_url=link, is_intact=is_intact)
    return page.agreement(row) if kind == "agreement" else page.stop_use(row)


@dataclass(frozen=True, slots=True)
class _Page:
    session: Session
    language: str
    zone: str

    def word(self, key: str, **values: object) -> str:
        return translate(self.language, key, **values)

    def row(self, key: str, value: object, *, strong: bool = False) -> Row:
        return Row(self.word(key), str(value or ""), strong)

    def section(self, code: str, key: str, rows: Sequence[Row]) -> Section:
        return Section(code, self.word(key), tuple(row for row in rows if row.value))

    def report(self, report: ServiceReport) -> Sheet:
        signed = SignedOff(
            report.number, report.accepted, report.opinion, report.refusal_reason, report.signer_name,
            report.signer_role, report.signed_at, report.engineer_name, report.content_hash,
        )  # fmt: skip
        zone = str(report.content.get("time_zone") or self.zone)
        sections = [
            *voucher_lines(report.content, self.language),
            sign_off_lines(signed, zone, self.language),
        ]
        query = select(ReportAddendum).where(ReportAddendum.report_id == report.id)
        added = self.session.scalars(query.order_by(ReportAddendum.made_at, ReportAddendum.id)).all()
        rows = [
            Row(show_wall(one.made_at, zone), f"{one.text} ({one.reason}) · {one.by_name}", strong=True)
            for one in added
        ]
        if rows:
            sections.append(self.section("addenda", "papers.addenda", rows))
        intact = content_hash(report.content) == report.content_hash
        made = self.sheet("report", report.number, report, sections, report.signed_at, is_intact=intact)
        void = voids_of(self.session, report.ticket_id).get(report.id)
        made = replace(made, photos=_photos(report.content))
        if void is None:
            return made
        return replace(
            made, void=Void(decision_number(void.approval_id), show_wall(void.voided_at, zone), void.reason)
        )

    def agreement(self, agreed: RepairAgreement) -> Sheet:
        ticket = self.session.get(Ticket, agreed.ticket_id)
        lines = [
            Row(
                str(line.get("title") or self.word(f"agreement.line.kind.{line.get('kind')}")),
                f"{from_milli(line.get('qty_milli', 0))} × {money(line.get('unit_price_minor', 0), agreed.currency)}"
                f" = {money(line.get('amount_minor', 0), agreed.currency)}",
            )
            for line in agreed.lines
        ]
        total = self.row("voucher.total", money(agreed.total_minor, agreed.currency), strong=True)
        sections = [
            *self.subject(ticket),
            self.section("plan", "papers.plan", [self.row("field.plan", agreed.plan)]),
            self.section("fee", "voucher.section.fee", [*lines, total]),
            self.consent("papers.agreement_consent", agreed, agreed.signed_at),
        ]
        number = ticket.number if ticket else ""
        shown = {"ticket": number, "plan": agreed.plan, "lines": agreed.lines, "total_minor": agreed.total_minor,
                 "currency": agreed.currency}  # fmt: skip
        intact = content_hash(shown) == agreed.content_hash
        return self.sheet("agreement", number, agreed, sections, agreed.signed_at, is_intact=intact)

    def stop_use(self, given: StopUseNotice) -> Sheet:
        ticket = self.session.get(Ticket, given.ticket_id)
        number = ticket.number if ticket else ""
        warning = [
            self.row("voucher.hazard", given.hazard, strong=True),
            self.row("voucher.instruction", given.instruction, strong=True),
        ]
        sections = [
            self.section("stop_use", "papers.do_not_use", warning),
            *self.subject(ticket, given.equipment_id),
            self.consent("papers.stop_use_consent", given, given.given_at),
        ]
        shown = notice_content(number, given.equipment_id, given.hazard, given.instruction)
        intact = content_hash(shown) == given.content_hash
        return self.sheet("stop-use", number, given, sections, given.given_at, is_intact=intact)

    def subject(self, ticket: Ticket | None, equipment_id: str = "") -> list[Section]:
        """Say whose equipment it is about."""
        if ticket is None:
            return []
        customer = self.session.get(Customer, ticket.customer_id)
        unit_id = equipment_id or ticket.equipment_id
        unit = self.session.get(Equipment, unit_id) if unit_id else None
        model = self.session.get(EquipmentModel, unit.model_id) if unit else None
        contact = f"{ticket.contact} {ticket.contact_phone}".strip()
        about = [
            self.row("voucher.ticket", ticket.number),
            self.row("voucher.user_name", customer.name if customer else ""),
            self.row("voucher.address", ticket.address),
            self.row("voucher.contact", contact),
        ]
        thing = [
            self.row("voucher.product", model.name if model else ""),
            self.row("voucher.model", model.code if model else ""),
            self.row("voucher.serial", unit.serial if unit else ""),
            self.row("voucher.udi", unit.udi if unit else ""),
            self.row("voucher.location", unit.location if unit else ""),
        ]
        return [
            self.section("customer", "voucher.section.customer", about),
            self.section("equipment", "voucher.section.equipment", thing),
        ]

    def consent(self, key: str, row: Any, at: datetime) -> Section:
        """Say what the signature means, whose it is and when it was given."""
        signer = " · ".join(filter(None, (row.signer_name, row.signer_role)))
        return self.section("sign_off", "voucher.section.sign_off", [
            Row("", self.word(key)), self.row("voucher.signer", signer),
            self.row("voucher.signed_at", show_wall(at, self.zone)), self.row("voucher.hash", row.content_hash),
        ])  # fmt: skip

    def sheet(
        self,
        kind: PaperKind,
        number: str,
        row: Any,
        sections: Sequence[Section],
        at: datetime,
        *,
        is_intact: bool,
    ) -> Sheet:
        return Sheet(
            kind, self.word(TITLES[kind]), number, row.ticket_id, self.language, tuple(sections), row.strokes,
            " · ".join(filter(None, (row.signer_name, row.signer_role))), at, show_wall(at, self.zone),
            row.content_hash, is_intact,
        )  # fmt: skip


def _photos(content: dict[str, Any]) -> tuple[Photo, ...]:
    return tuple(
        Photo(
            str(one.get("id", "")),
            str(one.get("sha256", "")),
            str(one.get("caption") or one.get("name") or ""),
        )
        for one in content.get("files") or []
        if isinstance(one, dict) and one.get("kind") == "photo"
    )
