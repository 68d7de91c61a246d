"""The page of what takes two people: what waits, what was decided, and carrying it out.

Owns the page. Who may ask, decide and use is the commands'; approving and using need a fresh proof of who sits there.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from common.approvals.approval import Approval, DecideApproval, RequestApproval, UseApproval, decision_number
from common.equipment.equipment import Equipment
from common.people.person import Person
from common.visit.records import ServiceReport
from common.visit.voiding import VoidReport
from sync_server.console.desk import Desk, forms_of, found, known_id
from sync_server.console.entry import Entry, Sent
from sync_server.console.evidence.export_page import hand_out
from sync_server.console.rendering import see_other
from sync_server.console.site import Site
from sync_server.upkeep.anchors import AnchorError, make_anchor

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

    @router.post(PATH + "/export")
    def ask_for_export(request: Request, entry: Sent) -> Response:
        unit_id = known_id(entry.text("unit_id"))
        with site.database.read() as session:
            serial = found(session.get(Equipment, unit_id)).serial
        return _ask(desk, request, entry, f"/console/equipment/{unit_id}", "export_evidence", unit_id, serial)

    @router.post(PATH + "/{approval_id}")
    def decide(request: Request, approval_id: str, entry: Sent, choice: Choice = "") -> Response:
        known = known_id(approval_id)

        def decision() -> DecideApproval:
            return DecideApproval(known, choice, entry.text("note"))  # type: ignore[arg-type]

        if choice == "approve":
            with site.database.read() as session:
                asker = found(session.get(Approval, known)).asked_by
            outcome = desk.give_proved(request, entry, decision, towards=asker)
        else:
            outcome = desk.give(request, entry, decision)
        return _show(desk, request, entry, known) if outcome is None else desk.back(request, PATH, outcome)

    @router.post(PATH + "/{approval_id}/void")
    def void(request: Request, approval_id: str, entry: Sent) -> Response:
        with site.database.read() as session:
            asked = found(session.get(Approval, known_id(approval_id)))
            report = found(session.get(ServiceReport, asked.subject))
        made = entry.new_id("void")
        outcome = desk.give_proved(
            request, entry, lambda: VoidReport(made, report.ticket_id, report.id, asked.id)
        )
        if outcome is None:
            return _show(desk, request, entry, asked.id)
        return desk.back(request, f"/console/tickets/{report.ticket_id}", outcome)

    @router.post(PATH + "/{approval_id}/export")
    def export(request: Request, approval_id: str, entry: Sent) -> Response:
        with site.database.read() as session:
            asked = found(session.get(Approval, known_id(approval_id)))
            unit = found(session.get(Equipment, asked.subject))
        try:  # before the approval is used up: books that do not agree hand nothing out
            make_anchor(site.database, site.keys, site.settings.anchors_dir)
        except (AnchorError, OSError):
            return see_other(request, PATH, "not_anchored")
        use = UseApproval(asked.id, "export_evidence", unit.id)
        entry.values["command_id"] = site.database.new_id()  # each press is a use: no answer is given twice
        if desk.give_proved(request, entry, lambda: use) is None:
            return _show(desk, request, entry, asked.id)
        return hand_out(site, request, unit.id, asked.id)

    return router


def _ask(
    desk: Desk, request: Request, entry: Entry, back: str, what: str, subject: str, label: str
) -> Response:
    """Ask for something; refused, the page it came from says so."""
    reason = entry.text("reason")
    outcome = desk.give(
        request,
        entry,
        lambda: RequestApproval(entry.new_id("approval"), what, subject, label, reason),  # type: ignore[arg-type]
    )
    if outcome is None:
        return see_other(request, back, "reason_missing")
    return desk.back(request, PATH, outcome)


def _show(desk: Desk, request: Request, entry: Entry | None = None, sent: str = "") -> Response:
    reader = desk.site.actor(request).person_id
    with desk.site.database.read() as session:
        rows = session.scalars(
            select(Approval).order_by(Approval.asked_at.desc(), Approval.id).limit(SHOWN)
        ).all()
        people = {person for row in rows for person in (row.asked_by, row.decided_by) if person}
        names = dict(session.execute(select(Person.id, Person.name).where(Person.id.in_(people))).all())
    return desk.show(
        request, "approvals/list.html", status_code=422 if entry else 200, can=CAN, rows=rows, names=names,
        own=reader, decision=decision_number, form_for=forms_of(entry, sent),
    )  # fmt: skip
