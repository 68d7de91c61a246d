"""What a screen shows besides its content: chips, empty states, errors, waiting, messages.

Owns their looks. Each says what is the matter and what to do next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from field_app.i18n import use_t
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.theme import MAIN_TARGET_PX, RADIUS_PX, STATE_ICONS, TARGET_PX, State, use_palette

Handler = Callable[..., Any]
TEXT = ft.TextThemeStyle


def identified(identifier: str, content: ft.Control, **semantics: Any) -> ft.Semantics:
    """Give a control a name that assistive tools and tests can find it by."""
    return ft.Semantics(identifier=identifier, content=content, **semantics)


@safe_component
def StatusChip(state: State, text: str = "", ident: str = "") -> ft.Control:
    """Show a state: icon, word and colour. `text` replaces the word."""
    t, palette = use_t(), use_palette()
    tone = palette.tone(state)
    word = text or t(f"app.state.{state}")
    chip = ft.Container(
        bgcolor=tone.bg,
        border=ft.Border.all(1, tone.edge),
        border_radius=20,
        padding=ft.Padding.only(left=8, right=12, top=4, bottom=4),
        content=ft.Row(
            tight=True,
            spacing=6,
            controls=[
                ft.Icon(STATE_ICONS[state], size=18, color=tone.fg),
                ft.Text(word, color=tone.fg, theme_style=TEXT.LABEL_MEDIUM, no_wrap=True),
            ],
        ),
    )
    return identified(ident, chip) if ident else chip


@safe_component
def Banner(
    state: State,
    title: str,
    body: str = "",
    action: str = "",
    on_action: Handler | None = None,
    ident: str = "banner",
) -> ft.Control:
    """Show a message across the screen, with at most one action."""
    palette, guarded = use_palette(), use_guard()
    tone = palette.tone(state)
    words: list[ft.Control] = [ft.Text(title, color=tone.fg, theme_style=TEXT.TITLE_SMALL)]
    if body:
        words.append(ft.Text(body, color=tone.fg, theme_style=TEXT.BODY_MEDIUM))
    row: list[ft.Control] = [
        ft.Icon(STATE_ICONS[state], color=tone.fg, size=24),
        ft.Column(words, spacing=2, tight=True, expand=True),
    ]
    if action and on_action is not None:
        row.append(
            ft.TextButton(
                action,
                key=f"{ident}-action",
                height=TARGET_PX,
                on_click=guarded(on_action),
                style=ft.ButtonStyle(color=tone.fg),
            )
        )
    return identified(
        ident,
        ft.Container(
            bgcolor=tone.bg,
            border=ft.Border.only(left=ft.BorderSide(5, tone.edge)),
            padding=ft.Padding.symmetric(horizontal=16, vertical=10),
            content=ft.Row(row, spacing=12, vertical_alignment=ft.CrossAxisAlignment.CENTER),
        ),
        live_region=True,
    )


@safe_component
def EmptyState(
    icon: ft.IconData,
    title: str,
    what_to_do: str,
    action: str = "",
    on_action: Handler | None = None,
    ident: str = "empty",
) -> ft.Control:
    """Show that there is nothing here and what to do about it."""
    palette, guarded = use_palette(), use_guard()
    controls: list[ft.Control] = [
        ft.Container(
            width=88,
            height=88,
            border_radius=44,
            bgcolor=palette.primary_soft,
            alignment=ft.Alignment.CENTER,
            content=ft.Icon(icon, size=40, color=palette.on_primary_soft),
        ),
        ft.Text(title, theme_style=TEXT.TITLE_LARGE, text_align=ft.TextAlign.CENTER),
        ft.Text(what_to_do, theme_style=TEXT.BODY_LARGE, color=palette.soft, text_align=ft.TextAlign.CENTER),
    ]
    if action and on_action is not None:
        controls.append(
            ft.FilledButton(action, key=f"{ident}-action", height=MAIN_TARGET_PX, on_click=guarded(on_action))
        )
    return identified(
        ident,
        ft.Container(
            alignment=ft.Alignment.CENTER,
            padding=32,
            content=ft.Container(
                width=420,
                content=ft.Column(
                    controls, tight=True, spacing=16, horizontal_alignment=ft.CrossAxisAlignment.CENTER
                ),
            ),
        ),
    )


@safe_component
def ErrorCard(
    title: str, body: str, retry: str = "", on_retry: Handler | None = None, ident: str = "error"
) -> ft.Control:
    """Show what went wrong in words, and the way on."""
    palette, guarded = use_palette(), use_guard()
    tone = palette.tone(State.DANGER)
    controls: list[ft.Control] = [
        ft.Row(
            [
                ft.Icon(ft.Icons.ERROR_OUTLINE, color=tone.fg),
                ft.Text(title, theme_style=TEXT.TITLE_MEDIUM, color=tone.fg, expand=True),
            ],
            spacing=10,
        ),
        ft.Text(body, theme_style=TEXT.BODY_MEDIUM),
    ]
    if retry and on_retry is not None:
        controls.append(
            ft.OutlinedButton(
                retry,
                icon=ft.Icons.REFRESH,
                key=f"{ident}-retry",
                height=TARGET_PX,
                on_click=guarded(on_retry),
            )
        )
    return identified(
        ident,
        ft.Container(
            bgcolor=palette.card,
            border=ft.Border.all(1.5, tone.edge),
            border_radius=RADIUS_PX,
            padding=16,
            content=ft.Column(controls, tight=True, spacing=12),
        ),
    )


@safe_component
def Working(text: str, done: int | None = None, of: int | None = None, ident: str = "working") -> ft.Control:
    """Show that something takes a while; with `done` and `of` also how far it is."""
    palette = use_palette()
    share = done / of if done is not None and of else None
    words = f"{text} {done} / {of}" if share is not None else text
    return identified(
        ident,
        ft.Column(
            [
                ft.Text(words, theme_style=TEXT.BODY_LARGE),
                ft.ProgressBar(
                    value=share, bar_height=8, border_radius=4, color=palette.primary, bgcolor=palette.raised
                ),
            ],
            tight=True,
            spacing=8,
        ),
    )


@safe_component
def Card(
    content: ft.Control, state: State | None = None, ident: str = "", on_click: Handler | None = None
) -> ft.Control:
    """Frame a group of things; a state paints the bar at its left."""
    palette, guarded = use_palette(), use_guard()
    edge = palette.tone(state).edge if state else palette.line
    card = ft.Container(
        bgcolor=palette.card,
        border=ft.Border.all(1, palette.line),
        border_radius=RADIUS_PX,
        clip_behavior=ft.ClipBehavior.ANTI_ALIAS,
        ink=on_click is not None,
        on_click=guarded(on_click) if on_click else None,
        content=ft.Container(
            padding=16,
            border=ft.Border.only(left=ft.BorderSide(6, edge)) if state else None,
            content=content,
        ),
    )
    return identified(ident, card, button=on_click is not None or None) if ident else card


@safe_component
def Section(title: str, controls: list[ft.Control], hint: str = "") -> ft.Control:
    """Head a group of things with a title."""
    palette = use_palette()
    head: list[ft.Control] = [
        ft.Semantics(header=True, content=ft.Text(title, theme_style=TEXT.TITLE_MEDIUM)),
    ]
    if hint:
        head.append(ft.Text(hint, theme_style=TEXT.BODY_MEDIUM, color=palette.soft))
    return ft.Column(
        [ft.Column(head, tight=True, spacing=2), *controls],
        tight=True,
        spacing=12,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
