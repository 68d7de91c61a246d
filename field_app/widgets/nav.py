"""The places of the app at the bottom of a phone or at the side of a tablet or desktop.

Owns their looks. Which places there are stands in the screen table.
"""

from __future__ import annotations

import flet as ft

from field_app.i18n import use_t
from field_app.routes import NavItem, ScreenTable
from field_app.ui import Form, use_form, use_strip
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import identified
from field_app.widgets.theme import use_palette


def _places(table: ScreenTable) -> list[tuple[NavItem, int]]:
    status = use_strip().status
    return [(s.nav, s.nav.badge(status) if s.nav.badge else 0) for s in table.nav if s.nav]


def _badged(icon: ft.IconData, count: int) -> ft.Icon:
    return ft.Icon(icon, badge=ft.Badge(str(min(count, 99))) if count else None)


@safe_component
def BottomNav(table: ScreenTable, path: str) -> ft.Control:
    """Show the places at the bottom, for the thumb."""
    t, guarded, page = use_t(), use_guard(), ft.context.page
    return ft.NavigationBar(
        key="nav",
        selected_index=table.nav_index(path),
        on_change=guarded(lambda e: page.navigate(table.nav[e.control.selected_index].url)),
        label_behavior=ft.NavigationBarLabelBehavior.ALWAYS_SHOW,
        destinations=[
            ft.NavigationBarDestination(
                icon=_badged(nav.icon, count),
                selected_icon=_badged(nav.icon_selected, count),
                label=t(nav.label_key),
            )
            for nav, count in _places(table)
        ],
    )


@safe_component
def SideNav(table: ScreenTable, path: str) -> ft.Control:
    """Show the places at the side, with their names beside the icons on a desktop."""
    t, palette, guarded, page = use_t(), use_palette(), use_guard(), ft.context.page
    wide = use_form() is Form.DESKTOP
    return identified(
        "nav-side",
        ft.NavigationRail(
            key="nav",
            extended=wide,
            min_extended_width=216,
            label_type=ft.NavigationRailLabelType.NONE if wide else ft.NavigationRailLabelType.ALL,
            bgcolor=palette.card,
            selected_index=table.nav_index(path),
            on_change=guarded(lambda e: page.navigate(table.nav[e.control.selected_index].url)),
            leading=ft.Container(
                padding=ft.Padding.only(left=18 if wide else 0, top=12, bottom=16), content=_Mark(wide)
            ),
            destinations=[
                ft.NavigationRailDestination(
                    icon=_badged(nav.icon, count),
                    selected_icon=_badged(nav.icon_selected, count),
                    label=t(nav.label_key),
                    padding=ft.Padding.symmetric(vertical=6),
                )
                for nav, count in _places(table)
            ],
        ),
    )


@safe_component
def _Mark(wide: bool) -> ft.Control:
    t, palette = use_t(), use_palette()
    sign = ft.Container(
        width=44,
        height=44,
        border_radius=12,
        bgcolor=palette.primary,
        alignment=ft.Alignment.CENTER,
        content=ft.Icon(ft.Icons.HANDYMAN, color=palette.on_primary, size=24),
    )
    if not wide:
        return sign
    return ft.Row(
        [sign, ft.Text(t("app.brand"), theme_style=ft.TextThemeStyle.TITLE_MEDIUM)], spacing=12, tight=True
    )
