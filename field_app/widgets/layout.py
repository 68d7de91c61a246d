"""How a screen is laid out on phone, tablet and desktop: header, panes, tabs, the main action within reach.

Owns places and widths. Knows no route table; `Back` and tabs only call what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import flet as ft

from field_app.i18n import use_t
from field_app.ui import Form, use_form
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, identified
from field_app.widgets.theme import GAP_PX, TARGET_PX, use_palette

READING_PX = 760  # widest column of text and fields
LIST_PANE_PX = 380


@safe_component
def Screen(
    ident: str,
    title: str,
    body: ft.Control | Sequence[ft.Control],
    subtitle: str = "",
    on_back: Callable[[Any], Any] | None = None,
    actions: Sequence[ft.Control] = (),
    bottom: Sequence[ft.Control] = (),
    scroll: bool = True,
    full_width: bool = False,
    below: Sequence[ft.Control] = (),
) -> ft.Control:
    """Lay out a screen: header with title and actions, a body, and the main action fixed at the bottom.

    `below` stands fixed under the header: tabs, the answer to a save.
    `scroll=False` for a body that scrolls by itself (a windowed list) or must not (a signature).
    """
    palette, form = use_palette(), use_form()
    pad = GAP_PX if form is Form.PHONE else 24
    header = _Header(title, subtitle, on_back, actions, key="header")
    inner = (
        body
        if isinstance(body, ft.BaseControl)
        else ft.Column(
            list(body), spacing=GAP_PX, tight=scroll, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
        )
    )
    width = None if full_width or form is Form.PHONE else READING_PX
    held = ft.Container(
        padding=ft.Padding.only(left=pad, right=pad, top=14 if below else 0, bottom=24 if scroll else 0),
        width=width,
        content=inner,
        expand=not scroll,
    )
    middle = ft.Column(
        [held],
        key=f"{ident}-body",
        expand=True,
        spacing=0,
        scroll=ft.ScrollMode.AUTO if scroll else None,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH if width is None else ft.CrossAxisAlignment.START,
    )
    controls: list[ft.Control] = [header, *below, middle]
    if bottom:
        controls.append(
            ft.Container(
                bgcolor=palette.card,
                border=ft.Border.only(top=ft.BorderSide(1, palette.line)),
                padding=ft.Padding.symmetric(horizontal=pad, vertical=10),
                content=ft.Row(list(bottom), spacing=12, alignment=ft.MainAxisAlignment.END),
            )
        )
    return identified(
        f"screen-{ident}",
        ft.Column(controls, spacing=0, expand=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
    )


@safe_component
def _Header(
    title: str, subtitle: str, on_back: Callable[[Any], Any] | None, actions: Sequence[ft.Control]
) -> ft.Control:
    t, palette, form, guarded = use_t(), use_palette(), use_form(), use_guard()
    pad = GAP_PX if form is Form.PHONE else 24
    back = (
        [
            identified(
                "back",
                ft.IconButton(
                    ft.Icon(ft.Icons.ARROW_BACK, semantics_label=t("app.back")),
                    key="back",
                    width=TARGET_PX,
                    height=TARGET_PX,
                    on_click=guarded(on_back),
                ),
            )
        ]
        if on_back is not None
        else []
    )
    titles: list[ft.Control] = [
        ft.Semantics(
            header=True,
            heading_level=1,
            content=ft.Text(title, key="screen-title", theme_style=TEXT.HEADLINE_SMALL, max_lines=2),
        )
    ]
    if subtitle:
        titles.append(ft.Text(subtitle, theme_style=TEXT.BODY_MEDIUM, color=palette.soft))
    beside = list(actions)
    if back and beside and form is not Form.DESKTOP:
        # A narrow pane: beside a long state the customer's name would be cut and the serial broken.
        titles.append(ft.Container(ft.Row(beside, spacing=8, wrap=True), padding=ft.Padding.only(top=4)))
        beside = []
    return ft.Container(
        padding=ft.Padding.only(left=8 if back else pad, right=pad, top=12, bottom=12),
        content=ft.Row([*back, ft.Column(titles, spacing=0, tight=True, expand=True), *beside], spacing=8),
    )


@safe_component
def TwoPane(
    left: Callable[[], ft.Control], right: Callable[[], ft.Control] | None, nothing: Callable[[], ft.Control]
) -> ft.Control:
    """Show a list and what is chosen in it: side by side on tablet and desktop, one at a time on a phone.

    `right` is None while nothing is chosen; `nothing()` then fills its place beside the list.
    """
    form, palette = use_form(), use_palette()
    phone = form is Form.PHONE
    width = LIST_PANE_PX if form is Form.DESKTOP else LIST_PANE_PX - 40
    edge = ft.Border.only(right=ft.BorderSide(1, palette.line))
    panes: list[ft.Control] = []
    # A keyed list: turning the tablet keeps what was being typed at the right.
    if right is None or not phone:
        panes.append(
            ft.Container(
                left(),
                key="pane-left",
                width=None if phone else width,
                expand=phone,
                border=None if phone else edge,
            )
        )
    if right is not None or not phone:
        inside = right() if right is not None else nothing()
        panes.append(ft.Container(inside, key="pane-right", expand=True))
    return ft.Row(panes, spacing=0, expand=True, vertical_alignment=ft.CrossAxisAlignment.STRETCH)


def stack(controls: Sequence[ft.Control], spacing: int = 14) -> ft.Column:
    """Put controls under one another, each as wide as the place."""
    return ft.Column(
        list(controls), spacing=spacing, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
    )


def at_the_end(*buttons: ft.Control) -> ft.Row:
    """Put buttons at the right, under the thumb; they wrap where there is no room."""
    return ft.Row(list(buttons), spacing=10, run_spacing=10, wrap=True, alignment=ft.MainAxisAlignment.END)


@dataclass(frozen=True, slots=True)
class TabItem:
    """One tab; `mark` is a short word or number behind its name, such as "3"."""

    value: str
    text: str
    icon: ft.IconData | None = None
    mark: str = ""


@safe_component
def TabStrip(
    ident: str, tabs: Sequence[TabItem], selected: str, on_select: Callable[[str], Any]
) -> ft.Control:
    """Show tabs as a row of big targets that scrolls sideways when narrow."""
    palette, guarded = use_palette(), use_guard()
    row = ft.use_memo(ft.Ref[ft.Row], [])

    async def reveal() -> None:
        if row.current is not None and selected != tabs[0].value:
            await row.current.scroll_to(scroll_key=f"tab-{selected}", duration=0)

    ft.use_effect(guarded(reveal), [selected])

    def tab(item: TabItem) -> ft.Control:
        chosen = item.value == selected
        color = palette.primary if chosen else palette.soft
        text = f"{item.text} {item.mark}".rstrip()
        return identified(
            f"{ident}-{item.value}",
            ft.Container(
                key=ft.ScrollKey(f"tab-{item.value}"),  # type: ignore[call-arg]
                border=ft.Border.only(bottom=ft.BorderSide(3, palette.primary if chosen else palette.page)),
                content=ft.TextButton(
                    text,
                    icon=item.icon,
                    key=f"{ident}-{item.value}",
                    height=TARGET_PX,
                    style=ft.ButtonStyle(
                        color=color, icon_color=color, padding=ft.Padding.symmetric(horizontal=14)
                    ),
                    on_click=guarded(lambda _, value=item.value: on_select(value)),
                ),
            ),
            selected=chosen,
        )

    return ft.Container(
        border=ft.Border.only(bottom=ft.BorderSide(1, palette.line)),
        content=ft.Row([tab(item) for item in tabs], spacing=0, scroll=ft.ScrollMode.AUTO, ref=row),
    )


@safe_component
def Facts(pairs: Sequence[tuple[str, str]], columns: int = 1) -> ft.Control:
    """Show names and values, such as serial and model; `columns` counts on tablet and desktop."""
    palette, form = use_palette(), use_form()
    share = 12 if form is Form.PHONE else 12 // max(columns, 1)
    return ft.ResponsiveRow(
        [
            ft.Column(
                [
                    ft.Text(name, theme_style=TEXT.LABEL_MEDIUM, color=palette.soft),
                    ft.Text(value, theme_style=TEXT.BODY_LARGE, selectable=True),
                ],
                spacing=0,
                tight=True,
                col=share,
            )
            for name, value in pairs
        ],
        spacing=16,
        run_spacing=12,
    )
