"""The equipment's pages: list, one unit, entering and changing; models are beside it.

Owns pages. Units are written by commands of `common.equipment` and `common.coverage`.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from common.customers.customer import Customer
from common.equipment.equipment import Equipment, EquipmentModel, vouchers_of
from common.equipment.equipment_commands import EditEquipment, RegisterEquipment
from common.inbox.edits import show_value
from common.kernel.ids import is_id
from common.kernel.quantity import from_milli
from sync_server.console.desk import Desk, forms_of, found, known_id, page_of
from sync_server.console.entry import Entry, Sent
from sync_server.console.equipment.deeds import deeds_router
from sync_server.console.equipment.models import models_router
from sync_server.console.forms import FormState
from sync_server.console.inbox.conflicts import open_conflicts
from sync_server.console.lists import ListSpec
from sync_server.console.site import Site
from sync_server.customers.listing import customer_numbered, tickets_about
from sync_server.equipment import listing

PATH = "/console/equipment"
SPEC = ListSpec(
    PATH, ("serial", "model", "customer", "accepted"), "serial",
    {"state": listing.STATES, "model": (), "customer": ()},
)  # fmt: skip
FIELDS = ("serial", "udi", "location", "software_version", "sold_on", "warranty_months")
CAN = (
    "register_equipment", "register_model", "edit_equipment", "record_acceptance", "register_coverage",
    "cancel_coverage", "return_to_use", "retire_equipment", "request_approval", "report_fault", "settle_conflict",
)  # fmt: skip


def equipment_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "equipment")
    router = APIRouter(dependencies=[Depends(site.allow("equipment"))])
    router.include_router(models_router(desk))

    @router.get(PATH)
    def units(request: Request) -> Response:
        query = SPEC.read(request)
        with site.database.read() as session:
            statement = listing.units_listed(query.search, query.filters)
            page = page_of(session, statement, query, listing.unit_columns(), Equipment.id)
            models = listing.model_options(session)
        return desk.show(
            request, "equipment/list.html", "equipment/_list.html", can=CAN, page=page, models=models,
            states=listing.STATES,
        )  # fmt: skip

    @router.get(PATH + "/new")
    def new(request: Request, customer_id: str = "") -> Response:
        with site.database.read() as session:
            customer = session.get(Customer, customer_id) if is_id(customer_id) else None
        return _new(desk, request, FormState({"customer": customer.number if customer else ""}))

    @router.post(PATH + "/new")
    def register(request: Request, entry: Sent) -> Response:
        unit_id = entry.new_id("unit")
        with site.database.read() as session:
            customer = customer_numbered(session, entry.text("customer"))
        if customer is None:
            entry.wrong("customer", "customer_unknown" if entry.text("customer") else "text_missing")
        customer_id = customer.id if customer else ""
        outcome = desk.give(request, entry, lambda: _registered(entry, unit_id, customer_id))
        if outcome is None:
            return _new(desk, request, entry.state, 422)
        return desk.back(request, f"{PATH}/{unit_id}", outcome)

    @router.get(PATH + "/{unit_id}")
    def unit(request: Request, unit_id: str) -> Response:
        return show_unit(desk, request, known_id(unit_id))

    @router.get(PATH + "/{unit_id}/edit")
    def edit_page(request: Request, unit_id: str) -> Response:
        row = _find(desk, unit_id)
        form = FormState({name: show_value(getattr(row, name)) for name in FIELDS})
        return desk.show(request, "equipment/edit.html", unit=row, form=form, fields=FIELDS)

    @router.post(PATH + "/{unit_id}/edit")
    def edit(request: Request, unit_id: str, entry: Sent) -> Response:
        row = _find(desk, unit_id)
        entry.whole("warranty_months")
        entry.day("sold_on")
        outcome = desk.give(request, entry, lambda: EditEquipment(row.id, entry.changes(FIELDS)))
        if outcome is None:
            return desk.show(
                request, "equipment/edit.html", status_code=422, unit=row, form=entry.state, fields=FIELDS
            )
        return desk.back(request, f"{PATH}/{row.id}", outcome)

    router.include_router(deeds_router(desk, show_unit))
    return router


def _find(desk: Desk, unit_id: str) -> Equipment:
    with desk.site.database.read() as session:
        return found(session.get(Equipment, known_id(unit_id)))


def _registered(entry: Entry, unit_id: str, customer_id: str) -> RegisterEquipment:
    return RegisterEquipment(
        unit_id, entry.text("serial"), entry.identifier("model_id") or "", customer_id, entry.text("udi"),
        entry.text("location"), entry.day("sold_on"), entry.day("accepted_on"), entry.whole("warranty_months"),
        entry.text("software_version"),
    )  # fmt: skip


def _new(desk: Desk, request: Request, form: FormState, status: int = 200) -> Response:
    with desk.site.database.read() as session:
        models = listing.model_options(session)
    return desk.show(request, "equipment/new.html", status_code=status, can=CAN, form=form, models=models)


def show_unit(
    desk: Desk, request: Request, unit_id: str, entry: Entry | None = None, deed: str = ""
) -> Response:
    """Draw a unit's page; `deed` names the form whose entries are shown again."""
    today = _today(desk)
    with desk.site.database.read() as session:
        row = found(session.get(Equipment, unit_id))
        context: dict[str, Any] = {
            "unit": row,
            "model": session.get(EquipmentModel, row.model_id),
            "customer": session.get(Customer, row.customer_id),
            "coverage": listing.coverage_listed(session, unit_id),
            "verdict": listing.judged_today(session, row, today),
            "vouchers": vouchers_of(session, unit_id),
            "tickets": tickets_about(session, equipment_id=unit_id),
            "conflicts": open_conflicts(desk, request, session, unit_id),
        }
    return desk.show(
        request, "equipment/unit.html", "equipment/_unit.html", status_code=422 if entry else 200, can=CAN,
        today=today, form_for=forms_of(entry, deed), deed=deed, from_milli=from_milli, **context,
    )  # fmt: skip


def _today(desk: Desk) -> date:
    return desk.now().astimezone(ZoneInfo(desk.site.settings.time_zone)).date()
