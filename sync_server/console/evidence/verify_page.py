"""The page a paper's QR code leads to: each check of a report's seal, in words (Q3, I6).

Owns the page. Judges nothing itself: `common.visit.seal` does, and the audit chain is asked what it holds.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.approvals.approval import decision_number
from common.kernel.clock import instant
from common.sla.calendar import show_wall
from common.visit.records import ReportSeal, ReportVoid, ServiceReport
from common.visit.seal import Check, Verdict, short_fingerprint
from common.visit.sealed import voids_of
from sync_server.console.desk import Desk, found, known_id
from sync_server.console.prints.page import VERIFY_PATH
from sync_server.console.site import Site
from sync_server.db.tables import AuditEntry, Device
from sync_server.documents.pdf import void_line
from sync_server.documents.sheets import Void
from sync_server.upkeep.signings import Signing

Printed = Annotated[str, Query(max_length=64, pattern="^[0-9a-f-]*$")]


def verify_router(site: Site) -> APIRouter:
    """Make the page."""
    desk = Desk(site, "tickets")
    router = APIRouter(dependencies=[Depends(site.allow("tickets"))])

    @router.get(VERIFY_PATH + "/{report_id}")
    def verify_report(request: Request, report_id: str, f: Printed = "") -> Response:
        with site.database.read() as session:
            report = found(session.get(ServiceReport, known_id(report_id)))
            void = voids_of(session, report.ticket_id).get(report.id)
            row = session.get(ReportSeal, report.id)
            verdict = with_audit(session, report, row, site.judge(session, report), f.replace("-", ""))
            sealed = row.seal if row is not None and isinstance(row.seal, dict) else {}
            device = session.get(Device, str(sealed.get("device_id", "")))
        counter = row.counter if row is not None and isinstance(row.counter, dict) else {}
        received = counter.get("received_at")
        place = sealed.get("place") or {}
        return desk.show(
            request, "evidence/verify.html", report=report, verdict=verdict, fingerprint=short_fingerprint,
            device=device.name if device else sealed.get("device_id", ""),
            arrived_at=instant(received) if isinstance(received, int) else None,
            place=" · ".join(filter(None, (place.get("address"), place.get("location")))),
            template=json.dumps(sealed.get("template") or {}).strip("{}").replace('"', ""),
            void=void, void_line=_void_line(desk, request, void) if void else "",
            files=str(len(sealed.get("files") or [])) if sealed else "",
        )  # fmt: skip

    return router


def _void_line(desk: Desk, request: Request, void: ReportVoid) -> str:
    when = show_wall(void.voided_at, desk.site.settings.time_zone)
    said = Void(decision_number(void.approval_id), when, void.reason)
    return void_line(desk.site.language(request), said)


def with_audit(
    session: Session, report: ServiceReport, row: ReportSeal | None, verdict: Verdict, printed: str
) -> Verdict:
    """Add what the audit chain holds of the signing, and whether a paper's fingerprint is this report's."""
    more = [Check("audit", audit_agrees(session, report, row))]
    if printed:
        more.append(Check("paper", bool(verdict.fingerprint) and verdict.fingerprint.startswith(printed)))
    state = "broken" if any(check.is_good is False for check in more) else verdict.state
    return replace(verdict, state=state, checks=(*verdict.checks, *more))


def audit_agrees(session: Session, report: ServiceReport, row: ReportSeal | None) -> bool:
    """Say whether the chain's entry of the signing holds the same report, signed by the same hand, and the same seal."""
    query = select(AuditEntry.entry).where(
        AuditEntry.kind == "sign_report", AuditEntry.entry.contains(report.id, autoescape=True)
    )
    entries = session.scalars(query.order_by(AuditEntry.at, AuditEntry.seq))
    told = filter(None, (Signing.of(json.loads(entry)) for entry in entries))
    signing = next((one for one in told if one.report_id == report.id), None)
    return signing is not None and not (signing.differs(report) or signing.lacks(row))
