"""Nobody else's page may make a signed-in browser write here (ASVS 3.5.1, 3.5.3).

Two walls for every unsafe method: the browser says the request comes from this origin, and it carries the
session's token (header `X-CSRF-Token` or form field `csrf_token`). Owns neither sessions nor tokens.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import FormData

from common.kernel.text import clean_fault
from sync_server.edge import is_form
from sync_server.problems import Problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEADER = "X-CSRF-Token"
FIELD = "csrf_token"


def is_same_origin(request: Request, own_origins: frozenset[str] = frozenset()) -> bool:
    """Judge by Sec-Fetch-Site, else by Origin; a request with neither is left to the token.

    `own_origins`: public addresses (`https://service.example`) when a proxy hides them.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return True
    if origin in own_origins:
        return True
    told = urlsplit(origin)
    return (told.scheme, told.netloc) == (request.url.scheme, request.headers.get("host", ""))


def is_token(given: str, expected: str) -> bool:
    """Compare in constant time; an empty expected token matches nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


class CsrfGuard:
    """Route dependency: 403 `csrf_origin` or `csrf_token` unless both walls let the request through.

    A form is looked at here too, 422: what the edge refuses in an address, a part of a form may hold in any encoding.
    `token_of` returns the token of the request's session, empty when there is none.
    """

    def __init__(self, token_of: Callable[[Request], str], own_origins: frozenset[str] = frozenset()) -> None:
        self.token_of = token_of
        self.own_origins = own_origins

    async def __call__(self, request: Request) -> None:
        if request.method in SAFE_METHODS:
            return
        if not is_same_origin(request, self.own_origins):
            raise HTTPException(403, "csrf_origin")
        given = request.headers.get(HEADER, "")
        if is_form(request):
            form = await request.form()
            _check_texts(form)
            sent = form.get(FIELD)
            given = given or (sent if isinstance(sent, str) else "")
        if not is_token(given, self.token_of(request)):
            raise HTTPException(403, "csrf_token")


def _check_texts(form: FormData) -> None:
    for name, value in form.multi_items():
        for text in (name, value if isinstance(value, str) else value.filename or ""):
            if fault := clean_fault(text.replace("\r\n", "\n")):
                raise Problem(422, fault)
