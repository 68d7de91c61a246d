"""The life of one unit on paper: what it is, every call about it, what was found, fitted and signed (Q9).

Owns gathering for the summary of an export. The signed papers themselves are `sheets`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.approvals.approval import decision_number
from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel
from common.i18n import translate
from common.kernel.codec import canonical
from common.sla.calendar import show_wall
from common.stock.part_usage import PartUsage
from common.tickets.ticket import Ticket
from common.visit.records import Diagnosis, RepairMeasure, ReportVoid, ServiceReport
from common.visit.seal import sha256
from common.visit.sealed import voids_of
from common.visit.voucher import Row, Section, void_mark
from sync_server.documents.sheets import Sheet


def life_sheet(
    session: Session, unit: Equipment, tickets: Sequence[Ticket], language: str, zone: str, at: datetime
) -> Sheet:
    """Compose the summary as of an instant; its hash is that of the lines printed."""
    page = _Page(session, language, zone)
    sections = (page.unit(unit), *(page.ticket(ticket) for ticket in tickets))
    lines = [[row.label, row.value] for section in sections for row in section.rows]
    return Sheet(
        "life", page.word("papers.life"), unit.serial, "", language, sections, "", "", at, show_wall(at, zone),
        sha256(canonical(lines)), True,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Page:
    session: Session
    language: str
    zone: str

    def word(self, key: str) -> str:
        return translate(self.language, key)

    def rows(self, *told: tuple[str, object]) -> tuple[Row, ...]:
        return tuple(Row(self.word(key), str(value)) for key, value in told if value not in (None, ""))

    def unit(self, unit: Equipment) -> Section:
        model = self.session.get(EquipmentModel, unit.model_id)
        customer = self.session.get(Customer, unit.customer_id)
        return Section("equipment", self.word("voucher.section.equipment"), self.rows(
            ("voucher.product", model.name if model else ""),
            ("voucher.model", model.code if model else ""),
            ("voucher.manufacturer", model.manufacturer if model else ""),
            ("voucher.serial", unit.serial),
            ("voucher.udi", unit.udi),
            ("voucher.user_name", customer.name if customer else ""),
            ("voucher.location", unit.location),
            ("field.sold_on", unit.sold_on),
            ("field.accepted_on", unit.accepted_on),
            ("field.state", self.word(f"equipment.state.{unit.state}")),
        ))  # fmt: skip

    def ticket(self, ticket: Ticket) -> Section:
        """Tell one call: when, what, what was found, done and fitted, what was signed."""
        found = [made.finding for made in self.of(ticket, Diagnosis)]
        done = [made.text for made in self.of(ticket, RepairMeasure) if not made.withdrawn]
        fitted = [
            f"{used.part_number} {used.part_name} × {used.qty.normalize():f} {used.serial_in}".strip()
            for used in self.of(ticket, PartUsage)
            if not used.withdrawn
        ]
        voids = voids_of(self.session, ticket.id)
        signed = [
            " · ".join((
                *self.taken_back(voids.get(one.id)),
                one.number, self.word("voucher.accepted" if one.accepted else "voucher.refused"),
                one.signer_name, show_wall(one.signed_at, self.zone),
            ))
            for one in self.of(ticket, ServiceReport)
        ]  # fmt: skip
        return Section("ticket", f"{self.word('voucher.ticket')} {ticket.number}", self.rows(
            ("field.received_at", show_wall(ticket.received_at, self.zone)),
            ("field.state", self.word(f"ticket.state.{ticket.state}")),
            ("voucher.reported_fault", ticket.fault_text),
            ("voucher.finding", "\n".join(filter(None, found))),
            ("voucher.section.measures", "\n".join(done)),
            ("voucher.section.parts", "\n".join(fitted)),
            ("papers.voucher", "\n".join(signed)),
        ))  # fmt: skip

    def taken_back(self, void: ReportVoid | None) -> tuple[str, ...]:
        """Say that a voucher does not count any more, by which decision."""
        return (f"{void_mark()} {decision_number(void.approval_id)}",) if void else ()

    def of(self, ticket: Ticket, record: type[Any]) -> Sequence[Any]:
        query = select(record).where(record.ticket_id == ticket.id)
        return self.session.scalars(query.order_by(record.id)).all()
