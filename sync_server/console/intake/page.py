"""Intake: the caller is found while he speaks, hears who pays and when somebody comes, and the call is registered.

Owns the page and its fragments (R001 R003 R005 R006 R008 R017). What a call becomes stands in `call.py`.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from common.coverage.entitlement import current_entitlement
from common.customers.customer import Customer
from common.kernel.ids import is_id
from common.kernel.outcome import Outcome, Refused
from common.policy.policy_set import find_policy
from common.sla.clocks import clocks_of
from common.tickets.intake import CHOICES
from common.tickets.ticket import CHANNELS, Ticket
from sync_server.console.commands import (
    choices,
    field_of,
    label_of,
    may,
    now_of,
    read_form,
    reader_roles,
    say_refusal,
    times_of_day,
    today_of,
)
from sync_server.console.forms import FormState
from sync_server.console.intake.call import BY_CODE, FIELDS, NEW, PREFIX, read_call
from sync_server.console.rendering import see_other
from sync_server.console.site import Site
from sync_server.tickets.desk import choose, find_callers, models_in_service
from sync_server.tickets.forecast import Forecast, forecast
from sync_server.tickets.registering import Registered, register_call

PATH = "/console/intake"


def intake_router(site: Site) -> APIRouter:
    """Make the pages of intake."""
    router = APIRouter(prefix=PATH, dependencies=[Depends(site.allow("intake"))])

    @router.get("")
    def page(request: Request, customer_id: str = "", equipment_id: str = "", q: str = "") -> Response:
        form = FormState({"customer_id": customer_id, "equipment_id": equipment_id, "q": q})
        return _page(site, request, form)

    @router.get("/found")
    def found(request: Request, q: str = "") -> Response:
        with site.database.read() as session:
            callers = find_callers(session, q[:100])
        return _part(site, request, "intake/_found.html", callers=callers, words=q.strip())

    @router.get("/who")
    def who(request: Request, customer_id: str = "", equipment_id: str = "") -> Response:
        form = FormState({"customer_id": customer_id, "equipment_id": equipment_id})
        with site.database.read() as session:
            context = _who(site, request, session, form)
        return _part(site, request, "intake/_who.html", form=form, **context)

    @router.get("/known")
    def known(request: Request) -> Response:
        form = FormState(dict(request.query_params))
        with site.database.read() as session:
            context = _known(site, session, form)
        return _part(site, request, "intake/_known.html", form=form, **context)

    @router.post("")
    async def register(request: Request) -> Response:
        values = await read_form(request)
        return await run_in_threadpool(_register, site, request, values)

    @router.get("/told/{ticket_id}")
    def told(request: Request, ticket_id: str) -> Response:
        return _told(site, request, ticket_id)

    return router


def _page(site: Site, request: Request, form: FormState, status: int = 200) -> Response:
    with site.database.read() as session:
        context = _who(site, request, session, form) | _known(site, session, form)
        callers = find_callers(session, form.value("q")[:100])
        policy = find_policy(session)
    language = site.language(request)
    causes = policy.fault_codes if policy else ()
    return site.pages.answer(
        request, site.reader(request), "intake/intake.html", status_code=status, area="intake", form=form,
        command_id=form.value("command_id") or site.database.new_id(), callers=callers, words=form.value("q"),
        channels=choices(language, "ticket.channel", CHANNELS),
        severities=choices(language, "ticket.severity", CHOICES["severity"]),
        modes=choices(language, "ticket.mode", CHOICES["mode"]),
        fault_codes=[(code.code, code.title.in_language(language)) for code in causes],
        times=times_of_day(30), may_register=may(reader_roles(site, request), "report_fault"),
        may_refuse=may(reader_roles(site, request), "refuse_ticket"), today=today_of(site),
        **context,
    )  # fmt: skip


def _who(site: Site, request: Request, session: Session, form: FormState) -> dict[str, Any]:
    language, policy = site.language(request), find_policy(session)
    customer_id, equipment_id = form.value("customer_id"), form.value("equipment_id")
    chosen = choose(
        session, customer_id if is_id(customer_id) else "", equipment_id if is_id(equipment_id) else ""
    )
    return {
        "chosen": chosen,
        "is_new": customer_id == NEW,
        "models": [(model.id, model.title) for model in models_in_service(session)],
        "zones": [(zone.code, zone.title.in_language(language)) for zone in policy.zones] if policy else [],
    }


def _known(site: Site, session: Session, form: FormState) -> dict[str, Any]:
    """Read what is known beside the form: verdict, promise, open tickets, history."""
    customer_id, equipment_id = form.value("customer_id"), form.value("equipment_id")
    chosen = choose(
        session, customer_id if is_id(customer_id) else "", equipment_id if is_id(equipment_id) else ""
    )
    customer = chosen.customer if chosen else None
    told: Forecast | None = None
    if customer is not None or customer_id == NEW:
        told = forecast(
            session, now_of(site), customer=customer,
            equipment_id=chosen.unit.row.id if chosen and chosen.unit else None,
            address=form.value("address") or form.value("customer_address"),
            severity=form.value("severity") if form.value("severity") in CHOICES["severity"] else "minor",
            urgent=bool(form.value("urgent")),
        )  # fmt: skip
    return {"chosen": chosen, "told": told, "now": now_of(site)}


def _register(site: Site, request: Request, values: dict[str, str]) -> Response:
    reader = site.reader(request)
    call_id = values.get("command_id", "")
    if not is_id(call_id):
        call_id = site.database.new_id()
    typed = values | {"command_id": call_id}
    if not values.get("customer_id"):
        return _refused(site, request, typed, "customer_id", Outcome("parked", "caller_not_chosen"))
    try:
        call = read_call(call_id, values, reader.name, reader.time_zone)
    except Refused as refused:
        field = "window_until" if refused.code == "window_incomplete" else "window_on"
        return _refused(site, request, typed, field, Outcome("parked", refused.code, refused.values))
    today = today_of(site)
    done = register_call(site.database, site.actor(request), call_id, today, call.plan)
    site.hub.poke()
    if done.refusal is not None:
        return _refused(site, request, typed, _field(done), done.refusal)
    return see_other(request, f"{PATH}/told/{done.ticket_id}")


def _field(done: Registered) -> str:
    """Name the form's field a refused command stumbled over."""
    assert done.refusal is not None
    if done.kind in ("solve_by_phone", "refuse_ticket") and "where" in done.refusal.values:
        return "outcome_note"
    prefix = PREFIX.get(done.kind, "")
    where = str(done.refusal.values.get("where", "")).removeprefix("a.")
    if prefix and f"{prefix}{where}" in FIELDS:
        return f"{prefix}{where}"
    return field_of(done.refusal, FIELDS, BY_CODE)


