"""Routes of signing in and out, of the first administrator, and of one's own password and sessions.

Owns these pages. What a password or a code must be is `people`'s.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from common.i18n import LANGUAGES, translate
from common.kernel.clock import instant
from common.kernel.outcome import Refused
from sync_server.console.forms import FormState
from sync_server.console.language import is_own_path
from sync_server.console.rendering import see_other
from sync_server.console.site import PASSWORD, SIGN_IN, Site
from sync_server.people.first_admin import has_administrator, make_first_administrator
from sync_server.people.known_browser import recognise, remember
from sync_server.people.sessions import HALF_LIFE, FactorAsked, SignedIn
from sync_server.routing import all_routes

START = "/console/start"
CODE = "/console/sign-in/code"
HALF_S = int(HALF_LIFE.total_seconds())
# Which field a refusal belongs to; any other belongs to the whole form.
FIELD_OF = {
    "start_code_wrong": "code",
    "login_taken": "login",
    "login_missing": "login",
    "password_wrong": "old",
    "factor_code_wrong": "code",
    "text_missing": "name",
    "text_too_long": "name",
}
Text = Annotated[str, Form(max_length=1000)]


def sign_in_router(site: Site) -> APIRouter:
    """Make the pages for strangers."""
    router = APIRouter()

    @router.get("/")
    def root() -> Response:
        return RedirectResponse("/console", 303)

    @router.get(SIGN_IN)
    def page(request: Request, back: str = "/console") -> Response:
        if site.signed_in(request) is not None:
            return RedirectResponse("/console", 303)
        if not has_administrator(site.database):
            return RedirectResponse(START, 303)
        return visited(site, request, "sign_in/sign_in.html", FormState({"back": own_path(back)}))

    @router.post(SIGN_IN)
    def sign_in(request: Request, login: Text = "", password: Text = "", back: Text = "/console") -> Response:
        try:
            known = recognise(site.keys, request.cookies.get(site.known_cookie, ""), login, _now(site))
            token = site.sessions.login(login, password, _address(request), _browser(request), known)
        except FactorAsked as asked:
            answer = see_other(request, f"{CODE}?{urlencode({'back': own_path(back)})}")
            _set_cookie(site, answer, site.half_cookie, asked.token, HALF_S)
            return answer
        except Refused as refused:
            form = form_of(site, request, {"login": login, "back": own_path(back)}, refused)
            return visited(
                site, request, "sign_in/sign_in.html", form, 429 if refused.code == "try_later" else 422
            )
        return signed_in(site, request, token, login, own_path(back))

    @router.get(START)
    def start_page(request: Request) -> Response:
        if has_administrator(site.database):
            return RedirectResponse(SIGN_IN, 303)
        return visited(site, request, "sign_in/start.html", FormState({"language": site.language(request)}))

    @router.post(START)
    def start(
        request: Request,
        code: Text = "",
        name: Text = "",
        login: Text = "",
        password: Text = "",
        language: Text = "",
    ) -> Response:
        told = {"code": code, "name": name, "login": login, "language": language}
        try:
            make_first_administrator(
                site.sessions, site.keys, code=code, name=name.strip(), login=login, password=password,
                language=language if language in LANGUAGES else site.language(request), address=_address(request),
            )  # fmt: skip
            token = site.sessions.login(login, password, _address(request), _browser(request))
        except Refused as refused:
            form = form_of(site, request, told, refused)
            return visited(site, request, "sign_in/start.html", form, 422)
        return signed_in(site, request, token, login, "/console")

    return router


def account_router(site: Site) -> APIRouter:
    """Make the pages of one's own account."""
    router = APIRouter()

    @router.get("/console")
    def home(request: Request) -> Response:
        areas = site.reader(request).open_areas()
        known = {route.path for route in all_routes(request.app.routes)}
        first = next((area.url for area in areas if area.url in known), PASSWORD)
        return RedirectResponse(first, 303)

    @router.post("/console/sign-out")
    def sign_out(request: Request) -> Response:
        reader = reader_of(site, request)
        site.sessions.logout(reader.id_hash, reader.person.id)
        answer = see_other(request, SIGN_IN)
        answer.delete_cookie(
            site.cookie, path="/", secure=site.settings.secure_cookies, httponly=True, samesite="lax"
        )
        return answer

    @router.get(PASSWORD)
    def account(request: Request) -> Response:
        return _account(site, request, FormState())

    @router.post(PASSWORD)
    def change(request: Request, old: Text = "", new: Text = "", again: Text = "") -> Response:
        try:
            if new != again:
                raise Refused("password_not_repeated")
            site.sessions.change_password(reader_of(site, request), old, new)
        except Refused as refused:
            return _account(site, request, form_of(site, request, {}, refused), 422)
        return see_other(request, PASSWORD, "saved")

    @router.post("/console/password/sessions")
    def end_others(request: Request, session: Text = "") -> Response:
        reader = reader_of(site, request)
        if session:
            site.sessions.end_one(session, reader.person.id, reader.person.id)
        else:
            site.sessions.end_all(reader.person.id, reader.person.id, keep=reader.id_hash)
        return see_other(request, PASSWORD, "saved")

    return router


