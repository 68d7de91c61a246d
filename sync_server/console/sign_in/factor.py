"""Pages of the second factor: giving a code at the door, and setting one up for oneself.

Owns these pages. Secrets and codes are `people.factors`'.
"""

from __future__ import annotations

from io import BytesIO

import segno
from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from common.kernel.outcome import Refused
from sync_server.console.forms import FormState
from sync_server.console.rendering import see_other
from sync_server.console.sign_in.routes import (
    CODE,
    Text,
    form_of,
    own_path,
    reader_of,
    signed_in,
    visited,
)
from sync_server.console.site import FACTOR, PASSWORD, SIGN_IN, Site
from sync_server.people.factors import Begun

DOOR_PAGE, OWN_PAGE, CODES_PAGE = "sign_in/code.html", "sign_in/factor.html", "sign_in/codes.html"


def code_router(site: Site) -> APIRouter:
    """Make the page that asks for a code after the password."""
    router = APIRouter()

    @router.get(CODE)
    def page(request: Request, back: str = "/console") -> Response:
        if not request.cookies.get(site.half_cookie):
            return RedirectResponse(SIGN_IN, 303)
        return visited(site, request, DOOR_PAGE, FormState({"back": own_path(back)}))

    @router.post(CODE)
    def give_code(request: Request, code: Text = "", back: Text = "/console") -> Response:
        half = request.cookies.get(site.half_cookie, "")
        try:
            token, login = site.sessions.complete(
                half, lambda unit, person_id: site.factors.check(unit, person_id, code)
            )
        except Refused as refused:
            if refused.code == "sign_in_ran_out":
                return RedirectResponse(SIGN_IN, 303)
            form = form_of(site, request, {"back": own_path(back)}, refused)
            return visited(site, request, DOOR_PAGE, form, 429 if refused.code == "try_later" else 422)
        answer = signed_in(site, request, token, login, own_path(back))
        answer.delete_cookie(
            site.half_cookie, path="/", secure=site.settings.secure_cookies, httponly=True, samesite="lax"
        )
        return answer

    return router


def factor_router(site: Site) -> APIRouter:
    """Make the pages of one's own second factor."""
    router = APIRouter()

    @router.get(FACTOR)
    def page(request: Request) -> Response:
        return _own(site, request, FormState())

    @router.post(FACTOR)
    def begin(request: Request, code: Text = "") -> Response:
        reader = reader_of(site, request)
        try:
            if reader.has_factor:
                site.factors.prove(reader.person.id, code)
            site.factors.set_up(reader.person.id, site.sessions.login_of(reader.person.id))
        except Refused as refused:
            return _own(site, request, form_of(site, request, {}, refused), 422)
        return see_other(request, FACTOR)

    @router.post(FACTOR + "/confirm")
    def confirm(request: Request, code: Text = "") -> Response:
        reader = reader_of(site, request)
        try:
            codes = site.factors.confirm(reader.person.id, code)
        except Refused as refused:
            return _own(site, request, form_of(site, request, {}, refused), 422)
        site.sessions.end_all(reader.person.id, reader.person.id, keep=reader.id_hash)
        return site.pages.answer(request, site.reader(request), CODES_PAGE, codes=codes)

    @router.post(FACTOR + "/off")
    def turn_off(request: Request, code: Text = "") -> Response:
        reader = reader_of(site, request)
        try:
            site.factors.turn_off(reader.person.id, code, reader.roles)
        except Refused as refused:
            return _own(site, request, form_of(site, request, {}, refused), 422)
        return see_other(request, PASSWORD, "saved")

    return router


def _own(site: Site, request: Request, form: FormState, status: int = 200) -> Response:
    reader = reader_of(site, request)
    begun = site.factors.pending(reader.person.id, site.sessions.login_of(reader.person.id))
    return site.pages.answer(
        request, site.reader(request), OWN_PAGE, status_code=status, form=form, begun=begun,
        picture=_picture(begun) if begun else "", has_factor=reader.has_factor,
        required=site.security.requires_factor(reader.roles),
    )  # fmt: skip


def _picture(begun: Begun) -> Markup:
    out = BytesIO()
    segno.make(begun.address, error="m", micro=False).save(
        out, kind="svg", scale=4, border=4, xmldecl=False, svgns=True, svgclass="qr", lineclass="qr-line", omitsize=True,
    )  # fmt: skip
    return Markup(out.getvalue().decode("utf-8"))  # noqa: S704 - drawn here, holds no text
