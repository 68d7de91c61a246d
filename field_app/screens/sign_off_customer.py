"""Sign-off, the customer's side: reads the report, judges it, rates the visit, signs; large type, own language.

Owns the looks of these steps. The order, and what each needs, is the view-model's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flet as ft

from common.i18n import translate
from common.visit.opinion_card import SUGGESTION_MAX
from common.visit.voucher import voucher_lines
from field_app.i18n import use_t
from field_app.screens.handing import Thanks, told
from field_app.state.sign_off import SignOff
from field_app.state.signing import keep_strokes, strokes_of
from field_app.ui import Form, use_form, use_session
from field_app.widgets.customer_mode import CustomerMode
from field_app.widgets.fields import DraftField, TextInput, use_text
from field_app.widgets.safe import safe_component, use_guard
from field_app.widgets.signing import BigChoice, Chips, Note, Paper, SignBlock, StepButtons, Steps
from field_app.widgets.states import TEXT, Banner, identified
from field_app.widgets.theme import RADIUS_PX, State, use_palette

FACES = (
    (ft.Icons.SENTIMENT_VERY_SATISFIED, State.UNDER_WAY),
    (ft.Icons.SENTIMENT_SATISFIED_OUTLINED, State.INFO),
    (ft.Icons.SENTIMENT_NEUTRAL_OUTLINED, State.WARN),
    (ft.Icons.SENTIMENT_DISSATISFIED_OUTLINED, State.LATE),
)
OPINIONS = ("good", "thanks", "none")


@safe_component
def CustomerSteps(model: SignOff) -> ft.Control:
    """Show the customer's present step, locked."""
    t, page = use_t(), ft.context.page
    step = model.step
    if not model.is_with_customer:  # drawn once more on its way out
        return ft.Container()

    def left() -> None:
        finished = step == "done"
        ticket_id = model.ticket_id
        model.take_back()
        if finished:
            page.navigate(f"/ticket/{ticket_id}")

    def heading(language: str) -> str:
        return translate(language, f"app.sign_off.heading.{step}")

    bodies: dict[str, Callable[[], ft.Control]] = {
        "read": lambda: Read(model, key="read"),
        "decide": lambda: Decide(model, key="decide"),
        "rate": lambda: Rate(model, key="rate"),
        "sign": lambda: Sign(model, key="sign"),
        "done": lambda: Done(model, key="done"),
    }
    return CustomerMode(
        model.path,
        heading,
        bodies[step],
        model.opens_lock,
        left,
        model.language or t.language,
        model.choose_language,
        step=step,
    )


