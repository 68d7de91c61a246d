"""The files of a ticket: adding photos and papers, a strip of small pictures with how far each has come.

Owns the card. Looking at one large is `file_look.py`. Never says "at the office" of what is only on this device.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import flet as ft

from common.kernel.outcome import BadPayload
from field_app.data import Said, answer_of, say_fault, use_loaded, use_tablet
from field_app.i18n import Translator, use_t
from field_app.picked import Shot, read_picked
from field_app.screens.camera import use_camera
from field_app.screens.file_look import use_look
from field_app.state.file_desk import FileDesk, NotTaken
from field_app.state.files import FileLine, load_files, say_state
from field_app.store.files import NewFile
from field_app.store.roomy import StoreFullError
from field_app.store.shelf import ShelfClosed
from field_app.ui import UiSession, use_session
from field_app.widgets.fields import MainButton
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, Banner, Card, Section, Working, identified
from field_app.widgets.theme import STATE_ICONS, State, use_palette

I = ft.Icons  # noqa: E741
TILE_PX = 150
PICTURE_PX = 110
NAME_CHARS = 120
TONES = {
    "here": State.WAITING,
    "held": State.PAUSED,
    "sending": State.SCHEDULED,
    "checking": State.SCHEDULED,
    "stored": State.SENT,
    "refused": State.DANGER,
    "asked": State.WAITING,
    "lost": State.DANGER,
    "elsewhere": State.PAUSED,
}
KIND_ICONS = {"photo": I.IMAGE_OUTLINED, "document": I.PICTURE_AS_PDF_OUTLINED, "voice": I.MIC_NONE_OUTLINED}
PICKS = {
    "photo": (ft.FilePickerFileType.IMAGE, None),
    "document": (ft.FilePickerFileType.CUSTOM, ["pdf", "jpg", "jpeg", "png"]),
    "voice": (ft.FilePickerFileType.CUSTOM, ["m4a", "mp3", "ogg", "wav", "webm"]),
}


@safe_component
def FilesCard(
    ticket_id: str, visit_id: str | None, purpose: str = "", can_add: bool = True, only_these: bool = False
) -> ft.Control:
    """Show a ticket's files and take more. `only_these`: only those of this purpose."""
    t, tablet = use_t(), use_tablet()
    desk = tablet.files
    held = desk is not None and desk.holds_photos_back
    lines: tuple[FileLine, ...] = use_loaded(load_files(ticket_id, held), ticket_id, held)
    say_it: Any = ft.use_state(None)
    (said, say), (busy, set_busy) = say_it, ft.use_state(False)
    look = use_look(can_add, say)
    if desk is None:
        return ft.Container(height=0)
    shown = [line for line in lines if not only_these or line.purpose == purpose]
    body: list[ft.Control] = []
    if said is not None:
        body.append(
            Banner(
                said.state,
                said.text,
                "\n".join(said.details),
                t("app.given.dismiss"),
                lambda _: say(None),
                "files-said",
            )
        )
    if shown:
        tiles: list[ft.Control] = [
            _Tile(line, desk, look, place, key=line.attachment_id) for place, line in enumerate(shown)
        ]
        body.append(
            ft.Row(
                tiles,
                spacing=10,
                run_spacing=10,
                wrap=True,
                vertical_alignment=ft.CrossAxisAlignment.START,
            )
        )
    if busy:
        body.append(Working(t("app.files.busy"), ident="files-busy"))
    if can_add:
        body.append(
            _Buttons(ticket_id, visit_id, purpose, desk, say, set_busy, busy, key=f"buttons-{purpose}")
        )
    hint = "" if shown else t("app.files.empty" if can_add else "app.files.empty_read")
    return Card(Section(t("app.files.title"), body, hint), ident="files")


