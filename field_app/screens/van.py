"""The van: what the books say lies in it, and finding a part in it (R087 R088).

Owns this page. What is used and not sent yet is already taken off the balance.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from field_app.data import use_loaded, use_tablet
from field_app.i18n import use_language, use_t
from field_app.screens.parts import BalanceChip
from field_app.state.parts import PartRow, VanView, load_van
from field_app.widgets.fields import TextInput, use_text
from field_app.widgets.layout import Screen
from field_app.widgets.lists import WindowedList
from field_app.widgets.safe import safe_component
from field_app.widgets.states import TEXT, Banner, EmptyState, identified
from field_app.widgets.theme import State, use_palette

ROW_PX = 68


@safe_component
def VanScreen() -> ft.Control:
    """Show the van's stock."""
    t, tablet = use_t(), use_tablet()
    box = use_text("")
    held: Any = ft.use_state("")
    wanted, look_for = held
    view: VanView = use_loaded(load_van(tablet.person_id, wanted), wanted)
    body: list[ft.Control] = [
        TextInput(
            box, "van-search", t("app.van.search"), None, t("app.parts.search_hint"), on_change=look_for
        )
    ]
    if view.below_zero:
        body.append(
            Banner(
                State.DANGER, t("app.van.below", n=view.below_zero), t("app.van.below_do"), ident="van-below"
            )
        )
    if view.rows:
        body.append(
            ft.Container(
                expand=True,
                content=WindowedList(
                    "van-list",
                    len(view.rows),
                    lambda offset, limit: view.rows[offset : offset + limit],
                    lambda row: VanRow(row, key=row.part.id),
                    ROW_PX,
                    view.rows,
                ),
            )
        )
    elif wanted.strip():
        body.append(EmptyState(ft.Icons.SEARCH_OFF, t("app.parts.nothing_found"), t("app.van.not_here_do")))
    else:
        body.append(EmptyState(ft.Icons.LOCAL_SHIPPING_OUTLINED, t("app.van.empty"), t("app.van.empty_do")))
    name = view.van.name if view.van else t("app.van.none")
    return Screen(
        "van",
        t("app.nav.van"),
        ft.Column(body, spacing=12, expand=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        subtitle=f"{name} · {t('app.van.kinds', n=len(view.rows))}",
        scroll=False,
    )


@safe_component
def VanRow(row: PartRow) -> ft.Control:
    """Show one part; of a fixed height, for the windowed list."""
    palette, language = use_palette(), use_language()
    return identified(
        f"van-{row.part.number}",
        ft.Container(
            height=ROW_PX,
            bgcolor=palette.card,
            border=ft.Border.only(bottom=ft.BorderSide(1, palette.line)),
            padding=ft.Padding.symmetric(horizontal=14, vertical=6),
            content=ft.Row(
                [
                    ft.Column(
                        [
                            ft.Text(
                                row.name(language),
                                theme_style=TEXT.BODY_LARGE,
                                max_lines=1,
                                overflow=ft.TextOverflow.ELLIPSIS,
                            ),
                            ft.Text(row.part.number, theme_style=TEXT.BODY_MEDIUM, color=palette.soft),
                        ],
                        spacing=0,
                        tight=True,
                        expand=True,
                    ),
                    BalanceChip(row),
                ],
                spacing=10,
            ),
        ),
    )
