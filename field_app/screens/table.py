"""Every screen of the app, one line each.

Owns addresses and the order of the navigation, nothing else.
"""

from __future__ import annotations

import flet as ft

from field_app.routes import NavItem, ScreenSpec, ScreenTable
from field_app.screens.addendum import AddendumScreen
from field_app.screens.agreement import AgreementScreen
from field_app.screens.checklist import ChecklistPage
from field_app.screens.conflicts import ConflictsScreen
from field_app.screens.diagnosis import DiagnosisPage
from field_app.screens.enrolment import EnrolmentScreen
from field_app.screens.gate import GateScreen
from field_app.screens.help import HelpPage, ReschedulePage
from field_app.screens.history import HistoryPage
from field_app.screens.notes import NotesPage
from field_app.screens.outbox import OutboxScreen
from field_app.screens.parts import PartsPage
from field_app.screens.ready import ReadyScreen
from field_app.screens.repair import RepairPage
from field_app.screens.settings import SettingsScreen
from field_app.screens.sign_off import SignOffScreen
from field_app.screens.stop_use import StopUseScreen
from field_app.screens.ticket import TicketOverview
from field_app.screens.ticket_frame import ticket_page
from field_app.screens.today import TodayScreen
from field_app.screens.van import VanScreen
from field_app.ui import UiSession

I = ft.Icons  # noqa: E741


def screen_table() -> ScreenTable:
    """Return the table the shell shows."""
    today = NavItem("app.nav.today", I.TODAY_OUTLINED, I.TODAY)
    settings = NavItem("app.nav.settings", I.SETTINGS_OUTLINED, I.SETTINGS)
    outbox = NavItem("app.nav.outbox", I.OUTBOX_OUTLINED, I.OUTBOX, lambda status: status.waiting)
    conflicts = NavItem("app.nav.conflicts", I.RULE_OUTLINED, I.RULE, lambda status: status.attention)
    van = NavItem("app.nav.van", I.LOCAL_SHIPPING_OUTLINED, I.LOCAL_SHIPPING)
    ticket, back = "ticket/:id", "/ticket/:id"
    return ScreenTable(
        [
            ScreenSpec("", TodayScreen, today),
            ScreenSpec("van", VanScreen, van),
            ScreenSpec(ticket, ticket_page("", TicketOverview), parent="/"),
            ScreenSpec(f"{ticket}/checklist", ticket_page("checklist", ChecklistPage), parent=back),
            ScreenSpec(f"{ticket}/diagnosis", ticket_page("diagnosis", DiagnosisPage), parent=back),
            ScreenSpec(f"{ticket}/repair", ticket_page("repair", RepairPage), parent=back),
            ScreenSpec(f"{ticket}/parts", ticket_page("parts", PartsPage), parent=back),
            ScreenSpec(f"{ticket}/history", ticket_page("history", HistoryPage), parent=back),
            ScreenSpec(f"{ticket}/notes", ticket_page("notes", NotesPage), parent=back),
            ScreenSpec(f"{ticket}/help", ticket_page("help", HelpPage), parent=back),
            ScreenSpec(f"{ticket}/reschedule", ticket_page("reschedule", ReschedulePage), parent=back),
            ScreenSpec("ticket/:id/sign-off", SignOffScreen, parent="/ticket/:id"),
            ScreenSpec("ticket/:id/agreement", AgreementScreen, parent="/ticket/:id"),
            ScreenSpec("ticket/:id/stop-use", StopUseScreen, parent="/ticket/:id"),
            ScreenSpec("ticket/:id/addendum", AddendumScreen, parent="/ticket/:id"),
            ScreenSpec("outbox", OutboxScreen, outbox),
            ScreenSpec("conflicts", ConflictsScreen, conflicts),
            ScreenSpec("settings", SettingsScreen, settings),
            ScreenSpec("ready", ReadyScreen, parent="/"),
            ScreenSpec("enrol", EnrolmentScreen, bare=True),
        ],
        redirect=_first_page,
        gate=GateScreen,
    )


def _first_page(session: UiSession, path: str) -> str | None:
    """Lead a device that is nobody's to its enrolment."""
    if path == "/enrol" or session.app is None or session.app.store.identity().person_id:
        return None
    return "/enrol"
