"""Files in the outbox: each with its state, size, how much has gone, tries, next try and what went wrong.

Owns this card. Never says "at the office" of what is only on its way.
"""

from __future__ import annotations

import flet as ft

from field_app.i18n import use_t
from field_app.screens.files import TONES
from field_app.screens.words import next_try
from field_app.state.files import FileLine, say_error, say_file_size, say_state
from field_app.state.outbox import Outbox
from field_app.state.status import local_moment
from field_app.ui import use_session
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Banner, Card, Section, StatusChip, identified
from field_app.widgets.theme import State as Tone
from field_app.widgets.theme import use_palette


@safe_component
def FilesWaiting(model: Outbox) -> ft.Control:
    """Show the files that are on their way, and those that did not get there."""
    t = use_t()
    rows: list[ft.Control] = []
    if model.holds_photos_back:
        rows.append(
            Banner(
                Tone.PAUSED,
                t("app.outbox.files_held"),
                t("app.outbox.files_held_do"),
                t("app.outbox.send_anyway"),
                lambda _: model.send_anyway(),
                "files-held",
            )
        )
    rows += [
        _Row(line, model.next_file_in_ms, place, key=line.attachment_id)
        for place, line in enumerate(model.files)
    ]
    return Card(Section(t("app.outbox.files"), rows, t("app.outbox.files_hint")), ident="outbox-files")


@safe_component
def _Row(line: FileLine, next_in_ms: int, place: int) -> ft.Control:
    t, palette, session = use_t(), use_palette(), use_session()
    key, values = say_file_size(line.size)
    when = local_moment(t.language, line.taken_at, session.now(), session.zone)
    facts = [line.number, t(f"attachment.kind.{line.kind}"), when, t(key, **values)]
    if line.tries:
        facts.append(t("app.outbox.file_tries", n=line.tries))
    below: list[ft.Control] = [
        ft.Text(" · ".join(filter(None, facts)), theme_style=TEXT.BODY_SMALL, color=palette.soft)
    ]
    why = say_error(t.language, line.error)
    if why:
        waits = next_try(t, next_in_ms) if line.tries and line.state not in ("refused", "lost") else ""
        below.append(
            ft.Text(
                " ".join(filter(None, (f"{why}.".replace("..", "."), waits))), theme_style=TEXT.BODY_MEDIUM
            )
        )
    if line.state == "sending":
        below.append(
            ft.ProgressBar(
                value=line.percent / 100,
                bar_height=6,
                border_radius=3,
                color=palette.primary,
                bgcolor=palette.raised,
            )
        )
    name = ft.Text(line.caption or line.name, theme_style=TEXT.TITLE_SMALL, max_lines=1, expand=True)
    head = ft.Row([name, StatusChip(TONES[line.state], say_state(t.language, line))], spacing=12)
    return identified(
        f"outbox-file-{place}",
        ft.Container(
            padding=ft.Padding.symmetric(vertical=6),
            border=ft.Border.only(top=ft.BorderSide(1, palette.line)),
            content=ft.Column(
                [head, *below], spacing=3, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
            ),
        ),
    )
