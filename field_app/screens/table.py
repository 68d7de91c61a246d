"""Every screen of the app, one line each.

Owns addresses and the order of the navigation, nothing else.
"""

from __future__ import annotations

import flet as ft

from field_app.routes import NavItem, ScreenSpec, ScreenTable
from field_app.screens.addendum import AddendumScreen
from field_app.screens.settings import SettingsScreen
from field_app.screens.sign_off import SignOffScreen
from field_app.screens.ticket import TicketOverview
from field_app.screens.ticket_frame import ticket_page
from field_app.screens.today import TodayScreen

I = ft.Icons  # noqa: E741


def screen_table() -> ScreenTable:
    """Return the table the shell shows."""
    today = NavItem("app.nav.today", I.TODAY_OUTLINED, I.TODAY)
    settings = NavItem("app.nav.settings", I.SETTINGS_OUTLINED, I.SETTINGS)
    ticket = "ticket/:id"
    return ScreenTable(
        [
            ScreenSpec("", TodayScreen, today),
            ScreenSpec(ticket, ticket_page("", TicketOverview), parent="/"),
            ScreenSpec("ticket/:id/sign-off", SignOffScreen, parent="/ticket/:id"),
            ScreenSpec("ticket/:id/addendum", AddendumScreen, parent="/ticket/:id"),
            ScreenSpec("settings", SettingsScreen, settings),
        ],
    )
