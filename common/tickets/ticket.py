"""The ticket, its assignments and its timeline: tables and the lifecycle of register §3.1.

Owns what a ticket may become. Commands stand beside it by who gives them: intake, dispatching, appointment,
field_work, closing; nothing here writes.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from common.kernel.lifecycle import Lifecycle
from common.kernel.record import (
    Base,
    Document,
    Key,
    PrivateDocument,
    PrivateLong,
    PrivateShort,
    Short,
    Synced,
)

CHANNELS = ("phone", "email", "web", "wechat", "letter", "visit", "outlet")
SEVERITIES = ("minor", "complex")
MODES = ("visit", "phone", "send_in")
SERVICE_TYPES = ("A", "B", "C", "D")

# What the customer signed while the office had ended or moved the ticket can still become `signed`.
_CLOSED_BY_OFFICE = {"cancelled", "refused", "remote_solved"}
_ON_SITE = {"en_route", "on_site", "diagnosed", "repairing", "awaiting_parts", "tested", "signed"}


def _moves(*targets: str, field: bool = True, office: bool = True) -> frozenset[str]:
    """Join targets: `field` adds work on site (a second visit may begin any time), `office` its ends."""
    return frozenset(targets) | (_ON_SITE if field else set()) | (_CLOSED_BY_OFFICE if office else set())


TICKET = Lifecycle(
    "ticket",
    "received",
    {
        "received": _moves("accepted", "triaged", "dispatched", field=False),
        "accepted": _moves("triaged", "dispatched", field=False),
        "triaged": _moves("dispatched", "signed", field=False),
        "dispatched": _moves("triaged", "acknowledged"),
        "acknowledged": _moves("triaged", "dispatched"),
        "en_route": _moves("triaged", "dispatched"),
        "on_site": _moves("triaged", "dispatched"),
        "diagnosed": _moves("triaged", "dispatched"),
        "repairing": _moves("triaged", "dispatched"),
        "awaiting_parts": _moves("triaged", "dispatched"),
        "tested": _moves("triaged", "dispatched"),
        "signed": _moves("settled", "checked_out", "written_off", "reopened", field=False, office=False),
        "settled": _moves("checked_out", "written_off", "reopened", field=False, office=False),
        "checked_out": _moves("settled", "written_off", "reopened", field=False, office=False),
        "written_off": _moves("archived", "reopened", field=False, office=False),
        "remote_solved": _moves("archived", "reopened", "signed", field=False, office=False),
        "refused": _moves("archived", "reopened", "signed", field=False, office=False),
        "cancelled": _moves("archived", "reopened", "signed", field=False, office=False),
        "reopened": _moves("triaged", "dispatched", "signed", field=False),
        "archived": frozenset(),
    },
)
WAITING = ("received", "accepted", "triaged", "reopened")
UNDER_WAY = ("en_route", "on_site", "diagnosed", "repairing", "awaiting_parts", "tested")
WITH_ENGINEER = ("dispatched", "acknowledged", *UNDER_WAY)
OPEN = (*WAITING, *WITH_ENGINEER)
SIGNED = ("signed", "settled", "checked_out", "written_off")
ENDED = ("remote_solved", "refused", "cancelled", "archived", *SIGNED)


def ticket_agg(ticket_id: str) -> str:
    """Name the aggregate of a ticket and all that belongs to it."""
    return f"ticket:{ticket_id}"


class Ticket(Synced, Base):
    """One fault report and the work on it (工单, F01, F03). `round` counts up each time it is reopened."""

    __tablename__ = "ticket"
    number: Mapped[Short] = mapped_column(index=True)
    state: Mapped[Short] = mapped_column(index=True)
    state_since_at: Mapped[datetime]
    round: Mapped[int]
    channel: Mapped[Short]
    caller: Mapped[PrivateShort]
    caller_phone: Mapped[PrivateShort]
    received_at: Mapped[datetime] = mapped_column(index=True)
    taken_by: Mapped[Key]
    customer_id: Mapped[Key] = mapped_column(index=True)
    equipment_id: Mapped[Key | None] = mapped_column(index=True)
    fault_text: Mapped[PrivateLong]
    fault_code: Mapped[Short]
    fault_since_on: Mapped[date | None]
    severity: Mapped[Short]  # minor | complex
    urgent: Mapped[bool]
    danger: Mapped[bool]
    zone: Mapped[Short]
    address: Mapped[PrivateLong]
    contact: Mapped[PrivateShort]
    contact_phone: Mapped[PrivateShort]
    mode: Mapped[Short]  # visit | phone | send_in
    plan: Mapped[PrivateLong]
    promised_at: Mapped[datetime | None]
    window_from_at: Mapped[datetime | None]
    window_until_at: Mapped[datetime | None]
    told_by: Mapped[PrivateShort]  # who agreed the window with the customer
    assignee_id: Mapped[Key | None] = mapped_column(index=True)
    service_type: Mapped[Short]  # A | B | C | D | ''
    hold_reason: Mapped[Short]  # '' while it is not on hold
    help_wanted: Mapped[bool]
    outcome_note: Mapped[PrivateLong]
    closed_at: Mapped[datetime | None]
    archive_ref: Mapped[Short]
    released_at: Mapped[datetime | None]  # taken off the tablets, some days after it closed
    folded: Mapped[PrivateLong]  # what search looks through
    edited_by: Mapped[Key | None]


class Assignment(Synced, Base):
    """An engineer on a ticket in a window. Several may be active: the first leads, others help (R047)."""

    __tablename__ = "assignment"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    engineer_id: Mapped[Key] = mapped_column(index=True)
    from_at: Mapped[datetime] = mapped_column(index=True)
    until_at: Mapped[datetime]
    state: Mapped[Short]  # active | ended
    assigned_by: Mapped[Key]
    assigned_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    override_reason: Mapped[PrivateLong]
    rule_breaks: Mapped[Document]  # list of codes the dispatcher overrode
    seen_at: Mapped[datetime | None]


class TicketEvent(Synced, Base):
    """One line of a ticket's timeline, changed only to erase a name: what happened, when, by whom, known since when."""

    __tablename__ = "ticket_event"
    ticket_id: Mapped[Key] = mapped_column(index=True)
    kind: Mapped[Short]  # sentence `event.<kind>`
    at: Mapped[datetime]
    device_at: Mapped[datetime | None]  # what the tablet's own clock showed
    received_at: Mapped[datetime | None]  # None until the server has it
    clock_error_ms: Mapped[int]
    actor_id: Mapped[Key]
    values: Mapped[PrivateDocument]
    note: Mapped[PrivateLong]