def _refused(site: Site, request: Request, values: dict[str, str], field: str, why: Outcome) -> Response:
    language = site.language(request)
    sentence = say_refusal(why, language, site.settings.time_zone)
    labels = {name: field_label(name, language) for name in FIELDS}
    return _page(site, request, FormState(values, {field: sentence}, labels), 422)


def field_label(name: str, language: str) -> str:
    """Name a field by its own words, or else by those of what it is of a customer or a unit."""
    known = label_of(name, language)
    if known != name:
        return known
    return label_of(name.removeprefix("customer_").removeprefix("unit_"), language)


def _told(site: Site, request: Request, ticket_id: str) -> Response:
    with site.database.read() as session:
        ticket = session.get(Ticket, ticket_id)
        if ticket is None:
            raise HTTPException(404, "ticket_unknown")
        customer = session.get(Customer, ticket.customer_id)
        about = choose(session, ticket.customer_id, ticket.equipment_id or "")
        judged = current_entitlement(session, ticket.id)
        clocks = [clock for clock in clocks_of(session, ticket) if clock.due_at and clock.stopped_at is None]
    return site.pages.answer(
        request, site.reader(request), "intake/told.html", area="intake", ticket=ticket, customer=customer,
        unit=about.unit if about else None, entitlement=judged, clocks=clocks, now=now_of(site),
        may_assign=may(reader_roles(site, request), "assign_ticket"),
    )  # fmt: skip


def _part(site: Site, request: Request, template: str, **context: Any) -> Response:
    return site.pages.answer(request, site.reader(request), template, **context)
