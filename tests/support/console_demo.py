"""A tiny server around the console's toolkit: board, list and form over data in memory. For its tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Form, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from common.i18n import LANGUAGES
from sync_server.console.assets import Assets
from sync_server.console.board_data import Job
from sync_server.console.csrf import CsrfGuard
from sync_server.console.forms import FormState
from sync_server.console.headers import SecurityHeaders
from sync_server.console.language import language_of, language_router
from sync_server.console.lists import ListPage, ListSpec
from sync_server.console.live import Hub, close_on_signals, live_router
from sync_server.console.reader import AREAS, Reader
from sync_server.console.rendering import Pages, see_other
from tests.support import console_demo_data as data

TOKEN = "demo-token"
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 2, 37, tzinfo=UTC)
TICKETS = ListSpec(
    "/console/tickets",
    sorts=("number", "customer", "due"),
    default_sort="due",
    filters={"state": tuple(data.STATES)},
)


class Move(BaseModel):
    ticket_id: str
    assignment_id: str | None
    version: int
    engineer_id: str | None
    day: str
    start_min: int | None
    duration_min: int
    override_reason: str | None


class Demo:
    """The demo's state: rows, feed and what was overridden; one instance per server."""

    def __init__(self) -> None:
        self.rows = {row["id"]: row for row in data.rows(TODAY.isoformat())}
        self.feed: list[tuple[int, dict[str, Any]]] = []
        self.overrides: list[str] = []
        self.is_signed_in = True
        self.hub = self.new_hub()

    def new_hub(self) -> Hub:
        return Hub(lambda after: [row for row in self.feed if row[0] > after], self.head)

    def head(self) -> int:
        return self.feed[-1][0] if self.feed else 0

    def changed(self, ticket_id: str) -> None:
        self.feed.append((self.head() + 1, {"kind": "ticket", "id": ticket_id}))
        self.hub.poke()

    def job(self, ticket_id: str, language: str) -> Job:
        return data.job(int(ticket_id[1:]), LANGUAGES.index(language), self.rows[ticket_id])

    def board(self, language: str, day: date) -> dict[str, Any]:
        jobs = [
            self.job(i, language) for i, row in self.rows.items() if row["day"] in (None, day.isoformat())
        ]
        return {
            "day": day.isoformat(), "from_min": 420, "to_min": 1200, "snap_min": 15,
            "now_min": data.NOW_MIN if day == TODAY else None, "is_past": day < TODAY, "is_read_only": False,
            "live_kinds": ["ticket"], "lanes": data.lanes(), "jobs": jobs,
            "urls": {"move": "/console/board/moves", "fits": "/console/board/fits",
                     "data": f"/console/board/data?day={day}"},
        }  # fmt: skip

    def move(self, move: Move, language: str) -> tuple[int, dict[str, Any]]:
        row = self.rows[move.ticket_id]
        if move.version != row["version"]:
            return 409, {
                "text": "Somebody else has just moved it.",
                "job": self.job(move.ticket_id, language),
            }
        if move.engineer_id == "e12" and not move.override_reason:
            broken = {
                "reason_code": "skill_missing",
                "text": "No certificate for X-ray.",
                "can_override": True,
            }
            return 422, {"breaks": [broken]}
        if move.engineer_id == "e11":
            return 422, {
                "breaks": [{"reason_code": "on_leave", "text": "On leave all day.", "can_override": False}]
            }
        if move.override_reason:
            self.overrides.append(move.override_reason)
        row |= {
            "engineer_id": move.engineer_id,
            "version": row["version"] + 1,
            "duration_min": move.duration_min,
        }
        row |= (
            {"start_min": move.start_min, "day": move.day}
            if move.engineer_id
            else {"start_min": None, "day": None}
        )
        self.changed(move.ticket_id)
        return 200, {"job": self.job(move.ticket_id, language)}


def _reader(request: Request) -> Reader:
    areas = frozenset(area.name for area in AREAS)
    return Reader(
        language_of(request), "Asia/Shanghai", "Lin Mei 林梅", "Dispatcher", TOKEN, areas, {"inbox": 3}
    )


def _day(request: Request) -> date:
    try:
        return date.fromisoformat(request.query_params.get("day", ""))
    except ValueError:
        return TODAY


