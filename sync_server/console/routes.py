"""The console's routers, put together: each area gives one function `(site) -> APIRouter`.

Owns the list and the dependencies that no page may forget: who reads, forged requests, sign-in.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends, FastAPI

from sync_server.console.approvals.routes import approvals_router
from sync_server.console.board.page import board_router
from sync_server.console.customers.routes import customers_router
from sync_server.console.equipment.routes import equipment_router
from sync_server.console.evidence.backups_page import backups_router
from sync_server.console.evidence.books_page import books_router
from sync_server.console.evidence.verify_page import verify_router
from sync_server.console.files.routes import files_router
from sync_server.console.importing.routes import import_router
from sync_server.console.inbox.routes import inbox_router
from sync_server.console.intake.page import intake_router
from sync_server.console.language import language_router
from sync_server.console.live import live_router
from sync_server.console.nav_counts import counts_router
from sync_server.console.people.routes import people_router
from sync_server.console.policy.routes import policy_router
from sync_server.console.prints.page import paper_router
from sync_server.console.ratings.page import ratings_router
from sync_server.console.register.page import register_router
from sync_server.console.sign_in.factor import code_router, factor_router
from sync_server.console.sign_in.routes import account_router, sign_in_router
from sync_server.console.site import Site
from sync_server.console.stock.routes import stock_router
from sync_server.console.tablets.routes import tablets_router
from sync_server.console.tickets.listing import listing_router
from sync_server.console.tickets.page import ticket_router

AreaRouter = Callable[[Site], APIRouter]
# Pages behind the sign-in, one line an area.
AREA_ROUTERS: tuple[AreaRouter, ...] = (
    account_router,
    factor_router,
    intake_router,
    register_router,
    board_router,
    listing_router,
    ticket_router,
    files_router,
    paper_router,
    verify_router,
    ratings_router,
    stock_router,
    customers_router,
    equipment_router,
    people_router,
    policy_router,
    import_router,
    tablets_router,
    inbox_router,
    approvals_router,
    books_router,
    backups_router,
    counts_router,
)


def add_console(app: FastAPI, site: Site) -> None:
    """Put every page of the console into the application."""
    walls = [Depends(site.load), Depends(site.guard())]
    app.include_router(sign_in_router(site), dependencies=walls)
    app.include_router(code_router(site), dependencies=walls)
    app.include_router(language_router(tls=site.settings.secure_cookies), dependencies=walls)
    # Who is not signed in is told so before anything of what he sends is read.
    inside = [Depends(site.load), Depends(site.require), Depends(site.guard())]
    for make in AREA_ROUTERS:
        app.include_router(make(site), dependencies=inside)
    app.include_router(live_router(site.hub, site.is_allowed))
    site.assets.mount(app)
