"""The customer holds the tablet: one task fills the screen, in large type and the customer's own language.

Owns the lock and the way out, which needs the engineer. What the customer reads and signs is the screen's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from field_app.i18n import LANGUAGES, NATIVE_NAMES, LanguageChoice, use_language, use_t, with_language
from field_app.ui import Form, use_form, use_lock
from field_app.widgets.fields import MainButton, TextInput, use_text
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, identified
from field_app.widgets.theme import TARGET_PX, customer_theme, use_palette


@safe_component
def CustomerMode(
    path: str,
    heading: Callable[[str], str],
    body: Callable[[], ft.Control],
    check_code: Callable[[str], bool],
    on_leave: Callable[[], Any],
    language: str = "",
    on_language: Callable[[str], Any] | None = None,
    scroll: bool = True,
    step: str = "",
) -> ft.Control:
    """Fill the screen with one task for the customer and lock it there.

    `path` is the route of this screen: back, links and the address bar return here until the engineer opens
    the lock. `heading(language)` and all components that `body()` builds speak the customer's language.
    `check_code` says whether the typed code is the engineer's; then the lock opens and `on_leave()` is called.
    A new `step` begins at its top.
    """
    own = use_language()
    lock = use_lock()
    spoken = ft.use_memo(lambda: LanguageChoice(language or own), [path])

    def close_lock() -> None:
        lock.path = path

    ft.use_effect(close_lock, [path])
    return with_language(
        spoken, lambda: _Page(own, heading, body, check_code, on_leave, spoken, on_language, scroll, step)
    )


@safe_component
def _Page(
    own: str,
    heading: Callable[[str], str],
    body: Callable[[], ft.Control],
    check_code: Callable[[str], bool],
    on_leave: Callable[[], Any],
    spoken: LanguageChoice,
    on_language: Callable[[str], Any] | None,
    scroll: bool,
    step: str,
) -> ft.Control:
    palette, phone = use_palette(), use_form() is Form.PHONE
    leaving, set_leaving = ft.use_state(False)

    def choose(language: str) -> None:
        spoken.language = language
        if on_language:
            on_language(language)

    page = ft.Column(
        [
            _Top(spoken.language, choose, lambda: set_leaving(True)),
            _task(heading(spoken.language), body(), phone, scroll, step),
        ],
        spacing=0,
        expand=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    # Covered, not gone: what the customer has entered stays while the engineer is asked.
    layers: list[ft.Control] = [
        ft.Container(
            left=0,
            right=0,
            top=0,
            bottom=0,
            ignore_interactions=leaving,
            content=ft.Semantics(exclude_semantics=leaving, content=page),
        )
    ]
    if leaving:
        # The question is put in the engineer's language: it is the engineer who answers.
        asking = with_language(
            LanguageChoice(own), lambda: _Leave(check_code, on_leave, lambda: set_leaving(False))
        )
        layers.append(ft.Container(asking, left=0, right=0, top=0, bottom=0))
    return identified(
        "customer-mode",
        ft.Container(
            expand=True,
            bgcolor=palette.page,
            theme=customer_theme(palette),
            content=ft.Stack(layers, expand=True),
        ),
    )


def _task(heading: str, body: ft.Control, phone: bool, scroll: bool, step: str) -> ft.Control:
    title = ft.Semantics(
        header=True, heading_level=1, content=ft.Text(heading, theme_style=TEXT.HEADLINE_MEDIUM)
    )
    held = ft.Container(
        padding=ft.Padding.symmetric(horizontal=16 if phone else 40, vertical=20),
        expand=not scroll,
        width=None if phone else 900,
        content=ft.Column(
            [title, body], spacing=20, tight=scroll, horizontal_alignment=ft.CrossAxisAlignment.STRETCH
        ),
    )
    return ft.Column(
        [held],
        key=f"customer-body-{step}",
        expand=True,
        scroll=ft.ScrollMode.AUTO if scroll else None,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH if phone else ft.CrossAxisAlignment.CENTER,
    )


@safe_component
def _Top(language: str, on_choose: Callable[[str], Any], on_hand_back: Callable[[], Any]) -> ft.Control:
    """Show that the tablet is locked, the languages, and the way back to the engineer."""
    t, palette, phone = use_t(), use_palette(), use_form() is Form.PHONE
    guarded = use_guard()

    def button(code: str) -> ft.Control:
        on = code == language
        return identified(
            f"customer-language-{code}",
            ft.TextButton(
                NATIVE_NAMES[code],
                key=f"customer-language-{code}",
                height=TARGET_PX,
                style=ft.ButtonStyle(
                    bgcolor=palette.primary if on else None,
                    color=palette.on_primary if on else palette.on_primary_soft,
                    padding=ft.Padding.symmetric(horizontal=8 if phone else 12),
                ),
                on_click=guarded(lambda _, picked=code: on_choose(picked)),
            ),
            selected=on,
        )

    languages = ft.Row([button(code) for code in LANGUAGES], spacing=4, tight=True)
    lock = ft.Icon(
        ft.Icons.LOCK_OUTLINE, color=palette.on_primary_soft, semantics_label=t("app.customer.locked")
    )
    rows = ft.Row(
        [lock, languages, ft.Container(expand=True), _HandBack(on_hand_back)], spacing=4 if phone else 12
    )
    return ft.Container(
        bgcolor=palette.primary_soft,
        padding=ft.Padding.symmetric(horizontal=12 if phone else 40, vertical=8),
        content=rows,
    )


@safe_component
def _HandBack(on_hand_back: Callable[[], Any]) -> ft.Control:
    t, palette, phone, guarded = use_t(), use_palette(), use_form() is Form.PHONE, use_guard()
    if not phone:
        return MainButton(
            "customer-leave",
            t("app.customer.hand_back"),
            lambda _: on_hand_back(),
            ft.Icons.KEYBOARD_RETURN,
            kind="other",
        )
    # One row is all a phone can spare: the sign alone, with its words for assistive tools.
    return identified(
        "customer-leave",
        ft.IconButton(
            ft.Icon(ft.Icons.KEYBOARD_RETURN, semantics_label=t("app.customer.hand_back")),
            key="customer-leave",
            width=TARGET_PX,
            height=TARGET_PX,
            style=ft.ButtonStyle(
                color=palette.on_primary_soft, side=ft.BorderSide(1.2, palette.on_primary_soft)
            ),
            on_click=guarded(lambda _: on_hand_back()),
        ),
    )


@safe_component
def _Leave(
    check_code: Callable[[str], bool], on_leave: Callable[[], Any], on_stay: Callable[[], Any]
) -> ft.Control:
    """Ask for the engineer before the lock opens."""
    t, palette, lock = use_t(), use_palette(), use_lock()
    code = use_text()
    wrong, set_wrong = ft.use_state(0)

    def leave(_: Any = None) -> None:
        if not check_code(code.clean()):
            set_wrong(wrong + 1)
            return
        lock.path = ""
        on_leave()

    buttons: list[ft.Control] = [
        MainButton("customer-stay", t("app.customer.stay"), lambda _: on_stay(), kind="other"),
        MainButton("customer-open", t("app.customer.open"), leave, ft.Icons.LOCK_OPEN),
    ]
    card = ft.Container(
        width=480,
        bgcolor=palette.card,
        border_radius=20,
        padding=28,
        content=ft.Column(
            [
                ft.Text(t("app.customer.leave_title"), theme_style=TEXT.TITLE_LARGE),
                ft.Text(t("app.customer.leave_body"), theme_style=TEXT.BODY_MEDIUM, color=palette.soft),
                TextInput(
                    code,
                    "customer-code",
                    t("app.customer.code"),
                    on_submit=leave,
                    password=True,
                    error=t("app.customer.wrong_code") if wrong else "",
                ),
                ft.Row(buttons, spacing=12, run_spacing=12, wrap=True, alignment=ft.MainAxisAlignment.END),
            ],
            tight=True,
            spacing=16,
        ),
    )
    return identified(
        "customer-leave-dialog",
        ft.Container(
            expand=True,
            bgcolor=ft.Colors.with_opacity(0.55, "#000000"),
            alignment=ft.Alignment.CENTER,
            padding=16,
            content=ft.Column([card], alignment=ft.MainAxisAlignment.CENTER, scroll=ft.ScrollMode.AUTO),
        ),
    )
