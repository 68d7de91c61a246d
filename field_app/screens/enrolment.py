"""First start: the engineer types or pastes the office's code, and this device becomes his.

Owns this page. What a code means is the view-model's.
"""

from __future__ import annotations

from typing import Any

import flet as ft

from field_app.i18n import LANGUAGES, NATIVE_NAMES, use_t
from field_app.state.enrolment import FORM, Enrolment
from field_app.state.reach import Pulse
from field_app.ui import Form, use_app, use_form, use_prefs, use_session
from field_app.widgets.fields import ChoiceField, DraftField, MainButton, Option, TextInput, use_text
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import TEXT, Card, ErrorCard, Working, identified
from field_app.widgets.theme import State, use_palette

PAGE_PX = 560


@safe_component
def EnrolmentScreen() -> ft.Control:
    """Make this device a person's."""
    app, session = use_app(), use_session()
    model = ft.use_memo(lambda: Enrolment(app, session.drafts), [])
    return _Page(model, app.pulse)


@safe_component
def _Page(model: Enrolment, pulse: Pulse) -> ft.Control:
    palette, phone, guarded = use_palette(), use_form() is Form.PHONE, use_guard()
    ft.use_effect(guarded(model.follow), [pulse.beat])
    done = model.step in ("fetching", "done")
    column = ft.Column(
        [_Head(), _Welcome(model, key="welcome") if done else _Ask(model, key="ask")],
        spacing=24,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )
    held = ft.Container(
        column,
        expand=phone,
        width=None if phone else PAGE_PX,
        padding=ft.Padding.symmetric(horizontal=20, vertical=28 if phone else 48),
    )
    return identified(
        "screen-enrol",
        ft.Container(
            expand=True,
            bgcolor=palette.page,
            content=ft.Column(
                [ft.Row([held], alignment=ft.MainAxisAlignment.CENTER)],
                expand=True,
                scroll=ft.ScrollMode.AUTO,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
            ),
        ),
    )


@safe_component
def _Head() -> ft.Control:
    t, palette, prefs = use_t(), use_palette(), use_prefs()

    def speak(language: str) -> None:
        prefs.language = language

    sign = ft.Container(
        width=64,
        height=64,
        border_radius=18,
        bgcolor=palette.primary,
        alignment=ft.Alignment.CENTER,
        content=ft.Icon(ft.Icons.HANDYMAN, color=palette.on_primary, size=34),
    )
    words = ft.Column(
        [
            ft.Semantics(
                header=True,
                heading_level=1,
                content=ft.Text(t("app.brand"), theme_style=TEXT.HEADLINE_MEDIUM),
            ),
            ft.Text(t("app.enrol.subtitle"), theme_style=TEXT.BODY_LARGE, color=palette.soft),
        ],
        spacing=0,
        tight=True,
        expand=True,
    )
    options = [Option(code, NATIVE_NAMES[code], ft.Icons.TRANSLATE) for code in LANGUAGES]
    return ft.Column(
        [ft.Row([sign, words], spacing=16), ChoiceField("language", "", options, prefs.language, speak)],
        spacing=20,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def _Ask(model: Enrolment) -> ft.Control:
    t, session = use_t(), use_session()
    version, set_version = ft.use_state(0)
    drafts = session.drafts
    code_draft, server_draft = DraftField(drafts, FORM, "code"), DraftField(drafts, FORM, "server")
    name_draft = DraftField(drafts, FORM, "device")
    code, server = use_text("", code_draft, version), use_text("", server_draft, version)
    name = use_text(t(f"app.enrol.device.{session.viewport.place}"), name_draft)

    def changed(text: str) -> None:
        if model.read_paste(text):
            set_version(version + 1)

    async def enrol(_: Any = None) -> None:
        await model.enrol(name.clean())

    trouble = model.trouble
    told = t(f"reason.{trouble.code}", **dict(trouble.values)) if trouble else ""
    parts: list[ft.Control] = [
        ft.Text(t("app.enrol.title"), theme_style=TEXT.TITLE_LARGE),
        ft.Text(t("app.enrol.hint"), theme_style=TEXT.BODY_MEDIUM),
        TextInput(
            code, "enrol-code", t("app.enrol.code"), code_draft, t("app.enrol.code_hint"), on_change=changed,
            key=f"code-{version}",
        ),
        TextInput(
            server, "enrol-server", t("app.enrol.server"), server_draft, t("app.enrol.server_hint"),
            keyboard=ft.KeyboardType.URL, key=f"server-{version}",
        ),
        TextInput(name, "enrol-device", t("app.enrol.device"), name_draft),
    ]  # fmt: skip
    if told:
        parts.append(ErrorCard(t("app.enrol.failed"), told, ident="enrol-error"))
    if model.step == "busy":
        parts.append(Working(t("app.enrol.busy"), ident="enrol-busy"))
    else:
        parts.append(MainButton("enrol-go", t("app.enrol.go"), enrol, ft.Icons.LINK))
    return Card(ft.Column(parts, spacing=16, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH))


@safe_component
def _Welcome(model: Enrolment) -> ft.Control:
    t, palette, page = use_t(), use_palette(), ft.context.page
    fetching = model.step == "fetching"
    parts: list[ft.Control] = [
        ft.Text(t("app.enrol.welcome", name=model.person), theme_style=TEXT.TITLE_LARGE),
        ft.Text(t("app.enrol.yours", server=model.server), theme_style=TEXT.BODY_MEDIUM, color=palette.soft),
    ]
    if fetching:
        parts.append(Working(t("app.enrol.fetching"), ident="enrol-fetching"))
        parts.append(
            MainButton("enrol-start", t("app.enrol.start_anyway"), lambda _: page.navigate("/"), kind="other")
        )
    else:
        parts.append(ft.Text(t("app.enrol.all_here"), theme_style=TEXT.BODY_LARGE))
        parts.append(
            MainButton(
                "enrol-start", t("app.enrol.start"), lambda _: page.navigate("/ready"), ft.Icons.ARROW_FORWARD
            )
        )
    return Card(
        ft.Column(parts, spacing=16, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
        State.INFO if fetching else State.UNDER_WAY,
        "enrol-welcome",
    )
