"""Composition root of the server: settings, database, keys, routes, live hub and scheduled work become one application.

Nothing happens at import. The only place of the server, with settings and command line, that touches clock and chance.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from fastapi import Depends, FastAPI
from sqlalchemy import select
from starlette.types import ASGIApp

from common.kernel.clock import Clock, Reading
from common.kernel.ids import RandomBytes
from common.kernel.logs import keep_log
from sync_server.api.commands import commands_router
from sync_server.console.headers import SecurityHeaders
from sync_server.console.live import close_on_signals
from sync_server.console.routes import add_console
from sync_server.console.site import Site, make_site
from sync_server.db.database import Database
from sync_server.db.engine import make_engine
from sync_server.db.migrate import require_schema
from sync_server.db.tables import StreamHead
from sync_server.edge import Edge
from sync_server.files.keeping import Keeping
from sync_server.files.pictures import Pictures
from sync_server.files.routes import Door, files_router
from sync_server.files.store import open_store
from sync_server.files.uploads import Uploads
from sync_server.gate import Gate, Rates
from sync_server.jobs.ticker import Ticker
from sync_server.keys import ServerKeys, load_keys
from sync_server.notary import SessionNotary
from sync_server.people.orders import Orders
from sync_server.people.tokens import Tokens
from sync_server.problems import install_problems
from sync_server.security import Security, read_security
from sync_server.settings import Settings, read_settings
from sync_server.sync.access_routes import access_router
from sync_server.sync.copy_routes import copy_router
from sync_server.sync.routes import OLDEST_PROTOCOL, sync_router
from sync_server.sync.service import SyncService
from sync_server.upkeep.behind import require_not_behind
from sync_server.upkeep.clock_watch import ClockWatch, say_if_wrong
from sync_server.upkeep.evidence import evidence_jobs
from sync_server.upkeep.full_disk import FullDisk
from sync_server.upkeep.healed import last_restoration
from sync_server.upkeep.schedule import upkeep_jobs
from sync_server.upkeep.spare_files import SpareFiles
from sync_server.upkeep.under_way import refuse_half_restored

KEEPER_S = 20  # pause between rounds of the server's keeping


class SystemClock:
    """The clocks of this machine."""

    def __init__(self, random_bytes: RandomBytes = os.urandom) -> None:
        self._boot = random_bytes(8).hex()

    def read(self) -> Reading:
        """Read wall and monotonic clock together."""
        return Reading(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, self._boot)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an application is made of; commands of the command line use the same parts without HTTP."""

    settings: Settings
    database: Database
    keys: ServerKeys
    security: Security
    uploads: Uploads
    pictures: Pictures


