"""Taking photos with the device's own camera: a live picture, one big button, every photo kept at once.

Owns the dialog and the camera's life. The dialog is made once for each opening and changed in place: drawn anew by a
component, its camera would be another one. Keeping is the file desk's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import flet as ft
import flet_camera as fc

from field_app.data import Said
from field_app.i18n import Translator, use_t
from field_app.ui import use_session
from field_app.widgets.safe import Report, guard
from field_app.widgets.states import TEXT, identified
from field_app.widgets.theme import MAIN_TARGET_PX, Palette, State, use_palette

log = logging.getLogger("field_app")

I = ft.Icons  # noqa: E741
VIEW_PX, LAST_PX, FAILED_PX = 720, 64, 64  # where nothing is seen the words need the room
PATIENCE_S = 60.0  # the device may be asking its person for leave
LENS_ORDER = (fc.CameraLensDirection.BACK, fc.CameraLensDirection.EXTERNAL, fc.CameraLensDirection.FRONT)
Keep = Callable[[bytes], Awaitable[Said]]


def use_camera(keep: Keep) -> Callable[[Any], Awaitable[None]]:
    """Return what opens the camera, for a button. `keep` keeps the bytes of one photo and says what became of it."""
    t, session, palette = use_t(), use_session(), use_palette()
    opened: Any = ft.use_ref(None)

    async def open_camera(_: Any) -> None:
        if opened.current is not None and opened.current.dialog.open:
            return  # tapped twice
        opened.current = finder = Viewfinder(t, palette, session.troubles.report, keep)
        ft.context.page.show_dialog(finder.dialog)
        await finder.start()

    def close() -> None:
        if opened.current is not None:
            opened.current.close()

    # A tablet that locks itself, or a page that is left, lets go of the camera.
    ft.use_effect(lambda: None, [], close)
    return open_camera


class Viewfinder:
    """One opening of the camera: its dialog, the lens in use, and what it says. `kept`: photos kept so far."""

    def __init__(self, t: Translator, palette: Palette, report: Report, keep: Keep) -> None:
        self.t, self.palette, self.keep = t, palette, keep
        self.lenses: list[fc.CameraDescription] = []
        self.lens = self.kept = 0
        self.camera = fc.Camera()
        self.last = ft.Image(
            src=b"",
            width=LAST_PX,
            height=LAST_PX,
            fit=ft.BoxFit.COVER,
            border_radius=8,
            exclude_from_semantics=True,
            visible=False,
        )
        self.words = ft.Text("", theme_style=TEXT.BODY_LARGE, expand=True)
        self.box = ft.Container(
            ft.Row([self.last, self.words], spacing=12), border_radius=12, padding=ft.Padding.all(12)
        )
        self.state = identified("camera-state", self.box, live_region=True)

        def button(ident: str, icon: ft.IconData, act: Callable[[Any], Any], kind: Any) -> Any:
            text = t(f"app.{ident.replace('-', '.')}")
            return kind(text, icon=icon, key=ident, height=MAIN_TARGET_PX, on_click=guard(act, report))

        self.shutter = button("camera-shoot", I.CAMERA_ALT, self.shoot, ft.FilledButton)
        self.again = button("camera-again", I.REFRESH, self.retry, ft.FilledButton)
        self.turn = button("camera-turn", I.CAMERASWITCH_OUTLINED, self.next_lens, ft.OutlinedButton)
        done = button("camera-done", I.CHECK, lambda _: self.close(), ft.OutlinedButton)
        self.places = [identified(each.key, each) for each in (self.shutter, self.again, self.turn, done)]
        self.view = ft.Container(
            self.camera,
            bgcolor=ft.Colors.BLACK,
            border_radius=12,
            clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        )
        # The picture takes what words and buttons leave, however the device is turned.
        self.column = ft.Column(
            [self.view, self.state, ft.Row(list(self.places), spacing=8, run_spacing=8, wrap=True)],
            spacing=12,
            width=VIEW_PX,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        )
        self.dialog = ft.AlertDialog(
            modal=True, inset_padding=12, content_padding=ft.Padding.all(16), content=self.column
        )
        self.tell(State.INFO, t("app.camera.opening"))

    async def start(self) -> None:
        """Start the lens in use; say in words what stands in the way."""
        self.tell(State.INFO, self.t("app.camera.opening"))
        try:
            found = await asyncio.wait_for(self.camera.get_available_cameras(), PATIENCE_S)
            self.lenses = sorted(found, key=lambda each: LENS_ORDER.index(each.lens_direction))
            if not self.lenses:
                self.tell(State.WARN, self.t("app.camera.none"), failed=True)
                return
            lens = self.lenses[self.lens % len(self.lenses)]
            await asyncio.wait_for(
                self.camera.initialize(lens, fc.ResolutionPreset.VERY_HIGH, enable_audio=False), PATIENCE_S
            )
        except (RuntimeError, TimeoutError) as error:
            self._fail(error)
            return
        self.tell(*self._standing(), ready=True)

    async def shoot(self, _: Any) -> None:
        """Take one photo and keep it before the next can be taken."""
        if self.shutter.disabled:
            return
        self.tell(State.INFO, self.t("app.camera.busy"))
        try:
            taken = await asyncio.wait_for(self.camera.take_picture(), PATIENCE_S)
        except (RuntimeError, TimeoutError) as error:
            self._fail(error)
            return
        said = await self.keep(taken)
        if said.state is State.DANGER:
            self.tell(State.DANGER, "\n".join([said.text, *said.details]), ready=True)
            return
        self.kept += 1
        self.last.src, self.last.visible = taken, True
        self.tell(*self._standing(), ready=True)

    async def retry(self, _: Any) -> None:
        """Start once more what did not start."""
        await self.start()

    async def next_lens(self, _: Any) -> None:
        """Turn to the next camera of the device."""
        self.lens += 1
        await self.start()

    def close(self) -> None:
        """Close the dialog; the camera is let go of with it."""
        if self.dialog.open:
            self.dialog.open = False
            self.dialog.update()

    def tell(self, state: State, words: str, *, ready: bool = False, failed: bool = False) -> None:
        """Show a state in words and colour, and the buttons that fit it; nothing once the dialog is closed."""
        tone = self.palette.tone(state)
        self.words.value, self.words.color, self.box.bgcolor = words, tone.fg, tone.bg
        self.shutter.disabled = not ready
        self.column.tight, self.view.expand = failed, not failed
        self.view.height = FAILED_PX if failed else None
        shutter, again, turn, _ = self.places
        shutter.visible, again.visible = not failed, failed
        turn.visible = ready and len(self.lenses) > 1
        if self.dialog.open:
            self.dialog.update()

    def _standing(self) -> tuple[State, str]:
        if self.kept:
            return State.WAITING, self.t("app.camera.kept", n=self.kept)
        return State.INFO, self.t("app.camera.ready")

    def _fail(self, error: Exception) -> None:
        # No leave to use it and another program that holds it look alike; either way the person can act.
        log.warning("the camera cannot be used: %s", error)
        self.tell(State.WARN, self.t("app.camera.failed"), failed=True)
