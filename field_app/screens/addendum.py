"""A correction to a signed report: written beside it, for nothing in it can change any more.

Owns this form.
"""

from __future__ import annotations

import flet as ft

from field_app.i18n import use_t
from field_app.screens.handing import told
from field_app.state.sign_off import Correction, sign_off_path
from field_app.ui import use_app, use_session
from field_app.widgets.fields import DraftField, MainButton, TextInput, use_text
from field_app.widgets.layout import Screen
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.states import Banner, Card, EmptyState
from field_app.widgets.theme import State


@safe_component
def AddendumScreen() -> ft.Control:
    """Write one correction."""
    app, session = use_app(), use_session()
    ticket_id = ft.use_route_params().get("id", "")
    model = ft.use_memo(lambda: Correction(app, session.drafts, ticket_id), [ticket_id])
    return _Form(model)


@safe_component
def _Form(model: Correction) -> ft.Control:
    t, session, page, guarded = use_t(), use_session(), ft.context.page, use_guard()
    back = sign_off_path(model.ticket_id)
    reason_draft = DraftField(session.drafts, model.form.key, "reason")
    text_draft = DraftField(session.drafts, model.form.key, "text")
    reason, text = use_text("", reason_draft), use_text("", text_draft)

    def leave() -> None:
        if model.is_saved:
            page.navigate(back)

    ft.use_effect(guarded(leave), [model.is_saved])
    if model.report is None:
        return EmptyState(
            ft.Icons.DESCRIPTION_OUTLINED,
            t("app.addendum.none"),
            t("app.addendum.none_hint"),
            t("app.addendum.to_sign_off"),
            lambda _: page.navigate(back),
        )
    error = told(t, model.trouble)
    return Screen(
        "addendum",
        t("app.addendum.title"),
        [
            Banner(State.INFO, t("app.addendum.hint"), ident="addendum-hint"),
            Card(
                ft.Column(
                    [
                        TextInput(
                            reason, "addendum-reason", t("field.reason"), reason_draft, max_length=4000
                        ),
                        TextInput(
                            text,
                            "addendum-text",
                            t("app.addendum.text"),
                            text_draft,
                            multiline=True,
                            error=error,
                        ),
                    ],
                    spacing=16,
                    horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                )
            ),
        ],
        subtitle=model.report.signed.number,
        on_back=lambda _: page.navigate(back),
        bottom=[
            MainButton("save-addendum", t("app.addendum.save"), lambda _: model.save(), ft.Icons.POST_ADD)
        ],
    )
