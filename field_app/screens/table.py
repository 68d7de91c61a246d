"""Every screen of the app, one line each.

Owns addresses and the order of the navigation, nothing else.
"""

from __future__ import annotations

import flet as ft

from field_app.routes import NavItem, ScreenSpec, ScreenTable
from field_app.screens.addendum import AddendumScreen
from field_app.screens.enrolment import EnrolmentScreen
from field_app.screens.settings import SettingsScreen
from field_app.screens.sign_off import SignOffScreen
from field_app.screens.ticket import TicketOverview
from field_app.screens.ticket_frame import ticket_page
from field_app.screens.today import TodayScreen
from field_app.ui import UiSession

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
            ScreenSpec("enrol", EnrolmentScreen, bare=True),
        ],
        redirect=_first_page,
    )


def _first_page(session: UiSession, path: str) -> str | None:
    """Lead a device that is nobody's to its enrolment."""
    if path == "/enrol" or session.app is None or session.app.store.identity().person_id:
        return None
    return "/enrol"
