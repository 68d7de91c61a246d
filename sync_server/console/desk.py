"""What the pages of the office share: who may, showing a page, giving a command and coming back.

Owns these ways. Pages own their reads and words; commands own every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from fastapi import HTTPException
from sqlalchemy import Select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.clock import instant
from common.kernel.command import Role
from common.kernel.ids import is_id
from common.kernel.outcome import Outcome, Refused
from sync_server.console.commands import may
from sync_server.console.entry import Entry
from sync_server.console.forms import FormState
from sync_server.console.lists import ListPage, ListQuery, counted, in_page, last_page
from sync_server.console.rendering import see_other
from sync_server.console.site import Site

T = TypeVar("T")
NOTICES = {"ok": "saved", "noop": "unchanged", "merged": "merged", "flagged": "flagged"}


@dataclass(frozen=True, slots=True)
class Desk:
    """One area's pages over a site."""

    site: Site
    area: str

    def roles(self, request: Request) -> frozenset[Role]:
        """Return the reader's roles."""
        found = self.site.signed_in(request)
        return found.roles if found is not None else frozenset()

    def now(self) -> datetime:
        """Return the server's time."""
        return instant(self.site.database.clock.read().wall_ms)

    def show(
        self,
        request: Request,
        page: str,
        part: str = "",
        /,
        status_code: int = 200,
        can: Collection[str] = (),
        **context: object,
    ) -> Response:
        """Render a page. `can` lists kinds of commands, asked as `can.<kind>`; `fresh()` makes a command's id."""
        held = self.roles(request)
        return self.site.pages.answer(
            request,
            self.site.reader(request),
            page,
            part,
            status_code=status_code,
            **{
                "area": self.area,
                "can": {kind: may(held, kind) for kind in can},
                "fresh": self.site.database.new_id,
                "now": self.now(),
                "asks_code": self._asks_code(request),
                **context,
            },
        )

    def _asks_code(self, request: Request) -> bool:
        reader = self.site.signed_in(request)
        return reader is not None and reader.has_factor

    def give(
        self,
        request: Request,
        entry: Entry,
        make: Callable[[], Any],
        by_code: Mapping[str, str] | None = None,
    ) -> Outcome | None:
        """Give the command of a form; None where a field or the command's own rules stand against it.

        Raises 403 `not_permitted`: the page has not offered it.
        """
        try:
            payload = make()  # reads the fields: all that is wrong is said at once
            if entry.errors:
                return None
            outcome = self.site.give(request, payload, entry.command_id)
        except Refused as refused:
            outcome = Outcome("parked", refused.code, refused.values)
        if outcome.took_effect:
            return outcome
        if outcome.code == "not_permitted":
            raise HTTPException(403, outcome.code)
        entry.refused(outcome, by_code)
        return None

    def give_proved(
        self,
        request: Request,
        entry: Entry,
        make: Callable[[], Any],
        by_code: Mapping[str, str] | None = None,
        towards: str = "",
    ) -> Outcome | None:
        """Give a command that needs a fresh proof of who sits there; the proof is checked before it (ASVS 7.5.3)."""
        return self.give(request, entry, make, by_code) if self.proved(request, entry, towards) else None

    def proved(self, request: Request, entry: Entry, towards: str = "") -> bool:
        """Check `own_password` and, where a second factor is in force, `own_code`; a wrong one is noted.

        `towards` is whom it must prove to be another person: refuses `sign_in_given` where he gave the way in.
        """
        reader = found(self.site.signed_in(request))
        field = "own_password"
        try:
            self.site.sessions.prove(reader.person.id, entry.values.pop("own_password", ""))
            field, code = "own_code", entry.values.pop("own_code", "")
            if reader.has_factor:
                self.site.factors.prove(reader.person.id, code)
            field = "own_password"
            if towards and self.site.sessions.is_given_by(reader.person.id, towards):
                raise Refused("sign_in_given", days=self.site.security.session.given_sign_in_d)
        except Refused as refused:
            entry.values.setdefault(field, "")
            entry.wrong(field, refused.code, **refused.values)
            return False
        return True

    def back(self, request: Request, url: str, outcome: Outcome) -> Response:
        """Go on to a page and say there what became of the command."""
        return see_other(request, url, NOTICES.get(outcome.status, "saved"))


def forms_of(entry: Entry | None, sent: str) -> Callable[[str], FormState]:
    """Give each form of a page its own state: the one that was sent back shows what was typed and what is wrong."""

    def form_for(name: str) -> FormState:
        return (
            replace(entry.state, prefix=name)
            if entry is not None and name == sent
            else FormState(prefix=name)
        )

    return form_for


def found(row: T | None) -> T:
    """Return what was looked for. Raises 404 where it is not there."""
    if row is None:
        raise HTTPException(404, "not_found")
    return row


def known_id(text: str) -> str:
    """Return an id out of an address. Raises 404 for what can be none."""
    if not is_id(text):
        raise HTTPException(404, "not_found")
    return text


def page_of(
    session: Session,
    statement: Select[Any],
    query: ListQuery,
    columns: Mapping[str, Any],
    tie: Any,
) -> ListPage:
    """Count a list and read the asked page of it; past the end it is the last page."""
    total = int(session.scalar(counted(statement)) or 0)
    asked = last_page(query, total)
    return ListPage(session.execute(in_page(statement, asked, columns, tie)).all(), total, asked)
