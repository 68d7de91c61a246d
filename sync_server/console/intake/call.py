"""A call's form turned into the commands that register it.

Owns which commands a call becomes and which field a refusal belongs to. Judges nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from common.customers.customer_commands import RegisterCustomer
from common.equipment.equipment_commands import RegisterEquipment
from common.kernel.ids import derive_id
from common.kernel.outcome import Refused
from common.tickets.appointment import AgreeAppointment
from common.tickets.intake import RefuseTicket, ReportFault, SolveByPhone
from sync_server.console.commands import read_day, read_wall
from sync_server.imports.pinyin import spell

NEW = "new"
ENDS = {"solved": "solve_by_phone", "refused": "refuse_ticket"}
FIELDS = (
    "customer_id", "customer_name", "customer_phone", "customer_contact", "customer_address", "customer_zone",
    "equipment_id", "unit_model_id", "unit_serial", "unit_location", "unit_accepted_on", "channel", "caller",
    "caller_phone", "fault_text", "fault_code", "fault_since_on", "severity", "urgent", "danger", "mode",
    "address", "contact", "contact_phone", "plan", "window_on", "window_from", "window_until", "outcome_note",
)  # fmt: skip
BY_CODE = {
    "window_backwards": "window_until",
    "serial_taken": "unit_serial",
    "customer_unknown": "customer_id",
    "equipment_unknown": "equipment_id",
    "equipment_of_another_customer": "equipment_id",
    "equipment_model_unknown": "unit_model_id",
}
PREFIX = {"register_customer": "customer_", "register_equipment": "unit_"}


@dataclass(frozen=True, slots=True)
class Call:
    """What stands in the form, days and times read. `reader_name` is who agrees the appointment."""

    call_id: str
    values: Mapping[str, str]
    reader_name: str
    end: str = ""
    since_on: date | None = None
    accepted_on: date | None = None
    window: tuple[datetime, datetime] | None = None
    ids: Mapping[str, str] = field(default_factory=dict)

    def plan(self, ticket_id: str, number: str) -> Sequence[Any]:
        """Make the commands, in the order in which they are given."""
        commands: list[Any] = []
        customer_id = self.values.get("customer_id", "")
        equipment_id = self.values.get("equipment_id", "")
        if customer_id == NEW:
            customer_id = derive_id(self.call_id, "customer")
            commands.append(self._customer(customer_id, f"K{number[1:]}"))
        if equipment_id == NEW or (self.values.get("unit_serial") and not equipment_id):
            equipment_id = derive_id(self.call_id, "equipment")
            commands.append(self._unit(equipment_id, customer_id))
        commands.append(self._report(ticket_id, number, customer_id, equipment_id))
        if self.window is not None:
            commands.append(AgreeAppointment(ticket_id, *self.window, self.reader_name))
        if self.end == "solved":
            commands.append(SolveByPhone(ticket_id, self._text("outcome_note")))
        if self.end == "refused":
            commands.append(RefuseTicket(ticket_id, self._text("outcome_note")))
        return commands

    def _text(self, name: str) -> str:
        return self.values.get(name, "")

    def _customer(self, customer_id: str, number: str) -> RegisterCustomer:
        name = self._text("customer_name")
        pinyin, initials = spell(name)
        return RegisterCustomer(
            customer_id, number, name, pinyin, initials,
            phone=self._text("customer_phone") or self._text("caller_phone"),
            contact=self._text("customer_contact") or self._text("caller"),
            address=self._text("customer_address"), zone=self._text("customer_zone"),
        )  # fmt: skip

    def _unit(self, equipment_id: str, customer_id: str) -> RegisterEquipment:
        return RegisterEquipment(
            equipment_id, self._text("unit_serial"), self._text("unit_model_id"), customer_id,
            location=self._text("unit_location"), accepted_on=self.accepted_on,
        )  # fmt: skip

    def _report(self, ticket_id: str, number: str, customer_id: str, equipment_id: str) -> ReportFault:
        text = self._text
        return ReportFault(
            ticket_id, number, text("channel") or "phone", customer_id, text("fault_text"),  # type: ignore[arg-type]
            text("severity"), equipment_id or None, text("caller"), text("caller_phone"),  # type: ignore[arg-type]
            text("fault_code"), self.since_on, bool(text("urgent")), bool(text("danger")), text("address"),
            text("contact"), text("contact_phone"), text("mode") or "visit", text("plan"),  # type: ignore[arg-type]
        )  # fmt: skip


def read_call(call_id: str, values: Mapping[str, str], reader_name: str, time_zone: str) -> Call:
    """Read a call's form. Refuses `day_not_readable`, `window_incomplete`."""
    on, begins, ends = (values.get(f"window_{name}", "") for name in ("on", "from", "until"))
    from_at, until_at = read_wall(on, begins, time_zone), read_wall(on, ends, time_zone)
    if on and not (begins and ends):
        raise Refused("window_incomplete")
    return Call(
        call_id,
        values,
        reader_name,
        values.get("end", "") if values.get("end") in ENDS else "",
        read_day(values.get("fault_since_on", "")),
        read_day(values.get("unit_accepted_on", "")),
        (from_at, until_at) if from_at and until_at else None,
    )