def _board_routes(router: APIRouter, demo: Demo, pages: Pages) -> None:
    @router.get("/console/board")
    def board(request: Request) -> Response:
        reader, day = _reader(request), _day(request)
        legend = [
            (labels[LANGUAGES.index(reader.language)], tone, icon)
            for tone, icon, labels in data.STATES.values()
        ]
        previous, following = (f"/console/board?day={day + timedelta(n)}" for n in (-1, 1))
        return pages.answer(
            request, reader, "demo_board.html", area="board", board_data=demo.board(reader.language, day),
            legend=legend, day=day, now=NOW, previous=previous, next=following,
        )  # fmt: skip

    @router.get("/console/board/data")
    def board_data(request: Request) -> dict[str, Any]:
        return demo.board(_reader(request).language, _day(request))

    @router.get("/console/board/fits")
    def fits(ticket_id: str) -> dict[str, Any]:
        unfit = {"fit": "unfit", "reasons": ["No certificate for X-ray"]}
        found = {lane["engineer_id"]: {"fit": "fit", "reasons": []} for lane in data.lanes()}
        return {
            "engineers": found
            | {"e12": unfit, "e3": unfit, "e10": {"fit": "warn", "reasons": ["Other zone"]}}
        }

    @router.get("/console/board/jobs/{ticket_id}")
    def panel(request: Request, ticket_id: str) -> Response:
        job = demo.job(ticket_id, _reader(request).language)
        return pages.answer(request, _reader(request), "demo_panel.html", job=job, now=NOW)

    @router.post("/console/board/moves")
    def move(request: Request, move: Move) -> JSONResponse:
        status, body = demo.move(move, _reader(request).language)
        return JSONResponse(body, status)


def _page_routes(router: APIRouter, demo: Demo, pages: Pages) -> None:
    @router.get("/console/counts/{area}")
    def count(request: Request, area: str) -> Response:
        return pages.answer(request, _reader(request), "kit/count.html", counted=area)

    @router.get("/console/tickets")
    def tickets(request: Request) -> Response:
        reader, query = _reader(request), TICKETS.read(request)
        jobs = [(demo.job(i, reader.language), row["state"]) for i, row in demo.rows.items()] * 4
        words = query.search.lower()
        found = [
            job for job, state in jobs
            if words in f"{job['number']} {job['customer']} {job['title']}".lower()
            and query.filters.get("state", state) == state
        ]  # fmt: skip
        keys: dict[str, Callable[[Job], Any]] = {
            "number": lambda job: job["number"],
            "customer": lambda job: job["customer"],
            "due": lambda job: job["rank"],
        }
        found.sort(key=keys[query.sort_name], reverse=query.is_descending)
        page = ListPage(found[query.offset : query.offset + query.spec.page_size], len(found), query)
        states = [
            (code, labels[LANGUAGES.index(reader.language)]) for code, (_, _, labels) in data.STATES.items()
        ]
        return pages.answer(
            request,
            reader,
            "demo_list.html",
            "demo_list_part.html",
            area="tickets",
            page=page,
            states=states,
            now=NOW,
        )

    @router.get("/console/tickets/{ticket_id}")
    def ticket(request: Request, ticket_id: str) -> Response:
        reader = _reader(request)
        job = demo.job(ticket_id, reader.language)
        reported = {"title": "Reported by phone", "who": "Lin Mei", "tone": "neutral", "icon": "phone"}
        arrived = {
            "title": "Arrived",
            "who": "Li Wei",
            "tone": "working",
            "icon": "wrench",
            "recorded_at": NOW,
        }
        events = [reported | {"at": NOW - timedelta(hours=3)}, arrived | {"at": NOW - timedelta(hours=1)}]
        return pages.answer(
            request,
            reader,
            "demo_ticket.html",
            "demo_ticket_part.html",
            area="tickets",
            job=job,
            events=events,
            now=NOW,
        )


def _form_routes(router: APIRouter, demo: Demo, pages: Pages) -> None:
    @router.get("/console/intake")
    def intake(request: Request) -> Response:
        return pages.answer(request, _reader(request), "demo_form.html", area="intake", form=FormState())

    @router.post("/console/intake")
    def send(request: Request, customer: str = Form(""), fault: str = Form("")) -> Response:
        if fault:
            demo.changed("j40")
            return see_other(request, "/console/tickets", "saved")
        form = FormState(
            {"customer": customer, "fault": fault}, {"fault": "Say what is wrong."}, {"fault": "Fault"}
        )
        return pages.answer(
            request, _reader(request), "demo_form.html", status_code=422, area="intake", form=form
        )


def create_demo(demo: Demo) -> SecurityHeaders:
    """Build the demo's server."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(demo.hub.run())
        with contextlib.suppress(ValueError):
            close_on_signals(demo.hub)
        yield
        demo.hub.close()
        await running

    async def is_allowed(request: Request) -> bool:
        return demo.is_signed_in

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    assets = Assets()
    pages = Pages(assets, demo.head, [Path(__file__).parent / "console_demo_templates"])
    router = APIRouter(dependencies=[Depends(CsrfGuard(lambda request: TOKEN))])
    _board_routes(router, demo, pages)
    _page_routes(router, demo, pages)
    _form_routes(router, demo, pages)
    router.include_router(language_router())
    app.include_router(router)
    app.include_router(live_router(demo.hub, is_allowed))
    assets.mount(app)
    return SecurityHeaders(app)
