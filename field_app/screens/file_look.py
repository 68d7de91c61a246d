"""One file large: the picture, what is known of it, taking it back, fetching what is not here.

Owns the dialog. Plain controls: a dialog stands outside the page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flet as ft

from common.files.attach import WithdrawFile
from common.protocol.messages import ExchangeError
from field_app.data import Said, answer_of, use_tablet
from field_app.i18n import Translator, use_t
from field_app.state.files import FileLine, say_error, say_file_size, say_state
from field_app.state.status import local_moment
from field_app.state.tablet import Tablet
from field_app.store.roomy import StoreFullError
from field_app.sync.tus import BytesDamaged, FileRefused, OffsetLost
from field_app.ui import UiSession, use_session
from field_app.widgets.safe import guard
from field_app.widgets.states import TEXT, identified
from field_app.widgets.theme import MAIN_TARGET_PX, State

PICTURE_PX = 520


@dataclass(frozen=True, slots=True)
class Looking:
    """What the dialog shows. `note`: what was said last; `asks`: whether it asks once more before taking back."""

    line: FileLine | None = None
    data: bytes | None = None
    note: str = ""
    asks: bool = False
    fetching: bool = False


def use_look(can_withdraw: bool, say: Callable[[Said | None], None]) -> Callable[[FileLine], None]:
    """Return what opens the dialog of a file."""
    t, tablet, session = use_t(), use_tablet(), use_session()
    picker = ft.use_memo(ft.FilePicker, [])
    held: Any = ft.use_state(Looking())
    looking, show = held

    def look(line: FileLine) -> None:
        desk = tablet.files
        data = desk.box.read(line.sha) if desk is not None and line.is_here else None
        show(Looking(line, data))

    ft.use_dialog(
        _dialog(t, session, tablet, looking, show, can_withdraw, say, picker) if looking.line else None
    )
    return look


def _dialog(
    t: Translator,
    session: UiSession,
    tablet: Tablet,
    looking: Looking,
    show: Callable[[Looking], None],
    can_withdraw: bool,
    say: Callable[[Said | None], None],
    picker: ft.FilePicker,
) -> ft.AlertDialog:
    line = looking.line
    assert line is not None
    report = session.troubles.report

    async def fetch(_: Any) -> None:
        show(Looking(line, None, fetching=True))
        desk = tablet.files
        try:
            assert desk is not None
            data = await asyncio.to_thread(desk.fetch, line.sha)
            show(Looking(line, data))
        except (ExchangeError, OffsetLost, FileRefused, BytesDamaged):
            show(Looking(line, None, t("app.files.not_fetched")))

    async def save(_: Any) -> None:
        await picker.save_file(file_name=line.name, src_bytes=looking.data)

    def take_back(_: Any) -> None:
        show(Looking())
        try:
            outcome = tablet.give(WithdrawFile(line.attachment_id, line.ticket_id)).outcome
        except StoreFullError as full:
            say(Said(State.DANGER, t(f"reason.{full.code}")))
            return
        say(answer_of(outcome, t.language, session.zone, t("app.files.withdrawn")))

    def button(
        ident: str, text: str, act: Callable[[Any], Any], icon: ft.IconData | None = None
    ) -> ft.Control:
        made = ft.OutlinedButton(
            text, icon=icon, key=ident, height=MAIN_TARGET_PX, on_click=guard(act, report)
        )
        return identified(ident, made)

    buttons: list[ft.Control] = []
    if looking.data is None and line.state in ("stored", "elsewhere") and not looking.fetching:
        buttons.append(button("file-fetch", t("app.files.fetch"), fetch, ft.Icons.CLOUD_DOWNLOAD_OUTLINED))
    if looking.data is not None and line.kind != "photo":
        buttons.append(button("file-save", t("app.files.save_copy"), save, ft.Icons.SAVE_ALT))
    if looking.asks:
        buttons.append(button("file-withdraw-sure", t("app.files.withdraw"), take_back, ft.Icons.UNDO))
    elif can_withdraw and not line.is_sealed:
        ask = lambda _: show(Looking(line, looking.data, t("app.files.withdraw_sure"), asks=True))  # noqa: E731
        buttons.append(button("file-withdraw", t("app.files.withdraw"), ask, ft.Icons.UNDO))
    buttons.append(button("file-close", t("app.files.close"), lambda _: show(Looking())))
    return ft.AlertDialog(
        modal=False,
        on_dismiss=guard(lambda _: show(Looking()), report),
        title=ft.Text(line.caption or line.name, max_lines=2),
        content=ft.Column(
            [*_content(t, session, looking, line), ft.Row(buttons, spacing=8, run_spacing=8, wrap=True)],
            tight=True,
            spacing=12,
            width=PICTURE_PX,
            scroll=ft.ScrollMode.AUTO,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )


def _content(t: Translator, session: UiSession, looking: Looking, line: FileLine) -> list[ft.Control]:
    key, values = say_file_size(line.size)
    when = local_moment(t.language, line.taken_at, session.now(), session.zone)
    facts = [t(f"attachment.kind.{line.kind}"), when, t(key, **values), say_state(t.language, line)]
    found: list[ft.Control] = []
    if looking.data is not None and line.media_type in ("image/jpeg", "image/png", "image/webp"):
        picture = ft.Image(src=looking.data, fit=ft.BoxFit.CONTAIN, border_radius=8)
        found.append(identified("file-picture", picture, label=line.caption or line.name, image=True))
    elif looking.data is not None:
        found.append(ft.Text(t("app.files.no_view"), theme_style=TEXT.BODY_LARGE))
    elif looking.fetching:
        found.append(ft.Text(t("app.files.fetching"), theme_style=TEXT.BODY_LARGE))
    found.append(ft.Text(" · ".join(facts), theme_style=TEXT.BODY_MEDIUM))
    why = say_error(t.language, line.error)
    for words in (
        line.caption and line.name,
        why,
        looking.note,
        t("app.files.sealed") if line.is_sealed else "",
    ):
        if words:
            found.append(ft.Text(words, theme_style=TEXT.BODY_MEDIUM))
    return found
