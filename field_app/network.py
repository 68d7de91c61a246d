"""What kind of network this device is on, as the platform says: for photos that wait for Wi-Fi.

Owns the one service that tells. Where the platform does not tell, nothing is assumed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import flet as ft

from field_app.state.file_desk import FileDesk
from field_app.ui import UiSession
from field_app.widgets.safe import guard

log = logging.getLogger("field_app")
ORDER = ("wifi", "ethernet", "mobile", "none")  # the first that is there is what bytes go over


def kind_of_network(there: Iterable[ft.ConnectivityType]) -> str:
    """Name the network: wifi, ethernet, mobile, none; '' where it is none of these (a VPN over something)."""
    found = {one.value for one in there}
    return next((kind for kind in ORDER if kind in found), "")


def watch_network(page: ft.Page, session: UiSession, desk: FileDesk) -> None:
    """Tell the desk what network there is, now and whenever it changes."""

    def changed(event: ft.ConnectivityChangeEvent) -> None:
        desk.take_network(kind_of_network(event.connectivity))

    service = ft.Connectivity(on_change=guard(changed, session.troubles.report))
    session.kept.append(service)  # a service nobody refers to is unregistered

    async def ask() -> None:
        try:
            desk.take_network(kind_of_network(await service.get_connectivity()))
        except (TypeError, ValueError, TimeoutError, RuntimeError) as error:
            log.info("the platform does not tell its network: %s", error)

    page.run_task(ask)
