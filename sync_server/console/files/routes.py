"""Files of a ticket at the desk: pictures as the server drew them, originals as downloads, adding and taking back (R061).

Owns the routes. Bytes go through the same store as tablets' do, records through the same commands (H2, H7, H8).
"""

from __future__ import annotations

import shutil
from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.files.attach import AttachFile, WithdrawFile
from common.files.attachment import Attachment, files_of, is_file_sealed
from common.kernel.clock import instant
from common.people.person import Person
from common.tickets.ticket import Ticket
from sync_server.console.desk import Desk, found, known_id
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.console.site import Site
from sync_server.db.file_tables import KeptFile
from sync_server.files.arrived import rules_of, settle
from sync_server.files.kinds import HEAD_BYTES, media_type_of
from sync_server.files.pictures import Size
from sync_server.files.serving import bytes_answer, picture_answer
from sync_server.problems import Problem

PATH = "/console/files"
NEW_PATH = "/console/tickets/{ticket_id}/files/new"
NAME_AT_MOST = 120
SIZES: dict[str, Size] = {"thumb": "thumb", "view": "view"}


def files_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "tickets")
    router = APIRouter(dependencies=[Depends(site.allow("tickets"))])

    @router.get(PATH + "/{file_id}")
    def page(request: Request, file_id: str) -> Response:
        return _page(desk, request, known_id(file_id))

    @router.get(PATH + "/{file_id}/{size}.jpg")
    def picture(file_id: str, size: str) -> Response:
        if size not in SIZES:
            raise HTTPException(404, "not_found")
        with site.database.read() as session:
            row = found(session.get(Attachment, known_id(file_id)))
        drawn = site.pictures.find(row.sha256, SIZES[size]) if row.state != "refused" else None
        if drawn is None and row.preview_sha256:
            drawn = site.pictures.find(row.preview_sha256, SIZES[size])
        return picture_answer(drawn)

    @router.get(PATH + "/{file_id}/original")
    def original(request: Request, file_id: str) -> Response:
        with site.database.read() as session:
            row = found(session.get(Attachment, known_id(file_id)))
            kept, ticket = session.get(KeptFile, row.sha256), session.get(Ticket, row.ticket_id)
        if kept is None or kept.state != "stored":
            raise HTTPException(404, "not_found")
        return bytes_answer(request, site.uploads.store, kept, name=_own_name(ticket, row))

    @router.post(PATH + "/{file_id}/withdraw")
    def withdraw(request: Request, file_id: str, entry: Sent) -> Response:
        known = known_id(file_id)
        with site.database.read() as session:
            ticket_id = found(session.get(Attachment, known)).ticket_id
        outcome = desk.give(request, entry, lambda: WithdrawFile(known, ticket_id, entry.text("reason")))
        if outcome is None:
            return _page(desk, request, known, entry)
        return desk.back(request, f"/console/tickets/{ticket_id}", outcome)

    @router.get(NEW_PATH)
    def form(request: Request, ticket_id: str) -> Response:
        return _form(desk, request, known_id(ticket_id), FormState({}))

    @router.post(NEW_PATH, dependencies=[Depends(site.counted("import"))])
    def add(request: Request, ticket_id: str, entry: Sent) -> Response:
        known = known_id(ticket_id)
        with site.database.read() as session:
            found(session.get(Ticket, known))
        outcome = desk.give(request, entry, lambda: _attached(site, known, entry), {"file_too_large": "file"})
        if outcome is None:
            return _form(desk, request, known, entry.state, 422)
        with site.database.read() as session:
            row = session.get(Attachment, entry.new_id("file"))
        if row is not None:
            settle(site.database, [row.sha256])
        return desk.back(request, f"/console/tickets/{known}", outcome)

    return router


def _page(desk: Desk, request: Request, file_id: str, entry: Entry | None = None) -> Response:
    with desk.site.database.read() as session:
        row = found(session.get(Attachment, file_id))
        others = [one.id for one in files_of(session, row.ticket_id, withdrawn=True)]
        place = others.index(row.id)
        context: dict[str, Any] = {
            "file": row,
            "ticket": found(session.get(Ticket, row.ticket_id)),
            "name": _person(session, row.by_id),
            "is_sealed": is_file_sealed(session, row),
            "before": others[place - 1] if place else "",
            "after": others[place + 1] if place + 1 < len(others) else "",
            "place": place + 1,
            "count": len(others),
            "kept": session.get(KeptFile, row.sha256),
        }
    shown = desk.site.pictures.find(row.sha256, "view") is not None if row.state == "stored" else False
    return desk.show(
        request, "files/file.html", status_code=200 if entry is None else 422, can=("withdraw_file",), shown=shown,
        form=entry.state if entry else FormState({}), **context,
    )  # fmt: skip


def _form(desk: Desk, request: Request, ticket_id: str, form: FormState, status: int = 200) -> Response:
    with desk.site.database.read() as session:
        ticket, rules = found(session.get(Ticket, ticket_id)), rules_of(session)
    types = ",".join(sorted(rules.types))
    return desk.show(
        request, "files/new.html", status_code=status, ticket=ticket, form=form, types=types,
        mb=rules.size_max_bytes // 1024**2, can=("attach_file",),
    )  # fmt: skip


def _attached(site: Site, ticket_id: str, entry: Entry) -> AttachFile:
    """Take the bytes, and write the command about them; what is wrong with them is said beside the field."""
    upload, file_id = entry.files.get("file"), entry.new_id("file")
    taken_at = instant(site.database.clock.read().wall_ms)
    name = (upload.filename or "").replace("\\", "/").rpartition("/")[2][-NAME_AT_MOST:] if upload else ""
    if upload is None or not name:
        entry.wrong("file", "text_missing")
        return AttachFile(file_id, ticket_id, "document", "0" * 64, 1, "", "", taken_at)
    media_type = media_type_of(upload.file.read(HEAD_BYTES))
    upload.file.seek(0)
    with site.database.read() as session:
        kind = next((one.code for one in rules_of(session).kinds if media_type in one.types), "")
    if not kind:
        entry.wrong("file", "file_type_refused", type=name.rpartition(".")[2][:12])
        return AttachFile(file_id, ticket_id, "document", "0" * 64, 1, "", "", taken_at)
    site.uploads.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = site.uploads.folder / f"office-{file_id}"
    sha256, size = "0" * 64, 1
    try:
        with source.open("wb") as out:
            shutil.copyfileobj(upload.file, out)
        size = source.stat().st_size
        sha256 = site.uploads.take_whole(source)
    except Problem as problem:
        entry.wrong("file", problem.code, **problem.values)
    finally:
        source.unlink(missing_ok=True)
    return AttachFile(
        file_id, ticket_id, kind, sha256, size, media_type, name, taken_at, caption=entry.text("caption")
    )


def _person(session: Session, person_id: str) -> str:
    person = session.get(Person, person_id)
    return person.name if person else person_id


def _own_name(ticket: Ticket | None, row: Attachment) -> str:
    number = "".join(char for char in (ticket.number if ticket else "") if char.isascii() and char.isalnum())
    return f"{number}-{row.id[-8:]}"
