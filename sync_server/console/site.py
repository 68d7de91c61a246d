"""The console's site: what every page needs, made once for an application.

Owns who is reading, which areas a role opens, and how a page gives a command. Judges no command: commands do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from fastapi import HTTPException
from sqlalchemy import text
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import LANGUAGES, has_key, translate
from common.kernel.command import Place, Role
from common.kernel.outcome import Outcome
from common.kernel.work import Actor
from common.visit.records import ServiceReport
from common.visit.seal import Verdict
from sync_server.console.assets import Assets
from sync_server.console.csrf import CsrfGuard
from sync_server.console.language import COOKIE as LANGUAGE_COOKIE
from sync_server.console.language import language_of
from sync_server.console.live import CATCH_UP_MAX, Change, Hub
from sync_server.console.reader import Reader
from sync_server.console.rendering import Pages
from sync_server.db.database import Database
from sync_server.db.office import perform
from sync_server.db.sequencer import STREAM
from sync_server.files.pictures import Pictures
from sync_server.files.uploads import Uploads
from sync_server.gate import Rates
from sync_server.inbox.listing import count_open
from sync_server.keys import ServerKeys
from sync_server.notary import judge_report, trusted_keys
from sync_server.people.audit import note_event
from sync_server.people.factors import Factors
from sync_server.people.sessions import Sessions, SignedIn
from sync_server.security import Security
from sync_server.settings import Settings

SIGN_IN = "/console/sign-in"
PASSWORD = "/console/password"  # noqa: S105 - an address
SIGN_OUT = "/console/sign-out"
FACTOR = "/console/password/factor"
_OFFICE = frozenset(Role) - {Role.ENGINEER, Role.SYSTEM}
AREA_ROLES: dict[str, frozenset[Role]] = {
    "intake": frozenset({Role.SPECIALIST, Role.CLERK, Role.DISPATCHER, Role.SUPERVISOR, Role.ADMINISTRATOR}),
    "register": _OFFICE - {Role.PARTS_KEEPER},
    "board": frozenset({Role.DISPATCHER, Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR}),
    "tickets": _OFFICE,
    "stock": frozenset(
        {Role.PARTS_KEEPER, Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR, Role.DISPATCHER}
    ),
    "ratings": frozenset({Role.SUPERVISOR, Role.MANAGER}),
    "customers": _OFFICE,
    "equipment": _OFFICE,
    "people": frozenset({Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR}),
    "policy": frozenset({Role.MANAGER, Role.SUPERVISOR, Role.ADMINISTRATOR}),
    "tablets": frozenset({Role.DISPATCHER, Role.SUPERVISOR, Role.ADMINISTRATOR}),
    "inbox": _OFFICE,
    "approvals": frozenset({Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR}),
    "evidence": frozenset({Role.ADMINISTRATOR, Role.MANAGER}),
    "backups": frozenset({Role.ADMINISTRATOR, Role.MANAGER}),
    "export": frozenset({Role.ADMINISTRATOR, Role.MANAGER, Role.SUPERVISOR}),
}
_NEWS = text(
    "SELECT max(seq) AS seq, agg FROM change WHERE seq > :after AND entity <> 'member' AND stream = :stream "
    "GROUP BY agg ORDER BY 1 LIMIT :most"
)
_HEAD = text("SELECT seq FROM stream_head WHERE stream = :stream")


@dataclass(frozen=True, slots=True)
class Site:
    """One application's console. `guard` belongs on every console router: it resolves who reads, and stops forgeries."""

    settings: Settings
    database: Database
    keys: ServerKeys
    assets: Assets
    pages: Pages
    hub: Hub
    sessions: Sessions
    security: Security
    rates: Rates
    uploads: Uploads
    pictures: Pictures

    @property
    def cookie(self) -> str:
        """Return the name of the session's cookie; the browser itself guards the `__Host-` ones."""
        return "__Host-session" if self.settings.secure_cookies else "session"

    @property
    def visitor_cookie(self) -> str:
        """Return the name of the cookie of somebody not yet signed in."""
        return "__Host-visitor" if self.settings.secure_cookies else "visitor"

    @property
    def known_cookie(self) -> str:
        """Return the name of the cookie of a browser somebody has signed in with."""
        return "__Host-known" if self.settings.secure_cookies else "known"

    @property
    def half_cookie(self) -> str:
        """Return the name of the cookie of a sign-in that still owes its second factor."""
        return "__Host-half" if self.settings.secure_cookies else "half"

    @property
    def factors(self) -> Factors:
        """Return the second factors of this site's people."""
        return Factors(self.database, self.keys, self.security)

    async def load(self, request: Request) -> None:
        """Route dependency: find out who is reading, once a request."""
        token = request.cookies.get(self.cookie, "")
        request.state.signed_in = await run_in_threadpool(self.sessions.find, token) if token else None

    def signed_in(self, request: Request) -> SignedIn | None:
        """Return who is reading, None for a stranger."""
        found: SignedIn | None = getattr(request.state, "signed_in", None)
        return found

    async def is_allowed(self, request: Request) -> bool:
        """Say whether a live stream may go on; looking does not keep the session awake."""
        token = request.cookies.get(self.cookie, "")
        return (
            bool(token)
            and await run_in_threadpool(lambda: self.sessions.find(token, touch=False)) is not None
        )

    async def require(self, request: Request) -> None:
        """Route dependency of every page behind the sign-in.

        401 `not_signed_in`, 403 `password_must_change`, 403 `factor_missing` where a role must have a second factor.
        """
        found = self.signed_in(request)
        if found is None:
            raise HTTPException(401, "not_signed_in")
        if found.must_change and not request.url.path.startswith(PASSWORD):
            raise HTTPException(403, "password_must_change")
        if not found.has_factor and self.security.requires_factor(found.roles):
            path = request.url.path
            if not path.startswith(PASSWORD) and path != SIGN_OUT:
                raise HTTPException(403, "factor_missing")

    def allow(self, *areas: str) -> Callable[[Request], Any]:
        """Return a route dependency: 403 `not_permitted` unless a role of the reader opens one of these areas.

        What was tried is kept in the audit (ASVS 16.3.2).
        """

        async def check(request: Request) -> None:
            found = self.signed_in(request)
            if found is None or not any(found.roles & AREA_ROLES[area] for area in areas):
                if found is not None:
                    await run_in_threadpool(self._note_denied, found.person.id, request.url.path)
                raise HTTPException(403, "not_permitted")

        return check

    def _note_denied(self, person_id: str, path: str) -> None:
        self.database.transact(lambda unit: note_event(unit, "denied", person_id, path=path[:200]))

    def csrf_token(self, request: Request) -> str:
        """Return the token that forms must carry: the session's, or one bound to the visitor's cookie."""
        found = self.signed_in(request)
        if found is not None:
            return found.csrf
        visitor = request.cookies.get(self.visitor_cookie, "")
        return self.keys.mac("visitor", visitor) if visitor else ""

    def guard(self) -> CsrfGuard:
        """Make the guard against forged requests; put it behind `load`."""
        own = frozenset({self.settings.public_url} if self.settings.public_url else ())
        return CsrfGuard(self.csrf_token, own)

    def reader(self, request: Request) -> Reader:
        """Return what templates need of the reader."""
        found = self.signed_in(request)
        if found is None:
            return Reader(
                self.language(request), self.settings.time_zone, csrf_token=self.csrf_token(request)
            )
        language = self.language(request)
        return Reader(
            language,
            self.settings.time_zone,
            found.person.name,
            self.role_names(found.roles, language),
            found.csrf,
            frozenset(area for area, roles in AREA_ROLES.items() if found.roles & roles),
            {"inbox": self._open_items()},
        )

    def language(self, request: Request) -> str:
        """Return the language of a page: the one switched to, a person's own, the browser's wish, else the house's."""
        found = self.signed_in(request)
        switched = request.cookies.get(LANGUAGE_COOKIE, "") in LANGUAGES
        if found is not None and not switched:
            return found.language
        return language_of(request, self.settings.language)

    def role_names(self, roles: Iterable[Role], language: str) -> str:
        """Name roles in words."""
        keys = [(f"role.{role.value}", role.value) for role in Role if role in set(roles)]
        return ", ".join(translate(language, key) if has_key(key) else plain for key, plain in keys)

    def actor(self, request: Request) -> Actor:
        """Return on whose behalf this request acts. Raises 401."""
        found = self.signed_in(request)
        if found is None:
            raise HTTPException(401, "not_signed_in")
        return Actor(found.person.id, found.roles, Place.OFFICE)

    def counted(self, name: str) -> Callable[[Request], Any]:
        """Return a route dependency that counts by person against a rate. Refuses `try_later`."""

        async def count(request: Request) -> None:
            self.rates.take(name, self.actor(request).person_id)

        return count

    def give(self, request: Request, payload: Any, command_id: str = "") -> Outcome:
        """Give a command for the reader and wake the live pages."""
        outcome = perform(self.database, self.actor(request), payload, op_id=command_id or None)
        self.hub.poke()
        return outcome

    def problem_page(
        self, request: Request, status: int, code: str, say: Callable[[str], str], reference: str
    ) -> Response | None:
        """Draw a problem for a person's browser, in his language; None where a program asks."""
        path = str(request.scope["path"])
        if not (path == "/" or path.startswith("/console")) or "text/html" not in request.headers.get(
            "accept", ""
        ):
            return None
        if code == "not_signed_in" and request.method == "GET":
            return _to(request, f"{SIGN_IN}?back={quote(quote(path))}" if path != "/console" else SIGN_IN)
        if code == "password_must_change" and request.method == "GET":
            return _to(request, PASSWORD)
        if code == "factor_missing" and request.method == "GET":
            return _to(request, FACTOR)
        if status == 503:  # the database may be what is missing: nothing is asked of it
            reader = Reader(language_of(request, self.settings.language), self.settings.time_zone)
        else:
            if not hasattr(request.state, "signed_in"):  # no route was found, so nobody has asked yet
                token = request.cookies.get(self.cookie, "")
                request.state.signed_in = self.sessions.find(token, touch=False)
            reader = replace(self.reader(request), counts={})
        return self.pages.answer(
            request, reader, "problem.html", status_code=status, code=code, sentence=say(reader.language),
            reference=reference,
        )  # fmt: skip

    def judge(self, session: Session, report: ServiceReport) -> Verdict:
        """Check a report against its seal and the keys this server knows."""
        return judge_report(session, report, trusted_keys(self.keys, self.settings.keys_dir))

    def _open_items(self) -> int:
        with self.database.read() as session:
            return count_open(session).all


def make_site(
    settings: Settings,
    database: Database,
    keys: ServerKeys,
    security: Security,
    rates: Rates,
    uploads: Uploads,
    pictures: Pictures,
) -> Site:
    """Make the site of an application."""

    def head() -> int:
        with database.read() as session:
            return int(session.execute(_HEAD, {"stream": STREAM}).scalar_one())

    def changes_after(position: int) -> list[Change]:
        asked = {"after": position, "stream": STREAM, "most": CATCH_UP_MAX + 1}
        with database.read() as session:
            rows = session.execute(_NEWS, asked).all()
        return [(seq, dict(zip(("kind", "id"), agg.split(":", 1), strict=True))) for seq, agg in rows]

    assets = Assets()
    return Site(
        settings, database, keys, assets, Pages(assets, head), Hub(changes_after, head),
        Sessions(database, security=security), security, rates, uploads, pictures,
    )  # fmt: skip


def _to(request: Request, url: str) -> Response:
    """Send a browser elsewhere; htmx is told to load the whole page there."""
    if request.headers.get("HX-Request") == "true":
        return Response(status_code=200, headers={"HX-Redirect": url})
    return Response(status_code=303, headers={"Location": url})
