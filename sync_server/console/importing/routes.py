"""The import page: choose what, upload, look at what would happen, go ahead.

Owns the page and the way of a file through it. Reading, planning and applying are `imports`'.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from common.kernel.ids import is_id
from common.kernel.outcome import Outcome, Refused
from common.people.person import Person
from sync_server.console.commands import label_of, may
from sync_server.console.desk import Desk, found
from sync_server.console.entry import Sent, amount_text
from sync_server.console.site import Site
from sync_server.db.import_tables import ImportRun
from sync_server.imports.columns import columns_of_kind, heading_of
from sync_server.imports.importer import Applied, Preview, apply, preview
from sync_server.imports.sheet import BYTES_MAX
from sync_server.imports.templates import template_csv, template_xlsx
from sync_server.imports.undo import Undone, past_imports, undo_import
from sync_server.imports.waiting import keep, let_go, waiting
from sync_server.imports.wording import say_counts, say_fault, say_left, say_place

PATH = "/console/import"
# What a kind of table needs first; the commands themselves judge each row.
NEEDS = {
    "people": "add_person",
    "customers": "register_customer",
    "models": "register_model",
    "equipment": "register_equipment",
    "parts": "register_part",
    "prices": "set_charge",
    "stock": "receive_stock",
}
AREAS = {
    "people": "people", "customers": "customers", "models": "equipment/models", "equipment": "equipment",
    "parts": "stock/parts", "prices": "stock/prices", "stock": "stock",
}  # fmt: skip
SHOWN_ROWS, SHOWN_FAULTS = 60, 200
MONEY = ("price", "amount")
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def import_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "")

    async def check(request: Request) -> None:
        if not kinds_for(desk, request):
            raise HTTPException(403, "not_permitted")

    router = APIRouter(dependencies=[Depends(check)])

    @router.get(PATH)
    def page(request: Request, kind: str = "") -> Response:
        return _show(desk, request, kind)

    counted = [Depends(site.counted("import"))]

    @router.post(PATH, dependencies=counted)
    def upload(request: Request, entry: Sent) -> Response:
        kind = _kind(desk, request, entry.text("kind"))
        data = entry.file("file", BYTES_MAX + 1)
        if not data:
            entry.wrong("file", "text_missing")
            return _show(desk, request, kind, error=entry.errors["file"], status=422)
        plan = preview(site.database, data, kind)
        file_id = site.database.new_id()
        keep(_folder(site), site.actor(request).person_id, file_id, data, desk.now())
        name = entry.files["file"].filename or ""
        return _show(
            desk, request, kind, plan=plan, file_id=file_id, name=name, status=200 if plan.can_apply else 422
        )

    @router.post(PATH + "/apply", dependencies=counted)
    def go_ahead(request: Request, entry: Sent) -> Response:
        kind = _kind(desk, request, entry.text("kind"))
        actor, file_id = site.actor(request), entry.text("file_id")
        data = waiting(_folder(site), actor.person_id, file_id) if is_id(file_id) else None
        if data is None:
            entry.wrong("file", "import_file_gone")
            return _show(desk, request, kind, error=entry.errors["file"], status=422)
        plan = preview(site.database, data, kind)
        done = apply(site.database, actor, plan) if plan.can_apply else None
        site.hub.poke()
        if done is None or done.faults:
            return _show(desk, request, kind, plan=plan, done=done, file_id=file_id, status=422)
        let_go(_folder(site), actor.person_id, file_id)
        return _show(desk, request, kind, plan=plan, done=done)

    _take_back(router, desk)

    @router.get(PATH + "/template/{kind}.{form}")
    def template(request: Request, kind: str, form: str) -> Response:
        if kind not in NEEDS or form not in MEDIA:
            raise HTTPException(404, "not_found")
        make = template_xlsx if form == "xlsx" else template_csv
        named = {"Content-Disposition": f'attachment; filename="{kind}.{form}"'}
        return Response(make(kind, site.language(request)), media_type=MEDIA[form], headers=named)

    return router


def _take_back(router: APIRouter, desk: Desk) -> None:
    """Add the button that takes an import back as a whole (M4)."""
    site = desk.site

    @router.post(PATH + "/undo", dependencies=[Depends(site.counted("import"))])
    def take_back(request: Request, entry: Sent) -> Response:
        with site.database.read() as session:
            run = found(
                session.scalar(select(ImportRun).where(ImportRun.number == (entry.whole("number") or 0)))
            )
        kind = _kind(desk, request, run.kind)
        try:
            undone = undo_import(site.database, site.actor(request), run.number)
        except Refused as refused:
            entry.refused(Outcome("parked", refused.code, refused.values))
            return _show(desk, request, kind, error=next(iter(entry.errors.values())), status=422)
        site.hub.poke()
        return _show(desk, request, kind, undone=undone)


def kinds_for(desk: Desk, request: Request) -> list[str]:
    """List what the reader may import."""
    held = desk.roles(request)
    return [kind for kind, command in NEEDS.items() if may(held, command)]


def _kind(desk: Desk, request: Request, kind: str) -> str:
    if kind not in kinds_for(desk, request):
        raise HTTPException(403, "not_permitted")
    return kind


def _folder(site: Site) -> Path:
    return site.settings.data_dir / "uploads"


def _show(
    desk: Desk, request: Request, kind: str, *, plan: Preview | None = None, done: Applied | None = None,
    file_id: str = "", name: str = "", error: str = "", status: int = 200, undone: Undone | None = None,
) -> Response:  # fmt: skip
    language = desk.site.language(request)
    kinds = kinds_for(desk, request)
    chosen = kind if kind in kinds else kinds[0]
    with desk.site.database.read() as session:
        past = [run for run in past_imports(session) if run.kind in kinds]
        by = {run.by for run in past} | {run.undone_by for run in past}
        names = {one.id: one.name for one in session.scalars(select(Person).where(Person.id.in_(by)))}
    faults = (*(plan.faults if plan else ()), *(done.faults if done else ()))
    return desk.show(
        request, "importing/import.html", status_code=status, kinds=kinds, kind=chosen, plan=plan, done=done,
        past=past, names=names, undone=undone,
        left=[(one, say_left(one.code, language)) for one in (undone.left if undone else ())],
        file_id=file_id, name=name, error=error, back=f"/console/{AREAS[chosen]}", shown_rows=SHOWN_ROWS,
        counts=say_counts(plan, language) if plan else "",
        rows=[
            (one, [_change(chosen, *change, language) for change in one.changes])
            for one in (plan.planned if plan else ())
            if one.action != "same"
        ][:SHOWN_ROWS],
        changed=sum(one.action != "same" for one in plan.planned) if plan else 0,
        faults=[(say_place(chosen, one, language), say_fault(chosen, one, language)) for one in faults[:SHOWN_FAULTS]],
        fault_count=(plan.fault_count if plan else 0) + (len(done.faults) if done else 0),
    )  # fmt: skip


def _change(kind: str, field: str, old: str, new: str, language: str) -> tuple[str, str, str]:
    """Put one change of a preview into words: the column as the templates write it, money as people do."""
    label = heading_of(kind, field, language) if field in columns_of_kind(kind) else label_of(field, language)
    if field in MONEY:
        old, new = (amount_text(int(text), "CNY") if text.isdecimal() else text for text in (old, new))
    return label, old, new
