"""Arriving at the customer's: the work badge is shown before anything else (R057).

Owns the dialog. The arrival's time is that of the tap, corrected by what is known of this device's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from common.visit.on_site import ArriveOnSite
from field_app.data import Give
from field_app.i18n import Translator
from field_app.state.tablet import Tablet
from field_app.state.ticket import TicketView
from field_app.ui import UiSession
from field_app.widgets.safe import guard
from field_app.widgets.states import identified
from field_app.widgets.theme import MAIN_TARGET_PX


def ArrivalDialog(
    t: Translator, session: UiSession, view: TicketView, give: Give, close: Callable[[], Any]
) -> ft.AlertDialog:
    """Ask whether the badge was shown, and record the arrival. Plain controls: a dialog stands outside the page."""
    tablet: Tablet = session.app.tablet

    def arrive(badge_shown: bool) -> Callable[[Any], None]:
        def arrived(_: Any) -> None:
            close()
            give(ArriveOnSite(tablet.new_id(), view.ticket.id, badge_shown, tablet.person_name() or "–"))

        return guard(arrived, session.troubles.report)

    shown = ft.FilledButton(
        t("app.arrive.badge_shown"),
        icon=ft.Icons.BADGE_OUTLINED,
        key="arrive-badge",
        height=MAIN_TARGET_PX,
        on_click=arrive(True),
    )
    without = ft.OutlinedButton(
        t("app.arrive.no_badge"), key="arrive-no-badge", height=MAIN_TARGET_PX, on_click=arrive(False)
    )
    stay = ft.TextButton(
        t("app.arrive.not_yet"),
        key="arrive-cancel",
        height=MAIN_TARGET_PX,
        on_click=guard(lambda _: close(), session.troubles.report),
    )
    return ft.AlertDialog(
        modal=True,
        title=ft.Text(t("app.arrive.title")),
        content=ft.Column(
            [
                ft.Text(t("app.arrive.body")),
                identified("arrive-badge", shown),
                identified("arrive-no-badge", without),
                identified("arrive-cancel", stay),
            ],
            tight=True,
            spacing=12,
            width=420,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )
