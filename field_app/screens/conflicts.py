"""What needs the engineer: commands not accepted, fields both changed, the office's notices and remarks.

Owns this page. Each entry says what happened, in the office's words, and what can be done about it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from common.i18n import has_key
from common.kernel.clock import instant
from common.tickets.wording import say_reason
from field_app.i18n import Translator, use_t
from field_app.screens.handing import told
from field_app.screens.outbox import said
from field_app.state.conflicts import Conflicts
from field_app.state.edit_again import EditLine
from field_app.state.reach import Pulse
from field_app.state.status import local_moment
from field_app.store.queries_inbox import Met, Notice, Stuck
from field_app.store.queries_outbox import Entry
from field_app.ui import UiSession, use_app, use_session
from field_app.widgets.fields import ChoiceField, MainButton, Option, TextInput, use_text
from field_app.widgets.layout import Screen
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signing import BigChoice
from field_app.widgets.states import TEXT, Banner, Card, EmptyState, Section, StatusChip, identified
from field_app.widgets.theme import TARGET_PX, State, use_palette

READ_SHOWN = 5


@safe_component
def ConflictsScreen() -> ft.Control:
    """Show what needs the engineer."""
    app = use_app()
    model = ft.use_memo(lambda: Conflicts(app), [])
    return _Page(model, app.pulse)


@safe_component
def _Page(model: Conflicts, pulse: Pulse) -> ft.Control:
    t, guarded = use_t(), use_guard()
    ft.use_effect(guarded(model.refresh), [pulse.beat])
    if model.is_empty:
        return Screen(
            "conflicts",
            t("app.conflicts.title"),
            EmptyState(
                ft.Icons.HANDSHAKE_OUTLINED,
                t("app.conflicts.empty"),
                t("app.conflicts.empty_do"),
                ident="conflicts-empty",
            ),
        )
    body: list[ft.Control] = []
    if model.stuck:
        body.append(_head(t("app.conflicts.stuck"), t("app.conflicts.stuck_hint")))
        body += [_StuckCard(model, one, key=one.op_id) for one in model.stuck]
    if model.met:
        body.append(_head(t("app.conflicts.met"), t("app.conflicts.met_hint")))
        body += [_MetCard(model, one, key=one.conflict_id) for one in model.met]
    if model.notices:
        body.append(_Notices(model, key="notices"))
    if model.remarks:
        body.append(_Remarks(model, key="remarks"))
    return Screen("conflicts", t("app.conflicts.title"), body)


def _head(title: str, hint: str) -> ft.Control:
    return ft.Column(
        [
            ft.Semantics(header=True, content=ft.Text(title, theme_style=TEXT.TITLE_LARGE)),
            ft.Text(hint, theme_style=TEXT.BODY_MEDIUM),
        ],
        spacing=2,
        tight=True,
    )


def _label(t: Translator, kind: str) -> str:
    return t(f"command.{kind}") if has_key(f"command.{kind}") else kind


def _when(t: Translator, session: UiSession, at: Any) -> str:
    return local_moment(t.language, at, session.now(), session.zone)


@safe_component
def _StuckCard(model: Conflicts, one: Stuck) -> ft.Control:
    t, session, palette = use_t(), use_session(), use_palette()
    with_office = one.item_state == "office"
    state = State.DONE if with_office else State.LATE if one.is_blocked else State.DANGER
    word = "office" if with_office else "blocked" if one.is_blocked else "parked"
    facts = " · ".join(filter(None, (one.number, _when(t, session, one.at))))
    parts: list[ft.Control] = [
        ft.Row(
            [
                ft.Text(_label(t, one.kind), theme_style=TEXT.TITLE_MEDIUM, expand=True),
                StatusChip(state, t(f"app.conflicts.state.{word}")),
            ],
            vertical_alignment=ft.CrossAxisAlignment.START,
        ),
        ft.Text(facts, theme_style=TEXT.BODY_MEDIUM, color=palette.soft),
    ]
    gist = one.gist.in_language(t.language)
    if gist:
        parts.append(ft.Text(gist, theme_style=TEXT.BODY_LARGE))
    reason = t("app.conflicts.blocked") if one.is_blocked else said(t, one, str(session.zone))
    said_by = t("app.conflicts.waits" if one.is_blocked else "app.conflicts.said")
    parts.append(Banner(state, said_by, reason, ident=f"why-{one.op_id}"))
    if model.trouble_of == one.op_id:
        parts.append(Banner(State.DANGER, told(t, model.trouble), ident="stuck-trouble"))
    if model.editing == one.op_id:
        parts.append(_EditAgain(model, one, key="edit"))
    elif not (with_office or one.is_blocked):
        parts.append(_Choices(model, one, key="choices"))
    return Card(
        ft.Column(parts, spacing=10, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        state,
        f"stuck-{one.op_id}",
    )


@safe_component
def _Choices(model: Conflicts, one: Stuck) -> ft.Control:
    t = use_t()
    return ft.Row(
        [
            MainButton(
                f"edit-{one.op_id}",
                t("app.conflicts.edit"),
                lambda _: model.edit(one.op_id),
                ft.Icons.EDIT_OUTLINED,
            ),
            MainButton(
                f"office-{one.op_id}",
                t("command.hand_to_office"),
                lambda _: model.to_office(one.op_id),
                ft.Icons.SUPPORT_AGENT,
                kind="other",
            ),
            MainButton(
                f"withdraw-{one.op_id}",
                t("command.withdraw_command"),
                lambda _: model.withdraw(one.op_id),
                ft.Icons.UNDO,
                kind="other",
            ),
        ],
        spacing=10,
        run_spacing=10,
        wrap=True,
    )


@safe_component
def _EditAgain(model: Conflicts, one: Stuck) -> ft.Control:
    t, session = use_t(), use_session()
    lines = ft.use_memo(lambda: model.lines(one, session.zone), [one.op_id])
    values = ft.use_memo(lambda: {line.name: line.value for line in lines}, [one.op_id])

    def put(name: str, text: str) -> None:
        values[name] = text

    fields: list[ft.Control] = [
        _EditField(line, lambda text, name=line.name: put(name, text), key=line.name) for line in lines
    ]
    return ft.Column(
        [
            *fields,
            ft.Row(
                [
                    MainButton(
                        "edit-cancel", t("app.conflicts.cancel"), lambda _: model.edit(""), kind="other"
                    ),
                    MainButton(
                        "edit-send",
                        t("app.conflicts.send_again"),
                        lambda _: model.send_again(one, values, session.zone),
                        ft.Icons.SEND_OUTLINED,
                    ),
                ],
                spacing=10,
                run_spacing=10,
                wrap=True,
            ),
        ],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def _EditField(line: EditLine, on_change: Callable[[str], Any]) -> ft.Control:
    t = use_t()
    label = t(f"field.{line.label}") if has_key(f"field.{line.label}") else line.label
    value, set_value = ft.use_state(line.value)
    box = use_text(line.value)
    if line.kind != "flag":
        hint = t("app.conflicts.instant_hint") if line.kind == "instant" else ""
        return TextInput(
            box,
            f"again-{line.name}",
            label,
            hint=hint,
            multiline=line.kind == "lines",
            on_change=on_change,
        )

    def choose(picked: str) -> None:
        set_value(picked)
        on_change(picked)

    options = [Option("1", t("voucher.yes")), Option("", t("voucher.no"))]
    return ChoiceField(f"again-{line.name}", label, options, value, choose)


@safe_component
def _MetCard(model: Conflicts, one: Met) -> ft.Control:
    t, session, palette = use_t(), use_session(), use_palette()
    label = t(f"field.{one.field}") if has_key(f"field.{one.field}") else one.field
    mine, theirs = (one.kept, one.lost) if one.is_mine_kept else (one.lost, one.kept)
    keep_mine = "keep" if one.is_mine_kept else "swap"
    keep_theirs = "swap" if one.is_mine_kept else "keep"
    stands = t("app.conflicts.stands")
    parts: list[ft.Control] = [
        ft.Text(
            " · ".join(filter(None, (one.number, label, _when(t, session, one.at)))),
            theme_style=TEXT.TITLE_SMALL,
            color=palette.soft,
        ),
        BigChoice(
            f"mine-{one.conflict_id}",
            ft.Icons.PERSON_OUTLINE,
            say_value(t, one.field, mine, session),
            t("app.conflicts.mine") + (f" · {stands}" if one.is_mine_kept else ""),
            State.INFO,
            one.is_mine_kept,
            lambda _: model.settle(one, keep_mine),
        ),
        BigChoice(
            f"theirs-{one.conflict_id}",
            ft.Icons.APARTMENT_OUTLINED,
            say_value(t, one.field, theirs, session),
            t("app.conflicts.theirs") + ("" if one.is_mine_kept else f" · {stands}"),
            State.SCHEDULED,
            not one.is_mine_kept,
            lambda _: model.settle(one, keep_theirs),
        ),
    ]
    if model.trouble_of == one.conflict_id:
        parts.append(Banner(State.DANGER, told(t, model.trouble), ident="met-trouble"))
    return Card(
        ft.Column(parts, spacing=10, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        State.WARN,
        f"met-{one.conflict_id}",
    )


def say_value(t: Translator, field: str, value: str, session: UiSession) -> str:
    """Show a field's value as a person reads it: instants as local time, nothing as a dash."""
    if not value:
        return t("app.conflicts.nothing")
    if field.endswith("_at") and value.isdecimal():
        return local_moment(t.language, instant(int(value)), session.now(), session.zone)
    return value


