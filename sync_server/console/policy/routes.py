"""The policy's pages: what is in force, what is blank, one place changed, presets, versions.

Owns pages. A policy is written only by the commands `adopt_policy` and `fill_policy_facet`.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from common.people.person import Person
from common.policy.policy_commands import AdoptPolicy, FillPolicyFacet
from common.policy.policy_set import PolicySet, active_set
from common.policy.preset import PRESETS, preset_data
from common.policy.reader import blanks, marked
from sync_server.console.desk import Desk, found, known_id
from sync_server.console.entry import Entry, Sent
from sync_server.console.forms import FormState
from sync_server.console.policy.change import confirm_path, field_at, value_of
from sync_server.console.policy.words import PolicyWords, find, in_order
from sync_server.console.site import Site

PATH = "/console/policy"
CAN = ("adopt_policy", "fill_policy_facet")
DOCUMENT_AT_MOST = 500_000


def policy_router(site: Site) -> APIRouter:
    """Make the pages."""
    desk = Desk(site, "policy")
    router = APIRouter(dependencies=[Depends(site.allow("policy"))])

    @router.get(PATH)
    def policy(request: Request) -> Response:
        return _policy(desk, request)

    @router.post(PATH + "/adopt")
    def adopt(request: Request, entry: Sent) -> Response:
        raw = entry.file("document", DOCUMENT_AT_MOST + 1)
        try:
            document = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            entry.wrong("document", "json_not_utf8")
            document = ""
        if raw == b"" and entry.values.get("own"):
            entry.wrong("document", "text_missing")
        preset = entry.text("preset") or "own"
        policy_id = entry.new_id("policy")
        outcome = desk.give(request, entry, lambda: AdoptPolicy(policy_id, preset, document))
        return _policy(desk, request, entry) if outcome is None else desk.back(request, PATH, outcome)

    @router.get(PATH + "/change")
    def change_page(request: Request, path: str = "") -> Response:
        return _change(desk, request, path)

    @router.post(PATH + "/change")
    def change(request: Request, entry: Sent) -> Response:
        path = entry.text("path")
        words, _ = _in_force(desk, request)
        value = value_of(entry, field_at(words, path), words.currency)
        policy_id = entry.new_id("policy")
        outcome = desk.give(
            request, entry, lambda: FillPolicyFacet(policy_id, path, value, entry.text("source")),
            {"policy_unusable": "value", "value_not_readable": "value"},
        )  # fmt: skip
        return _change(desk, request, path, entry) if outcome is None else desk.back(request, PATH, outcome)

    @router.post(PATH + "/confirm")
    def confirm(request: Request, entry: Sent) -> Response:
        words, _ = _in_force(desk, request)
        place = confirm_path(words, entry.text("path"))
        value = json.dumps(find(words.data, place), ensure_ascii=False)
        policy_id = entry.new_id("policy")
        outcome = desk.give(
            request, entry, lambda: FillPolicyFacet(policy_id, place, value, entry.text("source"))
        )
        return _policy(desk, request, entry) if outcome is None else desk.back(request, PATH, outcome)

    @router.get(PATH + "/presets/{preset}")
    def preset(request: Request, preset: str) -> Response:
        if preset not in PRESETS:
            raise HTTPException(404, "not_found")
        return _document(desk, request, preset_data(preset), None)

    @router.get(PATH + "/versions/{policy_id}")
    def version(request: Request, policy_id: str) -> Response:
        with site.database.read() as session:
            row = found(session.get(PolicySet, known_id(policy_id)))
        return _document(desk, request, row.data, row)

    return router


def _in_force(desk: Desk, request: Request) -> tuple[PolicyWords, PolicySet]:
    with desk.site.database.read() as session:
        row = active_set(session)
    if row is None:
        raise HTTPException(404, "policy_missing")
    return PolicyWords(row.data, desk.site.language(request)), row


def _policy(desk: Desk, request: Request, entry: Entry | None = None) -> Response:
    language = desk.site.language(request)
    with desk.site.database.read() as session:
        row = active_set(session)
        versions = _versions(session)
    presets = [(name, PolicyWords(preset_data(name), language)) for name in PRESETS]
    context: dict[str, Any] = {
        "row": row,
        "versions": versions,
        "presets": [(name, words.title(words.data), words.data.get("source", "")) for name, words in presets],
        "form": entry.state if entry else FormState(),
        "sections": [],
        "unset": [],
        "to_confirm": [],
    }
    if row is not None:
        words = PolicyWords(row.data, language)
        context |= {
            "sections": words.sections(),
            "title": words.title(row.data),
            "unset": [(path, words.label_of(path)) for path in in_order(blanks(row.data))],
            "to_confirm": [
                (path, words.label_of(path), _source(row.data, path)) for path in marked(row.data)
            ],
        }
    return desk.show(
        request,
        "policy/policy.html",
        "policy/_policy.html",
        status_code=422 if entry else 200,
        can=CAN,
        **context,
    )


def _source(data: Any, path: str) -> str:
    node = find(data, path)
    return str(node.get("source", "")) if isinstance(node, dict) else ""


def _change(desk: Desk, request: Request, path: str, entry: Entry | None = None) -> Response:
    words, row = _in_force(desk, request)
    around = find(words.data, path.rpartition(".")[0])
    if not isinstance(around, dict) or path.rpartition(".")[2] not in around:
        raise HTTPException(404, "not_found")
    asked = field_at(words, path)
    form = entry.state if entry else FormState({"path": path, "value": asked.value, "source": ""})
    return desk.show(
        request, "policy/change.html", status_code=422 if entry else 200, can=CAN, row=row, asked=asked, form=form,
        label=words.label_of(path), source_now=around.get("source", ""),
    )  # fmt: skip


def _document(desk: Desk, request: Request, data: Any, row: PolicySet | None) -> Response:
    words = PolicyWords(data, desk.site.language(request))
    return desk.show(
        request, "policy/document.html", can=CAN, row=row, title=words.title(data), sections=words.sections(),
        unset=blanks(data), source=data.get("source", ""), preset=data.get("id", ""),
    )  # fmt: skip


def _versions(session: Session) -> list[Any]:
    query = select(PolicySet, Person.name).outerjoin(Person, Person.id == PolicySet.adopted_by)
    return list(session.execute(query.order_by(PolicySet.version.desc()).limit(50)))
