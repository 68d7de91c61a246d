"""The page of what takes two people: what waits, what was decided, and carrying it out.

Owns the page. Who may ask, decide and use is the commands'.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from common.approvals.approval import Approval, DecideApproval
from common.people.person import Person
from common.visit.records import ServiceReport
from common.visit.voiding import VoidReport
from sync_server.console.desk import Desk, found, known_id
from sync_server.console.entry import Sent
from sync_server.console.site import Site

PATH = "/console/approvals"
SHOWN = 100
CAN = ("request_approval", "decide_approval", "void_report")
Choice = Annotated[str, Form(max_length=10)]


def approvals_router(site: Site) -> APIRouter:
    """Make the page."""
    desk = Desk(site, "approvals")
    router = APIRouter(dependencies=[Depends(site.allow("approvals"))])

    @router.get(PATH)
    def page(request: Request) -> Response:
        return _show(desk, request)

    @router.post(PATH + "/{approval_id}")
    def decide(request: Request, approval_id: str, entry: Sent, choice: Choice = "") -> Response:
        known = known_id(approval_id)
        outcome = desk.give(request, entry, lambda: DecideApproval(known, choice, entry.text("note")))  # type: ignore[arg-type]
        if outcome is None:
            return _show(desk, request, next(iter(entry.errors.values()), ""))
        return desk.back(request, PATH, outcome)

    @router.post(PATH + "/{approval_id}/void")
    def void(request: Request, approval_id: str, entry: Sent) -> Response:
        with site.database.read() as session:
            asked = found(session.get(Approval, known_id(approval_id)))
            report = found(session.get(ServiceReport, asked.subject))
        made = entry.new_id("void")
        outcome = desk.give(request, entry, lambda: VoidReport(made, report.ticket_id, report.id, asked.id))
        if outcome is None:
            return _show(desk, request, next(iter(entry.errors.values()), ""))
        return desk.back(request, f"/console/tickets/{report.ticket_id}", outcome)

    return router


def _show(desk: Desk, request: Request, error: str = "") -> Response:
    reader = desk.site.actor(request).person_id
    with desk.site.database.read() as session:
        rows = session.scalars(
            select(Approval).order_by(Approval.asked_at.desc(), Approval.id).limit(SHOWN)
        ).all()
        people = {person for row in rows for person in (row.asked_by, row.decided_by) if person}
        names = dict(session.execute(select(Person.id, Person.name).where(Person.id.in_(people))).all())
    return desk.show(
        request, "approvals/list.html", status_code=422 if error else 200, can=CAN, rows=rows, names=names,
        own=reader, error=error,
    )  # fmt: skip
