"""The pad a customer signs on: keeps every stroke as points with time, shows them at once.

Owns drawing and the live strokes. What a signature means, and whether it may still change, is the screen's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import flet as ft
import flet.canvas as cv

from field_app.i18n import use_t
from field_app.ui import use_session
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, identified
from field_app.widgets.strokes import POINTS_MAX, STROKES_MAX, TENTHS, Signature, Stroke
from field_app.widgets.theme import RADIUS_PX, TARGET_PX, Palette, use_palette

PIECE_POINTS = 40  # a long stroke is drawn in pieces, so that a new point only compares the last piece
INK_PX = 2.8


@dataclass(eq=False)
class Pen:
    """The live strokes of one pad; `now_ms` is the clock that never jumps."""

    now_ms: Callable[[], int]
    width_px: float = 0
    height_px: float = 0
    strokes: list[Stroke] = field(default_factory=list)
    _began_ms: int = 0
    _points: int = 0

    def down(self, x: float, y: float) -> bool:
        """Begin a stroke; False when the pad is full."""
        if len(self.strokes) >= STROKES_MAX or self._points >= POINTS_MAX:
            return False
        if not self.strokes:
            self._began_ms = self.now_ms()
        self.strokes.append([])
        return self.move(x, y)

    def move(self, x: float, y: float) -> bool:
        """Add a point to the last stroke; False when it adds nothing."""
        if not self.strokes or self._points >= POINTS_MAX:
            return False
        inside_x = min(max(x, 0), self.width_px or x)
        inside_y = min(max(y, 0), self.height_px or y)
        point = [round(inside_x * TENTHS), round(inside_y * TENTHS), self.now_ms() - self._began_ms]
        stroke = self.strokes[-1]
        if stroke and stroke[-1][:2] == point[:2]:
            return False
        stroke.append(point)
        self._points += 1
        return True

    def clear(self) -> None:
        """Take all strokes away."""
        self.strokes.clear()
        self._points = 0

    def take(self, drawn: Signature) -> None:
        """Go on with strokes drawn before; time goes on after their last point."""
        self.strokes = drawn.as_lists()
        self._points = drawn.points
        self.width_px = drawn.width / TENTHS
        last_ms = max((point[2] for stroke in self.strokes for point in stroke), default=0)
        self._began_ms = self.now_ms() - last_ms

    def signature(self) -> Signature:
        """Return what is drawn now."""
        frozen = tuple(tuple((p[0], p[1], p[2]) for p in stroke) for stroke in self.strokes)
        return Signature(round(self.width_px * TENTHS), round(self.height_px * TENTHS), frozen)


def begun(now_ms: Callable[[], int], height_px: int, drawn: Signature | None) -> Pen:
    """Return a pen for a pad; it goes on where `drawn` ended."""
    pen = Pen(now_ms, height_px=height_px)
    if drawn is not None and drawn.strokes:
        pen.take(drawn)
    return pen


def draw(
    strokes: list[Stroke], color: str, scale: float = 1.0, kept: dict[tuple[int, int], cv.Path] | None = None
) -> list[cv.Path]:
    """Return the paths of strokes, in pieces; finished pieces found in `kept` are used again."""
    paths: list[cv.Path] = []
    for number, stroke in enumerate(strokes):
        for piece in range(0, len(stroke), PIECE_POINTS):
            finished = piece + PIECE_POINTS < len(stroke) or number + 1 < len(strokes)
            known = kept.get((number, piece)) if kept is not None else None
            if known is not None:
                paths.append(known)
                continue
            path = _piece(stroke[piece : piece + PIECE_POINTS + 1], color, scale)
            if finished and kept is not None:
                kept[(number, piece)] = path
            paths.append(path)
    return paths


def _piece(points: Stroke, color: str, scale: float) -> cv.Path:
    (x0, y0), rest = points[0][:2], points[1:] or [[points[0][0] + 1, points[0][1], 0]]
    unit = scale / TENTHS
    lines = [cv.Path.LineTo(x * unit, y * unit) for x, y, _ in rest]
    ink = ft.Paint(
        color=color,
        stroke_width=INK_PX,
        style=ft.PaintingStyle.STROKE,
        stroke_cap=ft.StrokeCap.ROUND,
        stroke_join=ft.StrokeJoin.ROUND,
    )
    return cv.Path(elements=[cv.Path.MoveTo(x0 * unit, y0 * unit), *lines], paint=ink)


@safe_component
def SignaturePad(
    ident: str,
    on_change: Callable[[Signature], Any],
    label: str = "",
    height_px: int = 240,
    drag_interval_ms: int = 0,
    initial: Signature | None = None,
) -> ft.Control:
    """Let somebody sign. `on_change` gets the whole signature after each stroke and after clearing.

    `initial` is what was drawn before, such as before the app was killed.
    Put it on a page that does not scroll. `drag_interval_ms` 16 spares a slow phone a quarter of the points.
    """
    t, palette, guarded, session = use_t(), use_palette(), use_guard(), use_session()
    drawn, set_drawn = ft.use_state(0)
    pen = ft.use_memo(lambda: begun(session.mono_ms, height_px, initial), [ident])
    kept = ft.use_memo(dict[tuple[int, int], cv.Path], [ident, palette.dark])

    def down(event: ft.DragDownEvent[ft.GestureDetector]) -> None:
        if pen.down(event.local_position.x, event.local_position.y):
            set_drawn(lambda n: n + 1)

    def move(event: ft.DragUpdateEvent[ft.GestureDetector]) -> None:
        if pen.move(event.local_position.x, event.local_position.y):
            set_drawn(lambda n: n + 1)

    def up(_: ft.Event[ft.GestureDetector]) -> None:
        on_change(pen.signature())

    def clear(_: ft.Event[ft.TextButton]) -> None:
        pen.clear()
        kept.clear()
        set_drawn(lambda n: n + 1)
        on_change(pen.signature())

    def resized(event: cv.CanvasResizeEvent) -> None:
        pen.width_px, pen.height_px = event.width, event.height

    empty = not pen.strokes
    touch = ft.GestureDetector(
        key=f"{ident}-gesture",
        expand=True,
        drag_interval=drag_interval_ms,
        mouse_cursor=ft.MouseCursor.PRECISE,
        on_pan_down=guarded(down),
        on_pan_update=guarded(move),
        on_pan_end=guarded(up),
        on_pan_cancel=guarded(up),
    )
    shapes = draw(pen.strokes, palette.ink, kept=kept)
    pad = _sheet(ident, height_px, empty, palette, shapes, touch, guarded(resized))
    head = _PadHead(ident, label or t("app.signature.label"), empty, clear)
    return ft.Column([head, identified(ident, pad)], spacing=6, tight=True, data=drawn)


def _sheet(
    ident: str,
    height_px: int,
    empty: bool,
    palette: Palette,
    shapes: list[cv.Path],
    touch: ft.Control,
    on_resize: Callable[[cv.CanvasResizeEvent], Any],
) -> ft.Control:
    canvas = cv.Canvas(
        key=f"{ident}-canvas",
        expand=True,
        left=0,
        right=0,
        top=0,
        bottom=0,
        shapes=list(shapes),
        on_resize=on_resize,
        content=touch,
    )
    return ft.Container(
        height=height_px,
        bgcolor=palette.card,
        border=ft.Border.all(2, palette.soft if empty else palette.primary),
        border_radius=RADIUS_PX,
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        content=ft.Stack([_Guideline(height_px, empty), canvas]),
    )


@safe_component
def _PadHead(ident: str, label: str, empty: bool, on_clear: Callable[[Any], Any]) -> ft.Control:
    t, guarded = use_t(), use_guard()
    clear = ft.TextButton(
        t("app.signature.clear"),
        icon=ft.Icons.BACKSPACE_OUTLINED,
        key=f"{ident}-clear",
        height=TARGET_PX,
        disabled=empty,
        on_click=guarded(on_clear),
    )
    return ft.Row(
        [
            ft.Text(label, theme_style=TEXT.TITLE_SMALL, expand=True),
            identified(f"{ident}-clear", clear),
        ],
    )


@safe_component
def _Guideline(height_px: int, empty: bool) -> ft.Control:
    t, palette = use_t(), use_palette()
    line = ft.Container(left=24, right=24, bottom=height_px * 0.24, height=1.5, bgcolor=palette.line)
    hint = ft.Container(
        left=24,
        right=24,
        bottom=height_px * 0.24 - 30,
        content=ft.Text(
            t("app.signature.hint"),
            theme_style=TEXT.BODY_SMALL,
            color=palette.soft,
            text_align=ft.TextAlign.CENTER,
        ),
    )
    return ft.Stack([line, *([hint] if empty else [])], left=0, right=0, top=0, bottom=0)


@safe_component
def SignaturePreview(signature: Signature, ident: str = "signature", width_px: int = 260) -> ft.Control:
    """Show a signature that was given, smaller, not to be changed."""
    t, palette = use_t(), use_palette()
    scale = width_px * TENTHS / (signature.width or width_px * TENTHS)
    height_px = round(signature.height / TENTHS * scale)
    canvas = cv.Canvas(
        width=width_px, height=height_px, shapes=list(draw(signature.as_lists(), palette.ink, scale))
    )
    frame = identified(
        ident,
        ft.Container(
            bgcolor=palette.card,
            border=ft.Border.all(1, palette.line),
            border_radius=RADIUS_PX,
            width=width_px,
            height=height_px,
            content=canvas,
        ),
        label=t("app.signature.given"),
        image=True,
    )
    # In a row it keeps its own width where a column stretches what it holds.
    return ft.Row([frame])
