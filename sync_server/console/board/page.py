"""The board's page and what its script fetches: a day anew, who suits a ticket, details beside the board (R046 R047).

Owns the reading routes. A move is `moves.py`'s.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.coverage.entitlement import current_entitlement
from common.customers.customer import Customer
from common.i18n import translate
from common.kernel.ids import is_id
from common.policy.policy_set import find_policy
from common.sla.calendar import ONE_DAY
from common.tickets.dispatch_facts import rank_for_ticket
from common.tickets.dispatch_rules import RankedEngineer
from common.tickets.ticket import Ticket
from sync_server.board.day import read_day, read_work, visits_by_day
from sync_server.console.board.moves import move_router
from sync_server.console.board.picture import NEW_VISIT_MIN, ON_TABLET, UNSEEN, Picture
from sync_server.console.board_data import BoardData, Fit, Fits
from sync_server.console.commands import may, now_of, reader_roles, today_of
from sync_server.console.site import Site
from sync_server.console.tickets.words import STATES, say_rule_break, teach

PATH = "/console/board"
LEGEND = ("acknowledged", "en_route", "on_site", "awaiting_parts", "signed")
DAYS_SHOWN = 7
# What does not depend on the hour: it is known before a job is held over a slot.
LASTING = ("certificate_missing", "certificate_expired", "skill_missing", "zone_not_served", "work_under_way")
UNFIT = ("certificate_missing", "certificate_expired", "skill_missing", "work_under_way")


def board_router(site: Site) -> APIRouter:
    """Make the board."""
    teach(site.pages)
    router = APIRouter(prefix=PATH, dependencies=[Depends(site.allow("board"))])
    router.include_router(move_router(site))

    @router.get("")
    def board(request: Request, day: str = "") -> Response:
        picture = picture_of(site, request, day)
        language = site.language(request)
        legend = [
            (translate(language, "board.unseen"), *UNSEEN),
            (translate(language, "board.on_tablet"), *ON_TABLET),
            *((translate(language, f"ticket.state.{code}"), *STATES[code]) for code in LEGEND),
        ]
        return site.pages.answer(
            request, site.reader(request), "board/board.html", area="board", board_data=_data(site, picture),
            legend=legend, day=picture.day, now=picture.now, previous=picture.day - ONE_DAY,
            following=picture.day + ONE_DAY, days=_days(site, picture), path=PATH,
        )  # fmt: skip

    @router.get("/data")
    def data(request: Request, day: str = "") -> JSONResponse:
        return JSONResponse(_data(site, picture_of(site, request, day)))

    @router.get("/fits")
    def fits(request: Request, ticket_id: str, day: str = "") -> JSONResponse:
        return JSONResponse(_fits(site, request, ticket_id, picture_of(site, request, day)))

    @router.get("/jobs/{ticket_id}")
    def panel(request: Request, ticket_id: str) -> Response:
        return _panel(site, request, ticket_id)

    return router


def picture_of(site: Site, request: Request, day: str) -> Picture:
    """Make the view of who asks; a day that cannot be read is today."""
    try:
        shown = date.fromisoformat(day)
        shown + timedelta(days=DAYS_SHOWN), shown - timedelta(days=DAYS_SHOWN)
    except (ValueError, OverflowError):
        shown = today_of(site)
    if not 1971 <= shown.year <= 9998:
        shown = today_of(site)
    may_move = may(reader_roles(site, request), "assign_ticket")
    return Picture(shown, site.language(request), site.settings.time_zone, now_of(site), may_move)


def _data(site: Site, picture: Picture) -> BoardData:
    with site.database.read() as session:
        board = read_day(session, picture.starts_at, picture.ends_at)
    return picture.data(board)


def _days(site: Site, picture: Picture) -> list[dict[str, Any]]:
    """List the week of the shown day with the visits of each."""
    monday = picture.day - timedelta(days=picture.day.weekday())
    with site.database.read() as session:
        starts = visits_by_day(
            session, picture.at_minute(0, monday), picture.at_minute(0, monday + timedelta(days=DAYS_SHOWN))
        )
    zone = ZoneInfo(site.settings.time_zone)
    counts = Counter(at.astimezone(zone).date() for at in starts)
    return [
        {"day": day, "visits": counts[day], "is_today": day == today_of(site)}
        for day in (monday + timedelta(days=offset) for offset in range(DAYS_SHOWN))
    ]


def _fits(site: Site, request: Request, ticket_id: str, picture: Picture) -> Fits:
    with site.database.read() as session:
        ticket = session.get(Ticket, ticket_id) if is_id(ticket_id) else None
        if ticket is None:
            raise HTTPException(404, "ticket_unknown")
        policy = find_policy(session)
        stretches = policy.calendar.stretches_on(picture.day) if policy else ()
        starts = max(stretches[0].starts_at if stretches else picture.at_minute(9 * 60), picture.starts_at)
        ranked = rank_for_ticket(session, ticket, starts, starts + timedelta(minutes=NEW_VISIT_MIN))

    def fit_of(one: RankedEngineer) -> Fit:
        lasting = [broken for broken in one.breaks if broken.code in LASTING]
        said = [
            say_rule_break(broken.code, broken.values, policy, picture.language, picture.time_zone)
            for broken in lasting
        ]
        unfit = any(broken.code in UNFIT for broken in lasting)
        return {"fit": "unfit" if unfit else "warn" if lasting else "fit", "reasons": said}

    return {"engineers": {one.engineer_id: fit_of(one) for one in ranked}}


def _panel(site: Site, request: Request, ticket_id: str) -> Response:
    picture = picture_of(site, request, "")
    with site.database.read() as session:
        work = read_work(session, ticket_id, None) if is_id(ticket_id) else None
        if work is None:
            raise HTTPException(404, "ticket_unknown")
        customer = session.get(Customer, work.ticket.customer_id)
        judged = current_entitlement(session, ticket_id)
        policy = find_policy(session)
    return site.pages.answer(
        request, site.reader(request), "board/_panel.html", work=work, ticket=work.ticket, customer=customer,
        entitlement=judged, job=picture.job(work, policy), policy=policy,
    )  # fmt: skip
