"""Every screen of the app, one line each.

Owns addresses and the order of the navigation, nothing else.
"""

from __future__ import annotations

import flet as ft

from field_app.routes import NavItem, ScreenSpec, ScreenTable
from field_app.screens.settings import SettingsScreen

I = ft.Icons  # noqa: E741


def screen_table() -> ScreenTable:
    """Return the table the shell shows."""
    settings = NavItem("app.nav.settings", I.SETTINGS_OUTLINED, I.SETTINGS)
    return ScreenTable(
        [
            ScreenSpec("settings", SettingsScreen, settings),
        ],
        redirect=lambda _session, path: "/settings" if path == "/" else None,
    )
