"""The checklist: one tap an answer, kept at each tap, so that a killed app loses nothing (R058).

Owns this page. Answering again corrects an answer until the report is signed.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from common.visit.on_site import AnswerChecklist
from field_app.data import Give, use_loaded
from field_app.i18n import use_language, use_t
from field_app.state.checklist import Checklist, Item, load_checklists
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import ChoiceField, DraftField, MainButton, Option, TextInput, use_text
from field_app.widgets.layout import at_the_end, stack
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Banner, Card, EmptyState, StatusChip
from field_app.widgets.theme import State, use_palette

I = ft.Icons  # noqa: E741


@safe_component
def ChecklistPage(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Show the lists that fit the unit, with their answers."""
    t = use_t()
    lists: tuple[Checklist, ...] = use_loaded(load_checklists(view.ticket.id), view.ticket.id)
    if not lists:
        return EmptyState(
            I.CHECKLIST, t("app.checklist.empty"), t("app.checklist.empty_do"), ident="checklist-empty"
        )
    body: list[ft.Control] = []
    if not view.can_work:
        body.append(NotThere(view))
    body.extend(ListCard(one, view, give, key=one.code) for one in lists)
    return stack(body, 14)


@safe_component
def NotThere(view: TicketView) -> ft.Control:
    """Say why nothing can be recorded now."""
    t = use_t()
    if view.is_sealed:
        number = view.report.number if view.report else ""
        return Banner(
            State.DONE, t("app.work.sealed"), t("app.work.sealed_do", number=number), ident="sealed"
        )
    return Banner(State.INFO, t("app.work.not_there"), t("app.work.not_there_do"), ident="not-there")


@safe_component
def ListCard(checklist: Checklist, view: TicketView, give: Give) -> ft.Control:
    """Show one list and how far it is."""
    t, palette, language = use_t(), use_palette(), use_language()
    done, total = checklist.answered, len(checklist.items)
    complete = not any(item.is_open for item in checklist.items)
    head = ft.Row(
        [
            ft.Semantics(
                header=True,
                expand=True,
                content=ft.Text(checklist.title.in_language(language), theme_style=TEXT.TITLE_MEDIUM),
            ),
            StatusChip(
                State.DONE if complete else State.WARN,
                t("app.checklist.progress", n=done, of=total),
                f"progress-{checklist.code}",
            ),
        ],
        spacing=10,
    )
    rows: list[ft.Control] = [head]
    for item in checklist.items:
        rows.append(ft.Divider(height=1, color=palette.line))
        rows.append(ItemRow(item, view, give, key=f"{item.template}.{item.code}"))
    return Card(
        stack(rows, 12),
        ident=f"list-{checklist.code}",
    )


@safe_component
def ItemRow(item: Item, view: TicketView, give: Give) -> ft.Control:
    """Show one item: what was read where a reading is asked for, three answers, a note where it is not in order."""
    t, session = use_t(), use_session()
    form, name = view.form("checklist"), f"{item.template}.{item.code}"
    values = DraftField(session.drafts, form, f"{name}.value")
    notes = DraftField(session.drafts, form, f"{name}.note")
    value, note = use_text(item.value, values), use_text(item.note, notes)
    missing, set_missing = ft.use_state(False)
    locked = not view.can_work

    def answer(chosen: Any) -> None:
        lacks = item.kind == "value" and chosen != "na" and not value.clean()
        set_missing(lacks)
        if not lacks:
            given = (view.ticket.id, item.template, item.code, chosen)
            give(AnswerChecklist(*given, value=value.clean(), note=note.clean()))

    def keep(_: Any) -> None:
        if item.answer:
            answer(item.answer)

    parts: list[ft.Control] = [ItemTitle(item)]
    if item.kind == "value":
        label = f"{t('field.value')} ({item.unit})" if item.unit else t("field.value")
        parts.append(
            TextInput(
                value,
                f"value-{item.code}",
                label,
                values,
                disabled=locked,
                keyboard=ft.KeyboardType.NUMBER,
                on_submit=keep,
                error=t("app.checklist.value_first") if missing else "",
            )
        )
    parts.append(
        ChoiceField(
            f"{item.template}-{item.code}",
            "",
            _options(t),
            item.answer or None,
            answer,
            disabled=locked,
            equal=True,
        )
    )
    if item.answer == "not_ok":
        parts.append(
            TextInput(
                note,
                f"note-{item.code}",
                t("app.checklist.what_done"),
                notes,
                disabled=locked,
                multiline=True,
            )
        )
    if item.answer and not locked and (item.kind == "value" or item.answer == "not_ok"):
        save = MainButton(f"keep-{item.code}", t("app.checklist.keep"), keep, I.SAVE_OUTLINED, kind="other")
        parts.append(at_the_end(save))
    return stack(parts, 10)


@safe_component
def ItemTitle(item: Item) -> ft.Control:
    """Show what is asked, and whether it has been answered."""
    t, palette, title = use_t(), use_palette(), item.title.in_language(use_language())
    return ft.Row(
        [
            ft.Icon(
                I.CHECK_CIRCLE if item.answer else I.RADIO_BUTTON_UNCHECKED,
                size=20,
                color=palette.primary if item.answer else palette.soft,
            ),
            ft.Text(
                title if item.is_required else f"{title} {t('app.checklist.optional')}",
                theme_style=TEXT.BODY_LARGE,
                expand=True,
            ),
        ],
        spacing=8,
    )


def _options(t: Any) -> list[Option]:
    return [
        Option("ok", t("app.checklist.ok"), I.THUMB_UP_OUTLINED, State.UNDER_WAY),
        Option("not_ok", t("app.checklist.not_ok"), I.THUMB_DOWN_OUTLINED, State.DANGER),
        Option("na", t("app.checklist.na"), I.REMOVE_CIRCLE_OUTLINE, State.DONE),
    ]