@safe_component
def FilesForReport(ticket_id: str, visit_id: str | None) -> ft.Control:
    """Show before signing how many files the signature will stand for, and take the last ones."""
    t, tablet = use_t(), use_tablet()
    if tablet.files is None:
        return ft.Container(height=0)
    lines: tuple[FileLine, ...] = use_loaded(load_files(ticket_id), ticket_id)
    parts: list[ft.Control] = []
    if lines:
        parts.append(
            Banner(
                State.INFO,
                t("app.files.for_the_report", n=len(lines)),
                t("app.files.for_the_report_hint"),
                ident="files-for-report",
            )
        )
    parts.append(FilesCard(ticket_id, visit_id, "sign_off", key="files"))
    return ft.Column(parts, spacing=14, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@safe_component
def _Buttons(
    ticket_id: str,
    visit_id: str | None,
    purpose: str,
    desk: FileDesk,
    say: Any,
    set_busy: Any,
    busy: bool,
) -> ft.Control:
    t, tablet, session = use_t(), use_tablet(), use_session()
    picker = ft.use_memo(ft.FilePicker, [])

    async def pick(kind: str) -> None:
        file_type, endings = PICKS[kind]
        picked = await picker.pick_files(
            file_type=file_type,
            allowed_extensions=endings,
            allow_multiple=True,
            with_data=True,
            cancel_upload_on_window_blur=False,
        )
        if not picked:
            return
        set_busy(True)
        try:
            say(await keep(kind, picked))
        finally:
            set_busy(False)

    async def keep(kind: str, picked: list[Any]) -> Said:
        tablet.touch()
        new = NewFile(ticket_id, visit_id, kind, purpose, "", tablet.now())
        return await asyncio.to_thread(_keep_all, t, session, desk, new, picked)

    async def keep_shot(data: bytes) -> Said:
        at = tablet.now().astimezone(session.zone)
        return await keep("photo", [Shot(t("app.camera.name", time=f"{at:%Y-%m-%d %H.%M.%S}"), data)])

    shoot = use_camera(keep_shot)

    def adds(kind: str) -> Any:
        async def picked(_: Any) -> None:
            await pick(kind)

        return picked

    takes = [MainButton("files-camera", t("app.camera.open"), shoot, I.PHOTO_CAMERA_OUTLINED, busy, "other")]
    return ft.Row(
        [
            *(takes if session.viewport.has_camera else []),
            MainButton(
                "files-photo", t("app.files.photo"), adds("photo"), I.ADD_A_PHOTO_OUTLINED, busy, "other"
            ),
            MainButton(
                "files-paper", t("app.files.paper"), adds("document"), I.NOTE_ADD_OUTLINED, busy, "other"
            ),
            MainButton(
                "files-voice", t("app.files.voice"), adds("voice"), I.MIC_NONE_OUTLINED, busy, "other"
            ),
        ],
        spacing=10,
        run_spacing=10,
        wrap=True,
    )


def _keep_all(t: Translator, session: UiSession, desk: FileDesk, new: NewFile, picked: list[Any]) -> Said:
    """Keep every picked file that can be kept, and say by name which could not and why."""
    kept, wrong = 0, []
    for file in picked:
        named = replace(new, name=file.name[:NAME_CHARS] or "-")
        try:
            said = _keep(t, session, desk, named, file)
        except NotTaken as no:
            wrong.append(t(no.key, **no.values))
            continue
        is_kept = said.state is not State.DANGER
        kept += is_kept
        wrong += said.details if is_kept else [said.text]
    head = t("app.files.kept", n=kept) if kept else t("app.given.refused")
    tone = State.WARN if wrong and kept else State.DANGER if wrong else State.WAITING
    return Said(tone, head, tuple(wrong))


def _keep(t: Translator, session: UiSession, desk: FileDesk, new: NewFile, file: Any) -> Said:
    try:
        data = read_picked(file)
    except OSError:
        raise NotTaken("app.files.not_read", name=new.name) from None
    try:
        return answer_of(desk.take(new, data), t.language, session.zone)
    except StoreFullError as full:
        return Said(State.DANGER, t(f"reason.{full.code}"))
    except BadPayload as fault:
        return Said(State.DANGER, say_fault(fault, t.language))
    except ShelfClosed:
        return Said(State.DANGER, t("app.files.not_read", name=new.name))


@safe_component
def _Tile(line: FileLine, desk: FileDesk, look: Any, place: int) -> ft.Control:
    """Show one file: its small picture, its name, how far it has come."""
    t, palette, guarded = use_t(), use_palette(), use_guard()
    tone = palette.tone(TONES[line.state])
    small = desk.preview(line.preview_sha)
    picture: ft.Control = (
        ft.Image(
            src=small, fit=ft.BoxFit.COVER, width=TILE_PX, height=PICTURE_PX, exclude_from_semantics=True
        )
        if small is not None
        else ft.Icon(KIND_ICONS.get(line.kind, I.ATTACH_FILE), size=44, color=palette.soft)
    )
    words = say_state(t.language, line)
    foot: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(STATE_ICONS[TONES[line.state]], size=16, color=tone.fg),
                ft.Text(words, theme_style=TEXT.LABEL_SMALL, color=tone.fg, expand=True, max_lines=2),
            ],
            spacing=5,
        )
    ]
    if line.state == "sending":
        foot.append(
            ft.ProgressBar(value=line.percent / 100, bar_height=4, color=tone.edge, bgcolor=palette.card)
        )
    return identified(
        f"file-{place}",
        ft.Container(
            width=TILE_PX,
            bgcolor=palette.raised,
            border=ft.Border.all(1, tone.edge),
            border_radius=12,
            clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
            ink=True,
            on_click=guarded(lambda _: look(line)),
            content=ft.Column(
                [
                    ft.Container(picture, height=PICTURE_PX, alignment=ft.Alignment.CENTER),
                    ft.Container(
                        ft.Text(
                            line.caption or line.name,
                            theme_style=TEXT.BODY_SMALL,
                            max_lines=1,
                            overflow=ft.TextOverflow.ELLIPSIS,
                        ),
                        padding=ft.Padding.only(left=8, right=8, top=6, bottom=2),
                    ),
                    ft.Container(
                        ft.Column(foot, spacing=4, tight=True),
                        bgcolor=tone.bg,
                        padding=ft.Padding.symmetric(horizontal=8, vertical=6),
                    ),
                ],
                spacing=0,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
        ),
        button=True,
        label=f"{t('app.files.look', name=line.caption or line.name)}. {words}",
    )
