"""Settings: language, light or dark, and what this program is.

Owns the choices about the app itself. Each takes effect at once and is kept on this device.
"""

from __future__ import annotations

import flet as ft

from field_app.i18n import LANGUAGES, NATIVE_NAMES, use_t
from field_app.state.prefs import THEME_MODES
from field_app.ui import use_prefs, use_session
from field_app.widgets.fields import ChoiceField, Option
from field_app.widgets.layout import Facts, Screen
from field_app.widgets.safe import safe_component
from field_app.widgets.states import Card, Section

THEME_ICONS = {
    "system": ft.Icons.BRIGHTNESS_AUTO_OUTLINED,
    "light": ft.Icons.LIGHT_MODE_OUTLINED,
    "dark": ft.Icons.DARK_MODE_OUTLINED,
}


@safe_component
def SettingsScreen() -> ft.Control:
    """Let the engineer choose language and look, and read the version."""
    t, prefs, session = use_t(), use_prefs(), use_session()

    def choose_language(language: str) -> None:
        prefs.language = language

    def choose_theme(mode: str) -> None:
        prefs.theme_mode = mode

    languages = [Option(code, NATIVE_NAMES[code], ft.Icons.TRANSLATE) for code in LANGUAGES]
    modes = [Option(mode, t(f"app.settings.theme.{mode}"), THEME_ICONS[mode]) for mode in THEME_MODES]
    return Screen(
        "settings",
        t("app.settings.title"),
        [
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
            Card(
                Section(
                    t("app.settings.about"),
                    [
                        Facts(
                            [
                                (t("app.settings.version"), session.version),
                                (t("app.settings.engine"), ft.__version__),
                            ],
                            2,
                        )
                    ],
                    t("app.settings.about_text"),
                )
            ),
        ],
    )