@safe_component
def _Notices(model: Conflicts) -> ft.Control:
    t = use_t()
    unread = [one for one in model.notices if not one.is_seen]
    read = [one for one in model.notices if one.is_seen][:READ_SHOWN]
    rows: list[ft.Control] = [_NoticeRow(model, one, key=one.item_id) for one in (*unread, *read)]
    if len(unread) > 1:
        rows.append(
            ft.Row(
                [
                    MainButton(
                        "all-read",
                        t("app.conflicts.all_read"),
                        lambda _: model.read_all(),
                        ft.Icons.DONE_ALL,
                        kind="other",
                    )
                ]
            )
        )
    return Card(
        Section(t("app.conflicts.notices"), rows),
        State.SCHEDULED if unread else None,
        "notices",
    )


@safe_component
def _NoticeRow(model: Conflicts, one: Notice) -> ft.Control:
    t, session, palette, guarded = use_t(), use_session(), use_palette(), use_guard()
    text = say_reason(one.code, one.details, t.language, str(session.zone))
    tone = palette.soft if one.is_seen else palette.ink
    row: list[ft.Control] = [
        ft.Icon(
            ft.Icons.NOTIFICATIONS_NONE if one.is_seen else ft.Icons.NOTIFICATIONS_ACTIVE_OUTLINED,
            color=palette.soft if one.is_seen else palette.tone(State.SCHEDULED).fg,
        ),
        ft.Column(
            [
                ft.Text(text, theme_style=TEXT.BODY_LARGE, color=tone),
                ft.Text(_when(t, session, one.at), theme_style=TEXT.BODY_SMALL, color=palette.soft),
            ],
            spacing=0,
            tight=True,
            expand=True,
        ),
    ]
    if not one.is_seen:
        row.append(
            identified(
                f"seen-{one.item_id}",
                ft.TextButton(
                    t("app.conflicts.read"),
                    key=f"seen-{one.item_id}",
                    height=TARGET_PX,
                    on_click=guarded(lambda _: model.read(one.item_id)),
                ),
            )
        )
    return ft.Row(row, spacing=12)


@safe_component
def _Remarks(model: Conflicts) -> ft.Control:
    t = use_t()
    rows: list[ft.Control] = [_RemarkRow(entry, key=entry.op_id) for entry in model.remarks]
    rows.append(
        ft.Row(
            [
                MainButton(
                    "remarks-read",
                    t("app.conflicts.remarks_read"),
                    lambda _: model.remarks_read(),
                    ft.Icons.DONE_ALL,
                    kind="other",
                )
            ]
        )
    )
    return Card(
        Section(t("app.conflicts.remarks"), rows, t("app.conflicts.remarks_hint")), State.WARN, "remarks"
    )


@safe_component
def _RemarkRow(entry: Entry) -> ft.Control:
    t, session, palette = use_t(), use_session(), use_palette()
    facts = " · ".join(
        filter(None, (entry.number, _label(t, entry.kind), entry.gist.in_language(t.language)))
    )
    return ft.Column(
        [
            ft.Text(said(t, entry, str(session.zone)), theme_style=TEXT.BODY_LARGE),
            ft.Text(
                f"{facts} · {_when(t, session, entry.given_at)}",
                theme_style=TEXT.BODY_SMALL,
                color=palette.soft,
            ),
        ],
        spacing=0,
        tight=True,
    )
