"""Opens one session of the app on a page: look, language, window, nets, screens; and closes it again.

Owns the wiring between Flet's page and the session value. Reads no clock or environment itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import flet as ft

from common.i18n import nearest_language, translate
from field_app.i18n import FLET_LOCALES
from field_app.routes import ScreenTable
from field_app.shell import App
from field_app.state.prefs import SavedPrefs
from field_app.ui import UiSession, form_of
from field_app.widgets.safe import guard, harden
from field_app.widgets.theme import DARK, LIGHT, build_theme

log = logging.getLogger("field_app")

MODES = {"system": ft.ThemeMode.SYSTEM, "light": ft.ThemeMode.LIGHT, "dark": ft.ThemeMode.DARK}


def open_session(page: ft.Page, session: UiSession, table: ScreenTable, saved: SavedPrefs) -> None:
    """Show the app on a page. `saved` are the person's choices; with no language the device's is followed."""
    prefs = session.prefs
    prefs.language = saved.language or prefs.language
    prefs.theme_mode = saved.theme_mode
    page.title = translate(prefs.language, "app.name")
    page.padding = 0
    page.theme, page.dark_theme = build_theme(LIGHT), build_theme(DARK)
    _follow_device(page, session, saved)
    _apply(page, session)
    session.close_listeners.append(_listen(page, session))
    page.on_app_lifecycle_state_change = guard(lambda e: _lifecycle(e, session), session.troubles.report)
    page.on_close = guard(lambda _: close_session(session), session.troubles.report)
    page.on_disconnect = guard(lambda _: session.drafts.flush(), session.troubles.report)
    page.render_views(App, session, table)
    harden(page, session)


def close_session(session: UiSession) -> None:
    """Write down half-typed forms and let go of everything the session listens to."""
    session.drafts.close()
    for stop in session.close_listeners:
        stop()
    session.close_listeners.clear()


def _listen(page: ft.Page, session: UiSession) -> Callable[[], None]:
    """Apply and keep every later choice of language or theme at once."""

    def changed(_sender: Any, changed_field: str | None) -> None:
        if changed_field in ("language", "theme_mode"):
            _apply(page, session)
            page.update()
            session.save_prefs(SavedPrefs(session.prefs.language, session.prefs.theme_mode))

    report = session.troubles.report
    safe = guard(changed, report)
    stop = cast(ft.Observable, session.prefs).subscribe(safe)
    # Listeners are held weakly: the session keeps this one alive.
    session.kept.append(safe)
    return stop


def _apply(page: ft.Page, session: UiSession) -> None:
    prefs = session.prefs
    page.theme_mode = MODES[prefs.theme_mode]
    prefs.dark = prefs.theme_mode == "dark" or (
        prefs.theme_mode == "system" and page.platform_brightness is ft.Brightness.DARK
    )
    page.title = translate(prefs.language, "app.name")
    page.locale_configuration = ft.LocaleConfiguration(
        supported_locales=list(FLET_LOCALES.values()), current_locale=FLET_LOCALES[prefs.language]
    )


def _follow_device(page: ft.Page, session: UiSession, saved: SavedPrefs) -> None:
    session.viewport.form = form_of(page.width)
    session.viewport.mobile = page.platform in (ft.PagePlatform.ANDROID, ft.PagePlatform.IOS)
    session.viewport.has_camera = page.web or session.viewport.mobile

    def resized(event: ft.PageResizeEvent) -> None:
        session.viewport.form = form_of(event.width)

    def brightened(_: ft.PlatformBrightnessChangeEvent) -> None:
        _apply(page, session)

    def spoken(event: ft.LocaleChangeEvent) -> None:
        if not saved.language and event.locales:
            session.prefs.language = nearest_language(
                "-".join(
                    filter(
                        None,
                        [
                            event.locales[0].language_code,
                            event.locales[0].script_code,
                            event.locales[0].country_code,
                        ],
                    )
                )
            )

    page.on_locale_change = guard(spoken, session.troubles.report)
    page.on_resize = guard(resized, session.troubles.report)
    page.on_platform_brightness_change = guard(brightened, session.troubles.report)


def _lifecycle(event: ft.AppLifecycleStateChangeEvent, session: UiSession) -> None:
    if event.state in (ft.AppLifecycleState.INACTIVE, ft.AppLifecycleState.HIDE, ft.AppLifecycleState.PAUSE):
        session.drafts.flush()
