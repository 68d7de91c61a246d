"""Settings: whose device this is and how it fares, language, light or dark, and what this program is.

Owns the choices about the app itself. Each takes effect at once and is kept on this device.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from field_app.i18n import LANGUAGES, NATIVE_NAMES, use_t
from field_app.screens.rescue import RescueCard
from field_app.state.file_desk import FileDesk
from field_app.state.prefs import THEME_MODES
from field_app.state.reach import Pulse
from field_app.state.settings import DeviceFacts, clock_words
from field_app.state.status import local_moment
from field_app.ui import use_app, use_prefs, use_session
from field_app.widgets.fields import ChoiceField, MainButton, Option
from field_app.widgets.layout import Facts, Screen
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import Banner, Card, Section, Working
from field_app.widgets.theme import State

THEME_ICONS = {
    "system": ft.Icons.BRIGHTNESS_AUTO_OUTLINED,
    "light": ft.Icons.LIGHT_MODE_OUTLINED,
    "dark": ft.Icons.DARK_MODE_OUTLINED,
}
SHORT_ID = 8


@safe_component
def SettingsScreen() -> ft.Control:
    """Show the device, let the engineer choose language and look, and read the version."""
    t, prefs, session, app = use_t(), use_prefs(), use_session(), use_app()

    def choose_language(language: str) -> None:
        prefs.language = language

    def choose_theme(mode: str) -> None:
        prefs.theme_mode = mode

    languages = [Option(code, NATIVE_NAMES[code], ft.Icons.TRANSLATE) for code in LANGUAGES]
    modes = [Option(mode, t(f"app.settings.theme.{mode}"), THEME_ICONS[mode]) for mode in THEME_MODES]
    about = [(t("app.settings.version"), session.version), (t("app.settings.engine"), ft.__version__)]
    # The toolkit's own demo has no store behind it.
    device = [_Device(app, app.pulse, key="device")] if hasattr(app, "store") else []
    desk = getattr(app, "files", None)
    if desk is not None:
        device.append(_Sending(desk, key="sending"))
    tablet = getattr(app, "tablet", None)
    if tablet is not None and tablet.is_enrolled:
        device.append(RescueCard(tablet, key="rescue"))
    return Screen(
        "settings",
        t("app.settings.title"),
        [
            *device,
            Card(
                Section(
                    t("app.settings.language"),
                    [ChoiceField("language", "", languages, prefs.language, choose_language)],
                    t("app.settings.language_hint"),
                )
            ),
            Card(
                Section(
                    t("app.settings.look"),
                    [ChoiceField("theme", "", modes, prefs.theme_mode, choose_theme)],
                    t("app.settings.look_hint"),
                )
            ),
            Card(Section(t("app.settings.about"), [Facts(about, 2)], t("app.settings.about_text"))),
        ],
    )


@safe_component
def _Sending(desk: FileDesk) -> ft.Control:
    t = use_t()
    held: Any = ft.use_state("wifi" if desk.wifi_only else "any")
    chosen, choose = held
    icons = {"any": ft.Icons.NETWORK_CELL, "wifi": ft.Icons.WIFI}
    options = [Option(one, t(f"app.settings.files.{one}"), icon) for one, icon in icons.items()]

    def take(way: str) -> None:
        desk.choose_wifi_only(way == "wifi")
        choose(way)

    return Card(
        Section(
            t("app.settings.files"),
            [ChoiceField("wifi-only", "", options, chosen, take)],
            t("app.settings.files_hint"),
        ),
        ident="sending",
    )


@safe_component
def _Device(app: Any, pulse: Pulse) -> ft.Control:
    model = ft.use_memo(lambda: DeviceFacts(app), [])
    return _DeviceCard(model, pulse)


@safe_component
def _DeviceCard(model: DeviceFacts, pulse: Pulse) -> ft.Control:
    t, session, page, guarded = use_t(), use_session(), ft.context.page, use_guard()
    ft.use_effect(guarded(model.refresh), [pulse.beat])

    async def check(_: Any) -> None:
        await model.check_storage()

    if not model.is_enrolled:
        enrol = MainButton("to-enrol", t("app.enrol.go"), lambda _: page.navigate("/enrol"), ft.Icons.LINK)
        return Card(Section(t("app.settings.device"), [enrol], t("app.settings.nobody")), State.WARN)
    key, values = clock_words(model.clock_error_ms, is_known=model.last_contact_at is not None)
    contact = model.last_contact_at
    moment = local_moment(t.language, contact, session.now(), session.zone) if contact else ""
    pairs = [
        (t("app.settings.person"), " · ".join(filter(None, (model.person, model.number)))),
        (t("app.settings.server"), model.server),
        (t("app.settings.contact"), moment or t("app.strip.no_contact")),
        (t("app.settings.clock"), t(key, **values)),
        (t("app.settings.device_id"), model.device_id[-SHORT_ID:]),
    ]
    actions: list[ft.Control] = [
        MainButton(
            "to-ready",
            t("app.ready.title"),
            lambda _: page.navigate("/ready"),
            ft.Icons.FACT_CHECK_OUTLINED,
            kind="other",
        ),
        MainButton(
            "check-storage",
            t("app.settings.check"),
            check,
            ft.Icons.STORAGE_OUTLINED,
            disabled=model.check == "busy",
            kind="other",
        ),
    ]
    tablet = getattr(use_app(), "tablet", None)
    if tablet is not None and tablet.vault is not None:

        def lock(_: Any) -> None:
            session.drafts.flush()
            tablet.shut()

        actions.append(
            MainButton("lock-now", t("app.settings.lock"), lock, ft.Icons.LOCK_OUTLINE, kind="other")
        )
    parts: list[ft.Control] = [Facts(pairs, 2)]
    if "right" not in key and "unknown" not in key:
        parts.append(Banner(State.WARN, t(key, **values), t("app.settings.clock_hint"), ident="clock-wrong"))
    if model.check == "busy":
        parts.append(Working(t("app.settings.checking"), ident="storage-busy"))
    elif model.check:
        sound = model.check == "ok"
        parts.append(
            Banner(
                State.SENT if sound else State.DANGER,
                t("app.settings.sound" if sound else "app.settings.damaged"),
                "" if sound else f"{t('app.settings.damaged_hint')} {model.check}",
                ident="storage-checked",
            )
        )
    parts.append(ft.Row(actions, spacing=10, run_spacing=10, wrap=True))
    return Card(Section(t("app.settings.device"), parts), ident="device")
