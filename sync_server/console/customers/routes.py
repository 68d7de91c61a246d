"""The customers' pages.

Owns pages. The customer file is written by the commands of `common.customers`.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from common.customers.customer import Customer
from common.customers.customer_commands import AddContact, EditCustomer, RegisterCustomer
from common.i18n import LANGUAGES, NATIVE_NAMES
from common.inbox.edits import Change, show_value
from common.people.erasure import PseudonymiseContact, erasures_of
from common.policy.policy_set import find_policy
from sync_server.console.desk import Desk, forms_of, found, known_id, page_of
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.console.inbox.conflicts import open_conflicts
from sync_server.console.lists import ListSpec
from sync_server.console.site import Site
from sync_server.customers import listing
from sync_server.imports.pinyin import spell

PATH = "/console/customers"
SPEC = ListSpec(
    PATH, ("number", "name", "zone"), "name", {"zone": (), "key": ("yes",), "active": ("true", "false")}
)  # fmt: skip
FIELDS = ("name", "phone", "contact", "address", "zone", "language", "key_customer", "site_notes", "active")
FLAGS = ("key_customer", "active")
CAN = (
    "register_customer",
    "edit_customer",
    "add_contact",
    "register_equipment",
    "report_fault",
    "settle_conflict",
    "pseudonymise_contact",
)
LANGUAGE_OPTIONS = tuple((code, NATIVE_NAMES[code]) for code in LANGUAGES)


def customers_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "customers")
    router = APIRouter(dependencies=[Depends(site.allow("customers"))])

    @router.get(PATH)
    def customers(request: Request) -> Response:
        query = SPEC.read(request)
        columns = {"number": Customer.number, "name": Customer.name, "zone": Customer.zone}
        with site.database.read() as session:
            statement = listing.customers_listed(query.search, query.filters)
            page = page_of(session, statement, query, columns, Customer.id)
        zones = _zones(desk, request)
        return desk.show(
            request,
            "customers/list.html",
            "customers/_list.html",
            can=CAN,
            page=page,
            zones=zones,
            zone_names=dict(zones),
        )

    @router.get(PATH + "/new")
    def new(request: Request) -> Response:
        return _form(desk, request, None, FormState({"language": site.language(request)}))

    @router.post(PATH + "/new")
    def register(request: Request, entry: Sent) -> Response:
        customer_id = entry.new_id("customer")
        outcome = desk.give(request, entry, lambda: _registered(entry, customer_id))
        if outcome is None:
            return _form(desk, request, None, entry.state, 422)
        return desk.back(request, f"{PATH}/{customer_id}", outcome)

    @router.get(PATH + "/{customer_id}")
    def customer(request: Request, customer_id: str) -> Response:
        return _customer(desk, request, known_id(customer_id))

    @router.get(PATH + "/{customer_id}/edit")
    def edit_page(request: Request, customer_id: str) -> Response:
        row = _find(desk, customer_id)
        return _form(desk, request, row, FormState({name: show_value(getattr(row, name)) for name in FIELDS}))

    @router.post(PATH + "/{customer_id}/edit")
    def edit(request: Request, customer_id: str, entry: Sent) -> Response:
        row = _find(desk, customer_id)
        outcome = desk.give(request, entry, lambda: EditCustomer(row.id, _changes(entry)))
        if outcome is None:
            return _form(desk, request, row, entry.state, 422)
        return desk.back(request, f"{PATH}/{row.id}", outcome)

    @router.post(PATH + "/{customer_id}/contacts")
    def add_contact(request: Request, customer_id: str, entry: Sent) -> Response:
        known = known_id(customer_id)
        contact_id = entry.new_id("contact")
        outcome = desk.give(
            request, entry,
            lambda: AddContact(contact_id, known, entry.text("name"), entry.text("role"), entry.text("phone")),
        )  # fmt: skip
        if outcome is None:
            return _customer(desk, request, known, entry)
        return desk.back(request, f"{PATH}/{known}", outcome)

    _erasing(router, desk)
    return router


def _erasing(router: APIRouter, desk: Desk) -> None:
    """Add the form that erases a contact's data (M3)."""

    @router.post(PATH + "/{customer_id}/erase")
    def erase(request: Request, customer_id: str, entry: Sent) -> Response:
        known = known_id(customer_id)
        outcome = desk.give_proved(
            request, entry,
            lambda: PseudonymiseContact(
                entry.new_id("erasure"), known, entry.text("name"), entry.text("reason"), entry.flag("with_phone")
            ),
        )  # fmt: skip
        if outcome is None:
            return _customer(desk, request, known, erasing=entry)
        return desk.back(request, f"{PATH}/{known}", outcome)


def _find(desk: Desk, customer_id: str) -> Customer:
    with desk.site.database.read() as session:
        return found(session.get(Customer, known_id(customer_id)))


def _changes(entry: Entry) -> tuple[Change, ...]:
    """Read the edits; a new name is spelt anew, so that it is found by its pinyin."""
    changes = entry.changes(FIELDS, FLAGS)
    named = next((change for change in changes if change.field == "name"), None)
    if named is None:
        return changes
    spelt = zip(("pinyin", "initials"), spell(named.old), spell(named.new), strict=True)
    return (*changes, *(Change(name, old, new) for name, old, new in spelt if old != new))


def _registered(entry: Entry, customer_id: str) -> RegisterCustomer:
    name = entry.text("name")
    pinyin, initials = spell(name)
    language = entry.choice("language", LANGUAGES, "zh-Hans")
    return RegisterCustomer(
        customer_id, entry.text("number"), name, pinyin, initials, entry.text("phone"), entry.text("contact"),
        entry.text("address"), entry.text("zone"), language, entry.flag("key_customer"), entry.text("site_notes"),  # type: ignore[arg-type]
    )  # fmt: skip


def _zones(desk: Desk, request: Request) -> list[tuple[str, str]]:
    with desk.site.database.read() as session:
        policy = find_policy(session)
    language = desk.site.language(request)
    return [(zone.code, zone.title.in_language(language)) for zone in policy.zones] if policy else []


def _form(desk: Desk, request: Request, row: Customer | None, form: FormState, status: int = 200) -> Response:
    return desk.show(
        request, "customers/form.html", status_code=status, customer=row, form=form, fields=FIELDS,
        zones=_zones(desk, request), languages_offered=LANGUAGE_OPTIONS,
    )  # fmt: skip


def _customer(
    desk: Desk, request: Request, customer_id: str, entry: Entry | None = None, erasing: Entry | None = None
) -> Response:
    with desk.site.database.read() as session:
        row = found(session.get(Customer, customer_id))
        contacts = listing.contacts_of(session, customer_id)
        units = listing.units_with_model(session, customer_id)
        tickets = listing.tickets_about(session, customer_id=customer_id)
        conflicts = open_conflicts(desk, request, session, customer_id)
        erasures = erasures_of(session, customer_id)
    return desk.show(
        request, "customers/customer.html", "customers/_customer.html", can=CAN,
        status_code=422 if entry or erasing else 200,
        customer=row, contacts=contacts, units=units, tickets=tickets, conflicts=conflicts,
        zone_names=dict(_zones(desk, request)), form=entry.state if entry else FormState(),
        language_names=dict(LANGUAGE_OPTIONS), erasures=erasures, erase_open=erasing is not None,
        erase_form=forms_of(erasing, "erase")("erase"),
    )  # fmt: skip
