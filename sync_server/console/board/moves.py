"""A move on the board becomes a command: placed, moved, or put back; a broken rule is said, not silently allowed.

Owns answering the board's script. Which rule is broken, and what is protected, the commands and dispatch rules say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import Request

from common.i18n import translate
from common.kernel.ids import is_id
from common.kernel.outcome import Outcome
from common.people.person import Person
from common.policy.policy_set import find_policy
from common.tickets.dispatch_facts import breaks_of
from common.tickets.dispatching import AssignTicket, MoveAssignment, UnassignTicket
from sync_server.board.day import Work, read_work
from sync_server.console.board.picture import Picture
from sync_server.console.board_data import Break, Job
from sync_server.console.commands import may, now_of, reader_roles, say_refusal
from sync_server.console.site import Site
from sync_server.console.tickets.words import say_rule_break

Id = Annotated[str, Field(min_length=36, max_length=36)]


class Move(BaseModel):
    """What the board sends, in wall-clock minutes of `day`."""

    ticket_id: Id
    assignment_id: Id | None = None
    version: int
    engineer_id: Id | None = None
    day: date
    start_min: Annotated[int, Field(ge=-1440, le=2880)] | None = None
    duration_min: Annotated[int, Field(ge=1, le=10_080)]
    override_reason: Annotated[str, Field(max_length=4000)] | None = None


def move_router(site: Site) -> APIRouter:
    """Make the route that moves."""
    router = APIRouter()

    @router.post("/moves")
    def move(request: Request, move: Move) -> JSONResponse:
        may_move = may(reader_roles(site, request), "assign_ticket")
        picture = Picture(move.day, site.language(request), site.settings.time_zone, now_of(site), may_move)
        return _move(site, request, move, picture)

    return router


def _move(site: Site, request: Request, move: Move, picture: Picture) -> JSONResponse:
    work = _work(site, move)
    if work is None:
        return JSONResponse({"text": picture.word("reason.ticket_unknown")}, 404)
    if not picture.may_move:
        return JSONResponse(
            {"text": picture.word("board.locked_role"), "job": _job(site, work, picture)}, 403
        )
    if work.version != move.version or (work.held.id if work.held else None) != move.assignment_id:
        text = picture.word("board.moved_by_other", number=work.ticket.number)
        return JSONResponse({"text": text, "job": _job(site, work, picture)}, 409)
    outcome = site.give(request, _command(site, move, work, picture))
    if outcome.took_effect:
        return JSONResponse({"job": _job(site, _work(site, move) or work, picture)})
    if outcome.code == "assignment_breaks_rules":
        return JSONResponse({"breaks": _breaks(site, move, work, picture)}, 422)
    text = say_refusal(outcome, picture.language, picture.time_zone)
    return JSONResponse({"text": text, "job": _job(site, work, picture)}, 403 if _is_role(outcome) else 422)


def _is_role(outcome: Outcome) -> bool:
    return outcome.code == "not_permitted"


def _work(site: Site, move: Move) -> Work | None:
    with site.database.read() as session:
        return read_work(session, move.ticket_id, move.assignment_id) if is_id(move.ticket_id) else None


def _job(site: Site, work: Work, picture: Picture) -> Job:
    with site.database.read() as session:
        policy = find_policy(session)
    return picture.job(work, policy)


def _slot(move: Move, picture: Picture) -> tuple[datetime, datetime]:
    start = move.start_min or 0
    return picture.at_minute(start), picture.at_minute(start + move.duration_min)


def _command(site: Site, move: Move, work: Work, picture: Picture) -> Any:
    told, ticket_id = (move.override_reason or "").strip(), work.ticket.id
    if work.held is None:
        return AssignTicket(
            ticket_id, site.database.new_id(), move.engineer_id or "", *_slot(move, picture), told
        )
    if move.engineer_id is None:
        reason = told or translate(picture.language, "board.reason_tray")
        return UnassignTicket(ticket_id, work.held.id, reason)
    reason = told or translate(picture.language, "board.reason_moved")
    return MoveAssignment(ticket_id, work.held.id, move.engineer_id, *_slot(move, picture), reason, told)


def _breaks(site: Site, move: Move, work: Work, picture: Picture) -> Sequence[Break]:
    with site.database.read() as session:
        person = session.get(Person, move.engineer_id or "")
        if person is None:
            return []
        held_by = work.held.engineer_id if work.held else ""
        found = breaks_of(session, work.ticket, person, *_slot(move, picture), held_by, now=picture.now)
        policy = find_policy(session)
    return [
        {
            "reason_code": broken.code,
            "text": say_rule_break(broken.code, broken.values, policy, picture.language, picture.time_zone),
            "can_override": not broken.is_blocking,
        }
        for broken in found
    ]
