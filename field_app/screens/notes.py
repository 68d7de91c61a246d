"""Notes and timeline of a ticket: what happened, when, known to whom; a note of one's own.

Owns this page. Notes are never changed; what is not sent yet says so.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from common.tickets.field_work import AddNote
from common.tickets.ticket import TicketEvent
from common.tickets.wording import say_event
from field_app.data import Give
from field_app.i18n import use_language, use_t
from field_app.state.status import local_moment
from field_app.state.ticket import TicketView
from field_app.ui import use_session
from field_app.widgets.fields import DraftField, MainButton, TextInput, use_text
from field_app.widgets.layout import at_the_end
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Card, Section
from field_app.widgets.theme import State, use_palette

I = ft.Icons  # noqa: E741
EVENT_ICONS = {
    "note": I.STICKY_NOTE_2_OUTLINED,
    "arrived": I.PIN_DROP_OUTLINED,
    "en_route": I.DIRECTIONS_CAR_OUTLINED,
    "acknowledged": I.DONE,
    "diagnosed": I.TROUBLESHOOT,
    "measure": I.HANDYMAN_OUTLINED,
    "test_passed": I.VERIFIED_OUTLINED,
    "test_recorded": I.SPEED,
    "signed": I.DRAW_OUTLINED,
    "help_requested": I.SUPPORT_AGENT,
    "rescheduled": I.EDIT_CALENDAR_OUTLINED,
    "cancelled": I.CANCEL_OUTLINED,
    "stop_use_given": I.DANGEROUS_OUTLINED,
}


@safe_component
def NotesPage(view: TicketView, give: Give, say: Any) -> ft.Control:
    """Show the timeline, newest first, below the field for a note."""
    t = use_t()
    rows: list[ft.Control] = [EventRow(event, view, key=event.id) for event in reversed(view.events)]
    return ft.Column(
        [
            NoteForm(view, give),
            Card(Section(t("app.notes.timeline"), rows or [ft.Text(t("app.notes.empty"))]), ident="timeline"),
        ],
        spacing=14,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def NoteForm(view: TicketView, give: Give) -> ft.Control:
    """Take a note; half-typed it survives the app being killed."""
    t, session = use_t(), use_session()
    form = f"note:{view.ticket.id}"
    count, set_count = ft.use_state(0)
    missing, set_missing = ft.use_state(False)
    draft = DraftField(session.drafts, form, "text")
    box = use_text("", draft, count)

    def save(_: Any) -> None:
        set_missing(not box.clean())
        if box.clean() and give(AddNote(view.ticket.id, box.clean())):
            session.drafts.forget(form)
            set_count(count + 1)

    return Card(
        Section(
            t("app.notes.add"),
            [
                TextInput(
                    box,
                    "note-text",
                    t("event.note"),
                    draft,
                    t("app.notes.hint"),
                    multiline=True,
                    max_length=4000,
                    error=t("app.form.needed") if missing else "",
                ),
                at_the_end(MainButton("note-save", t("app.notes.save"), save, I.SAVE_OUTLINED)),
            ],
        )
    )


@safe_component
def EventRow(event: TicketEvent, view: TicketView) -> ft.Control:
    """Show one line of the timeline."""
    t, palette, session, language = use_t(), use_palette(), use_session(), use_language()
    who = t("app.notes.you") if event.actor_id == view.person_id else t("app.notes.office")
    marks = [local_moment(language, event.at, session.now(), session.zone), who]
    if abs(event.clock_error_ms) >= 60_000:
        marks.append(t("app.notes.clock_error", minutes=round(event.clock_error_ms / 60_000)))
    words: list[ft.Control] = [
        ft.Text(say_event(event, language, str(session.zone)), theme_style=TEXT.TITLE_SMALL)
    ]
    if event.note:
        words.append(ft.Text(event.note, theme_style=TEXT.BODY_LARGE, selectable=True))
    unsent = event.received_at is None
    tone = palette.tone(State.WAITING)
    if unsent:
        marks.append(t("app.state.waiting"))
    words.append(
        ft.Text(" · ".join(marks), theme_style=TEXT.BODY_SMALL, color=tone.fg if unsent else palette.soft)
    )
    return ft.Row(
        [
            ft.Container(
                width=40,
                height=40,
                border_radius=20,
                bgcolor=tone.bg if unsent else palette.primary_soft,
                alignment=ft.Alignment.CENTER,
                content=ft.Icon(
                    EVENT_ICONS.get(event.kind, I.CIRCLE_OUTLINED),
                    size=20,
                    color=tone.fg if unsent else palette.on_primary_soft,
                ),
            ),
            ft.Column(words, spacing=1, tight=True, expand=True),
        ],
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
