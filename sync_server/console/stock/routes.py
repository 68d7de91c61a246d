"""Stock pages of places and the ledger; puts the area's routers together.

Owns these pages. What lies where is the ledger's (`common.stock`).
"""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.command import Role
from common.people.person import Person, people_with_role
from common.stock.location import SHELVES, StockLocation, locations
from common.stock.movement import StockLevel, StockMovement
from common.stock.part import Part
from common.stock.stock_commands import AssignVan, RegisterLocation
from sync_server.console.desk import Desk, found, known_id, page_of
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.console.lists import ListSpec
from sync_server.console.site import Site
from sync_server.console.stock.moves import moves_router
from sync_server.console.stock.parts import parts_router
from sync_server.console.stock.prices import prices_router
from sync_server.stock import listing

PATH = "/console/stock"
KINDS = ("central", "branch", "van", "workshop", "scrap")
REASONS = ("received", "transferred", "counted", "used", "withdrawn")
LEDGER = ListSpec(
    PATH + "/ledger", ("happened", "part"), "-happened",
    {"reason": REASONS, "days": listing.DAYS, "location": (), "part": ()},
)  # fmt: skip
CAN = ("receive_stock", "transfer_stock", "count_stock", "register_location", "assign_van", "register_part")


def stock_router(site: Site) -> APIRouter:
    """Make the area's pages."""
    desk = Desk(site, "stock")
    router = APIRouter(dependencies=[Depends(site.allow("stock"))])

    @router.get(PATH)
    def places(request: Request) -> Response:
        with site.database.read() as session:
            rows = listing.places_listed(session)
        return desk.show(request, "stock/places.html", "stock/_places.html", can=CAN, places=rows)

    @router.get(PATH + "/places/new")
    def new_place(request: Request) -> Response:
        return _place_form(desk, request, FormState({"kind": request.query_params.get("kind", "van")}))

    @router.post(PATH + "/places/new")
    def open_place(request: Request, entry: Sent) -> Response:
        place_id = entry.new_id("place")
        kind = entry.choice("kind", KINDS, "van")
        driver = entry.identifier("person_id", needed=False) if kind == "van" else None
        outcome = desk.give(
            request, entry,
            lambda: RegisterLocation(place_id, entry.text("code"), entry.text("name"), kind, driver),  # type: ignore[arg-type]
            {"number_taken": "code"},
        )  # fmt: skip
        if outcome is None:
            return _place_form(desk, request, entry.state, 422)
        return desk.back(request, f"{PATH}/places/{place_id}", outcome)

    @router.get(PATH + "/places/{place_id}")
    def place(request: Request, place_id: str) -> Response:
        return _place(desk, request, known_id(place_id))

    @router.post(PATH + "/places/{place_id}/driver")
    def drive(request: Request, place_id: str, entry: Sent) -> Response:
        known = known_id(place_id)
        driver = entry.identifier("person_id", needed=False)
        outcome = desk.give(request, entry, lambda: AssignVan(known, driver))
        if outcome is None:
            return _place(desk, request, known, entry)
        return desk.back(request, f"{PATH}/places/{known}", outcome)

    @router.get(PATH + "/ledger")
    def ledger(request: Request) -> Response:
        query = LEDGER.read(request)
        columns = {"happened": StockMovement.happened_at, "part": Part.number}
        with site.database.read() as session:
            statement = listing.ledger_listed(query.search, query.filters, desk.now())
            page = page_of(session, statement, query, columns, StockMovement.id)
            names = listing.place_names(session)
            shelves = [(row.id, row.name) for row in locations(session)]
            part = session.get(Part, query.filters.get("part", ""))
        return desk.show(
            request, "stock/ledger.html", "stock/_ledger.html", page=page, names=names, shelves=shelves, part=part,
            reasons=REASONS, days=listing.DAYS,
        )  # fmt: skip

    router.include_router(parts_router(desk))
    router.include_router(moves_router(desk))
    router.include_router(prices_router(desk))
    return router


def _place_form(desk: Desk, request: Request, form: FormState, status: int = 200) -> Response:
    with desk.site.database.read() as session:
        people = people_with_role(session, Role.ENGINEER)
    return desk.show(
        request, "stock/place_form.html", status_code=status, form=form, kinds=KINDS, people=_options(people)
    )


def _place(desk: Desk, request: Request, place_id: str, entry: Entry | None = None) -> Response:
    spec = ListSpec(
        f"{PATH}/places/{place_id}", ("number", "name", "qty"), "number", {"level": ("negative", "low")}
    )
    query = spec.read(request)
    with desk.site.database.read() as session:
        row = found(session.get(StockLocation, place_id))
        driver = session.get(Person, row.person_id) if row.person_id else None
        statement = listing.stock_listed(place_id, query.search, query.filters)
        columns = {"number": Part.number, "name": Part.name, "qty": StockLevel.qty}
        page = page_of(session, statement, query, columns, Part.id)
        people = people_with_role(session, Role.ENGINEER) if row.kind == "van" else []
    form = entry.state if entry else FormState({"person_id": row.person_id or ""})
    return desk.show(
        request, "stock/place.html", "stock/_place.html", status_code=422 if entry else 200, can=CAN, place=row,
        driver=driver, page=page, form=form, people=_options(people), level_of=listing.level_of, held_of=listing.held_of,
        is_shelf=row.kind in SHELVES,
    )  # fmt: skip


def _options(people: list[Person]) -> list[tuple[str, str]]:
    return [(person.id, f"{person.name} · {person.number}") for person in people]
