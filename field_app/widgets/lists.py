"""Long lists: only the rows around the visible ones exist, the rest is empty height.

Owns the window arithmetic. Asks for rows by offset and limit; never holds the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import flet as ft

from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import identified

Item = TypeVar("Item")

WINDOW_ROWS = 60
STEP_ROWS = 20
AHEAD_ROWS = 25


@dataclass(frozen=True, slots=True)
class Window:
    """Rows `start` to `start + rows` exist."""

    start: int
    rows: int


def window_at(pixels: float, row_px: int, total: int) -> Window:
    """Return which rows must exist when a list of `total` rows stands at `pixels`; moves in steps."""
    wanted = (int(pixels // row_px) - AHEAD_ROWS) // STEP_ROWS * STEP_ROWS
    start = max(0, min(total - WINDOW_ROWS, wanted))
    return Window(start, min(WINDOW_ROWS, total - start))


@safe_component
def WindowedList(
    ident: str,
    total: int,
    fetch: Callable[[int, int], Sequence[Item]],
    row: Callable[[Item], ft.Control],
    row_px: int,
    version: object = 0,
) -> ft.Control:
    """Show `total` rows of fixed height. `fetch(offset, limit)` reads a page, `row(item)` builds a keyed row
    of exactly `row_px`. A new `version` (another filter,
    a change in the data) reads the rows again."""
    guarded = use_guard()
    start, set_start = ft.use_state(0)
    window = window_at((start + AHEAD_ROWS) * row_px, row_px, total)

    def scrolled(event: ft.OnScrollEvent) -> None:
        fresh = window_at(event.pixels, row_px, total).start
        if fresh != start:
            set_start(fresh)

    items = ft.use_memo(lambda: list(fetch(window.start, window.rows)), [window, total, version])
    below = max(0, total - window.start - len(items))
    return identified(
        ident,
        ft.Column(
            # A Column, not a ListView: a ListView with tall empty ends stays blank after a long scroll.
            key=ident,
            expand=True,
            spacing=0,
            scroll=ft.ScrollMode.AUTO,
            scroll_interval=50,
            on_scroll=guarded(scrolled),
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            controls=[
                ft.Container(key=f"{ident}-above", height=window.start * row_px),
                *[row(item) for item in items],
                ft.Container(key=f"{ident}-below", height=below * row_px),
            ],
        ),
    )
