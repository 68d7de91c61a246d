"""The page of backups: how old the last good one is, the alarm, what was made, restores, and asking for one.

Owns the page; making and restoring are upkeep's (M8, P11), that two people agree is the approval's.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePath

from fastapi import APIRouter, Depends
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from common.approvals.approval import RequestApproval
from sync_server.console.desk import Desk, forms_of
from sync_server.console.entry import Entry, Sent
from sync_server.console.site import Site
from sync_server.db.durable import last_good_backup, newest_first, unsaved_since
from sync_server.db.tables import StreamHead
from sync_server.db.upkeep_tables import BackupMade, Restoration
from sync_server.jobs.due import is_due

PATH = "/console/backups"
APPROVALS_PATH = "/console/approvals"
SHOWN = 20


def backups_router(site: Site) -> APIRouter:
    """Make the page."""
    desk = Desk(site, "backups")
    router = APIRouter(dependencies=[Depends(site.allow("backups"))])

    @router.get(PATH)
    def backups(request: Request) -> Response:
        return show(request)

    @router.post(PATH + "/restore")
    def ask_for_restore(request: Request, entry: Sent) -> Response:
        def request_of() -> RequestApproval:
            made, name = entry.new_id("approval"), entry.text("backup")
            return RequestApproval(made, "restore", name, name, entry.text("reason"))

        outcome = desk.give_proved(request, entry, request_of)
        return show(request, entry) if outcome is None else desk.back(request, APPROVALS_PATH, outcome)

    def show(request: Request, entry: Entry | None = None) -> Response:
        with site.database.read() as session:
            made = session.scalars(select(BackupMade).order_by(*newest_first(desk.now())).limit(SHOWN)).all()
            restored = session.scalars(
                select(Restoration).order_by(Restoration.restored_at.desc()).limit(SHOWN)
            ).all()
            good, since = last_good_backup(session, desk.now()), unsaved_since(session, desk.now())
            head, durable = session.execute(select(StreamHead.seq, StreamHead.durable)).one()
        hours = site.settings.backup_alarm_h
        is_late = bool(hours) and since is not None and is_due(since, desk.now(), timedelta(hours=hours))
        is_here = site.settings.backups_dir.is_relative_to(site.settings.data_dir)
        return desk.show(
            request, "evidence/backups.html", made=made, restored=restored, good=good, is_late=is_late,
            hours=hours, every=site.settings.backup_every_h, folder=str(site.settings.backups_dir),
            is_here=is_here, behind=max(0, head - durable), name_of=_name, can=("request_approval",),
            form_for=forms_of(entry, "restore"), asked=entry is not None, status_code=422 if entry else 200,
        )  # fmt: skip

    return router


def _name(folder: str) -> str:
    return PurePath(folder).name
