"""The intake register as the standard wants it: every call in order, and its write-off (F01, R003 R065 R085).

Owns the page. Rows are the tickets themselves: a register kept beside them could differ.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from common.i18n import translate
from common.tickets.ticket import Ticket
from sync_server.console.commands import choices, may, now_of, read_wall, reader_roles, today_of
from sync_server.console.lists import ListPage, ListSpec, counted, in_page, last_page
from sync_server.console.site import Site
from sync_server.console.tickets.words import teach
from sync_server.tickets.listing import register_entries, sort_columns

ENTRIES = ("open", "due", "closed")
MONTHS_SHOWN = 24
SPEC = ListSpec(
    "/console/register",
    sorts=("received", "number", "customer"),
    default_sort="-received",
    filters={"entry": ENTRIES, "month": ()},
)
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def register_router(site: Site) -> APIRouter:
    """Make the register."""
    teach(site.pages)
    router = APIRouter(dependencies=[Depends(site.allow("register"))])

    @router.get(SPEC.path)
    def register(request: Request) -> Response:
        query, now, language = SPEC.read(request), now_of(site), site.language(request)
        with site.database.read() as session:
            statement = register_entries(query.search, query.filters, now)
            span = month_span(query.filters.get("month", ""), site.settings.time_zone)
            if span is not None:
                statement = statement.where(Ticket.received_at >= span[0], Ticket.received_at < span[1])
            total = session.scalar(counted(statement)) or 0
            query = last_page(query, total)
            columns = sort_columns()
            rows = session.execute(in_page(statement, query, columns, columns["number"])).all()
        months = [(month, month) for month in months_before(today_of(site))]
        filters = [
            ("entry", translate(language, "register.entry"), choices(language, "register.entries", ENTRIES)),
            ("month", translate(language, "register.month"), months),
        ]
        return site.pages.answer(
            request, site.reader(request), "register/register.html", "register/_register.html", area="register",
            page=ListPage(rows, total, query), filters=filters, now=now,
            may_write_off=may(reader_roles(site, request), "write_off_ticket"),
        )  # fmt: skip

    return router


def months_before(today: date) -> list[str]:
    """List this month and those before it, newest first, as YYYY-MM."""
    first = today.year * 12 + today.month - 1
    return [f"{(first - back) // 12:04d}-{(first - back) % 12 + 1:02d}" for back in range(MONTHS_SHOWN)]


def month_span(month: str, time_zone: str) -> tuple[datetime, datetime] | None:
    """Return the instants a local month begins and ends; None for what is no month."""
    if not MONTH.fullmatch(month) or not 1970 <= int(month[:4]) <= 9998:
        return None
    year, number = int(month[:4]), int(month[5:])
    after = f"{year + number // 12:04d}-{number % 12 + 1:02d}-01"
    begins, ends = read_wall(f"{month}-01", "", time_zone), read_wall(after, "", time_zone)
    return (begins, ends) if begins and ends else None
