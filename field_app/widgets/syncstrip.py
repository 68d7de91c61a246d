"""The strip on every screen: what is saved here, what waits, when the office was last heard.

Owns its looks; the words are chosen in state.status, the facts come from the sync loop as one value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from field_app.i18n import use_t
from field_app.state.status import SyncMode, strip_words
from field_app.ui import Form, use_form, use_session, use_strip
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, identified
from field_app.widgets.theme import State, use_palette

LOOKS = {
    SyncMode.NEVER: (State.INFO, ft.Icons.CLOUD_QUEUE),
    SyncMode.OFFLINE: (State.PAUSED, ft.Icons.CLOUD_OFF_OUTLINED),
    SyncMode.ONLINE: (State.SENT, ft.Icons.CLOUD_DONE_OUTLINED),
    SyncMode.SENDING: (State.SCHEDULED, ft.Icons.CLOUD_SYNC_OUTLINED),
    SyncMode.ERROR: (State.LATE, ft.Icons.SYNC_PROBLEM_OUTLINED),
    SyncMode.ATTENTION: (State.DANGER, ft.Icons.NOTIFICATION_IMPORTANT_OUTLINED),
}


@safe_component
def SyncStrip(on_open: Callable[[Any], Any] | None = None) -> ft.Control:
    """Show the state of sync in words and colour; a tap opens the outbox."""
    t, palette, form, guarded = use_t(), use_palette(), use_form(), use_guard()
    session, status = use_session(), use_strip().status
    state, icon = LOOKS[status.mode]
    if status.mode is SyncMode.ONLINE and (status.waiting or status.files):
        state, icon = State.WAITING, ft.Icons.SCHEDULE_SEND_OUTLINED
    elif status.mode is SyncMode.ONLINE and status.stuck:
        state, icon = LOOKS[SyncMode.ERROR]
    tone = palette.tone(state)
    headline, detail = strip_words(status, t.language, session.viewport.place, session.now(), session.zone)
    words: list[ft.Control] = [
        ft.Text(headline, theme_style=TEXT.LABEL_MEDIUM, color=tone.fg, no_wrap=True),
        ft.Text(
            detail,
            theme_style=TEXT.BODY_SMALL,
            color=tone.fg,
            max_lines=3 if form is Form.PHONE else 1,
            overflow=ft.TextOverflow.ELLIPSIS,
            expand=form is not Form.PHONE,
        ),
    ]
    text = (
        ft.Column(words, spacing=0, tight=True, expand=True)
        if form is Form.PHONE
        else ft.Row(words, spacing=12, expand=True)
    )
    row: list[ft.Control] = [ft.Icon(icon, size=22, color=tone.fg), text]
    if on_open is not None and form is not Form.PHONE:
        row.append(ft.Icon(ft.Icons.CHEVRON_RIGHT, size=22, color=tone.fg))
    return identified(
        "sync-strip",
        ft.Container(
            key="sync-strip",
            bgcolor=tone.bg,
            border=ft.Border.only(bottom=ft.BorderSide(1, tone.edge)),
            padding=ft.Padding.symmetric(horizontal=16, vertical=8 if form is Form.PHONE else 13),
            ink=on_open is not None,
            on_click=guarded(on_open) if on_open else None,
            content=ft.Row(row, spacing=12, vertical_alignment=ft.CrossAxisAlignment.CENTER),
        ),
        button=on_open is not None or None,
        live_region=True,
    )