def _account(site: Site, request: Request, form: FormState, status: int = 200) -> Response:
    reader = reader_of(site, request)
    return site.pages.answer(
        request, site.reader(request), "sign_in/account.html", status_code=status, form=form,
        sessions=site.sessions.list_sessions(reader.person.id), own=reader.id_hash, must_change=reader.must_change,
        has_factor=reader.has_factor, factor_required=site.security.requires_factor(reader.roles),
        rules=site.security.session,
        now=_now(site),
    )  # fmt: skip


def visited(
    site: Site, request: Request, page: str, form: FormState, status: int = 200, **context: object
) -> Response:
    """Answer a stranger, bound to a cookie so that his form can carry a token."""
    visitor = request.cookies.get(site.visitor_cookie, "")
    fresh = visitor or site.database.random_bytes(16).hex()
    request.cookies[site.visitor_cookie] = fresh
    answer = site.pages.answer(request, site.reader(request), page, status_code=status, form=form, **context)
    if not visitor:
        _set_cookie(site, answer, site.visitor_cookie, fresh)
    return answer


def signed_in(site: Site, request: Request, token: str, login: str, back: str) -> Response:
    """Send a browser that has just signed in on its way, with its cookies."""
    answer = see_other(request, back)
    _set_cookie(site, answer, site.cookie, token)
    days = site.security.session.known_browser_d
    known = remember(site.keys, site.database.random_bytes, login, _now(site), days)
    _set_cookie(site, answer, site.known_cookie, known, days * 86_400)
    return answer


def _set_cookie(site: Site, answer: Response, name: str, value: str, max_age: int | None = None) -> None:
    answer.set_cookie(
        name, value, max_age=max_age, path="/", secure=site.settings.secure_cookies, httponly=True, samesite="lax",
    )  # fmt: skip


def _now(site: Site) -> datetime:
    return instant(site.database.clock.read().wall_ms)


def form_of(site: Site, request: Request, values: dict[str, str], refused: Refused) -> FormState:
    """Put a refusal into a form beside the field it is about."""
    language = site.language(request)
    field = FIELD_OF.get(refused.code, "")
    if not field and refused.code.startswith("password_"):
        field = "new" if request.url.path == PASSWORD else "password"
    errors = {field: translate(language, f"reason.{refused.code}", **refused.values)}
    labels = {
        name: translate(language, f"server.field.{name}")
        for name in ("code", "name", "login", "password", "old", "new")
    }
    if request.url.path != START:
        labels["code"] = translate(language, "server.factor.code")
    return FormState(values, errors, labels)


def reader_of(site: Site, request: Request) -> SignedIn:
    """Return who is reading. Refuses `not_signed_in`."""
    found = site.signed_in(request)
    if found is None:
        raise Refused("not_signed_in")
    return found


def own_path(back: str) -> str:
    """Return an address to come back to if it is one of ours."""
    return back if is_own_path(back) else "/console"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _browser(request: Request) -> str:
    """Name a browser and its system in a few words, as far as it says."""
    agent = request.headers.get("user-agent", "")
    names = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    )  # fmt: skip
    found = [next((name for mark, name in marks if mark in agent), "") for marks in (names, systems)]
    return " · ".join(filter(None, found)) or agent[:60]
