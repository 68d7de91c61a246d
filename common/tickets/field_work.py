"""What an engineer reports of a ticket before and around a visit: seen, on the way, help wanted, a note.

All are facts: kept whatever the office has decided meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.kernel.command import ANYWHERE, OFFICE, TABLET, Nature, Role, command
from common.kernel.fields import Id, Needed, Note
from common.kernel.outcome import NOOP, OK, Outcome
from common.kernel.work import Work
from common.sla.clocks import clock_event
from common.tickets.events import active_assignments, field_step, notify_engineers, write_event
from common.tickets.ticket import Ticket, ticket_agg

DESK = (Role.SPECIALIST, Role.CLERK, Role.DISPATCHER, Role.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class AcknowledgeTicket:
    """Confirm having read the ticket (接单, R048)."""

    ticket_id: Id


@command(
    AcknowledgeTicket,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def acknowledge_ticket(work: Work, c: AcknowledgeTicket) -> Outcome:
    """Acknowledge it. Flags `overtaken_…`."""
    ticket = work.need(Ticket, c.ticket_id)
    for assignment in active_assignments(work, ticket.id):
        if assignment.engineer_id == work.actor.person_id and assignment.seen_at is None:
            assignment.seen_at = work.at
    if field_step(work, ticket, "acknowledged", "acknowledged"):
        clock_event(work, ticket, "acknowledged")
    return OK


@dataclass(frozen=True, slots=True)
class StartTravel:
    """Set out for the customer (R011)."""

    ticket_id: Id


@command(
    StartTravel,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def start_travel(work: Work, c: StartTravel) -> Outcome:
    """Set out. Flags `overtaken_…`."""
    ticket = work.need(Ticket, c.ticket_id)
    if field_step(work, ticket, "en_route", "en_route"):
        clock_event(work, ticket, "first_response")
        clock_event(work, ticket, "en_route")
    return OK


@dataclass(frozen=True, slots=True)
class RequestHelp:
    """Ask the supervisor for help at once when the work cannot be finished in time (R052 R015)."""

    ticket_id: Id
    reason: Needed
    wanted: Note = ""


@command(
    RequestHelp,
    nature=Nature.FACT,
    roles=(Role.ENGINEER,),
    places=TABLET,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def request_help(work: Work, c: RequestHelp) -> Outcome:
    """Ask. On the server it stands among the exceptions as `help_requested` until someone answers."""
    ticket = work.need(Ticket, c.ticket_id)
    if not write_event(work, ticket, "help_requested", c.reason, wanted=c.wanted):
        return NOOP
    ticket.help_wanted = True
    if work.authority:
        work.flag("help_requested", number=ticket.number)
    return OK


@dataclass(frozen=True, slots=True)
class AnswerHelp:
    """Answer a call for help (R052)."""

    ticket_id: Id
    answer: Needed


@command(
    AnswerHelp,
    nature=Nature.FACT,
    roles=(Role.SUPERVISOR, Role.DISPATCHER),
    places=OFFICE,
    about=lambda c: ticket_agg(c.ticket_id),
)
def answer_help(work: Work, c: AnswerHelp) -> Outcome:
    """Answer it and tell the engineers."""
    ticket = work.need(Ticket, c.ticket_id)
    if not write_event(work, ticket, "help_answered", c.answer):
        return NOOP
    ticket.help_wanted = False
    notify_engineers(work, ticket, "notice_help_answered", answer=c.answer[:200])
    return OK


@dataclass(frozen=True, slots=True)
class AddNote:
    """Add a note to the timeline; notes are never changed (R018)."""

    ticket_id: Id
    text: Needed


@command(
    AddNote,
    nature=Nature.FACT,
    roles=(Role.ENGINEER, *DESK),
    places=ANYWHERE,
    about=lambda c: ticket_agg(c.ticket_id),
    own_ticket=lambda c: c.ticket_id,
)
def add_note(work: Work, c: AddNote) -> Outcome:
    """Add it."""
    ticket = work.need(Ticket, c.ticket_id)
    return OK if write_event(work, ticket, "note", c.text) else NOOP
