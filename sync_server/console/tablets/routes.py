"""The tablets' pages: list, one tablet, a code for a new one.

Owns pages and words. Codes and access are `people.enrolment`'s.
"""

from __future__ import annotations

from fastapi import APIRouter, Depends
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.command import Role
from common.kernel.outcome import Outcome, Refused
from common.people.person import Person, people_with_role
from sync_server.console.desk import Desk, found, known_id, page_of
from sync_server.console.entry import Sent
from sync_server.console.forms import FormState
from sync_server.console.lists import ListPage, ListSpec
from sync_server.console.rendering import see_other
from sync_server.console.site import Site
from sync_server.console.tablets.deeds import PATH, add_deeds
from sync_server.console.tablets.health import health_of
from sync_server.console.tablets.rescue import add_rescue
from sync_server.db.tables import Device
from sync_server.people import devices
from sync_server.people.enrolment import issue_code, revoke_device
from sync_server.people.handed_over import last_heard
from sync_server.people.invitation import invitation_svg
from sync_server.people.key_requests import MAY_GIVE, asking, waiting

SPEC = ListSpec(PATH, ("person", "contact", "unsent"), "-contact", {"state": ("active", "revoked", "lost")})
RENEW_S = 20


def tablets_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "tablets")
    router = APIRouter(dependencies=[Depends(site.allow("tablets"))])

    @router.get(PATH)
    def tablets(request: Request) -> Response:
        query, language, now = SPEC.read(request), site.language(request), desk.now()
        with site.database.read() as session:
            statement = devices.devices_listed(query.search, query.filters)
            page = page_of(session, statement, query, devices.sort_columns(), Device.id)
            head = devices.newest_position(session)
            codes = devices.codes_waiting(session, now)
            asks = asking(session)
        rows = [(device, person, health_of(device, head, now, language)) for device, person in page.rows]
        shown = ListPage(rows, page.total, page.query)
        return desk.show(
            request, "tablets/list.html", "tablets/_list.html", page=shown, codes=codes, renew_s=RENEW_S, asks=asks,
            device_label=devices.device_label,
        )  # fmt: skip

    add_rescue(desk, router)

    @router.get(PATH + "/enrol")
    def choose(request: Request, person: str = "") -> Response:
        return _choose(desk, request, FormState({"person_id": person}))

    @router.post(PATH + "/enrol")
    def enrol(request: Request, entry: Sent) -> Response:
        person_id = entry.identifier("person_id") or ""
        try:
            if entry.errors:
                return _choose(desk, request, entry.state, 422)
            code = issue_code(site.database, site.keys, site.actor(request), person_id)
        except Refused as refused:
            entry.refused(Outcome("parked", refused.code, refused.values))
            return _choose(desk, request, entry.state, 422)
        with site.database.read() as session:
            person = found(session.get(Person, person_id))
        address = _address(site, request)
        return desk.show(
            request, "tablets/code.html", person=person, code=code, address=address,
            picture=Markup(invitation_svg(address, code.text)),  # noqa: S704 - drawn by segno from our own text
        )  # fmt: skip

    @router.get(PATH + "/{device_id}")
    def tablet(request: Request, device_id: str) -> Response:
        return _tablet(desk, request, known_id(device_id))

    add_deeds(desk, router, lambda request, device_id, error: _tablet(desk, request, device_id, error))

    @router.post(PATH + "/{device_id}/revoke")
    def revoke(request: Request, device_id: str, entry: Sent) -> Response:
        revoke_device(site.database, site.actor(request), known_id(device_id))
        return see_other(request, f"{PATH}/{device_id}", "saved")

    return router


def _choose(desk: Desk, request: Request, form: FormState, status: int = 200) -> Response:
    with desk.site.database.read() as session:
        people = people_with_role(session, Role.ENGINEER)
    options = [(person.id, f"{person.name} · {person.number}") for person in people]
    return desk.show(request, "tablets/enrol.html", status_code=status, form=form, people=options)


def _tablet(desk: Desk, request: Request, device_id: str, error: str = "") -> Response:
    with desk.site.database.read() as session:
        device, person = found(devices.device_with_person(session, device_id))
        head = devices.newest_position(session)
        parked = devices.parked_from(session, device_id)
        held = last_heard(session, person.id)
        asks = waiting(session, device_id)
    health = health_of(device, head, desk.now(), desk.site.language(request))
    label = devices.device_label(device.name, person.name)
    return desk.show(
        request,
        "tablets/tablet.html",
        device=device,
        label=label,
        person=person,
        health=health,
        parked=parked,
        held=held,
        asks=asks,
        gives=bool(desk.roles(request) & MAY_GIVE),
        error=error,
        status_code=422 if error else 200,
        can=("decide_parked",),
    )


def _address(site: Site, request: Request) -> str:
    """Say where tablets reach this server: the public address, else the one the office itself uses just now."""
    if site.settings.public_url:
        return site.settings.public_url
    return f"{request.url.scheme}://{request.headers.get('host', '')}"