def _page(model: SignOff, parts: list[ft.Control]) -> ft.Control:
    steps = model.steps
    return ft.Column(
        [Steps(model.place, len(steps)), *parts],
        spacing=20,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def Read(model: SignOff) -> ft.Control:
    """Show the report exactly as it will be printed."""
    t, palette = use_t(), use_palette()
    changed: list[ft.Control] = []
    if model.trouble is not None:
        changed.append(Banner(State.WARN, t("app.signing.trouble.report_changed"), ident="report-changed"))
    return _page(
        model,
        [
            *changed,
            ft.Text(t("app.sign_off.read_hint"), theme_style=TEXT.BODY_LARGE, color=palette.soft),
            Paper(t("voucher.title"), model.report_number, voucher_lines(dict(model.content), t.language)),
            StepButtons(lambda _: model.go_on(), t("app.sign_off.have_read"), ft.Icons.ARROW_FORWARD),
        ],
    )


@safe_component
def Decide(model: SignOff) -> ft.Control:
    """Ask for the verdict, and the opinion or the reason."""
    t = use_t()
    parts: list[ft.Control] = []
    if model.is_only_refusal:
        parts.append(Banner(State.WARN, t("app.sign_off.not_complete"), ident="not-complete"))
    parts += [
        BigChoice(
            "accept",
            ft.Icons.VERIFIED_OUTLINED,
            t("app.sign_off.accept"),
            t("app.sign_off.accept_body"),
            State.UNDER_WAY,
            model.verdict == "accepted",
            lambda _: model.judge("accepted"),
            model.is_only_refusal,
        ),
        BigChoice(
            "refuse",
            ft.Icons.CANCEL_OUTLINED,
            t("app.sign_off.refuse"),
            t("app.sign_off.refuse_body"),
            State.DANGER,
            model.verdict == "refused",
            lambda _: model.judge("refused"),
        ),
    ]
    if model.verdict == "accepted":
        parts.append(_Opinion(model, key="opinion-part"))
    elif model.verdict == "refused":
        parts.append(_Reason(model, key="reason-part"))
    parts.append(
        StepButtons(
            lambda _: model.go_on(),
            t("app.signing.next"),
            ft.Icons.ARROW_FORWARD,
            lambda _: model.go_back(),
            told(t, model.trouble),
        )
    )
    return _page(model, parts)


@safe_component
def _Opinion(model: SignOff) -> ft.Control:
    t, session = use_t(), use_session()
    version, set_version = ft.use_state(0)
    draft = DraftField(session.drafts, model.form.key, "opinion")
    box = use_text("", draft, version)

    def fill(word: str) -> None:
        model.form.keep(opinion=word)
        set_version(version + 1)

    words = [(code, t(f"app.sign_off.opinion.{code}")) for code in OPINIONS]
    return ft.Column(
        [
            ft.Text(t("app.sign_off.opinion_title"), theme_style=TEXT.TITLE_MEDIUM),
            Chips("opinion", words, fill),
            TextInput(box, "opinion", t("field.opinion"), draft, multiline=True, key=f"o-{version}"),
        ],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def _Reason(model: SignOff) -> ft.Control:
    t, session = use_t(), use_session()
    draft = DraftField(session.drafts, model.form.key, "refusal_reason")
    box = use_text("", draft)
    return ft.Column(
        [
            ft.Text(t("app.sign_off.reason_title"), theme_style=TEXT.TITLE_MEDIUM),
            TextInput(box, "refusal-reason", t("field.refusal_reason"), draft, multiline=True),
        ],
        spacing=12,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def Rate(model: SignOff) -> ft.Control:
    """Ask for the opinion card; afterwards it is sealed and not shown again."""
    t, card = use_t(), model.card
    if model.is_sealed or card is None:
        parts: list[ft.Control] = [
            _SealNote("app.sign_off.sealed_card"),
            ft.Row([_Link("rate-again", t("app.sign_off.rate_again"), lambda _: model.rate_again())]),
        ]
    else:
        parts = [_SealNote("app.sign_off.seal_note")]
        parts += [
            _GradeRow(model, item.code, item.title.in_language(t.language), key=item.code)
            for item in card.items
        ]
        parts.append(_Suggestion(model, key="suggestion-part"))
        parts.append(ft.Row([_Link("skip-rating", t("app.sign_off.skip"), lambda _: model.skip_rating())]))
    parts.append(
        StepButtons(
            lambda _: model.go_on(),
            t("app.signing.next"),
            ft.Icons.ARROW_FORWARD,
            lambda _: model.go_back(),
            told(t, model.trouble),
        )
    )
    return _page(model, parts)


@safe_component
def _SealNote(key_of_text: str) -> ft.Control:
    t, palette = use_t(), use_palette()
    return ft.Container(
        bgcolor=palette.primary_soft,
        border_radius=RADIUS_PX,
        padding=14,
        content=ft.Row(
            [
                ft.Icon(ft.Icons.ENHANCED_ENCRYPTION_OUTLINED, color=palette.on_primary_soft),
                ft.Text(
                    t(key_of_text), theme_style=TEXT.BODY_MEDIUM, color=palette.on_primary_soft, expand=True
                ),
            ],
            spacing=12,
        ),
    )


@safe_component
def _Link(ident: str, text: str, on_click: Callable[[Any], Any]) -> ft.Control:
    guarded = use_guard()
    return identified(ident, ft.TextButton(text, key=ident, height=52, on_click=guarded(on_click)))


@safe_component
def _GradeRow(model: SignOff, item: str, title: str) -> ft.Control:
    t, palette, guarded = use_t(), use_palette(), use_guard()
    phone = use_form() is Form.PHONE
    card = model.card
    assert card is not None
    chosen = model.grades.get(item, "")

    def grade(place: int, code: str, word: str) -> ft.Control:
        icon, state = FACES[min(place, len(FACES) - 1)]
        tone, on = palette.tone(state), chosen == code
        face = ft.Container(
            key=f"grade-{item}-{code}",
            height=104 if phone else 96,
            expand=True,
            bgcolor=tone.bg if on else palette.card,
            border=ft.Border.all(3 if on else 1.2, tone.fg if on else palette.line),
            border_radius=RADIUS_PX,
            ink=True,
            alignment=ft.Alignment.CENTER,
            padding=4,
            on_click=guarded(lambda _, picked=code: model.grade(item, picked)),
            content=ft.Column(
                [
                    ft.Icon(icon, size=36, color=tone.fg if on else palette.soft),
                    ft.Text(
                        word,
                        theme_style=TEXT.LABEL_SMALL if phone else TEXT.LABEL_MEDIUM,
                        color=tone.fg if on else palette.ink,
                        text_align=ft.TextAlign.CENTER,
                        max_lines=2,
                    ),
                ],
                spacing=4,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.CENTER,
            ),
        )
        return ft.Container(
            expand=True,
            content=identified(
                f"grade-{item}-{code}", face, button=True, selected=on, label=f"{title}: {word}"
            ),
        )

    faces = [
        grade(place, one.code, one.title.in_language(t.language)) for place, one in enumerate(card.grades)
    ]
    return ft.Column(
        [ft.Text(title, theme_style=TEXT.TITLE_MEDIUM), ft.Row(list(faces), spacing=6 if phone else 12)],
        spacing=8,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@safe_component
def _Suggestion(model: SignOff) -> ft.Control:
    t, session = use_t(), use_session()
    draft = DraftField(session.drafts, model.form.key, "suggestion")
    return TextInput(
        use_text("", draft),
        "suggestion",
        t("app.sign_off.suggestion"),
        draft,
        multiline=True,
        max_length=SUGGESTION_MAX,
    )


@safe_component
def Sign(model: SignOff) -> ft.Control:
    """Ask for name, function and signature under the verdict."""
    t, session = use_t(), use_session()
    form = model.form
    width, height, strokes = ft.use_memo(lambda: strokes_of(form), [form.key])
    accepted = model.verdict == "accepted"
    verdict = t("voucher.accepted") if accepted else t("voucher.refused")
    reason = "" if accepted else form.text("refusal_reason")
    return _page(
        model,
        [
            Note(
                "verdict",
                ft.Icons.VERIFIED_OUTLINED if accepted else ft.Icons.CANCEL_OUTLINED,
                State.UNDER_WAY if accepted else State.DANGER,
                verdict,
                reason,
            ),
            SignBlock(
                session.drafts, form.key, width, height, strokes, lambda w, h, s: keep_strokes(form, w, h, s)
            ),
            ft.Text(t("app.sign_off.statement"), theme_style=TEXT.BODY_MEDIUM),
            StepButtons(
                lambda _: model.sign(),
                t("app.sign_off.sign"),
                ft.Icons.DRAW_OUTLINED,
                lambda _: model.go_back(),
                told(t, model.trouble),
            ),
        ],
    )


@safe_component
def Done(model: SignOff) -> ft.Control:
    """Thank the customer and ask for the tablet back."""
    t = use_t()
    refused = model.facts.refused if model.facts else ()
    report = model.sealed_report or (refused[-1] if refused else None)
    accepted = report is None or report.signed.accepted
    number = report.signed.number if report else ""
    lines = [t("app.sign_off.done_body" if accepted else "app.sign_off.done_refused", number=number)]
    if model.form.read("sealed"):
        lines.append(t("app.sign_off.done_sealed"))
    return Thanks(lines)
