"""The page of one ticket, kept live, and the forms of what may be done to it (R018 R155 R171).

Owns routes and what the templates are given. Actions stand in `actions.py`, reading in `sync_server.tickets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from common.equipment.equipment import EquipmentModel, units_of
from common.i18n import translate
from common.kernel.command import Role
from common.kernel.ids import is_id
from common.kernel.outcome import BadPayload, Outcome, Refused
from common.people.person import people_with_role
from common.tickets.dispatch_facts import breaks_of, rank_for_ticket
from common.tickets.dispatch_rules import RuleBreak
from sync_server.console.commands import field_of, may, now_of, read_form, reader_roles, say_refusal
from sync_server.console.forms import FormState
from sync_server.console.rendering import see_other
from sync_server.console.site import Site
from sync_server.console.tickets.action_kit import Action, Ask, Field
from sync_server.console.tickets.actions import ACTIONS, BY_KIND
from sync_server.console.tickets.words import say_rule_break, teach
from sync_server.tickets.ticket_file import TicketFile, read_ticket_file

PATH = "/console/tickets"
VISIT = timedelta(minutes=90)
STRETCHES_MOST = 20


def ticket_router(site: Site) -> APIRouter:
    """Make the page of a ticket and its forms."""
    teach(site.pages)
    router = APIRouter(prefix=f"{PATH}/{{ticket_id}}", dependencies=[Depends(site.allow("tickets"))])

    @router.get("")
    def page(request: Request, ticket_id: str) -> Response:
        return _page(site, request, _file(site, ticket_id))

    @router.get("/do/{kind}")
    def form(request: Request, ticket_id: str, kind: str, subject: str = "") -> Response:
        action, file = _action(site, request, kind), _file(site, ticket_id)
        ask = _ask(site, request, file, subject, site.database.new_id())
        return _form(
            site, request, action, ask, FormState({field.name: field.default for field in action.fields(ask)})
        )

    @router.get("/engineers")
    def engineers(request: Request, ticket_id: str) -> Response:
        file, typed = _file(site, ticket_id), dict(request.query_params)
        ask = _ask(site, request, file, typed.get("subject", ""), "", typed)
        field = Field("engineer_id", "engineer", default=typed.get("engineer_id", ""), options=ask.engineers)
        return site.pages.answer(
            request,
            site.reader(request),
            "tickets/_engineers.html",
            field=field,
            form=FormState(typed),
            people=file.people,
        )

    @router.post("/do/{kind}")
    async def act(request: Request, ticket_id: str, kind: str) -> Response:
        values = await read_form(request)
        return await run_in_threadpool(_act, site, request, ticket_id, kind, values)

    return router


def _file(site: Site, ticket_id: str) -> TicketFile:
    file = None
    if is_id(ticket_id):
        with site.database.read() as session:
            file = read_ticket_file(session, ticket_id, now_of(site), site.judge)
    if file is None:
        raise HTTPException(404, "ticket_unknown")
    return file


def offered(file: TicketFile, roles: frozenset[Role]) -> list[Action]:
    """List what may be done to a ticket by someone of these roles, in the order of the table."""
    return [action for action in ACTIONS if may(roles, action.kind) and action.fits(file)]


def _page(site: Site, request: Request, file: TicketFile) -> Response:
    roles = reader_roles(site, request)
    acts = offered(file, roles)
    return site.pages.answer(
        request, site.reader(request), "tickets/ticket.html", "tickets/_ticket.html", area="tickets", file=file,
        ticket=file.ticket, acts=[act for act in acts if not act.per_part], can={act.kind for act in acts},
        may_dispatch=may(roles, "assign_ticket"), may_attach=may(roles, "attach_file"), now=now_of(site),
    )  # fmt: skip


def _action(site: Site, request: Request, kind: str) -> Action:
    action = BY_KIND.get(kind)
    if action is None:
        raise HTTPException(404, "not_found")
    if not may(reader_roles(site, request), kind):
        raise HTTPException(403, "not_permitted")
    return action


def _ask(
    site: Site,
    request: Request,
    file: TicketFile,
    subject: str,
    command_id: str,
    typed: dict[str, str] | None = None,
) -> Ask:
    reader, language = site.reader(request), site.language(request)
    bare = Ask(
        file, subject, command_id, language, site.settings.time_zone, reader.name, now_of(site), typed or {}
    )
    with site.database.read() as session:
        return Ask(
            file, subject, command_id, language, bare.time_zone, bare.reader_name, bare.now, bare.values,
            engineers=_engineers(session, bare), units=_units(session, file), free_at=_free_at(file, bare.now),
        )  # fmt: skip


def _units(session: Session, file: TicketFile) -> list[tuple[str, str]]:
    units = units_of(session, file.ticket.customer_id)
    models = {unit.model_id: session.get(EquipmentModel, unit.model_id) for unit in units}
    names = {model_id: model.name if model else "" for model_id, model in models.items()}
    return [(unit.id, f"{unit.serial} · {names[unit.model_id]} {unit.location}".strip()) for unit in units]


def _engineers(session: Session, ask: Ask) -> list[tuple[str, str]]:
    """List engineers, the most suitable first, with what sending them in this slot would break."""
    people = {person.id: person for person in people_with_role(session, Role.ENGINEER)}
    from_at, until_at = _slot(ask)
    ranked = rank_for_ticket(session, ask.file.ticket, from_at, until_at)
    told = {one.engineer_id: _say_breaks(ask, one.breaks) for one in ranked}
    return [(person_id, told[person_id]) for person_id in told if person_id in people] or [
        (person_id, "") for person_id in people
    ]


def _slot(ask: Ask) -> tuple[datetime, datetime]:
    try:
        return ask.slot()
    except Refused:
        held = next((one for one in ask.file.assignments if one.id == ask.subject), None)
        from_at = held.from_at if held else ask.file.ticket.window_from_at or _free_at(ask.file, ask.now)
        return from_at, held.until_at if held else from_at + VISIT


def _free_at(file: TicketFile, now: datetime) -> datetime:
    """Find the next quarter of an hour from which a visit fits into opening hours."""
    step = timedelta(minutes=15)
    soonest = now + (datetime.min.replace(tzinfo=UTC) - now) % step
    for stretch in islice(file.policy.calendar.open_from(soonest), STRETCHES_MOST) if file.policy else ():
        if stretch.ends_at - stretch.starts_at >= VISIT:
            return stretch.starts_at
    return soonest


def _say_breaks(ask: Ask, breaks: Sequence[RuleBreak]) -> str:
    sentences = (
        say_rule_break(one.code, one.values, ask.file.policy, ask.language, ask.time_zone) for one in breaks
    )
    return " · ".join(dict.fromkeys(sentences))


def _form(
    site: Site, request: Request, action: Action, ask: Ask, form: FormState, status: int = 200
) -> Response:
    return site.pages.answer(
        request, site.reader(request), "tickets/form_page.html", "tickets/_form.html", status_code=status,
        area="tickets", action=action, ask=ask, form=form, fields=action.fields(ask), ticket=ask.file.ticket,
    )  # fmt: skip


def _act(site: Site, request: Request, ticket_id: str, kind: str, values: dict[str, str]) -> Response:
    action, file = _action(site, request, kind), _file(site, ticket_id)
    command_id = values.get("command_id", "")
    command_id = command_id if is_id(command_id) else site.database.new_id()
    ask = _ask(site, request, file, values.get("subject", ""), command_id, values)
    try:
        outcome = site.give(request, action.build(ask), command_id)
    except Refused as refused:
        outcome = Outcome("parked", refused.code, refused.values)
    except BadPayload as fault:
        outcome = Outcome("parked", fault.code, {"where": fault.where})
    if outcome.took_effect:
        notice = {"merged": "merged", "flagged": "flagged"}.get(outcome.status, "saved")
        return see_other(request, f"{PATH}/{ticket_id}", notice)
    fields = action.fields(ask)
    names = {field.name for field in fields}
    sentence = say_refusal(outcome, ask.language, ask.time_zone)
    if outcome.code == "assignment_breaks_rules":
        sentence = _breaks_now(site, ask) or sentence
    labels = {field.name: translate(ask.language, field.label_key) for field in fields if field.kind != "old"}
    error = {field_of(outcome, names, action.errors_at): sentence}
    return _form(site, request, action, ask, FormState(values, error, labels), 422)


def _breaks_now(site: Site, ask: Ask) -> str:
    """Say every broken rule in full, so that whoever overrides it knows what."""
    with site.database.read() as session:
        people = {person.id: person for person in people_with_role(session, Role.ENGINEER)}
        person = people.get(ask.text("engineer_id"))
        if person is None:
            return ""
        held = next((one.engineer_id for one in ask.file.assignments if one.id == ask.subject), "")
        found: Sequence[Any] = breaks_of(session, ask.file.ticket, person, *ask.slot(), held, now=ask.now)
    return _say_breaks(ask, found)
