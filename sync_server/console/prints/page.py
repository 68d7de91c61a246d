"""Papers of a ticket as pages for A4 and as PDF, in the reader's choice of the three languages (R065 R060 R150).

Owns the routes. What stands on a paper is `sync_server.documents`'.
"""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, HTTPException, Query
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.ids import is_id
from common.visit.seal import short_fingerprint
from sync_server.console.evidence.words import SEAL_TONES
from sync_server.console.site import Site
from sync_server.documents.pdf import PictureOf, draw_pdf, void_line
from sync_server.documents.sheets import PaperKind, Sheet, read_sheet
from sync_server.documents.strokes import fit_signature
from sync_server.people.invitation import qr_svg

PATH = "/console/papers"
VERIFY_PATH = "/console/verify"
SIGN_WIDTH, SIGN_HEIGHT = 280, 96
Language = Annotated[str, Query(max_length=10)]


def paper_router(site: Site) -> APIRouter:
    """Make the papers."""
    router = APIRouter(prefix=PATH, dependencies=[Depends(site.allow("tickets"))])

    @router.get("/{kind}/{paper_id}.pdf", dependencies=[Depends(site.counted("export"))])
    def pdf(kind: str, paper_id: str, language: Language = "") -> Response:
        sheet = _sheet(site, kind, paper_id, language)
        name = "".join(
            char
            for char in f"{sheet.kind}-{sheet.number}"
            if char.isascii() and (char.isalnum() or char in "-_.")
        )
        headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
        return Response(draw_pdf(sheet, _pictures(site)), media_type="application/pdf", headers=headers)

    @router.get("/{kind}/{paper_id}")
    def page(request: Request, kind: str, paper_id: str, language: Language = "") -> Response:
        sheet = _sheet(site, kind, paper_id, language)
        return site.pages.answer(
            request, site.reader(request), "prints/paper.html", area="tickets", sheet=sheet,
            seal_tone=SEAL_TONES, qr=_qr(sheet.verify_url), fingerprint=short_fingerprint,
            signature=fit_signature(sheet.strokes, SIGN_WIDTH, SIGN_HEIGHT), path=f"{PATH}/{kind}/{paper_id}",
            shown={one.file_id for one in sheet.photos if _pictures(site)(one.sha256)},
            void_line=void_line(sheet.language, sheet.void) if sheet.void else "",
        )  # fmt: skip

    return router


def _pictures(site: Site) -> PictureOf:
    return lambda sha256: site.pictures.find(sha256, "view")


def _qr(text: str) -> Markup:
    return Markup(qr_svg(text)) if text else Markup("")  # noqa: S704 - drawn by segno from our own text


def _sheet(site: Site, kind: str, paper_id: str, language: str) -> Sheet:
    known: dict[str, PaperKind] = {one: one for one in get_args(PaperKind)}
    sheet = None
    if kind in known and is_id(paper_id):
        with site.database.read() as session:
            sheet = read_sheet(
                session, known[kind], paper_id, language, site.settings.time_zone, judge=site.judge,
                verify_url=f"{site.settings.address}{VERIFY_PATH}/{paper_id}",
            )  # fmt: skip
    if sheet is None:
        raise HTTPException(404, "not_found")
    return sheet
