"""The page of the audit chain: when it was last checked and anchored, and a check at the press of a button (Q2, D9).

Owns the page. Checking and anchoring are upkeep's; both are noted in the chain itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Depends
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from common.people.person import Person
from sync_server.console.desk import Desk
from sync_server.console.rendering import see_other
from sync_server.console.site import Site
from sync_server.db.evidence_tables import ChainCheck
from sync_server.db.tables import StreamHead
from sync_server.notary import fingerprint_of_key
from sync_server.upkeep.anchors import Anchor, AnchorError, make_anchor, read_anchors
from sync_server.upkeep.evidence import begin_check, past_checks, run_check

PATH = "/console/evidence"
OLD = timedelta(hours=26)
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Books:
    """What the page shows: entries in the chain, checks and anchors newest first, and what is the matter with them."""

    entries: int
    checks: list[ChainCheck]
    anchors: list[Anchor]
    trouble: str
    people: dict[str, str]

    @property
    def last(self) -> ChainCheck | None:
        """Return the newest check."""
        return self.checks[0] if self.checks else None

    @property
    def is_running(self) -> bool:
        """Say whether a check runs now."""
        return self.last is not None and self.last.state == "running"


def books_router(site: Site) -> APIRouter:
    """Make the page and its two deeds."""
    desk = Desk(site, "evidence")
    router = APIRouter(dependencies=[Depends(site.allow("evidence"))])

    @router.get(PATH)
    def books(request: Request) -> Response:
        with site.database.read() as session:
            shown = read_books(session, site)
        is_outside = not site.settings.anchors_dir.is_relative_to(site.settings.data_dir)
        return desk.show(
            request, "evidence/books.html", "evidence/_books.html", books=shown, old=OLD, is_outside=is_outside,
            folder=str(site.settings.anchors_dir), key=site.keys.sign_public,
            key_print=fingerprint_of_key(site.keys.sign_public), seconds=_seconds,
        )  # fmt: skip

    @router.post(PATH + "/check")
    def check(request: Request) -> Response:
        check_id = begin_check(site.database, site.actor(request).person_id)
        answer = see_other(request, PATH)
        answer.background = BackgroundTask(run_check, site.settings, site.keys, site.database, check_id)
        return answer

    @router.post(PATH + "/anchor")
    def anchor(request: Request) -> Response:
        try:
            made = make_anchor(site.database, site.keys, site.settings.anchors_dir)
        except (AnchorError, OSError):
            return see_other(request, PATH, "not_anchored")
        return see_other(request, PATH, "anchored" if made else "unchanged")

    return router


def read_books(session: Session, site: Site) -> Books:
    """Read what the page shows."""
    checks = past_checks(session, SHOWN)
    entries = session.execute(select(StreamHead.audit_seq)).scalar_one()
    wanted = {check.by for check in checks}
    people = {one.id: one.name for one in session.scalars(select(Person).where(Person.id.in_(wanted)))}
    try:
        anchors, trouble = list(reversed(read_anchors(site.settings.anchors_dir))), ""
    except (AnchorError, OSError) as error:
        anchors, trouble = [], str(error)
    return Books(entries, checks, anchors[:SHOWN], trouble, people)


def _seconds(check: ChainCheck) -> int:
    return 0 if check.ended_at is None else max(1, round((check.ended_at - check.began_at).total_seconds()))
