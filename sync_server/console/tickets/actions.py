"""Everything the office may do to a ticket from its page, as one table.

Owns when an action is offered and which command its form becomes. Roles are asked of the registry, refusals come from
the commands: an action offered too much is refused, never done.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.approvals.approval import RequestApproval
from common.coverage.entitlement import ConfirmEntitlement
from common.i18n import translate
from common.inbox.inbox_commands import ResolveDiscrepancy, SettleConflict
from common.sla.clock_commands import ApproveClockException
from common.tickets.appointment import AgreeAppointment, RescheduleTicket
from common.tickets.closing import (
    AcceptFieldWork,
    ArchiveTicket,
    CancelTicket,
    HoldTicket,
    ReopenTicket,
    ResumeTicket,
    SettleTicket,
    WriteOffTicket,
)
from common.tickets.dispatching import AssignTicket, MoveAssignment, UnassignTicket
from common.tickets.field_work import AddNote, AnswerHelp
from common.tickets.intake import RefuseTicket, SolveByPhone
from common.tickets.ticket import OPEN, SERVICE_TYPES, SIGNED, TICKET, UNDER_WAY, WAITING
from common.visit.sign_off import AddAddendum
from sync_server.console.commands import choices, times_of_day
from sync_server.console.tickets.action_kit import Action, Ask, Field
from sync_server.console.tickets.editing import build_edit, edit_fields
from sync_server.tickets.ticket_file import TicketFile

HOLDS = ("awaiting_parts", "awaiting_customer", "awaiting_decision", "site_not_accessible")
CONFIRMED = ("covered", "contract", "paid")
REASON = Field("reason", "text")
WINDOW_ERRORS = {"window_backwards": "end", "window_incomplete": "end", "day_not_readable": "on"}
SLOT_ERRORS = {
    "window_backwards": "duration", "window_incomplete": "duration", "day_not_readable": "on",
    "assignment_breaks_rules": "override_reason", "already_assigned": "engineer_id", "not_an_engineer": "engineer_id",
}  # fmt: skip


def _can_become(state: str) -> object:
    return lambda file: TICKET.judge_move(file.ticket.state, state) == "apply"


def _is_open(file: TicketFile) -> bool:
    return file.ticket.state in OPEN


def _may_assign(file: TicketFile) -> bool:
    return _is_open(file) and not file.ticket.hold_reason


def _window_fields(ask: Ask) -> list[Field]:
    ticket = ask.file.ticket
    return [
        Field("on", "day", "console.board.day", ask.day_of(ticket.window_from_at or ask.now)),
        Field("start", "select", "field.from_at", ask.clock_of(ticket.window_from_at), times_of_day(30)),
        Field("end", "select", "field.until_at", ask.clock_of(ticket.window_until_at), times_of_day(30)),
    ]


def slot_fields(ask: Ask) -> list[Field]:
    """List the fields of an assignment: who, when, how long, and why in spite of a rule."""
    held = next((one for one in ask.file.assignments if one.id == ask.subject), None)
    from_at = held.from_at if held else ask.file.ticket.window_from_at or ask.free_at
    minutes = (held.until_at - held.from_at).total_seconds() // 60 if held else 90
    return [
        Field("on", "day", "console.board.day", ask.day_of(from_at or ask.now), css="slot"),
        Field("start", "select", "console.board.start", ask.clock_of(from_at), times_of_day(15), css="slot"),
        Field("duration", "number", "console.board.duration", str(int(minutes)), css="slot"),
        Field("engineer_id", "engineer", default=held.engineer_id if held else "", options=ask.engineers),
        Field("override_reason", "text", is_required=False, hint="tickets.hint.override"),
    ]


def _reschedule(ask: Ask) -> RescheduleTicket:
    seen = ask.text("seen_from")
    return RescheduleTicket(
        ask.ticket_id, *ask.window(), ask.text("reason"), bool(ask.text("told_customer")),
        ask.file.ticket.window_from_at if seen == ask.day_of(ask.file.ticket.window_from_at) + ask.clock_of(
            ask.file.ticket.window_from_at) else None,
    )  # fmt: skip


def _reschedule_fields(ask: Ask) -> list[Field]:
    seen = ask.file.ticket.window_from_at
    return [
        *_window_fields(ask), REASON,
        Field("told_customer", "check", hint="tickets.hint.told"),
        Field("seen_from", "old", default=ask.day_of(seen) + ask.clock_of(seen)),
    ]  # fmt: skip


def _confirm_fields(ask: Ask) -> list[Field]:
    judged = ask.file.entitlement
    verdict = judged.verdict if judged and judged.verdict in CONFIRMED else ""
    types = [(code, translate(ask.language, f"ticket.service_type.{code.lower()}")) for code in SERVICE_TYPES]
    return [
        Field(
            "verdict",
            "choices",
            default=verdict,
            options=choices(ask.language, "entitlement.verdict", CONFIRMED),
        ),
        Field("service_type", "choices", default=judged.service_type if judged else "", options=types),
        Field("note", "text", is_required=False),
    ]


def _engineer(ask: Ask) -> str:
    return ask.text("engineer_id")


def _report_number(ask: Ask) -> str:
    return next((one.row.number for one in ask.file.reports if one.row.id == ask.subject), "")


ACTIONS: Sequence[Action] = (
    Action("assign_ticket", "user", _may_assign, slot_fields,
           lambda ask: AssignTicket(ask.ticket_id, ask.new_id("assignment"), _engineer(ask), *ask.slot(),
                                    ask.text("override_reason")),
           "primary", errors_at=SLOT_ERRORS),
    Action("write_off_ticket", "book", _can_become("written_off"),  # type: ignore[arg-type]
           lambda ask: [Field("note", "text", is_required=False)],
           lambda ask: WriteOffTicket(ask.ticket_id, ask.text("note")), "primary", hint="tickets.hint.write_off"),
    Action("archive_ticket", "inbox", _can_become("archived"),  # type: ignore[arg-type]
           lambda ask: [Field("archive_ref", default=f"{ask.now:%Y}/{ask.file.ticket.number}", most=120)],
           lambda ask: ArchiveTicket(ask.ticket_id, ask.text("archive_ref")), "primary"),
    Action("answer_help", "people", lambda file: file.ticket.help_wanted, lambda ask: [Field("answer", "text")],
           lambda ask: AnswerHelp(ask.ticket_id, ask.text("answer")), "primary"),
    Action("accept_field_work", "check-circle",
           lambda file: file.ticket.state not in SIGNED and any(
               one.row.accepted and one.row.round == file.ticket.round for one in file.reports),
           lambda ask: [Field("note", "text", is_required=False)],
           lambda ask: AcceptFieldWork(ask.ticket_id, ask.text("note")), "primary", hint="tickets.hint.accept"),
    Action("resume_ticket", "refresh", lambda file: bool(file.ticket.hold_reason),
           lambda ask: [Field("note", "text", is_required=False)],
           lambda ask: ResumeTicket(ask.ticket_id, ask.text("note")), "primary"),
    Action("agree_appointment", "calendar", lambda file: _is_open(file) and file.ticket.window_from_at is None,
           lambda ask: [*_window_fields(ask), Field("told_by", default=ask.reader_name, most=120)],
           lambda ask: AgreeAppointment(ask.ticket_id, *ask.window(), ask.text("told_by")), errors_at=WINDOW_ERRORS),
    Action("reschedule_ticket", "calendar",
           lambda file: _is_open(file) and file.ticket.window_from_at is not None, _reschedule_fields, _reschedule,
           errors_at=WINDOW_ERRORS | {"customer_not_told": "told_customer"}),
    Action("edit_ticket", "ticket", lambda file: file.ticket.state != "archived", edit_fields, build_edit),
    Action("add_note", "plus", lambda file: True, lambda ask: [Field("text", "text", "field.note")],
           lambda ask: AddNote(ask.ticket_id, ask.text("text"))),
    Action("hold_ticket", "pause", lambda file: _is_open(file) and not file.ticket.hold_reason,
           lambda ask: [Field("reason", "choices", options=choices(ask.language, "ticket.hold_reason", HOLDS)),
                        Field("note", "text", is_required=False)],
           lambda ask: HoldTicket(ask.ticket_id, ask.text("reason"), ask.text("note")),  # type: ignore[arg-type]
           hint="tickets.hint.hold"),
    Action("settle_ticket", "scales", _can_become("settled"),  # type: ignore[arg-type]
           lambda ask: [Field("document", label="tickets.document", is_required=False)],
           lambda ask: SettleTicket(ask.ticket_id, ask.text("document"))),
    Action("solve_by_phone", "phone", lambda file: _is_open(file) and file.ticket.state not in UNDER_WAY,
           lambda ask: [Field("outcome_note", "text")],
           lambda ask: SolveByPhone(ask.ticket_id, ask.text("outcome_note"))),
    Action("refuse_ticket", "close", lambda file: file.ticket.state in WAITING, lambda ask: [REASON],
           lambda ask: RefuseTicket(ask.ticket_id, ask.text("reason")), "outline-danger"),
    Action("cancel_ticket", "close", _can_become("cancelled"),  # type: ignore[arg-type]
           lambda ask: [REASON, *([Field("override_reason", "text", "tickets.cancel_under_way", is_required=False,
                                         hint="tickets.hint.cancel_under_way")]
                                  if ask.file.ticket.state in UNDER_WAY else [])],
           lambda ask: CancelTicket(ask.ticket_id, ask.text("reason"), ask.text("override_reason")),
           "outline-danger", errors_at={"work_under_way": "override_reason"}),
    Action("reopen_ticket", "refresh", _can_become("reopened"), lambda ask: [REASON],  # type: ignore[arg-type]
           lambda ask: ReopenTicket(ask.ticket_id, ask.text("reason"))),
    Action("move_assignment", "calendar", _may_assign,
           lambda ask: [*slot_fields(ask)[:-1], REASON, slot_fields(ask)[-1]],
           lambda ask: MoveAssignment(ask.ticket_id, ask.subject, _engineer(ask), *ask.slot(), ask.text("reason"),
                                      ask.text("override_reason")),
           per_part=True, errors_at=SLOT_ERRORS),
    Action("unassign_ticket", "close", _is_open, lambda ask: [REASON],
           lambda ask: UnassignTicket(ask.ticket_id, ask.subject, ask.text("reason")), per_part=True),
    Action("confirm_entitlement", "check", lambda file: file.entitlement is not None, _confirm_fields,
           lambda ask: ConfirmEntitlement(
               ask.ticket_id, ask.subject, ask.text("verdict"), ask.text("service_type"), ask.text("note")),  # type: ignore[arg-type]
           per_part=True),
    Action("approve_clock_exception", "scales", lambda file: True,
           lambda ask: [REASON, Field("told_customer", "check", is_required=False)],
           lambda ask: ApproveClockException(
               ask.ticket_id, ask.subject, ask.text("reason"), bool(ask.text("told_customer"))),
           per_part=True, hint="tickets.hint.exception"),
    Action("add_addendum", "plus", lambda file: True, lambda ask: [REASON, Field("text", "text")],
           lambda ask: AddAddendum(ask.new_id("addendum"), ask.subject, ask.ticket_id, ask.text("reason"),
                                   ask.text("text"), ask.reader_name),
           per_part=True, hint="tickets.hint.addendum"),
    Action("request_approval", "signature", lambda file: True, lambda ask: [REASON],
           lambda ask: RequestApproval(ask.new_id("approval"), "void_report", ask.subject,
                                       _report_number(ask), ask.text("reason")),
           "outline-danger", per_part=True, hint="approval.ask_hint"),
    Action("settle_conflict", "scales", lambda file: True,
           lambda ask: [Field("choice", "choices", options=choices(ask.language, "inbox.choice", ("keep", "swap")))],
           lambda ask: SettleConflict(ask.subject, ask.text("choice"), ask.ticket_id),  # type: ignore[arg-type]
           per_part=True),
    Action("resolve_discrepancy", "check", lambda file: True, lambda ask: [Field("resolution", "text")],
           lambda ask: ResolveDiscrepancy(ask.subject, ask.text("resolution")), per_part=True),
)  # fmt: skip
BY_KIND = {action.kind: action for action in ACTIONS}