def make_parts(
    settings: Settings, *, clock: Clock | None = None, random_bytes: RandomBytes = os.urandom
) -> Parts:
    """Open the database and the keys. Makes no table: `sync-server init` does."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    security = read_security(settings.security)
    if settings.second_factor == "optional":
        security = replace(security, factor_roles=frozenset())
    engine = make_engine(settings.database, wait_s=security.load.database_wait_s)
    keys = load_keys(settings.keys_dir, random_bytes)
    database = Database(
        engine,
        clock or SystemClock(),
        random_bytes,
        notary=lambda session: SessionNotary(keys, session),
        make_room=FullDisk.of(settings).make_room,
    )
    store = open_store(settings, database)
    uploads = Uploads(database, store, settings.incoming_dir, security.upload)
    pictures = Pictures(database, store, settings.shown_dir)
    return Parts(settings, database, keys, security, uploads, pictures)


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    random_bytes: RandomBytes = os.urandom,
    oldest_protocol: int = OLDEST_PROTOCOL,
) -> SecurityHeaders:
    """Build the application; `.app` of the answer is the FastAPI inside. The database must have been made.

    Raises SchemaError where it was not, or belongs to another version, BehindBackupError where a backup holds more;
    refuses `restore_under_way` where a restore did not come to its end.
    """
    parts = make_parts(settings, clock=clock, random_bytes=random_bytes)
    refuse_half_restored(parts.database.engine)
    require_schema(parts.database.engine)
    require_not_behind(parts.database, settings.backups_dir)
    say_if_wrong(parts.database)
    epoch = _epoch(parts.database)
    tokens = Tokens(parts.keys, parts.database, lambda: epoch)
    rates = Rates(parts.security.rates, parts.database.clock)
    site = make_site(
        settings, parts.database, parts.keys, parts.security, rates, parts.uploads, parts.pictures
    )
    ticker = Ticker(parts.database, settings.ticker_s)
    keeping = (*upkeep_jobs(settings), *evidence_jobs(settings, parts.keys), FullDisk.of(settings).job())
    files = Keeping(parts.uploads, parts.pictures, SpareFiles(parts.uploads).put_back)
    keeping += (ClockWatch(parts.database.clock).job(), *files.jobs())
    keeper = Ticker(parts.database, settings.ticker_s and KEEPER_S, keeping)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(site.hub.run()), asyncio.create_task(ticker.run())]
        running.append(asyncio.create_task(keeper.run()))
        with contextlib.suppress(ValueError):  # not in the main thread: whoever runs us ends us another way
            close_on_signals(site.hub)
        yield
        site.hub.close()
        ticker.close()
        keeper.close()
        await asyncio.gather(*running)
        parts.database.engine.dispose()

    app = FastAPI(
        lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )  # fmt: skip
    app.state.parts, app.state.site = parts, site
    install_problems(app, site.problem_page)
    _add_tablets(app, parts, tokens, oldest_protocol, site, rates)
    office = commands_router(
        parts.database, site.actor, site.language, time_zone=settings.time_zone, poke=site.hub.poke
    )
    walls = [
        Depends(site.load),
        Depends(site.guard()),
        Depends(site.require),
        Depends(site.counted("command")),
    ]
    app.include_router(office, dependencies=walls)
    _add_health(app, parts.database)
    add_console(app, site)
    app.add_middleware(
        Edge, hosts=settings.known_hosts, line=parts.security.line,
        gate=Gate(parts.security.load.requests_at_once),
    )  # fmt: skip
    return SecurityHeaders(app, tls=settings.is_behind_tls)


def app_from_environment() -> ASGIApp:
    """Build the application in a worker process of uvicorn, which logs to a file of its own."""
    settings = read_settings()
    keep_log(settings.logs_dir, "server", settings.log_kb, settings.log_files, also=("uvicorn",))
    return create_app(settings)


def _add_tablets(app: FastAPI, parts: Parts, tokens: Tokens, oldest: int, site: Site, rates: Rates) -> None:
    """Add the routes of tablets; a server that is only a copy sends them away (M1)."""
    with parts.database.read() as session:
        restored = last_restoration(session)
    if restored is not None and restored.kind == "copy":
        app.include_router(copy_router())
        return
    orders = Orders(parts.keys, parts.security.lease_days)
    service, gate = SyncService(parts.database, orders), Gate(parts.security.load.sync_at_once)
    app.include_router(
        sync_router(service, tokens, oldest=oldest, poke=site.hub.poke, rates=rates, gate=gate)
    )
    pieces = Gate(parts.security.upload.at_once)
    door = Door(parts.uploads, parts.pictures, parts.keys, tokens, rates, pieces, site.hub.poke)
    app.include_router(files_router(door))
    app.include_router(access_router(parts.uploads, parts.keys, tokens, parts.security, rates))


def _epoch(database: Database) -> str:
    with database.read() as session:
        return session.scalar(select(StreamHead.epoch)) or ""


def _add_health(app: FastAPI, database: Database) -> None:
    @app.get("/health")
    def health() -> dict[str, Any]:
        """Say that database and program answer; says nothing else to strangers."""
        with database.read() as session:
            session.scalar(select(StreamHead.seq))
        return {"status": "ok"}


def site_of(app: FastAPI) -> Site:
    """Return the site of an application."""
    site: Site = app.state.site
    return site
