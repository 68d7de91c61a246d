"""The people's pages: list, one person, entering and changing.

Owns pages. People are written by commands of `common.people`; sign-in is beside it in `sign_in_access`.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import LANGUAGES, NATIVE_NAMES
from common.inbox.edits import show_value
from common.kernel.command import Role
from common.people.erasure import erasures_of
from common.people.person import Person
from common.people.person_commands import AddPerson, EditPerson
from common.policy.policy_set import find_policy
from common.stock.location import StockLocation
from sync_server.console.commands import times_of_day
from sync_server.console.desk import Desk, forms_of, found, known_id, page_of
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.console.inbox.conflicts import open_conflicts
from sync_server.console.lists import ListSpec
from sync_server.console.people.deeds import deeds_router
from sync_server.console.people.sign_in_access import access_router
from sync_server.console.site import Site
from sync_server.imports.pinyin import spell
from sync_server.people import staff
from sync_server.people.devices import devices_of
from sync_server.people.sessions import has_factor

PATH = "/console/people"
ROLES = tuple(role.value for role in Role if role is not Role.SYSTEM)
SPEC = ListSpec(
    PATH, ("number", "name"), "number", {"role": ROLES, "active": ("true", "false"), "away": ("yes",)}
)
FIELDS = ("name", "phone", "email", "language")
CAN = (
    "add_person", "edit_person", "set_roles", "set_zones", "deactivate_person", "reactivate_person",
    "pseudonymise_person", "add_qualification", "revoke_qualification", "record_absence", "cancel_absence",
    "settle_conflict",
)  # fmt: skip
LANGUAGE_OPTIONS = tuple((code, NATIVE_NAMES[code]) for code in LANGUAGES)


def people_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "people")
    router = APIRouter(dependencies=[Depends(site.allow("people"))])

    @router.get(PATH)
    def people(request: Request) -> Response:
        query = SPEC.read(request)
        columns = {"number": Person.number, "name": Person.name}
        with site.database.read() as session:
            statement = staff.people_listed(query.search, query.filters, desk.now())
            page = page_of(session, statement, query, columns, Person.id)
        return desk.show(
            request, "people/list.html", "people/_list.html", can=CAN, page=page, roles=ROLES,
            zone_names=dict(zones_of(desk, request)),
        )  # fmt: skip

    @router.get(PATH + "/new")
    def new(request: Request) -> Response:
        return _form(desk, request, None, FormState({"language": site.language(request)}))

    @router.post(PATH + "/new")
    def add(request: Request, entry: Sent) -> Response:
        person_id = entry.new_id("person")
        if not entry.lists.get("roles"):
            entry.wrong("roles", "text_missing")
        outcome = desk.give(request, entry, lambda: _added(entry, person_id))
        if outcome is None:
            return _form(desk, request, None, entry.state, 422, entry)
        return desk.back(request, f"{PATH}/{person_id}", outcome)

    @router.get(PATH + "/{person_id}")
    def person(request: Request, person_id: str) -> Response:
        return show_person(desk, request, known_id(person_id))

    @router.get(PATH + "/{person_id}/edit")
    def edit_page(request: Request, person_id: str) -> Response:
        row = _find(desk, person_id)
        return _form(desk, request, row, FormState({name: show_value(getattr(row, name)) for name in FIELDS}))

    @router.post(PATH + "/{person_id}/edit")
    def edit(request: Request, person_id: str, entry: Sent) -> Response:
        row = _find(desk, person_id)
        outcome = desk.give(request, entry, lambda: EditPerson(row.id, entry.changes(FIELDS)))
        if outcome is None:
            return _form(desk, request, row, entry.state, 422)
        return desk.back(request, f"{PATH}/{row.id}", outcome)

    router.include_router(access_router(desk, show_person))
    router.include_router(deeds_router(desk, show_person))
    return router


def _find(desk: Desk, person_id: str) -> Person:
    with desk.site.database.read() as session:
        return found(session.get(Person, known_id(person_id)))


def _added(entry: Entry, person_id: str) -> AddPerson:
    name = entry.text("name")
    language = entry.choice("language", LANGUAGES, "zh-Hans")
    return AddPerson(
        person_id, entry.text("number"), name, tuple(entry.lists.get("roles", [])), spell(name)[0],
        entry.text("phone"), entry.text("email"), language, tuple(entry.lists.get("zones", [])),  # type: ignore[arg-type]
    )  # fmt: skip


def zones_of(desk: Desk, request: Request) -> list[tuple[str, str]]:
    """List the zones of the policy in force with their names."""
    with desk.site.database.read() as session:
        policy = find_policy(session)
    language = desk.site.language(request)
    return [(zone.code, zone.title.in_language(language)) for zone in policy.zones] if policy else []


def _form(
    desk: Desk,
    request: Request,
    row: Person | None,
    form: FormState,
    status: int = 200,
    entry: Entry | None = None,
) -> Response:
    return desk.show(
        request, "people/form.html", status_code=status, person=row, form=form, fields=FIELDS, roles=ROLES,
        zones=zones_of(desk, request), languages_offered=LANGUAGE_OPTIONS,
        ticked={name: entry.lists.get(name, []) if entry else [] for name in ("roles", "zones")},
    )  # fmt: skip


def show_person(
    desk: Desk, request: Request, person_id: str, entry: Entry | None = None, deed: str = "", made: str = ""
) -> Response:
    """Draw a person's page; `deed` names the form whose entries are shown again, `made` a password shown once."""
    now = desk.now()
    is_administrator = Role.ADMINISTRATOR in desk.roles(request)
    with desk.site.database.read() as session:
        row = found(session.get(Person, person_id))
        context: dict[str, Any] = {
            "person": row,
            "qualifications": staff.qualifications_of(session, person_id),
            "absences": staff.absences_of(session, person_id, now),
            "credential": staff.login_of(session, person_id),
            "has_factor": has_factor(session, person_id),
            "van": session.get(StockLocation, row.van_location_id) if row.van_location_id else None,
            "devices": devices_of(session, person_id),
            "tickets": staff.tickets_with(session, person_id),
            "conflicts": open_conflicts(desk, request, session, person_id),
            "erasures": erasures_of(session, person_id),
        }
    sessions = desk.site.sessions.list_sessions(person_id) if is_administrator else []
    today = now.astimezone(ZoneInfo(desk.site.settings.time_zone)).date()
    return desk.show(
        request, "people/person.html", "people/_person.html", status_code=422 if entry else 200, can=CAN, roles=ROLES,
        zones=zones_of(desk, request), zone_names=dict(zones_of(desk, request)), today=today, deed=deed, made=made,
        form_for=forms_of(entry, deed), sessions=sessions, is_administrator=is_administrator,
        own=desk.site.actor(request).person_id,
        expiry_of=staff.expiry_of, times=times_of_day(30), **context,
    )  # fmt: skip
