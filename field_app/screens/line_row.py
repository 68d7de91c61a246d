"""One recorded line of the visit: what it says, whether it is sent, and how it is taken back.

Owns the row's looks. Nothing is deleted: what is taken back stays in the books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from field_app.i18n import use_t
from field_app.widgets.fields import MainButton
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, StatusChip, identified
from field_app.widgets.theme import State, use_palette

I = ft.Icons  # noqa: E741


@safe_component
def LineRow(
    ident: str,
    text: str,
    detail: str,
    is_unsent: bool,
    on_withdraw: Callable[[], Any] | None,
    state: State | None = None,
    word: str = "",
) -> ft.Control:
    """Show one recorded line: what, a detail, whether it is sent, and the way to take it back, asked twice."""
    t, palette = use_t(), use_palette()
    asking, ask = ft.use_state(False)
    marks: list[ft.Control] = (
        [ft.Text(detail, theme_style=TEXT.BODY_MEDIUM, color=palette.soft)] if detail else []
    )
    if state is not None:
        marks.append(StatusChip(state, word))
    if is_unsent:
        marks.append(StatusChip(State.WAITING, "", f"{ident}-unsent"))
    row: list[ft.Control] = [
        ft.Column(
            [
                ft.Text(text, theme_style=TEXT.BODY_LARGE, selectable=True),
                ft.Row(marks, spacing=8, run_spacing=4, wrap=True),
            ],
            spacing=4,
            tight=True,
            expand=True,
        )
    ]
    if on_withdraw is not None and not asking:
        row.append(
            MainButton(f"{ident}-withdraw", t("app.line.withdraw"), lambda _: ask(True), I.UNDO, kind="other")
        )
    lines: list[ft.Control] = [ft.Row(row, spacing=10)]
    if asking and on_withdraw is not None:
        take_back = on_withdraw
        lines.append(
            ft.Row(
                [
                    ft.Text(t("app.line.sure"), theme_style=TEXT.BODY_MEDIUM),
                    MainButton(f"{ident}-keep", t("app.line.keep"), lambda _: ask(False), kind="other"),
                    MainButton(
                        f"{ident}-sure", t("app.line.take_back"), lambda _: take_back(), I.UNDO, kind="danger"
                    ),
                ],
                spacing=8,
                run_spacing=8,
                wrap=True,
            )
        )
    return identified(
        ident,
        ft.Container(
            border=ft.Border.only(bottom=ft.BorderSide(1, palette.line)),
            padding=ft.Padding.only(bottom=10),
            content=ft.Column(lines, spacing=8, tight=True),
        ),
    )
