"""The inbox's pages: one list for each part, and the decisions given as commands.

Owns pages and words. What a decision does is the command's.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import has_key, translate
from common.inbox.inbox_commands import ResolveDiscrepancy, SettleConflict
from common.inbox.records import Discrepancy, FieldConflict
from common.tickets.wording import say_reason
from sync_server.console.desk import Desk, known_id, page_of
from sync_server.console.entry import Sent
from sync_server.console.inbox.conflicts import show_conflicts
from sync_server.console.inbox.payload import Words, ids_in
from sync_server.console.language import is_own_path
from sync_server.console.lists import ListPage, ListQuery, ListSpec
from sync_server.console.reader import COUNTED_KINDS
from sync_server.console.site import Site
from sync_server.db.tables import ParkedOp
from sync_server.inbox import listing
from sync_server.inbox.names import names_of
from sync_server.people.devices import device_label
from sync_server.sync.parked import DecideParked, envelope_of

PATH = "/console/inbox"
PARTS = ("parked", "exceptions", "clocks", "conflicts", "settled")
SPEC = ListSpec(PATH, ("raised",), "-raised", {"show": PARTS})
CAN = ("decide_parked", "resolve_discrepancy", "settle_conflict")
Choice = Annotated[str, Form(max_length=10)]


def inbox_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "inbox")
    router = APIRouter(dependencies=[Depends(site.allow("inbox"))])

    @router.get(PATH)
    def inbox(request: Request) -> Response:
        return _show(desk, request)

    @router.post(PATH + "/parked/{op_id}")
    def decide(request: Request, op_id: str, entry: Sent, choice: Choice = "") -> Response:
        known = known_id(op_id)
        outcome = desk.give(request, entry, lambda: DecideParked(known, choice, entry.text("note")))  # type: ignore[arg-type]
        if outcome is None:
            return _show(desk, request, entry.errors, "parked", known)
        return desk.back(request, PATH + "?show=parked", outcome)

    @router.post(PATH + "/exceptions/{row_id}")
    def resolve(request: Request, row_id: str, entry: Sent) -> Response:
        known = known_id(row_id)
        part = entry.values.get("show", "")
        part = part if part in ("exceptions", "clocks") else "exceptions"
        outcome = desk.give(request, entry, lambda: ResolveDiscrepancy(known, entry.text("resolution")))
        if outcome is None:
            return _show(desk, request, entry.errors, part, known)
        return desk.back(request, f"{PATH}?show={part}", outcome)

    @router.post(PATH + "/conflicts/{row_id}")
    def settle(request: Request, row_id: str, entry: Sent, choice: Choice = "") -> Response:
        known = known_id(row_id)
        back = entry.values.get("back", "")
        outcome = desk.give(request, entry, lambda: SettleConflict(known, choice))  # type: ignore[arg-type]
        if outcome is None:
            return _show(desk, request, entry.errors, "conflicts", known)
        return desk.back(request, back if is_own_path(back) else PATH + "?show=conflicts", outcome)

    return router


def _show(
    desk: Desk, request: Request, errors: dict[str, str] | None = None, part: str = "", at: str = ""
) -> Response:
    query = SPEC.read(request)
    with desk.site.database.read() as session:
        counts = listing.count_open(session)
        show = part or query.filters.get("show") or _first(counts)
        query = ListQuery(SPEC, "", {"show": show}, SPEC.default_sort, query.page)
        page = _page(desk, request, session, query, show)
    return desk.show(
        request, "inbox/inbox.html", "inbox/_inbox.html", status_code=422 if errors else 200, can=CAN,
        page=page, show=show, parts=PARTS, counts=counts, kinds=COUNTED_KINDS["inbox"],
        error=next(iter((errors or {}).values()), ""), at=at,
    )  # fmt: skip


def _first(counts: listing.Counts) -> str:
    """Open the part that has something to do, the refused entries first."""
    return next((name for name in PARTS[:4] if getattr(counts, name)), "parked")


def _page(desk: Desk, request: Request, session: Session, query: ListQuery, show: str) -> ListPage:
    if show == "parked":
        found = page_of(
            session, listing.parked_listed(), query, {"raised": ParkedOp.happened_at}, ParkedOp.op_id
        )
        return ListPage(_parked(desk, request, session, found), found.total, found.query)
    if show == "conflicts":
        tie = {"raised": FieldConflict.raised_at}
        found = page_of(session, listing.conflicts_listed(), query, tie, FieldConflict.id)
        shown = show_conflicts(desk, request, session, [row[0] for row in found.rows])
        return ListPage(shown, found.total, found.query)
    statement, column = {
        "exceptions": (listing.exceptions_listed(), Discrepancy.raised_at),
        "clocks": (listing.alarms_listed(), Discrepancy.raised_at),
        "settled": (listing.settled_listed(), Discrepancy.resolved_at),
    }[show]
    found = page_of(session, statement, query, {"raised": column}, Discrepancy.id)
    words = _words(desk, request, session, [row[0].details for row in found.rows])
    rows = [_exception(words, *row) for row in found.rows]
    return ListPage(rows, found.total, found.query)


def _words(desk: Desk, request: Request, session: Session, documents: list[Any]) -> Words:
    names = names_of(session, ids_in(documents))
    return Words(desk.site.language(request), desk.site.settings.time_zone, names)


def _exception(
    words: Words, row: Discrepancy, number: str | None, person: str | None, resolver: str | None = None
) -> dict[str, Any]:
    """Put an exception into words; one that was settled by the program itself says how in a code."""
    key = f"console.inbox.resolution.{row.resolution}"
    return {
        "row": row,
        "resolution": translate(words.language, key) if has_key(key) else row.resolution,
        "text": say_reason(row.code, row.details, words.language, words.time_zone),
        "command": words.command(str(row.details.get("command", ""))) if row.details.get("command") else "",
        "number": number or "",
        "person": person or "",
        "resolver": resolver or "",
    }


def _parked(desk: Desk, request: Request, session: Session, found: ListPage) -> list[dict[str, Any]]:
    rows = list(found.rows)
    waiting = listing.waiting_for(session, [row[0].op_id for row in rows])
    more = [other for others in waiting.values() for other in others]
    words = _words(desk, request, session, [row[0].envelope for row in (*rows, *more)])
    groups = Counter((row[0].device_id, envelope_of(row[0]).g) for row in rows if envelope_of(row[0]).g)
    return [
        {
            **_entry(words, *row),
            "waiting": [_entry(words, *other) for other in waiting[row[0].op_id]],
            "together": groups[(row[0].device_id, envelope_of(row[0]).g)] - 1 if envelope_of(row[0]).g else 0,
        }
        for row in rows
    ]


def _reason(words: Words, code: str, details: dict[str, Any]) -> str:
    """Say why a command was refused, to the office: what is said to the engineer speaks to him."""
    key = f"console.inbox.reason.{code}"
    if has_key(key):
        return translate(words.language, key)
    return say_reason(code, details, words.language, words.time_zone)


def _entry(
    words: Words, parked: ParkedOp, item: Any, person: str | None, number: str | None, device: str | None
) -> dict[str, Any]:
    """Put a parked command into words."""
    op = envelope_of(parked)
    details = {} if item is None else {k: v for k, v in item.details.items() if k != "command"}
    return {
        "row": parked,
        "item": item,
        "command": words.command(op.k),
        "facts": words.payload(op.k, {k: v for k, v in op.a.items() if k != "ticket_id" or not number}),
        "reason": _reason(words, parked.code, details),
        "person": person or "",
        "number": number or "",
        "device": device_label(device or "", person or ""),
    }
