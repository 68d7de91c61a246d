"""The button that writes this tablet's unsent work into a file for the office.

Owns the button. What is in the file, and who can read it, is `field_app.sync.rescue_file`'s.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from field_app.i18n import use_t
from field_app.state.tablet import Tablet
from field_app.ui import use_session
from field_app.widgets.fields import MainButton
from field_app.widgets.safe import safe_component


@safe_component
def RescueButton(tablet: Tablet) -> ft.Control:
    """Write the file and let the person say where it goes."""
    t, session = use_t(), use_session()

    async def write(_: Any) -> None:
        made = tablet.rescue_file()
        if made is not None:
            picker = ft.FilePicker()
            session.kept.append(picker)  # one that nobody holds is taken off the page
            await picker.save_file(file_name=made[0], src_bytes=made[1])

    return MainButton("rescue-write", t("app.rescue.write"), write, ft.Icons.SAVE_ALT, kind="other")
