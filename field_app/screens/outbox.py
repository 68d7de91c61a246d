"""The outbox: every command of this device in words, how far it has come, and what happens next.

Owns this page. Never says "sent" of what is only saved here.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from common.i18n import has_key
from common.tickets.wording import say_reason
from field_app.i18n import Translator, use_t
from field_app.screens.outbox_files import FilesWaiting
from field_app.screens.words import next_try
from field_app.state.outbox import Outbox, say_size, state_key
from field_app.state.reach import Pulse
from field_app.state.status import local_moment, say_trouble
from field_app.store.queries_outbox import Entry
from field_app.ui import use_app, use_session
from field_app.widgets.fields import MainButton
from field_app.widgets.layout import Screen
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, Card, EmptyState, Section, StatusChip
from field_app.widgets.theme import State, use_palette

LOOKS = {
    "new": State.WAITING,
    "tried": State.WAITING,
    "acked": State.SCHEDULED,
    "parked": State.DANGER,
    "blocked": State.LATE,
    "kept": State.SENT,
    "closed": State.DONE,
    "remark": State.WARN,
    "spoiled": State.DANGER,
}


@safe_component
def OutboxScreen() -> ft.Control:
    """Show the outbox."""
    app = use_app()
    model = ft.use_memo(lambda: Outbox(app), [])
    return _Page(model, app.pulse)


@safe_component
def _Page(model: Outbox, pulse: Pulse) -> ft.Control:
    t, page, guarded = use_t(), ft.context.page, use_guard()
    ft.use_effect(guarded(model.refresh), [pulse.beat])
    found = model.page
    assert found is not None
    body: list[ft.Control] = [_Line(model, key="line")]
    if found.stuck:
        stuck = [_EntryRow(entry, key=entry.op_id) for entry in found.stuck]
        stuck.append(
            MainButton(
                "to-conflicts",
                t("app.outbox.decide"),
                lambda _: page.navigate("/conflicts"),
                ft.Icons.ARROW_FORWARD,
            )
        )
        body.append(Card(Section(t("app.outbox.stuck"), stuck), State.DANGER, "outbox-stuck", key="stuck"))
    if found.spoiled:
        body.append(_Group("spoiled", found.spoiled, t("app.outbox.spoiled_hint"), key="spoiled"))
    if found.waiting or found.under_way:
        body.append(_Group("waiting", (*found.waiting, *found.under_way), key="waiting"))
    if model.files:
        body.append(FilesWaiting(model, key="files"))
    if found.kept:
        body.append(_Group("kept", found.kept, t("app.outbox.kept_hint", n=found.kept_count), key="kept"))
    if not (found.waiting or found.under_way or found.stuck or found.spoiled or model.files):
        body.insert(
            1,
            EmptyState(
                ft.Icons.CLOUD_DONE_OUTLINED,
                t("app.outbox.empty"),
                t("app.outbox.empty_do"),
                ident="outbox-empty",
                key="empty",
            ),
        )
    return Screen("outbox", t("app.outbox.title"), body)


@safe_component
def _Line(model: Outbox) -> ft.Control:
    t, session = use_t(), use_session()
    found, line = model.page, model.line
    assert found is not None
    key, values = say_size(found.waiting_bytes)
    head = (
        t("app.outbox.waiting_head", n=found.waiting_count, size=t(key, **values))
        if found.waiting_count
        else t("app.outbox.nothing_waits")
    )
    contact = session.strip.status.last_contact_at
    heard = (
        t(
            "app.strip.last_contact",
            moment=local_moment(t.language, contact, session.now(), session.zone),
        )
        if contact
        else t("app.strip.no_contact")
    )
    words: list[ft.Control] = [ft.Text(heard, theme_style=TEXT.BODY_MEDIUM)]
    if line.error:
        words.append(
            ft.Text(
                say_trouble(t.language, line.error),
                key="line-error",
                theme_style=TEXT.BODY_LARGE,
                expand=True,
            )
        )
        words.append(ft.Text(next_try(t, line.next_try_in_ms), theme_style=TEXT.BODY_MEDIUM))
    state = State.LATE if line.error else State.WAITING if found.waiting_count else State.SENT
    return Card(
        Section(
            head,
            [
                *words,
                ft.Row(
                    [MainButton("try-now", t("app.outbox.try_now"), lambda _: model.try_now(), ft.Icons.SYNC)]
                ),
            ],
        ),
        state,
        "outbox-line",
    )


@safe_component
def _Group(name: str, entries: tuple[Entry, ...], hint: str = "") -> ft.Control:
    t = use_t()
    rows: list[ft.Control] = [_EntryRow(entry, key=entry.op_id) for entry in entries]
    return Card(Section(t(f"app.outbox.{name}"), rows, hint), ident=f"outbox-{name}")


@safe_component
def _EntryRow(entry: Entry) -> ft.Control:
    t, palette, session = use_t(), use_palette(), use_session()
    state = state_key(entry)
    label = t(f"command.{entry.kind}") if has_key(f"command.{entry.kind}") else entry.kind
    when = local_moment(t.language, entry.given_at, session.now(), session.zone)
    key, values = say_size(entry.size)
    facts = [entry.number, when, t(key, **values)]
    if entry.tries > 1 and entry.state == "new":
        facts.append(t("app.outbox.tries", n=entry.tries))
    words: list[ft.Control] = [ft.Text(label, theme_style=TEXT.TITLE_SMALL)]
    gist = entry.gist.in_language(t.language)
    if gist:
        words.append(
            ft.Text(gist, theme_style=TEXT.BODY_MEDIUM, max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)
        )
    head = ft.Row(
        [
            ft.Column(words, spacing=1, tight=True, expand=True),
            StatusChip(LOOKS[state], t(f"app.outbox.state.{state}")),
        ],
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
    below: list[ft.Control] = [
        ft.Text(" · ".join(filter(None, facts)), theme_style=TEXT.BODY_SMALL, color=palette.soft)
    ]
    if entry.code:
        below.append(ft.Text(said(t, entry, str(session.zone)), theme_style=TEXT.BODY_MEDIUM))
    return ft.Container(
        padding=ft.Padding.symmetric(vertical=6),
        border=ft.Border.only(top=ft.BorderSide(1, palette.line)),
        content=ft.Column(
            [head, *below], spacing=2, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
        ),
    )


def said(t: Translator, entry: Any, zone: str) -> str:
    """Say the office's reason in words."""
    return say_reason(entry.code, entry.details, t.language, zone)
