"""What a person must know of the device itself: it is full, it cannot be written, its data had to be recovered.

Owns these banners above every page, in words. What happened is the store's (`store/opening.py`, `store/roomy.py`).
"""

from __future__ import annotations

from typing import Any

import flet as ft

from common.kernel.clock import instant
from field_app.i18n import use_t
from field_app.state.status import local_moment
from field_app.store.lease import KEYLESS
from field_app.store.opening import recovery_of, recovery_read
from field_app.store.schema import SPOILED
from field_app.store.store import Store
from field_app.ui import use_app, use_session, use_strip
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Banner
from field_app.widgets.theme import State


@safe_component
def StoreBar() -> ft.Control:
    """Show the store's troubles until there is room again, and a recovery until it was read."""
    t, app, session, status = use_t(), use_app(), use_session(), use_strip().status
    is_read, set_read = ft.use_state(False)
    bars: list[ft.Control] = []
    if status.trouble:
        words = t(f"app.device.{status.trouble}"), t(f"app.device.{status.trouble}_do")
        again = t("app.device.server_keys_gone_go") if status.trouble == KEYLESS else ""
        page = ft.context.page
        bars.append(
            Banner(State.DANGER, *words, again, lambda _: page.navigate("/enrol"), ident="device-trouble")
        )
    store = getattr(app, "store", None)
    recovery = recovery_of(store) if isinstance(store, Store) and not is_read else None
    if store is not None and recovery is not None:

        def understood(_: Any) -> None:
            recovery_read(store)
            set_read(True)

        moment = local_moment(t.language, instant(recovery.at_ms), session.now(), session.zone)
        title = t(f"app.recovery.{recovery.kind}", moment=moment)
        lost = t("app.recovery.lost", n=recovery.lost) if recovery.lost else t("app.recovery.nothing_lost")
        spared = "spared" if recovery.kind == SPOILED else "saved"
        body = t(f"app.recovery.{spared}", n=recovery.saved) + " " + lost
        state = State.DANGER if recovery.lost else State.WARN
        bars.append(Banner(state, title, body, t("app.recovery.understood"), understood, "recovery"))
    return ft.Column(bars, spacing=0, tight=True)
