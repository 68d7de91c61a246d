"""Work carried by hand: the button that writes this tablet's unsent work into a file, the one that hands in another's.

Owns the buttons and what is said. What is in the file, and who can read it, is `field_app.sync.rescue_file`'s.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import flet as ft

from common.kernel.outcome import Refused
from common.protocol.messages import Busy, ExchangeError, Rejected, Unreachable
from field_app.data import Said
from field_app.i18n import Translator, use_t
from field_app.picked import open_picked
from field_app.state.status import say_trouble
from field_app.state.tablet import Tablet
from field_app.sync.engine import error_code
from field_app.widgets.fields import MainButton
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Banner, Card, Section, Working
from field_app.widgets.theme import State

GAP_PX = 10


@safe_component
def RescueButton(tablet: Tablet, wide: bool = False) -> ft.Control:
    """Write the file and let the person say where it goes. `wide`: as wide as its card."""
    t, page, picker = use_t(), ft.context.page, ft.use_memo(ft.FilePicker, [])
    told: Any = ft.use_state(None)
    written, tell = told
    before = written.carried if written is not None and written.left else ()

    async def write(_: Any) -> None:
        made = await asyncio.to_thread(tablet.rescue_file, before)
        if made is None:
            return
        path = await picker.save_file(file_name=made.name, src_bytes=made.content)
        if path or page.web:  # a browser never says where it put the file
            tell(replace(made, content=b""))

    words = t("app.rescue.write_next") if before else t("app.rescue.write")
    parts: list[ft.Control] = [MainButton("rescue-write", words, write, ft.Icons.SAVE_ALT, kind="other")]
    if written is not None:
        said = [t("app.rescue.written_photos", n=written.photos)] if written.photos else []
        said += [t("app.rescue.written_left", n=written.left)] if written.left else []
        detail = "\n".join([*said, t("app.rescue.written_do")])
        state = State.WARN if written.left else State.INFO
        parts.append(Banner(state, t("app.rescue.written"), detail, ident="rescue-written"))
    align = ft.CrossAxisAlignment.STRETCH if wide else ft.CrossAxisAlignment.START
    return ft.Column(parts, spacing=GAP_PX, tight=True, horizontal_alignment=align)


@safe_component
def RescueCard(tablet: Tablet) -> ft.Control:
    """Offer both ways of carrying work by hand."""
    t = use_t()
    parts = [RescueButton(tablet, key="write"), _HandIn(tablet, key="hand-in")]
    return Card(Section(t("app.rescue.title"), parts, t("app.rescue.hint")), ident="rescue")


@safe_component
def _HandIn(tablet: Tablet) -> ft.Control:
    t, picker = use_t(), ft.use_memo(ft.FilePicker, [])
    told: Any = ft.use_state(None)
    said, say = told
    busy, set_busy = ft.use_state(False)

    async def pick(_: Any) -> None:
        picked = await picker.pick_files(with_data=True, cancel_upload_on_window_blur=False)
        if not picked:
            return
        set_busy(True)
        try:
            say(await asyncio.to_thread(_hand_in, t, tablet, picked[0]))
        finally:
            set_busy(False)

    words = t("app.rescue.hand_in")
    parts: list[ft.Control] = [MainButton("rescue-hand-in", words, pick, ft.Icons.UPLOAD_FILE, busy, "other")]
    if busy:
        parts.append(Working(t("app.rescue.busy"), ident="rescue-busy"))
    elif said is not None:
        parts.append(Banner(said.state, said.text, "\n".join(said.details), ident="rescue-said"))
    return ft.Column(parts, spacing=GAP_PX, tight=True)


def _hand_in(t: Translator, tablet: Tablet, file: Any) -> Said:
    """Hand a picked file in, and say what became of it; the file itself is never touched."""
    try:
        with open_picked(file) as source:
            taken = tablet.hand_in(source)
    except OSError:
        return Said(State.DANGER, t("app.files.not_read", name=file.name))
    except Refused as no:
        return Said(State.DANGER, say_trouble(t.language, no.code))
    except (Busy, Unreachable):
        return Said(State.DANGER, t("app.rescue.no_answer"), (t("app.rescue.again"),))
    except ExchangeError as error:
        code = error.code if isinstance(error, Rejected) else error_code(error)
        return Said(State.DANGER, say_trouble(t.language, code))
    tone = State.WARN if taken.waiting or taken.lacks or taken.spoiled else State.SENT
    details = [t("app.rescue.sum", known=taken.known, done=taken.done, waiting=taken.waiting)]
    if taken.spoiled:
        details.append(t("app.rescue.spoiled", n=taken.spoiled))
    if taken.lacks:
        details.append(t("app.rescue.lacks", n=len(taken.lacks)))
    return Said(tone, t("app.rescue.taken", n=taken.count, name=taken.person), tuple(details))
