"""Switching the language: a cookie for everybody, the browser's wish until it is set, the house's without one.

Owns the cookie and the route `POST /console/language`. A user's stored preference wins in sign-in.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from common.i18n import LANGUAGES, nearest_language

COOKIE = "language"
ONE_YEAR_S = 31_536_000


def language_of(request: Request, otherwise: str = "en") -> str:
    """Return the chosen language, else the nearest to the browser's wish; `otherwise` where it has none."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    wished = request.headers.get("accept-language", "").split(",")[0].split(";")[0].strip()
    return nearest_language(wished) if wished not in ("", "*") else otherwise


def is_own_path(path: str) -> bool:
    """Say whether an address stays on this server."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def language_router(*, tls: bool = False) -> APIRouter:
    """Make `POST /console/language` with `language` and `back`; guard it on the including router."""
    router = APIRouter()

    @router.post("/console/language")
    def switch(
        request: Request, language: Annotated[str, Form()], back: Annotated[str, Form()] = "/console"
    ) -> RedirectResponse:
        answer = RedirectResponse(back if is_own_path(back) else "/console", 303)
        if language in LANGUAGES:
            answer.set_cookie(
                COOKIE, language, max_age=ONE_YEAR_S, path="/", httponly=True, samesite="lax",
                secure=tls or request.url.scheme == "https",
            )  # fmt: skip
        return answer

    return router
